"""`runlore wait --for`, `--filter`: until runs are where they are wanted, or never will be."""

import pytest

from tests.cli.command import Runlore, waits_for_a_keeper


def test_a_status_that_was_passed_counts(ended: Runlore) -> None:
    """Whoever waits for `running` is not too late for a run that was quick."""
    for goal in ("queued", "booting", "running", "collecting-artifacts", "terminal", "succeeded"):
        ended.ok("wait", "good", "--for", goal)


def test_a_run_is_waited_for_until_it_is_ready(runlore: Runlore) -> None:
    """Not until it ends: the word of the workload is enough."""
    script = "while [ ! -e go ]; do sleep 0.02; done; runlore emit ready; sleep 60"
    run_id = runlore.begin("sh", "-c", script)
    runlore("wait", run_id, "--for", "ready", "--timeout", "0", code=124)
    with runlore.started("wait", run_id, "--for", "ready") as process:
        runlore.until(lambda: waits_for_a_keeper(process.pid))
        (runlore.home / "go").touch()
        output, errors = process.communicate()

    assert (process.returncode, errors) == (0, b"")
    assert output.startswith(f"{run_id[-8:]}  running".encode())


@pytest.mark.parametrize(
    ("name", "goal", "how"),
    [
        ("bad", "succeeded", "failed (3)"),
        ("good", "failed", "succeeded"),
        ("good", "ready", "succeeded"),
        ("missing", "running", "failed (not started)"),
        ("late", "cancelled", "timed out"),
    ],
)
def test_what_can_no_longer_come_is_1_with_the_reason(ended: Runlore, name: str, goal: str, how: str) -> None:
    """The wait ends at once and says why it can not come any more."""
    done = ended("wait", name, "--for", goal, code=1)

    assert f"will never be {goal}: {how}; see `runlore show " in done.stderr


def test_any_end_is_terminal(ended: Runlore) -> None:
    """Asked for by name, the end is enough, however it came."""
    ended.ok("wait", "bad", "killed", "late", "missing", "--for", "terminal")


def test_one_that_is_missed_ends_the_wait_for_all(runlore: Runlore) -> None:
    """Nobody waits for the others, because all of them can not be there any more."""
    slow = runlore.begin("sleep", "60")
    runlore("run", "-q", "false")
    bad = runlore.ok("ls", "-q", "--status", "failed").stdout.strip()
    view = runlore("wait", slow, bad, "--for", "succeeded", "--json", code=1).json

    assert (view["awaited"], view["timed_out"]) == ("succeeded", False)
    assert view["verdicts"] == {slow: "pending", bad: "missed"}


def test_any_goes_on_while_one_is_left_that_could(runlore: Runlore) -> None:
    """The first that is there is enough; one that never will be does not matter."""
    slow = runlore.begin("sleep", "60")
    runlore("run", "-q", "false")
    bad = runlore.ok("ls", "-q", "--status", "failed").stdout.strip()
    view = runlore(
        "wait", "--any", slow, bad, "--for", "succeeded", "--timeout", "0", "--json", code=124
    ).json
    met = runlore.ok("wait", "--any", slow, bad, "--for", "running", "--json").json

    assert view["verdicts"] == {bad: "missed", slow: "pending"}
    assert met["verdicts"][slow] == "met"
    runlore("wait", "--any", bad, bad, "--for", "succeeded", code=1)


def test_all_that_match_are_waited_for(runlore: Runlore) -> None:
    """A filter chooses once, at the start."""
    first, second = (runlore.begin("--name", name, "sleep", "60") for name in ("train-a", "train-b"))
    other = runlore.begin("--name", "serve", "sleep", "60")
    view = runlore(
        "wait", "--filter", "status = running and name ~ 'train'", "--timeout", "0", "--json", code=124
    ).json

    assert set(view["verdicts"]) == {first, second}
    assert runlore.ok("ps", "--filter", "name = serve", "-q").stdout.strip() == other
    runlore.ok("wait", "--any", "--filter", "name ~ 'train'", "--for", "running")


def test_nothing_that_matches_is_3(runlore: Runlore) -> None:
    """Waiting for nobody is a mistake, and not a success."""
    runlore.ok("run", "-q", "true")

    assert "no run matches" in runlore("wait", "--filter", "name = nobody", code=3).stderr


@pytest.mark.parametrize(
    "words",
    [["good", "--for", "finished"], ["--filter", "name ="], ["good", "--filter", "name = good"]],
    ids=" ".join,
)
def test_what_can_not_be_waited_for_is_refused(ended: Runlore, words: list[str]) -> None:
    """One message, exit 2, before anything is waited for; a filter is pointed at as well."""
    lines = ended("wait", *words, code=2).stderr.splitlines()

    assert lines[0].startswith("error: ")
    assert len(lines) == (3 if words[:1] == ["--filter"] else 1)
