"""A disk that fails under a writer: full, broken, or both."""

import errno
from contextlib import suppress

import pytest

from runlore.journal.disk import Disk
from runlore.journal.errors import JournalIO
from runlore.journal.events import JournalRepaired
from runlore.journal.reader import JournalReader
from runlore.journal.scan import Record
from runlore.journal.verify import verify
from runlore.journal.writer import Writer
from tests.crash.enumeration import ready_registry
from tests.crash.recovery import LAYOUT
from tests.doubles.drafts import (
    LIFE,
    booting,
    collecting,
    failed,
    noted,
    progressed,
    queued,
    started,
    stop_requested,
    tagged,
)
from tests.doubles.failer import failing
from tests.doubles.simulated import SimulatedDisk
from tests.journal.journals import RUN

PATH = LAYOUT.journal(RUN)
EIO = OSError(errno.EIO, "Input/output error")


@pytest.fixture
def disk() -> SimulatedDisk:
    return SimulatedDisk(ready_registry().boot())


def _create(disk: Disk) -> Writer:
    return Writer.create(disk, LAYOUT, RUN, queued(RUN))


def _records(disk: SimulatedDisk) -> list[Record]:
    with JournalReader(disk, LAYOUT, RUN, check_chain=True) as reader:
        return reader.read_available()


def _kinds(disk: SimulatedDisk) -> list[str]:
    return [type(record.event).__name__ for record in _records(disk)]


def _bytes(disk: SimulatedDisk) -> bytes:
    fd = disk.open(PATH, 0)
    data = disk.pread(fd, 1 << 30, 0)
    disk.close(fd)
    return data


def test_a_line_that_fits_only_in_part(disk: SimulatedDisk) -> None:
    """It is cut back at once: not acknowledged, not half there, and nothing to mend for the next one."""
    writer = _create(disk)
    writer.append(failed())
    writer.close()
    before = _bytes(disk)
    disk.system.room = 4096

    with pytest.raises(JournalIO, match=r"only .* were written"):
        writer.append(noted("x" * 9000))

    assert _bytes(disk) == before
    disk.system.room = None
    writer.append(noted("there is room"))
    assert "JournalRepaired" not in _kinds(disk)


def test_a_full_disk_and_the_end_of_a_run(disk: SimulatedDisk) -> None:
    """Ordinary events are refused while the last reserve is left to those that end the run."""
    writer = _create(disk)
    writer.append(booting())
    writer.append(started())
    disk.system.room = 0

    refused = 0
    for number in range(300):
        try:
            writer.append(progressed(f"{number} " + "x" * 300))
        except JournalIO:
            refused += 1
    writer.append(stop_requested())
    writer.append(collecting())
    writer.append(failed())

    assert refused
    assert verify(disk, LAYOUT, RUN).integrity == "sealed"


def test_strangers_on_a_full_disk(disk: SimulatedDisk) -> None:
    """Labels do not eat up what the owner has reserved; its end still fits."""
    owner = _create(disk)
    owner.append(booting())
    owner.append(started())
    disk.system.room = 0

    for _ in range(300):
        stranger = Writer(disk.other(), LAYOUT, RUN)
        with suppress(JournalIO):
            stranger.append(noted("n" * 100))
        stranger.close()
    owner.append(collecting())
    owner.append(failed())

    assert verify(disk, LAYOUT, RUN).integrity == "sealed"


def test_one_long_event_on_a_full_disk(disk: SimulatedDisk) -> None:
    """An event longer than the reserve is refused before it takes the reserve with it."""
    writer = _create(disk)
    writer.append(booting())
    disk.system.room = 0

    with pytest.raises(JournalIO):
        writer.append(noted("x" * 100_000))
    writer.append(failed())

    assert _kinds(disk) == ["RunQueued", "RunBooting", "RunFailed", "RunSealed"]


def test_a_disk_that_has_room_again(disk: SimulatedDisk) -> None:
    """Refusals end with their cause, and the reserve is back."""
    writer = _create(disk)
    writer.append(booting())
    disk.system.room = 0
    with pytest.raises(JournalIO):  # noqa: PT012 - which of them is the first is not the point
        for _ in range(200):
            writer.append(noted("x" * 1000))
    disk.system.room = None

    writer.append(noted("there is room"))

    described = disk.stat_path(PATH)
    assert described.allocated - described.size >= 8192


def test_a_registry_too_full_for_a_run(disk: SimulatedDisk) -> None:
    """A run whose end would not fit is not begun, and nothing is left of it."""
    disk.system.room = 8192

    with pytest.raises(JournalIO):
        _create(disk)

    assert disk.listdir(LAYOUT.journals) == []
    assert disk.open_files == 0


def test_a_file_system_that_cannot_preallocate(disk: SimulatedDisk, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked once per file, and appends go on without the reserve."""
    asked: list[int] = []
    monkeypatch.setattr(disk, "preallocate", lambda fd, *_: asked.append(fd))

    writer = _create(disk)
    for _ in range(100):
        writer.append(noted("x" * 1000))

    assert len(asked) == 1


@pytest.mark.parametrize("before", [0, 1, 3])
def test_a_sync_that_fails(disk: SimulatedDisk, before: int) -> None:
    """The file is never used again: its records go to a new one byte for byte, and this event with them."""
    writer = _create(disk)
    for _ in range(before):
        writer.append(progressed())
    was, inode = _bytes(disk), disk.stat_path(PATH).inode
    disk.fails.append(EIO)

    record = writer.append(noted("on a bad disk"))

    assert disk.stat_path(PATH).inode != inode
    assert _bytes(disk).startswith(was)
    (told,) = [found.event for found in _records(disk) if isinstance(found.event, JournalRepaired)]
    assert told.cause == "sync_failed"
    assert record in _records(disk)
    assert disk.system.durable(PATH) == _bytes(disk)
    assert verify(disk, LAYOUT, RUN).findings == []


def test_others_after_a_sync_that_failed(disk: SimulatedDisk) -> None:
    """Writers that had the condemned file open follow to the new one."""
    owner = _create(disk)
    stranger = Writer(disk.other(), LAYOUT, RUN).open()
    disk.fails.append(EIO)
    owner.append(noted("on a bad disk"))

    stranger.append(tagged())
    owner.append(failed())

    assert _kinds(disk)[-3:] == ["RunTagged", "RunFailed", "RunSealed"]
    assert verify(disk, LAYOUT, RUN).findings == []


def test_a_copy_that_fails_as_well(disk: SimulatedDisk) -> None:
    """Nothing is acknowledged any more, a second sync is never believed, the copy leaves nothing behind."""
    writer = _create(disk)
    disk.fails += [EIO, EIO]

    with pytest.raises(JournalIO):
        writer.append(noted("lost"))
    for _ in range(2):
        with pytest.raises(JournalIO, match="nothing more is written"):
            writer.append(noted("after"))
    writer.close()

    assert _kinds(disk) == ["RunQueued"]
    assert disk.listdir(LAYOUT.journals) == [PATH.rpartition("/")[2]]
    assert disk.open_files == 0


def test_somebody_else_after_a_condemned_writer(disk: SimulatedDisk) -> None:
    """What it wrote in vain is cut off, so what others are promised does not stand behind a hole."""
    writer = _create(disk)
    disk.fails += [EIO, EIO]
    with pytest.raises(JournalIO):
        writer.append(noted("lost"))

    record = Writer(disk.other(), LAYOUT, RUN).append(noted("well again"))

    assert record.seq == 2
    assert disk.system.durable(PATH) == _bytes(disk)


def test_a_folder_that_cannot_be_synced_after_a_replacement(disk: SimulatedDisk) -> None:
    """The event is not acknowledged, and the new file's lock does not stay behind for ever."""
    faulty, failer = failing(disk, None, errno.EIO, "for ever", only=frozenset({"sync_dir"}))
    writer = _create(faulty)
    disk.fails.append(EIO)
    failer._at = failer.count + 1

    with pytest.raises(JournalIO):
        writer.append(noted("not promised"))
    writer.close()
    other = disk.other()
    Writer(other, LAYOUT, RUN).append(noted("somebody else goes on"))

    assert disk.open_files == 0


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC, errno.EROFS])
@pytest.mark.parametrize("call", ["write", "fdatasync", "sync_dir", "lock"])
def test_a_creation_that_fails(disk: SimulatedDisk, call: str, number: int) -> None:
    """Whatever refuses, for ever: an error of ours, no descriptor left, and no journal that was promised."""
    faulty, _ = failing(disk, 1, number, "for ever", only=frozenset({call}))

    with pytest.raises(JournalIO):
        _create(faulty)

    assert disk.listdir(LAYOUT.journals) == []
    assert disk.open_files == 0


def test_a_creation_on_a_disk_that_refuses_even_to_forget_it(disk: SimulatedDisk) -> None:
    """The error is the one that mattered, and it is one of ours."""
    faulty, _ = failing(disk, 1, errno.EROFS, "for ever", only=frozenset({"write", "unlink"}))

    with pytest.raises(JournalIO, match="Read-only"):
        _create(faulty)

    assert disk.open_files == 0


def test_a_whole_life_on_a_disk_that_fails_every_third_sync(disk: SimulatedDisk) -> None:
    """However often files are condemned, the run comes to its end with every event in place."""
    writer = _create(disk)
    for number, draft in enumerate((*LIFE, tagged, noted, tagged)):
        if number % 3 == 0:
            disk.fails.append(EIO)
        writer.append(draft())
    writer.close()

    kinds = [kind for kind in _kinds(disk) if kind not in {"JournalRepaired", "RunSealed"}]
    assert kinds == [
        "RunQueued",
        "RunBooting",
        "RunStarted",
        "RunCollecting",
        "RunSucceeded",
        "RunTagged",
        "RunNoted",
        "RunTagged",
    ]
    assert verify(disk, LAYOUT, RUN).integrity == "sealed"
