"""`runlore run -d`: the run's id, once its command runs."""

import re

import pytest

from tests.cli.command import Runlore

FULL_ID = re.compile(r"[0-9]{8}-[0-9]{6}-[0-9a-hjkmnp-tv-z]{8}\n")


def test_the_full_id_is_all_that_is_printed(runlore: Runlore) -> None:
    """`id=$(runlore run -d …)` works: nothing else on stdout, nothing on stderr."""
    done = runlore.ok("run", "-d", "sleep", "60")

    assert FULL_ID.fullmatch(done.stdout)
    assert done.stderr == ""


def test_once_the_id_is_printed_the_command_runs(runlore: Runlore) -> None:
    """The journal says so by then, and a dead parent changes nothing."""
    run_id = runlore.begin("sleep", "60")

    assert runlore.ok("show", run_id, "--fields", "status,health").stdout == "running\tlive\n"


def test_json_answers_with_the_submission(runlore: Runlore) -> None:
    """A program gets the id, the short id, and whether the run was there before."""
    view = runlore.ok("run", "-d", "--json", "--name", "n", "--key", "k", "true").json
    again = runlore.ok("run", "-d", "--json", "--name", "n", "--key", "k", "true").json

    assert (view["schema"], view["name"], view["existing"]) == ("runlore.submit/1", "n", False)
    assert view["run_id"].endswith(view["short_id"])
    assert (again["run_id"], again["existing"]) == (view["run_id"], True)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["no-such-command-anywhere"], 127),
        (["/etc/passwd"], 126),
        (["--cwd", "/no/such/folder", "true"], 125),
    ],
    ids=str,
)
def test_a_command_that_does_not_start_says_why(runlore: Runlore, words: list[str], code: int) -> None:
    """The id is printed, because the run is on record; the reason is on stderr, the code is a shell's."""
    done = runlore("run", "-d", *words, code=code)

    assert FULL_ID.fullmatch(done.stdout)
    assert done.stderr.startswith("error: ")
    assert "runlore show " in done.stderr


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--bogus", "ls"], 2),
        ([], 2),
        (["--timeout", "5 parsecs", "ls"], 2),
        (["--root", "/proc/nope", "ls"], 74),
    ],
    ids=str,
)
def test_what_is_wrong_with_the_request_has_its_own_code(
    runlore: Runlore, words: list[str], code: int
) -> None:
    """With -d there is no command whose codes ours could be taken for."""
    done = runlore("run", "-d", *words, code=code)

    assert done.stdout == ""
    assert done.stderr.startswith("error: ")


def test_the_caller_may_close_everything_at_once(runlore: Runlore) -> None:
    """No descriptor of the caller's stays open: `$(runlore run -d …)` returns though the command runs."""
    done = runlore.shell('id=$("$RUNLORE" run -d sh -c "echo to the transcript; sleep 60" 2>&1); echo "$id"')

    assert FULL_ID.fullmatch(done.stdout)


def test_input_can_be_handed_to_a_run_in_the_background(runlore: Runlore) -> None:
    """`-di` reads the caller's standard input after the caller has left."""
    run_id = runlore.ok("run", "-d", "-i", "cat", stdin=b"for later").stdout.strip()
    runlore.ok("wait", run_id)

    assert runlore.ok("logs", "--raw", run_id).stdout == "for later"
