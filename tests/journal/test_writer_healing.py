"""What the next appender finds after a crash: what it mends, and what it refuses to touch."""

from collections.abc import Callable

import pytest

from runlore.journal import writer as writer_module
from runlore.journal.errors import CorruptJournal, NotFound
from runlore.journal.events import JournalRepaired
from runlore.journal.layout import Layout
from runlore.journal.reader import JournalReader
from runlore.journal.scan import Record
from runlore.journal.verify import verify
from runlore.journal.writer import Writer
from tests.crash.enumeration import ready_registry
from tests.crash.recovery import LAYOUT
from tests.doubles.crash_states import Image
from tests.doubles.drafts import BOOT, booting, failed, noted, progressed, queued, started, tagged
from tests.doubles.simulated import SimulatedDisk
from tests.journal.journals import RUN

PATH = LAYOUT.journal(RUN)
OWNERS = pytest.mark.parametrize("owner", [True, False], ids=["owner", "stranger"])


def _written(*drafts: object, durability: str = "power") -> bytes:
    """Return the bytes of a journal with these events behind its first."""
    disk = SimulatedDisk(ready_registry().boot())
    writer = Writer.create(disk, LAYOUT, RUN, queued(RUN, durability=durability))  # type: ignore[arg-type]
    for draft in drafts:
        writer.append(draft)  # type: ignore[arg-type]
    writer.close()
    return disk.pread(disk.open(PATH, 0), 1 << 30, 0)


def _found(data: bytes) -> SimulatedDisk:
    """Return a disk on which these bytes are the journal."""
    ready = ready_registry()
    return SimulatedDisk(Image({**ready.files, PATH: data}, ready.folders).boot())


def _records(disk: SimulatedDisk, layout: Layout = LAYOUT) -> list[Record]:
    with JournalReader(disk, layout, RUN, check_chain=True) as reader:
        return reader.read_available()


TEARS: dict[str, Callable[[bytes], bytes]] = {
    "one byte of a line": lambda data: data + b"{",
    "all of a line but its newline": lambda data: data + data.splitlines(keepends=True)[-1][:-1],
    "NULs": lambda data: data + bytes(4096),
    "half a line and NULs": lambda data: data + b'{"type":"run.noted","seq":4' + bytes(900),
    "chatter with a hole": lambda data: (
        data + bytes(512) + _written(progressed("p")).splitlines(keepends=True)[-1]
    ),
    "a line of rubbish": lambda data: data + b"\xff\xfe rubbish\n",
    "an old line once more": lambda data: data + bytes(3) + b"\n",
}


@OWNERS
@pytest.mark.parametrize("tear", TEARS.values(), ids=TEARS)
def test_a_crash_tail(tear: Callable[[bytes], bytes], owner: bool) -> None:
    """It goes to quarantine byte for byte, the journal says so, and the chain goes on."""
    whole = _written(booting(), progressed())
    disk = _found(tear(whole))

    Writer(disk, LAYOUT, RUN, owner=owner).append(noted())

    *_, repaired, last = _records(disk)
    assert isinstance(repaired.event, JournalRepaired)
    assert (repaired.event.cause, repaired.event.offset) == ("crash_tail", len(whole))
    kept = disk.pread(disk.open(f"{LAYOUT.quarantine}/{repaired.event.quarantine}", 0), 1 << 20, 0)
    assert whole + kept == tear(whole)
    assert last.seq == 5
    assert verify(disk, LAYOUT, RUN).findings == []


@OWNERS
def test_damage_in_front_of_a_fact(owner: bool) -> None:
    """Somebody was told that the fact is durable, so no crash explains the damage: nothing is touched."""
    data = _written(booting(), noted("n" * 100), tagged())
    damaged = data.replace(b"nnn", b"mmm")
    disk = _found(damaged)

    with pytest.raises(CorruptJournal) as refused:
        Writer(disk, LAYOUT, RUN, owner=owner).append(noted())

    assert refused.value.offset == damaged.index(b'{"type":"run.noted"')
    assert disk.pread(disk.open(PATH, 0), 1 << 20, 0) == damaged
    assert disk.listdir(LAYOUT.quarantine) == []


def test_closing_a_writer_that_was_refused() -> None:
    """The refusal was told once; closing lets go without another word."""
    disk = _found(_written(booting(), noted(), tagged()).replace(b"look", b"hook"))
    writer = Writer(disk, LAYOUT, RUN)
    with pytest.raises(CorruptJournal):
        writer.append(noted())

    writer.close()

    assert disk.open_files == 0


@pytest.mark.parametrize("hole", [0, 1, 30, 59])
def test_a_stranger_and_a_hole_before_the_last_lines(hole: int) -> None:
    """Chatter of more than the stranger reads lies unsynced when the power fails, and a page of it is lost.

    Every line the stranger sees is whole; a label behind them would be acknowledged and never be read.
    """
    front = _written(booting())
    chatter = _written(booting(), *[progressed(f"{number} " + "p" * 700) for number in range(60)])[
        len(front) :
    ]
    start = len(front) + hole * 700
    data = bytearray(front + chatter)
    data[start : start + 512] = bytes(512)
    disk = _found(bytes(data))

    labelled = Writer(disk, LAYOUT, RUN).append(noted())

    assert labelled in _records(disk)
    assert verify(disk, LAYOUT, RUN).findings == []


def test_a_stranger_who_need_not_read_it_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the boot of the run's creation no power was lost, so the last lines are enough."""
    disk = _found(_written(booting(), *[progressed("p" * 700) for _ in range(200)]))
    monkeypatch.setattr(writer_module, "boot_id", lambda: BOOT)
    read: list[int] = []
    pread = disk.pread

    def noting(fd: int, length: int, at: int) -> bytes:
        read.append(at)
        return pread(fd, length, at)

    monkeypatch.setattr(disk, "pread", noting)

    Writer(disk, LAYOUT, RUN).append(noted())

    assert len([at for at in read if 0 < at < 100_000]) == 0


def test_a_first_event_that_was_cut() -> None:
    """A run whose first event never was is not found, and no event is put in front of nothing."""
    for data in (b"", _written()[:-5], bytes(300)):
        with pytest.raises(NotFound):
            Writer(_found(data), LAYOUT, RUN).append(noted())


@pytest.mark.parametrize("owner", [True, False])
def test_a_final_event_whose_seal_was_cut(owner: bool) -> None:
    """The next appender seals it first, then appends with a seal of its own."""
    data = _written(failed())
    disk = _found(data[: data.index(b'{"type":"run.sealed"')])

    Writer(disk, LAYOUT, RUN, owner=owner).append(tagged())

    kinds = [type(record.event).__name__ for record in _records(disk)]
    assert kinds == ["RunQueued", "RunFailed", "RunSealed", "RunTagged", "RunSealed"]
    assert verify(disk, LAYOUT, RUN).integrity == "sealed"


def test_a_seal_cut_in_the_middle() -> None:
    """Half a seal goes to quarantine; the end it belonged to is sealed again."""
    disk = _found(_written(failed())[:-10])

    Writer(disk, LAYOUT, RUN).append(tagged())

    kinds = [type(record.event).__name__ for record in _records(disk)]
    assert kinds[:3] == ["RunQueued", "RunFailed", "RunSealed"]
    assert kinds.count("JournalRepaired") == 1
    assert verify(disk, LAYOUT, RUN).integrity == "sealed"


@pytest.mark.parametrize(
    ("tear", "boot", "heals"),
    [
        (lambda data: data[:-9], "this", True),
        (lambda data: data[:-9], "another", True),
        (lambda data: data[:-80] + bytes(80) + b"\n", "this", False),
        (lambda data: data[:-80] + bytes(80) + b"\n", "another", True),
    ],
    ids=["cut, same boot", "cut, another boot", "NULs, same boot", "NULs, another boot"],
)
def test_damage_in_mode_process(
    tear: Callable[[bytes], bytes], boot: str, heals: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing was synced, so only another boot explains lost bytes; a cut line is explained by any kill."""
    disk = _found(tear(_written(booting(), started(), durability="process")))
    monkeypatch.setattr(writer_module, "boot_id", lambda: BOOT if boot == "this" else "another")
    writer = Writer(disk, LAYOUT, RUN)

    if heals:
        assert writer.append(noted()).seq == 4
        assert [type(record.event).__name__ for record in _records(disk)][2] == "JournalRepaired"
    else:
        with pytest.raises(CorruptJournal):
            writer.append(noted())


def test_a_writer_that_remembers_what_is_not_there_any_more() -> None:
    """It judges by the file: what another one mended meanwhile is not taken for damage."""
    disk = _found(_written(booting()))
    writer = Writer(disk, LAYOUT, RUN, owner=True).open()
    fd = disk.open(PATH, 2)
    shorter = _written()
    disk.truncate(fd, 0)
    disk.pwrite(fd, shorter, 0)
    other = Writer(disk.other(), LAYOUT, RUN)
    for _ in range(4):
        other.append(noted("x" * 70))

    assert writer.append(noted()).seq == 6
    assert verify(disk, LAYOUT, RUN).findings == []
