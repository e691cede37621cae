"""A registry under random days: whatever happens to its runs, it shows what a few dicts say it should."""

import gc
import shutil
import tempfile
import weakref
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from runlore.journal.disk import REAL
from runlore.journal.errors import AlreadyEnded, StaleSeq
from runlore.journal.events import Ended, RunNoted
from runlore.journal.reader import read
from runlore.journal.root import open_for_writing
from runlore.journal.values import RunId, Seq
from runlore.journal.verify import verify
from runlore.journal.writer import Writer
from runlore.projections.run_view import RunView
from runlore.runtimes.packing import Packing
from runlore.runtimes.registry import Registry
from tests import proof
from tests.doubles.drafts import noted, succeeded
from tests.runtimes.keeping import until

if TYPE_CHECKING:
    from runlore.runtimes.tracked import TrackedRun

EXAMPLES, STEPS = (5000, 50) if proof.SIZE == "full" else (30, 25)
NAMES: Final = st.sampled_from(["etl", "train", "nightly"])
KEYS, VALUES = st.sampled_from(["env", "team"]), st.sampled_from(["prod", "test", ""])
TEXTS: Final = st.sampled_from(["look here", "größer", "two\nlines", "one\u2028line"])
ENDS: Final = st.sampled_from([None, ValueError("no"), SystemExit(3), KeyboardInterrupt()])
TORN: Final = st.sampled_from(
    [
        b"{",
        b"\0" * 100,
        b'{"type":"run.noted","seq":',
        b'{"type":"run.noted","seq":9,"at":"2026-11-22T00:00:00Z","text":"x","h":"0"}',
        b"\0\n",
    ]
)
STATUSES: Final = ("running", "succeeded", "failed", "cancelled")
LIVE_ONLY: Final = {"duration_s", "observation", "seen"}
"""Fields of a view that move with the clock alone."""


@dataclass
class Known:
    """What the registry has to say about one run."""

    name: str | None
    tags: dict[str, str]
    status: str = "running"
    exit_code: int | None = None
    reason: str | None = None
    provisional: bool = False
    ended: bool = False
    """It is written down."""
    torn: bool = False
    fraction: float | None = None
    notes: list[str] = field(default_factory=list)


class RegistryMachine(RuleBasedStateMachine):
    """A real root, real journals, runs of this process; `known` is the model."""

    runs = Bundle("runs")
    owned = Bundle("owned")
    counts: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.root = tempfile.mkdtemp()
        self.layout = open_for_writing(REAL, self.root)
        self.registry = Registry(self.layout)
        self.known: dict[RunId, Known] = {}
        """In the order of creation."""
        self.handles: dict[RunId, TrackedRun] = {}
        self.changed: set[RunId] = set()
        self.counts["days"] += 1

    def teardown(self) -> None:
        """End everything well, look at all of it once more, and leave nothing behind."""
        try:
            for run_id in list(self.handles):
                self.finish(run_id, None)
            self.registry.reconcile()
            for run_id in self.known:
                assert len(finals(self.registry, run_id)) == 1
        finally:
            self.handles.clear()
            shutil.rmtree(self.root)

    def touch(self, run_id: RunId) -> Known:
        """Note that a run's journal is about to get an event, which heals it."""
        self.counts["appends"] += 1
        self.changed.add(run_id)
        self.known[run_id].torn = False
        return self.known[run_id]

    def begin(self, name: str | None, tags: dict[str, str]) -> RunId:
        """Begin a run of this process."""
        run = self.registry.track(name, tags=tags).start()
        self.handles[run.id] = run
        self.known[run.id] = Known(name, dict(tags))
        self.touch(run.id)
        return run.id

    # -- what happens to runs

    @initialize(target=owned)
    def first(self) -> RunId:
        return self.begin("etl", {})

    @rule(target=owned, name=st.none() | NAMES, tags=st.dictionaries(KEYS, VALUES, max_size=2))
    def track(self, name: str | None, tags: dict[str, str]) -> RunId:
        return self.begin(name, tags)

    @rule(run_id=owned, fraction=st.sampled_from([0.0, 0.25, 1.0]))
    def progress(self, run_id: RunId, fraction: float) -> None:
        self.handles[run_id].progress(fraction, "on the way")
        self.handles[run_id].flush()
        self.touch(run_id).fraction = fraction

    @rule(run_id=owned | runs, text=TEXTS)
    def note(self, run_id: RunId, text: str) -> None:
        self.registry.get(run_id).note(text)
        self.touch(run_id).notes.append(text)

    @rule(run_id=owned | runs, key=KEYS, value=VALUES)
    def tag(self, run_id: RunId, key: str, value: str) -> None:
        self.registry.get(run_id).tag({key: value})
        self.touch(run_id).tags[key] = value

    @rule(run_id=owned | runs, key=KEYS)
    def untag(self, run_id: RunId, key: str) -> None:
        self.registry.get(run_id).tag(remove=[key])
        self.touch(run_id).tags.pop(key, None)

    @rule(run_id=owned | runs, name=NAMES | st.just(""))
    def rename(self, run_id: RunId, name: str) -> None:
        self.registry.get(run_id).rename(name)
        self.touch(run_id).name = name or None

    @rule(target=runs, run_id=consumes(owned), error=ENDS)
    def finish(self, run_id: RunId, error: BaseException | None) -> RunId:
        self.handles.pop(run_id).finish(error)
        known = self.touch(run_id)
        known.ended = True
        match error:
            case None:
                known.status, known.exit_code = "succeeded", 0
            case KeyboardInterrupt():
                known.status, known.reason = "cancelled", "cancelled"
            case SystemExit():
                known.status, known.reason, known.exit_code = "failed", "exit_nonzero", 3
            case _:
                known.status, known.reason = "failed", "exit_nonzero"
        return run_id

    @rule(target=runs, run_id=consumes(owned))
    def kill(self, run_id: RunId) -> RunId:
        """Forget a run as its process's death would: the lock goes, nothing is written."""
        self.counts["killed"] += 1
        handle = weakref.ref(self.handles[run_id])
        del self.handles[run_id]
        if handle() is not None:
            gc.collect()
        until(lambda: handle() is None, "a beat under way is over")
        until(lambda: self.registry.view(run_id).provisional, "whoever held it last has let go of the lock")
        known = self.known[run_id]
        known.status, known.reason, known.provisional = "failed", "owner_lost", True
        return run_id

    @rule()
    def reconcile(self) -> None:
        lost = [run_id for run_id, known in self.known.items() if known.provisional]
        assert sorted(done.run_id for done in self.registry.reconcile()) == sorted(lost)
        for run_id in lost:
            known = self.touch(run_id)
            known.provisional, known.ended = False, True

    # -- what must not happen to them

    @rule(run_id=owned | runs)
    def append_at_a_stale_position(self, run_id: RunId) -> None:
        with opened(self, run_id) as writer:
            writer.open()  # heals what is torn, which moves the end
            with pytest.raises(StaleSeq):
                writer.append(noted(), expected_seq=Seq(writer.tail.seq - 1))
            self.touch(run_id).notes.append("look at this")
            writer.append(noted(), expected_seq=writer.tail.seq)

    @precondition(lambda self: any(known.ended for known in self.known.values()))
    @rule(data=st.data())
    def end_a_second_time(self, data: st.DataObject) -> None:
        run_id = data.draw(st.sampled_from([each for each, known in self.known.items() if known.ended]))
        with opened(self, run_id, owner=True) as writer, pytest.raises(AlreadyEnded):
            writer.append(succeeded())
        self.touch(run_id)
        self.counts["refused ends"] += 1

    # -- what happens to files

    @rule(run_id=owned | runs, data=TORN)
    def tear(self, run_id: RunId, data: bytes) -> None:
        """Leave what a crash in the middle of somebody's append leaves."""
        self.counts["torn tails"] += 1
        with open(self.layout.journal(run_id), "ab") as file:
            file.write(data)
        self.known[run_id].torn = True
        self.changed.add(run_id)

    @rule(feed=st.booleans())
    def delete_what_is_derived(self, *, feed: bool) -> None:
        before = lasting(self.registry.runs())
        shutil.rmtree(self.layout.feed if feed else f"{self.root}/index", ignore_errors=True)
        for index in Path(self.layout.packs).glob("*.idx"):
            index.unlink()
        assert lasting(self.registry.runs()) == before
        self.counts["deletions"] += 1

    @rule()
    def reopen(self) -> None:
        """Another process packs what is sealed, and the registry is opened anew."""
        before = lasting(self.registry.runs())
        self.counts["packed"] += Packing(REAL, self.layout, older_than_s=0).apply().runs
        assert lasting(self.registry.runs()) == before
        self.changed |= {run_id for run_id, known in self.known.items() if known.ended}
        self.registry = Registry.open(self.root)
        assert lasting(self.registry.runs()) == before

    # -- what is asked

    @rule(
        statuses=st.sets(st.sampled_from(STATUSES), max_size=2),
        name=st.none() | NAMES,
        tags=st.dictionaries(KEYS, VALUES, max_size=1),
        limit=st.none() | st.integers(1, 3),
    )
    def ask(self, statuses: set[str], name: str | None, tags: dict[str, str], limit: int | None) -> None:
        wanted = [
            run_id
            for run_id, known in reversed(self.known.items())
            if (not statuses or known.status in statuses)
            and name in {None, known.name}
            and tags.items() <= known.tags.items()
        ]
        found = self.registry.runs(status=statuses, name=name, tags=tags, limit=limit)
        assert [view.run_id for view in found] == wanted[:limit]
        self.counts["questions"] += 1

    @invariant()
    def everything_is_shown_as_it_is(self) -> None:
        self.counts["steps"] += 1
        views = self.registry.runs()
        assert [view.run_id for view in views] == list(reversed(self.known))
        for view in views:
            known = self.known[RunId(view.run_id)]
            assert (view.status, view.provisional) == (known.status, known.provisional)
            assert (view.name, view.tags) == (known.name, known.tags)
            assert (view.exit_code, view.reason.code if view.reason else None) == (
                known.exit_code,
                known.reason,
            )
            assert (view.progress.fraction if view.progress else None) == known.fraction
            assert view.problem is None
            assert view.sealed == known.ended

    @invariant()
    def journals_are_sound(self) -> None:
        """One final event once a run has ended, every note in its place, damage only where it was torn."""
        for run_id in self.changed:
            known = self.known[run_id]
            found = verify(REAL, self.layout, run_id)
            assert (found.integrity == "damaged") == known.torn
            assert found.crash_tail == known.torn
            if not known.torn:
                assert found.integrity == ("sealed" if known.ended else "unsealed")
            assert len(finals(self.registry, run_id)) == known.ended
            events = [record.event for record in read(REAL, self.layout, run_id)]
            assert [event.text for event in events if isinstance(event, RunNoted)] == known.notes
            assert [event.seq for event in events] == list(range(1, len(events) + 1))
        self.changed.clear()


class opened:  # noqa: N801 - reads as a function
    """A writer of a run, closed at the end of the block."""

    def __init__(self, machine: RegistryMachine, run_id: RunId, *, owner: bool = False) -> None:
        self._writer = Writer(REAL, machine.layout, run_id, owner=owner)

    def __enter__(self) -> Writer:
        return self._writer

    def __exit__(self, *_: object) -> None:
        self._writer.close()


def finals(registry: Registry, run_id: RunId) -> list[Ended]:
    """The final events of a run."""
    events = [record.event for record in read(REAL, registry.layout, run_id)]
    return [event for event in events if isinstance(event, Ended)]


def lasting(views: list[RunView]) -> list[dict[str, object]]:
    """Views without what moves with the clock."""
    return [
        {name: getattr(view, name) for name in view.__struct_fields__ if name not in LIVE_ONLY}
        for view in views
    ]


@pytest.mark.timeout(14_400 if proof.SIZE == "full" else 300)
def test_random_days() -> None:
    """Runs begin, speak, end, die and tear in any order: views equal the model, ends are final."""
    RegistryMachine.counts.clear()
    run_state_machine_as_test(
        RegistryMachine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )

    counts = RegistryMachine.counts
    assert counts["days"] >= EXAMPLES
    assert min(counts["killed"], counts["torn tails"], counts["refused ends"], counts["deletions"]) > 0
    proof.record("registry", "random days of a registry show what a plain model says they should", counts)
