"""When an append syncs, and in which order: seen from the port."""

import pytest

from runlore.journal.disk import Disk
from runlore.journal.errors import StaleSeq
from runlore.journal.layout import Layout
from runlore.journal.values import Seq
from runlore.journal.writer import UNSYNCED_S, Writer
from tests.crash.enumeration import ready_registry
from tests.crash.recovery import LAYOUT
from tests.doubles.drafts import booting, failed, noted, progressed, queued, tagged
from tests.doubles.recorder import Recorder, recording
from tests.doubles.simulated import SimulatedDisk
from tests.journal.journals import RUN

CHANGES = ("write", "fdatasync", "sync_dir", "truncate", "rename", "unlink")


@pytest.fixture
def simulated() -> SimulatedDisk:
    return SimulatedDisk(ready_registry().boot())


@pytest.fixture
def watched(simulated: SimulatedDisk) -> tuple[Disk, Recorder]:
    return recording(simulated)


def _changes(recorder: Recorder) -> list[str]:
    """Return what was done to the disk since the last look."""
    names = [call.name for call in recorder.named(*CHANGES)]
    recorder.calls.clear()
    return names


def _create(disk: Disk, layout: Layout = LAYOUT) -> Writer:
    return Writer.create(disk, layout, RUN, queued(RUN))


def test_a_creation(watched: tuple[Disk, Recorder]) -> None:
    """File first, then its name: when the writer is there, so is the journal."""
    disk, recorder = watched

    _create(disk)

    assert _changes(recorder) == ["write", "fdatasync", "sync_dir"]


def test_a_fact(watched: tuple[Disk, Recorder]) -> None:
    """One write, one sync, and nothing behind bytes that are synced already."""
    disk, recorder = watched
    writer = _create(disk)
    _changes(recorder)

    writer.append(booting())
    writer.append(failed())

    assert _changes(recorder) == ["write", "fdatasync"] * 2


def test_the_lock_is_held_over_the_sync(watched: tuple[Disk, Recorder]) -> None:
    """Nobody appends behind a line whose sync is not over."""
    disk, recorder = watched
    writer = _create(disk)
    recorder.calls.clear()

    writer.append(noted())

    names = [call.name for call in recorder.named("lock", "write", "fdatasync", "unlock")]
    assert names == ["lock", "write", "fdatasync", "unlock"]


def test_chatter(watched: tuple[Disk, Recorder]) -> None:
    """Progress is written and not waited for; the writer says since when something lies loose."""
    disk, recorder = watched
    writer = _create(disk)
    _changes(recorder)

    writer.append(progressed())

    assert _changes(recorder) == ["write"]
    assert writer.loose_since is not None


def test_a_fact_behind_chatter(watched: tuple[Disk, Recorder]) -> None:
    """The chatter is synced first, so that no crash can leave the fact behind a hole."""
    disk, recorder = watched
    writer = _create(disk)
    writer.append(progressed())
    _changes(recorder)

    writer.append(noted())

    assert _changes(recorder) == ["fdatasync", "write", "fdatasync"]
    assert writer.loose_since is None


def test_a_fact_behind_somebody_elses_bytes(simulated: SimulatedDisk, watched: tuple[Disk, Recorder]) -> None:
    """Nobody vouches for what others wrote: a sync does, once."""
    _create(simulated).append(progressed())
    disk, recorder = watched
    stranger = Writer(disk, LAYOUT, RUN)

    stranger.append(tagged())
    first = _changes(recorder)
    stranger.append(tagged())

    assert first == ["fdatasync", "write", "fdatasync"]
    assert _changes(recorder) == ["write", "fdatasync"]


def test_chatter_that_goes_on(simulated: SimulatedDisk, watched: tuple[Disk, Recorder]) -> None:
    """After 100 ms the next line takes the sync with it."""
    disk, recorder = watched
    writer = _create(disk)
    writer.append(progressed())
    simulated.clock.pass_time(UNSYNCED_S)
    _changes(recorder)

    writer.append(progressed())

    assert _changes(recorder) == ["write", "fdatasync"]
    assert writer.loose_since is None


def test_chatter_of_two_processes(simulated: SimulatedDisk, watched: tuple[Disk, Recorder]) -> None:
    """Somebody else's chatter does not make this writer forget since when its own lies loose."""
    disk, recorder = watched
    writer = _create(disk)
    other = Writer(simulated.other(), LAYOUT, RUN)
    for _ in range(3):
        writer.append(progressed("mine"))
        simulated.clock.pass_time(UNSYNCED_S / 2.5)
        other.append(progressed("theirs"))
    _changes(recorder)

    writer.append(progressed("mine"))

    assert _changes(recorder) == ["write", "fdatasync"]


@pytest.mark.parametrize("meanwhile", ["nothing", "somebody appends", "an append is refused"])
def test_a_process_that_ends_with_chatter_unsynced(
    simulated: SimulatedDisk, watched: tuple[Disk, Recorder], meanwhile: str
) -> None:
    """It syncs before it ends, whatever happened since."""
    disk, recorder = watched
    writer = _create(disk)
    writer.append(progressed())
    if meanwhile != "nothing":
        Writer(simulated.other(), LAYOUT, RUN).append(progressed())
    if meanwhile == "an append is refused":
        with pytest.raises(StaleSeq):
            writer.append(noted(), expected_seq=Seq(99))
    _changes(recorder)

    writer.close()

    assert "fdatasync" in _changes(recorder)
    assert simulated.system.durable(LAYOUT.journal(RUN)) == bytes(
        simulated.system.look_up(LAYOUT.journal(RUN)).seen  # type: ignore[arg-type]
    )


def test_mode_process(watched: tuple[Disk, Recorder]) -> None:
    """It never syncs: not the file, not the folder, not at the end."""
    disk, recorder = watched

    writer = Writer.create(disk, LAYOUT, RUN, queued(RUN, durability="process"))
    writer.append(booting())
    writer.append(progressed())
    writer.sync()
    writer.append(failed())
    writer.append(tagged())
    writer.close()
    stranger = Writer(disk, LAYOUT, RUN)
    stranger.append(noted())
    stranger.close()

    assert recorder.named("fdatasync", "sync_dir") == []


def test_room_for_the_end(watched: tuple[Disk, Recorder], simulated: SimulatedDisk) -> None:
    """While a run lives, disk is reserved behind its end; afterwards it is given back."""
    disk, recorder = watched
    writer = _create(disk)
    path = LAYOUT.journal(RUN)

    spare = simulated.stat_path(path).allocated - simulated.stat_path(path).size
    for number in range(200):
        writer.append(progressed(f"{number} " + "x" * 300))
        assert simulated.stat_path(path).allocated - simulated.stat_path(path).size >= 8192
    writer.append(failed())
    writer.close()

    assert spare >= 8192
    assert simulated.stat_path(path).allocated - simulated.stat_path(path).size < 4096
    assert len(recorder.named("preallocate")) < 10, "one call for many lines"


def test_a_reserve_of_a_keeper_that_was_killed(simulated: SimulatedDisk) -> None:
    """Who ends the run in its place gives back what it had reserved."""
    victim = simulated.other()
    _create(victim)
    victim.die()

    heir = Writer(simulated, LAYOUT, RUN, owner=True)
    heir.append(failed())
    heir.close()

    described = simulated.stat_path(LAYOUT.journal(RUN))
    assert described.allocated - described.size < 4096
