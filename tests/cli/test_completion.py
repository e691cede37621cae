"""`runlore completion`: what a shell proposes."""

import pytest

from tests.cli.command import Runlore


def proposed(runlore: Runlore, line: str) -> list[str]:
    """Return what bash is told for a line whose last word is being typed."""
    words = line.split(" ")
    done = runlore.ok(
        env={"_RUNLORE_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    )
    return [entry.partition(",")[2] for entry in done.lines if entry]


def test_commands_are_proposed(ended: Runlore) -> None:
    """Those there are, and none of a later version."""
    assert proposed(ended, "runlore s") == [
        "submit",
        "stop",
        "signal",
        "show",
        "subscriptions",
        "subscribe",
        "scan",
        "sql",
        "schema",
    ]
    assert proposed(ended, "runlore que") == []


def test_options_are_proposed(ended: Runlore) -> None:
    """Of the command being typed."""
    assert "--status" in proposed(ended, "runlore ps --s")
    assert "--no-trunc" in proposed(ended, "runlore show --no")


@pytest.mark.parametrize(
    "verb", ["show", "logs", "stop", "wait", "events", "tag", "verify", "repair", "history"]
)
def test_runs_are_proposed_newest_first(ended: Runlore, verb: str) -> None:
    """By their short ids, or by full ones where such a one was begun."""
    ids = ended.ok("ls", "-q").lines
    shorts = [run_id.rpartition("-")[2] for run_id in ids]

    assert proposed(ended, f"runlore {verb} ") == shorts
    assert proposed(ended, f"runlore {verb} {shorts[3]}"[:-3]) == [shorts[3]]
    assert proposed(ended, f"runlore {verb} {ids[0][:16]}") == [
        run_id for run_id in ids if run_id.startswith(ids[0][:16])
    ]


def test_statuses_and_schemas_are_proposed(ended: Runlore) -> None:
    """Whatever has a fixed set of values."""
    assert proposed(ended, "runlore ps --status s") == ["succeeded"]
    assert proposed(ended, "runlore schema p") == ["ps", "pack", "prune", "promote", "ps_record"]


def test_behind_run_the_shell_completes_files(ended: Runlore) -> None:
    """The rest of the line is somebody else's command."""
    env = {"_RUNLORE_COMPLETE": "bash_complete", "COMP_WORDS": "runlore run ./tr", "COMP_CWORD": "2"}

    assert ended.ok(env=env).stdout == "file,./tr\n"


def test_without_a_registry_nothing_is_proposed_and_nothing_made(runlore: Runlore) -> None:
    """Pressing Tab never fails and never writes."""
    assert proposed(runlore, "runlore show ") == []
    assert list(runlore.root.iterdir()) == []


def test_asking_for_completion_starts_no_keeper(ended: Runlore) -> None:
    """A `run` that is only being typed runs nothing."""
    before = len(ended.ok("ls", "-q").lines)
    proposed(ended, "runlore run ls ")

    assert len(ended.ok("ls", "-q").lines) == before


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_its_script(ended: Runlore, shell: str) -> None:
    """And bash accepts its own, and completes with it."""
    script = ended.ok("completion", shell).stdout

    assert "_RUNLORE_COMPLETE" in script
    assert ended.ok("completion", shell, "--json").json["script"].strip() == script.strip()


def test_bash_completes_with_the_script(ended: Runlore) -> None:
    """From Tab to the list of proposals, in a real bash."""
    line = (
        'source <("$RUNLORE" completion bash); COMP_WORDS=(runlore sho); COMP_CWORD=1; '
        '_runlore_completion "$RUNLORE"; echo "${COMPREPLY[@]}"'
    )

    assert ended.shell(line).stdout == "show\n"
