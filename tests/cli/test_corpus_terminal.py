"""Corpus T: whatever a command, a name or a message contains, nobody's terminal obeys it."""

import pytest

from tests.cli import attacks
from tests.cli.command import Runlore

ATTACKS = {
    name: text
    for name, text in attacks.ATTACKS.items()
    if name not in {"nul", "joined", "not assigned"}  # no argument holds it; it is shown as it is
}


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Runlore:
    """A registry with a run that has every attack in its arguments and in its output."""
    command = Runlore(root=tmp_path_factory.mktemp("r") / "registry", home=tmp_path_factory.mktemp("h"))
    command.ok("run", "-q", "--name", "hostile", "printf", "%s\\n", *ATTACKS.values())
    return command


@pytest.mark.parametrize(
    "line",
    [
        "ps --no-trunc",
        "ls --fields command",
        "show hostile",
        "history hostile",
        "events hostile",
        "run --dry-run echo",
        "run /no/such/",
        "show x",
    ],
)
def test_arguments_reach_nobodys_terminal(hostile: Runlore, line: str) -> None:
    """In every answer for people what could act is an escape, in a pipe as on a terminal."""
    words = line.split()
    attacks = "".join(ATTACKS.values())
    if words[0] == "run":
        words = [*words[:-1], words[-1] + attacks]
    done = hostile(*words[:-1], words[-1] + attacks) if line == "show x" else hostile(*words)

    told = done.stdout + done.stderr
    assert told.replace("\n", "").isprintable(), ascii(told)
    assert "\nk3f9x2ab  succeeded" not in told


@pytest.mark.parametrize("words", [[], ["-t"], ["-n", "60"], ["--color", "always"]], ids=" ".join)
def test_output_reaches_nobodys_terminal_through_logs(hostile: Runlore, words: list[str]) -> None:
    """`logs` shows escapes, with and without colours; only newlines and blanks remain."""
    shown = hostile.ok("logs", "hostile", *words).stdout
    if "--color" in words:  # then colours are what was asked for, and end with their line
        shown = shown.replace("\x1b[8mhidden\x1b[0m", "")

    assert shown.replace("\n", "").isprintable(), ascii(shown)
    assert shown.count("\\x1b") >= 20


def test_only_raw_is_raw(hostile: Runlore) -> None:
    """What was asked for by name comes as it was; JSON is escaped."""
    assert hostile.ok("logs", "hostile", "--raw").stdout == "".join(
        f"{attack}\n" for attack in ATTACKS.values()
    )
    assert hostile.ok("logs", "hostile", "--json").stdout.replace("\n", "").isprintable()


def test_notes_and_reasons_reach_nobodys_terminal(runlore: Runlore) -> None:
    """What somebody writes for people is shown to people, escaped."""
    run_id = runlore.begin("sleep", "60")
    runlore.ok("note", run_id, "x\x1b[2J\ny")
    runlore.ok("stop", run_id, "--reason", "because\x1b]0;x\x07")

    for done in (runlore.ok("history", run_id), runlore.ok("show", run_id), runlore.ok("events", run_id)):
        assert done.stdout.replace("\n", "").isprintable()
        assert "\\x1b" in done.stdout


def test_messages_about_odd_words_are_printable(runlore: Runlore) -> None:
    """An error quotes what was typed without obeying it."""
    odd = "\x1b[2J\u202e"
    for words in (
        ["run", f"--name={odd}", "ls"],
        ["run", f"--timeout={odd}", "ls"],
        ["run", f"--tag={odd}", "ls"],
        ["ps", f"--{odd}"],
        ["ps", f"--status={odd}"],
        ["ps", f"--since={odd}"],
        ["ps", f"--fields={odd}"],
        [odd],
        ["schema", odd],
        ["completion", odd],
        ["--root", f"/no/{odd}", "show"],
        ["verify", "--heads", f"/no/{odd}"],
        ["events", "x", f"--after-cursor={odd}"],
    ):
        told = runlore(*words).stderr
        assert told.replace("\n", "").isprintable(), (words, ascii(told))
