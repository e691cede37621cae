"""`runlore pin`, `unpin` and `run --pin`: decisions that no removal passes by."""

import pytest

from tests.cli.command import Runlore


@pytest.fixture
def run_id(runlore: Runlore) -> str:
    """A run that has ended."""
    runlore.ok("run", "-q", "--name", "old", "true")
    return runlore.ok("ls", "-q").stdout.strip()


def pinned(runlore: Runlore, run_id: str) -> bool:
    """Whether it is."""
    return bool(runlore.ok("show", run_id, "--json").json["retention"]["pinned"])


def test_a_pin_is_kept_with_who_and_why_until_it_is_taken_away(runlore: Runlore, run_id: str) -> None:
    """`show` says what keeps the run; what is so already is not recorded again."""
    assert runlore.ok("pin", run_id, "--reason", "the paper cites it").stdout == f"{run_id[-8:]}  pinned\n"
    runlore.ok("pin", "old")
    assert pinned(runlore, run_id)
    assert "kept     it is pinned" in runlore.ok("show", run_id).stdout
    assert runlore.ok("unpin", run_id).stdout == f"{run_id[-8:]}  not pinned\n"
    runlore.ok("unpin", run_id)
    assert not pinned(runlore, run_id)

    told = runlore.ok("history", run_id).stdout
    assert told.count("pinned: the paper cites it") == 1
    assert told.count("unpinned") == 1


def test_a_run_can_be_pinned_from_its_beginning_and_while_it_goes_on(runlore: Runlore) -> None:
    """`run --pin`, and `pin` of a live run."""
    first = runlore.begin("--pin", "sleep", "60")
    second = runlore.begin("sleep", "60")
    runlore.ok("pin", second)
    assert pinned(runlore, first)
    assert pinned(runlore, second)
    assert "until it is unpinned" in runlore.ok("run", "--dry-run", "--pin", "true").stdout


def test_many_are_pinned_at_once(runlore: Runlore, run_id: str) -> None:
    """By an expression, and first in a dry run."""
    assert run_id in runlore.ok("pin", "--filter", "name = old", "--dry-run", "-q").stdout
    assert not pinned(runlore, run_id)
    runlore.ok("pin", "--filter", "name = old")
    assert runlore.ok("ls", "--filter", "retention.pinned = true", "-q").lines == [run_id]


def test_a_verb_without_a_run_is_an_error(runlore: Runlore, run_id: str) -> None:
    """Nothing is guessed, nothing recorded."""
    before = runlore.journal(run_id).read_bytes()
    for verb in ("pin", "unpin"):
        assert "which runs?" in runlore(verb, code=2).stderr
        runlore(verb, "nobody-here", code=3)
    assert runlore.journal(run_id).read_bytes() == before


def test_a_secret_in_a_reason_is_not_recorded(runlore: Runlore, run_id: str) -> None:
    """It passes the redactor like every other text."""
    runlore.ok("pin", run_id, "--reason", "for https://me:s3cr3t-value@host/")

    assert "s3cr3t-value" not in runlore.journal(run_id).read_text()
