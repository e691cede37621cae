"""One run: look at it, wait for it, stop it, read it, label it."""

import errno
import gc
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from msgspec import structs

from runlore.journal.disk import REAL
from runlore.journal.errors import AlreadyEnded, BadInput, NoKeeper, NotFound, NotPermitted
from runlore.journal.events import RunNoted, RunReadied, RunRenamed, RunTagged
from runlore.journal.layout import Layout
from runlore.journal.values import Identity, RunId
from runlore.runtimes import heartbeat, rescue
from runlore.runtimes import waiting as waiting_module
from runlore.runtimes.identity import identify
from runlore.runtimes.observe import Observer
from runlore.runtimes.registry import Registry
from runlore.runtimes.run import Run
from runlore.runtimes.waiting import Waiting, wait_over
from tests.runtimes.keeping import Keeping, Kept, python, until
from tests.runtimes.kept_runs import NOBODY, Owned, myself, registry_at

if TYPE_CHECKING:
    from runlore.projections.run_view import RunView

NEVER_S = 3600.0


@pytest.fixture
def layout(registry_root: Path) -> Layout:
    """A registry without runs."""
    return registry_at(registry_root)


@pytest.fixture
def registry(layout: Layout) -> Registry:
    """The same, as every door has it."""
    return Registry(layout)


@pytest.fixture
def kept(keeping: Keeping) -> Kept:
    """A command that runs until it is stopped, and says when it is up."""
    kept = keeping.submit(*python("import time; print('up', flush=True); time.sleep(600)"), name="sleeper")
    kept.started()
    until(lambda: kept.output() == b"up\n", "the command")
    return kept


@pytest.fixture
def live(layout: Layout, registry: Registry) -> Iterator[Run]:
    """A run whose owner is this process, and does nothing about it."""
    owned = Owned(layout).boot().start()
    yield registry.get(owned.run_id)
    owned.die()


@pytest.fixture
def sleeper() -> Iterator[Identity]:
    """A process that lives as long as the test."""
    process = subprocess.Popen(["sleep", "600"])
    found = identify(process.pid)
    assert found is not None
    yield found
    process.kill()
    process.wait()


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody looks at anything again by himself: only what wakes a waiter makes him look."""
    for name in ("_FIRST_PAUSE_S", "_LONGEST_PAUSE_S", "_LOOK_EVERY_S"):
        monkeypatch.setattr(waiting_module, name, NEVER_S)


# -- wait


@pytest.mark.usefixtures("patient")
def test_waiting_for_a_run_that_has_ended(layout: Layout, registry: Registry) -> None:
    """The answer comes at once, however short the time."""
    run = registry.get(Owned(layout).boot().start().succeed().die())

    view = run.wait(0)
    assert view is not None
    assert view.status == "succeeded"


@pytest.mark.usefixtures("patient")
def test_waiting_no_longer_than_wanted(layout: Layout, registry: Registry) -> None:
    """The time that is left bounds the wait, not how often anything is looked at."""
    live = Owned(layout).boot().start()

    assert registry.get(live.run_id).wait(0.01) is None


@pytest.mark.usefixtures("patient")
def test_waiting_for_a_keeper_that_is_killed(kept: Kept) -> None:
    """The death of the owner wakes the waiter; with the command gone too, the run is over."""
    registry, keeper = Registry(kept.layout), kept.keeper()
    os.kill(keeper.pid, signal.SIGSTOP)  # so that it does not end the run, but dies
    for who in (kept.wrapper(), *(member.identity for member in kept.tree())):
        kept.kill(who)
    with Waiting(REAL, kept.layout, registry.observer, [kept.run_id]) as waiting:
        waiting.check()
        assert len(waiting.descriptors()) == 1
        os.kill(keeper.pid, signal.SIGKILL)

        assert wait_over(waiting, timeout_s=30)
    view = registry.settle(kept.run_id)
    assert (view.status, view.provisional) == ("failed", False)
    assert view.reason is not None
    assert view.reason.code == "owner_lost"


@pytest.mark.usefixtures("patient")
def test_waiting_for_a_keeper_that_ends_its_run(kept: Kept) -> None:
    """The keeper's own end wakes the waiter."""
    run = Registry(kept.layout).get("sleeper")
    run.stop(force=True)

    view = run.wait(30)
    assert view is not None
    assert view.status == "cancelled"


def test_waiting_for_an_owner_that_lives_on(layout: Layout, registry: Registry) -> None:
    """A process that is the run ends it without dying; the journal tells."""
    with registry.track() as run:
        ended: list[RunView | None] = []
        waiter = registry.get(run.id)
        thread = threading.Thread(target=lambda: ended.append(waiter.wait(30)))
        thread.start()
    thread.join(30)

    assert ended[0] is not None
    now = registry.view(run.id).retention  # what keeps it may have been its owner a moment before
    assert structs.replace(ended[0], retention=now) == registry.view(run.id)
    assert layout.root == registry.root


def test_waiting_in_a_registry_that_may_not_be_written(layout: Layout) -> None:
    """A lost run is over for whoever may only read, and stays unwritten."""
    run_id = Owned(layout).boot().start().die()

    view = Registry(layout, writable=False).get(run_id).wait(30)
    assert view is not None
    assert (view.status, view.provisional) == ("failed", True)


def test_waiting_for_several(layout: Layout, registry: Registry) -> None:
    """For all of them, or for the first that ends."""
    ended = Owned(layout).boot().start().succeed().die()
    live = Owned(layout).boot().start()

    def both(**how: object) -> list[RunId]:
        return [view.run_id for view in registry.wait([live.run_id, ended], **how)]  # type: ignore[arg-type]

    assert both(any_one=True) == [ended]
    assert both(timeout=0.01) == [ended]
    live.succeed().die()
    assert set(both()) == {ended, live.run_id}


def test_waiting_for_something_else_than_the_end(layout: Layout, registry: Registry) -> None:
    """A run that was there comes back at once, one that never will be ends the wait for all."""
    live, booting = Owned(layout).boot().start(), Owned(layout).boot()
    ended = Owned(layout).boot().start().succeed().die()

    assert [view.run_id for view in registry.wait([live.run_id, ended], for_="running")] == [
        live.run_id,
        ended,
    ]
    assert [view.status for view in registry.wait([booting.run_id, ended], for_="failed")] == ["succeeded"]
    assert registry.wait([booting.run_id], for_="ready", timeout=0) == []
    booting.append(lambda seq, at: RunReadied(seq=seq, at=at))
    assert registry.wait([booting.run_id], for_="ready")
    with pytest.raises(BadInput, match="to wait for"):
        registry.wait([ended], for_="over")  # type: ignore[arg-type]


def test_waiting_for_nobody(registry: Registry) -> None:
    """A run that does not exist is not waited for."""
    with pytest.raises(NotFound):
        registry.wait([RunId("20261120-201400-k3f9x2ab")])


def test_a_keeper_is_asked_for_again(
    layout: Layout, sleeper: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever was to give the run one may have died over it; not at every look, as it takes a moment."""
    run_id = Owned(layout).boot().start(command=sleeper).die()
    asked: list[RunId] = []

    def ask(lost: RunId, _state: object) -> None:
        asked.append(lost)

    def asked_in_two_looks() -> int:
        asked.clear()
        with Waiting(REAL, layout, Observer(REAL, layout), [run_id], unsupervised=ask) as waiting:
            waiting.check()
            waiting.check()
        return len(asked)

    monkeypatch.setattr(waiting_module, "_LOOK_EVERY_S", 0)
    assert asked_in_two_looks() == 1
    monkeypatch.setattr(waiting_module, "_ASK_EVERY_S", 0)
    assert asked_in_two_looks() == 2


def test_what_a_waiter_holds(layout: Layout) -> None:
    """A pidfd for each owner, up to a bound, all closed in the end."""
    runs = [Owned(layout).boot(by=myself()).start() for _ in range(70)]
    gc.collect()
    before = len(os.listdir("/proc/self/fd"))
    with Waiting(REAL, layout, Observer(REAL, layout), [run.run_id for run in runs]) as waiting:
        waiting.check()
        assert len(waiting.descriptors()) == 64
        assert len(os.listdir("/proc/self/fd")) == before + 64

    assert len(os.listdir("/proc/self/fd")) == before


# -- stop


def test_stopping_a_command(kept: Kept) -> None:
    """Its keeper ends it; the run is cancelled, by whom and why on record."""
    run = Registry(kept.layout).get("sleeper")
    request = run.stop("enough")
    view = run.wait(30)

    assert request.first
    assert view is not None
    assert view.status == "cancelled"
    assert view.reason is not None
    assert (view.reason.text, view.signal) == ("enough", signal.SIGTERM)


def test_stopping_twice(live: Run) -> None:
    """The first request's time and reason stand; the second is told so."""
    first, second = live.stop("first"), live.stop("second")

    assert (first.first, second.first) == (True, False)
    assert (second.at, second.reason) == (first.at, "first")


def test_a_request_to_stop_is_no_sign_of_life(live: Run) -> None:
    """It advances neither the heartbeat nor the last activity: a silent run does not look busy for it."""
    path = live.registry.layout.in_run(live.id, "heartbeat")
    heartbeat.beat_once(REAL, path, 7)
    before, beat = live.view(), heartbeat.read(REAL, path)
    live.stop("enough")
    after = live.view()

    assert (after.seq, after.last_activity_at) == (before.seq + 1, before.last_activity_at)
    assert heartbeat.read(REAL, path) == beat
    assert beat is not None


def test_stopping_what_cannot_be_stopped(
    layout: Layout, registry: Registry, sleeper: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not there, over, lost, and without a keeper where none can be started are four different answers."""

    def refuse(*_: object) -> None:
        raise OSError(errno.EAGAIN, "no more processes")

    monkeypatch.setattr(rescue, "exec_adopter", refuse)
    over = Owned(layout).boot().start().succeed().die()
    lost = Owned(layout).boot().start().die()
    orphan = Owned(layout).boot().start(command=sleeper).die()

    with pytest.raises(NotFound):
        registry.get("nobody").stop()
    with pytest.raises(AlreadyEnded):
        registry.get(over).stop()
    with pytest.raises(AlreadyEnded):
        registry.get(lost).stop()
    with pytest.raises(NoKeeper, match="none could be started"):
        registry.get(orphan).stop()
    assert not registry.view(lost).provisional
    assert registry.view(orphan).stop is None


@pytest.mark.parametrize("grace", [-1.0, float("inf"), float("nan")])
def test_a_grace_that_is_none(live: Run, grace: float) -> None:
    """It is refused before anything is asked."""
    with pytest.raises(BadInput):
        live.stop(grace=grace)

    assert live.view().stop is None


# -- read


def test_logs_by_line(keeping: Keeping) -> None:
    """The last lines, one stream, or all; an unfinished last line comes as it is."""
    kept = keeping.run("sh", "-c", "for i in 1 2 3; do echo $i; done; echo e >&2; printf end")
    run = Registry(kept.layout).get(kept.run_id)

    assert [line.data for line in run.logs("stdout")] == [b"1\n", b"2\n", b"3\n", b"end"]
    assert [line.data for line in run.logs("stdout", last=2)] == [b"3\n", b"end"]
    assert [line.data for line in run.logs("stderr")] == [b"e\n"]
    assert len(list(run.logs(since=run.view().created_at))) == 5
    assert list(run.logs(since=datetime.max.replace(tzinfo=UTC))) == []
    with pytest.raises(BadInput):
        run.logs(last=-1)
    with pytest.raises(BadInput):
        run.logs(last=1, since=run.view().ended_at)


def test_following_until_the_end(kept: Kept) -> None:
    """Lines come while the command runs; the stream ends with the run, its tail included."""
    run = Registry(kept.layout).get(kept.run_id)
    lines = run.logs(follow=True)
    assert next(lines).data == b"up\n"

    run.stop(force=True)
    assert list(lines) == []


def test_logs_of_a_run_without_any(layout: Layout, registry: Registry) -> None:
    """It says so."""
    run = registry.get(Owned(layout).boot().start().succeed().die())
    with pytest.raises(NotFound, match="no transcript"):
        run.logs()
    wrong: Any = "stdin"
    with pytest.raises(BadInput, match="no stream 'stdin'"):
        run.logs(wrong)


def test_events_from_a_position_on(layout: Layout, registry: Registry) -> None:
    """Records come oldest first, strictly newer than the position."""
    run = registry.get(Owned(layout).boot().start().succeed().die())

    assert [record.seq for record in run.events()] == [1, 2, 3, 4, 5, 6]
    assert [record.seq for record in run.events(after=4)] == [5, 6]
    assert list(run.events(after=99)) == []


# -- label


def test_labels(layout: Layout, registry: Registry) -> None:
    """Tags, notes and names may be given at any time, ended or not, and say who gave them."""
    run = registry.get(Owned(layout).boot().start().succeed().die())
    run.tag({"a.b": "1"}, env="prod")
    run.tag(remove=["env"], kind="etl")
    run.note("looked at it")
    run.rename("nightly")

    view = run.view()
    assert (view.tags, view.name, view.sealed) == ({"a.b": "1", "kind": "etl"}, "nightly", True)
    labelled = [
        each.event for each in run.events() if isinstance(each.event, RunTagged | RunNoted | RunRenamed)
    ]
    assert len(labelled) == 4
    assert all(event.by is not None and event.by.pid == os.getpid() for event in labelled)

    run.rename("")
    assert run.view().name is None


def test_labels_that_hold_a_secret(layout: Layout, live: Run) -> None:
    """What looks like a secret is not recorded."""
    live.note("the token is ghp_16C7e42F292c6912E7710c838347Ae178B4a")
    live.tag(url="https://me:hunter2hunter2@example.org/")

    journal = Path(layout.journal(live.id)).read_bytes()
    assert b"16C7e42F292c" not in journal
    assert b"hunter2" not in journal


def test_labels_that_are_none(live: Run) -> None:
    """They are refused, and nothing is recorded."""
    before = live.view().seq
    labels: list[Callable[[], None]] = [
        live.tag,
        lambda: live.tag({"a b": "c"}),
        lambda: live.note("  "),
        lambda: live.rename("latest"),
        lambda: live.note("x" * 300_000),
    ]
    for label in labels:
        with pytest.raises(BadInput):
            label()

    assert live.view().seq == before


def test_labels_where_nothing_may_be_written(layout: Layout, live: Run) -> None:
    """Reading only means that."""
    run = Registry(layout, writable=False).get(live.id)
    labels: list[Callable[[], object]] = [
        lambda: run.tag(a="b"),
        lambda: run.note("hello"),
        lambda: run.rename("x"),
        run.stop,
    ]
    for label in labels:
        with pytest.raises(NotPermitted):
            label()


# -- itself


def test_handles_are_equal_if_they_mean_the_same_run(layout: Layout, registry: Registry) -> None:
    """Handles compare and hash by registry and id."""
    run_id = Owned(layout).boot(by=NOBODY).start().die()
    one, other = registry.get(run_id), Registry(layout).get("latest")

    assert one == other
    assert len({one, other}) == 1
    assert one != registry.get(Owned(layout).die())
    assert run_id in repr(one)
    assert one.short_id == run_id[-8:]
