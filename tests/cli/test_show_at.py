"""`runlore show --at`: a run as it was."""

import pytest

from tests.cli.command import Runlore


def test_a_run_is_shown_as_it_was_behind_each_record(ended: Runlore) -> None:
    """By seq: its status then, and the head of its history then."""
    records = ended.ok("events", "bad", "--json").records[1:-1]
    views = [ended.ok("show", "bad", "--at", f"{record['seq']}", "--json").json for record in records]

    assert [view["seq"] for view in views] == [record["seq"] for record in records]
    assert [view["status"] for view in views][:2] == ["queued", "booting"]
    assert [view["status"] for view in views][-2:] == ["failed", "failed"]
    assert views[-1]["journal_head"] == ended.ok("show", "bad", "--json").json["journal_head"]
    assert len({view["journal_head"] for view in views}) == len(views)


def test_a_run_is_shown_as_it_was_at_a_time(ended: Runlore) -> None:
    """With a word on what this is."""
    begun = ended.ok("events", "bad", "--json").records[1]["event"]["at"]
    done = ended.ok("show", "bad", "--at", begun)

    assert "queued" in done.stdout
    assert "as its journal told it at seq 1" in done.stderr


def test_the_last_moment_is_now(ended: Runlore) -> None:
    """Of a run that has ended the two views are the same, but for what its files and the rules of now say."""
    now, then = (ended.ok("show", "bad", "--json", *at).json for at in ((), ("--at", "0s")))
    for verdict in ("eligible", "at", "reason"):
        assert then["retention"].pop(verdict) is None
        del now["retention"][verdict]

    assert then == now


@pytest.mark.parametrize(("at", "code"), [("99", 3), ("2001-01-01", 3), ("0", 2), ("soon", 2), ("", 2)])
def test_moments_that_cannot_be_shown_are_refused(ended: Runlore, at: str, code: int) -> None:
    """What is not there is not found; what is no moment is bad input."""
    done = ended("show", "bad", "--at", at, code=code)

    assert done.stderr.startswith("error: ")
    assert not done.stdout
