"""Several writers, processes and files behind one journal."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from runlore.journal.disk import REAL
from runlore.journal.errors import JournalIO, NewerFormat
from runlore.journal.events import JournalRepaired, RunNoted, RunQueued
from runlore.journal.layout import Layout
from runlore.journal.repair import repair
from runlore.journal.values import Seq
from runlore.journal.verify import verify
from runlore.journal.writer import Writer
from tests.doubles.drafts import booting, failed, noted, progressed, queued, tagged
from tests.journal.journals import RUN, ended_run, events, kinds, new_run, overwrite, raw, registry


@pytest.fixture
def layout(registry_root: Path) -> Layout:
    return registry(registry_root)


def test_two_writers_take_turns(layout: Layout) -> None:
    """Each finds what the other appended, and carries the chain on."""
    one, other = new_run(layout), Writer(REAL, layout, RUN)

    seqs = [writer.append(noted()).seq for writer in (one, other, other, one, other)]

    assert seqs == [2, 3, 4, 5, 6]
    assert verify(REAL, layout, RUN).findings == []


def test_a_stranger_who_labels_a_long_journal(layout: Layout) -> None:
    """Who reads only the last lines still knows the seq, the chain and that the run has ended."""
    writer = new_run(layout)
    for number in range(300):
        writer.append(progressed(f"{number} " + "x" * 500))
    writer.append(failed())
    writer.close()

    record = Writer(REAL, layout, RUN).append(tagged())

    assert record.seq == 304
    assert verify(REAL, layout, RUN).integrity == "sealed"


@pytest.mark.parametrize("length", [10, 3_000, 30_000, 200_000])
@pytest.mark.parametrize("ended", [False, True])
def test_a_stranger_and_lines_of_any_length(layout: Layout, length: int, ended: bool) -> None:
    """However long the last lines are, a stranger finds a place to begin, or reads all of it."""
    writer = new_run(layout)
    for _ in range(6):
        writer.append(noted("x" * length))
    if ended:
        writer.append(failed())
    writer.close()

    stranger = Writer(REAL, layout, RUN).open()

    assert (stranger.tail.ended, stranger.tail.sealed) == (ended, ended)
    assert stranger.append(tagged()).seq == stranger.tail.seq - int(ended)
    assert verify(REAL, layout, RUN).findings == []


def test_an_owner_after_a_stranger_ended_nothing(layout: Layout) -> None:
    """A stranger's labels leave the owner's view of the lifecycle alone."""
    owner = new_run(layout)
    Writer(REAL, layout, RUN).append(tagged())

    owner.append(booting())

    assert owner.tail.status == "booting"


def test_a_journal_that_was_replaced(layout: Layout) -> None:
    """A writer whose file has lost its name follows to the one that bears it now."""
    writer = new_run(layout)
    path = layout.journal(RUN)
    with open(f"{path}.copy", "wb") as file:
        file.write(raw(layout))
    os.rename(f"{path}.copy", path)

    writer.append(noted("behind the copy"))

    assert kinds(layout) == ["run.queued", "run.noted"]


def test_a_journal_that_was_moved_away(layout: Layout) -> None:
    """Nothing is acknowledged into a file that nobody will find again."""
    writer = new_run(layout)
    os.unlink(layout.journal(RUN))

    with pytest.raises(LookupError):
        writer.append(noted())


def test_a_repair_under_a_live_writer(layout: Layout) -> None:
    """A writer that remembers more than a repair left reads the journal anew, and loses no event."""
    owner = new_run(layout)
    for _ in range(3):
        owner.append(noted("n" * 50))
    overwrite(layout, raw(layout).replace(b"nnn", b"mmm", 1))
    repair(REAL, layout, RUN)
    acknowledged = Writer(REAL, layout, RUN).append(noted("x" * 2000))

    owner.append(booting())

    found = events(layout)
    assert [type(event) for event in found][1] is JournalRepaired
    assert acknowledged.event in found
    assert owner.tail.seq == len(found)


def test_a_foreign_hand_appends_without_a_newline(layout: Layout) -> None:
    """`printf >> journal` is a torn line: it goes to quarantine, and the chain carries on."""
    writer = new_run(layout)
    with open(layout.journal(RUN), "ab") as file:
        file.write(b"hello")

    writer.append(noted())

    assert kinds(layout) == ["run.queued", "journal.repaired", "run.noted"]
    (kept,) = Path(layout.quarantine).iterdir()
    assert kept.read_bytes() == b"hello"


def test_a_newer_format(layout: Layout) -> None:
    """What a newer release wrote is refused for writing, and not a byte of it changes."""

    def newer(seq: Seq, at: object) -> RunQueued:
        event = queued(RUN)(seq, at)  # type: ignore[arg-type]
        assert isinstance(event, RunQueued)
        return type(event)(**{name: getattr(event, name) for name in event.__struct_fields__} | {"format": 2})

    Writer.create(REAL, layout, RUN, newer).close()
    before = raw(layout)

    for owner in (True, False):
        with pytest.raises(NewerFormat):
            Writer(REAL, layout, RUN, owner=owner).append(noted())

    assert raw(layout) == before


FORK = """
import os, sys
from runlore.journal.disk import REAL
from runlore.journal.layout import Layout
from runlore.journal.errors import JournalIO
from runlore.journal.writer import Writer
from tests.doubles.drafts import noted
from tests.journal.journals import RUN

writer = Writer(REAL, Layout(sys.argv[1]), RUN)
writer.append(noted("parent"))
os.fstat(writer._file.fd)
fd = writer._file.fd
child = os.fork()
if child == 0:
    try:
        writer.append(noted("child"))
    except JournalIO:
        try:
            os.fstat(fd)
        except OSError:
            os._exit(7)
    os._exit(1)
_, status = os.waitpid(child, 0)
writer.append(noted("parent again"))
sys.exit(os.waitstatus_to_exitcode(status))
"""


def test_a_forked_child_with_its_parents_writer(layout: Layout) -> None:
    """The child's copy refuses and holds no descriptor, so no lock; the parent goes on."""
    new_run(layout).close()
    root = str(Path(__file__).resolve().parents[2])

    done = subprocess.run([sys.executable, "-c", FORK, layout.root], cwd=root, check=False)

    assert done.returncode == 7
    assert [event.text for event in events(layout) if isinstance(event, RunNoted)] == [
        "parent",
        "parent again",
    ]


def test_a_writer_that_was_closed(layout: Layout) -> None:
    """Closing lets go of the descriptor; appending opens the journal again."""
    writer = new_run(layout)
    writer.close()
    writer.close()

    assert writer.append(noted()).seq == 2


def test_a_writer_on_a_folder_that_became_unreadable(layout: Layout) -> None:
    """An error of the disk is an error of ours, with the path and what the kernel said."""
    ended_run(layout)
    path = layout.journal(RUN)
    os.unlink(path)
    os.mkdir(path)

    with pytest.raises(JournalIO, match="directory"):
        Writer(REAL, layout, RUN).append(noted())
