"""What can be waited for, and when there is nothing left to wait for."""

from datetime import UTC, datetime
from typing import get_args

import pytest

from runlore.journal.errors import BadInput
from runlore.journal.events import (
    AnyEvent,
    RunBooting,
    RunCollecting,
    RunFailed,
    RunQueued,
    RunReadied,
    RunStarted,
    RunSucceeded,
)
from runlore.journal.values import Handle, Identity, Owner, Recipe, RunId, Status
from runlore.projections.awaiting import AWAITED, Awaited, judge, parse
from runlore.projections.fold import fold
from runlore.projections.status import STATUS

AT = datetime(2026, 11, 20, 20, 14, tzinfo=UTC)
RUN_ID = RunId("20261120-201400-k3f9x2ab")
OWNER = Owner(host="h", identity=Identity(boot_id="b", pid_ns=1, pid=1), user="u")


def queued(await_ready_s: float | None = None) -> RunQueued:
    """The first event."""
    recipe = Recipe(argv=("true",), cwd="/", await_ready_s=await_ready_s)
    return RunQueued(seq=1, at=AT, format=1, run_id=RUN_ID, recipe=recipe)


BOOTING = RunBooting(seq=2, at=AT, epoch=1, runtime="background", owner=OWNER)
STARTED = RunStarted(seq=3, at=AT, epoch=1, handle=Handle(pid=2))
READIED = RunReadied(seq=4, at=AT)
COLLECTING = RunCollecting(seq=5, at=AT, epoch=1, exit_code=0)
SUCCEEDED = RunSucceeded(seq=6, at=AT, epoch=1, exit_code=0)
FAILED = RunFailed(seq=6, at=AT, epoch=1)


def verdict(awaited: Awaited, *events: AnyEvent) -> str:
    """What is said of a run with this history."""
    return judge(fold(STATUS, events), awaited)


def test_every_status_can_be_waited_for() -> None:
    """And that it is ready, and any end."""
    assert set(AWAITED) == {*get_args(Status), "ready", "terminal"}


@pytest.mark.parametrize("awaited", ["booting", "running", "ready", "collecting_artifacts"])
def test_what_is_on_the_way_is_met_once_and_for_all(awaited: Awaited) -> None:
    """Pending before it, met from then on, whatever follows."""
    history: list[AnyEvent] = [queued(), BOOTING, STARTED, READIED, COLLECTING, SUCCEEDED]
    said = [verdict(awaited, *history[:count]) for count in range(1, len(history) + 1)]

    assert said == sorted(said, key=["pending", "met"].index)
    assert set(said) == {"pending", "met"}


@pytest.mark.parametrize("awaited", ["booting", "running", "ready", "collecting_artifacts", "succeeded"])
def test_what_an_end_has_left_out_is_missed(awaited: Awaited) -> None:
    """A run that failed before will not be there any more."""
    assert verdict(awaited, queued(), FAILED) == "missed"


def test_ends_are_told_apart() -> None:
    """Any end is terminal, and only its own name beside that."""
    history = (queued(), BOOTING, STARTED, COLLECTING, SUCCEEDED)

    assert [verdict(each, *history) for each in ("terminal", "succeeded", "failed", "cancelled")] == [
        "met",
        "met",
        "missed",
        "missed",
    ]


def test_a_command_that_ended_before_it_was_ready_was_never_running() -> None:
    """Its keeper waited for a word that did not come; without such a wait a quick command did run."""
    history = (BOOTING, COLLECTING, SUCCEEDED)

    assert verdict("running", queued(await_ready_s=30), *history) == "missed"
    assert verdict("running", queued(), *history) == "met"


@pytest.mark.parametrize(("text", "meant"), [("timed-out", "timed_out"), (" Ready", "ready")])
def test_words_are_taken_as_people_write_them(text: str, meant: str) -> None:
    """As the filters take a status."""
    assert parse(text) == meant


def test_a_word_that_means_nothing_is_refused() -> None:
    """The message lists what there is."""
    with pytest.raises(BadInput, match="queued, booting, running, ready"):
        parse("finished")
