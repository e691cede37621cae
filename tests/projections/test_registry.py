"""Folding a root: every journal has its row, whatever state one of them is in."""

import errno
import os
from pathlib import Path

import pytest

from runlore.journal import codec
from runlore.journal.disk import REAL, Disk
from runlore.journal.errors import NotFound
from runlore.journal.events import RunNoted, RunProgressed, RunSucceeded
from runlore.journal.layout import Layout
from runlore.journal.values import RunId
from runlore.projections.fold import fold
from runlore.projections.registry import fold_journal, fold_registry
from runlore.projections.status import STATUS
from tests.journal.forge import AT, OTHER_RUN, RUN, Forge


@pytest.fixture
def layout(registry_root: Path) -> Layout:
    """A root with a folder for journals."""
    (registry_root / "journals").mkdir()
    return Layout(str(registry_root))


def put(layout: Layout, run_id: RunId, data: bytes) -> None:
    """Place a journal by hand."""
    Path(layout.journal(run_id)).write_bytes(data)


def ended(run_id: RunId) -> Forge:
    """A finished, sealed journal."""
    return Forge(run_id).queued(name="nightly").add(RunSucceeded, exit_code=0).seal()


def test_a_row_is_the_fold_of_its_journal(layout: Layout) -> None:
    """State, head and size are those of the whole journal."""
    forge = ended(RUN)
    put(layout, RUN, forge.data)

    row = fold_journal(REAL, layout, RUN)

    assert row is not None
    assert row.state == fold(STATUS, codec.decode_lines(forge.data))
    assert (row.head, row.size, row.problem) == (forge.head, len(forge.data), None)
    assert (row.name, row.status, row.tags, row.created_at) == ("nightly", "succeeded", {}, AT)
    assert row.candidate.name == "nightly"


def test_a_journal_larger_than_a_piece_is_folded_whole(layout: Layout) -> None:
    """Long journals are read in pieces that never cut an event."""
    forge = Forge(RUN).queued()
    for _ in range(2000):
        forge.add(RunProgressed, message="x" * 99)
    put(layout, RUN, forge.data)

    row = fold_journal(REAL, layout, RUN)

    assert row is not None
    assert (row.state.seq, row.head) == (2001, forge.head)


def test_rows_come_in_the_order_of_their_ids(layout: Layout) -> None:
    """The same root always gives the same rows in the same order; other files are no journals."""
    names = [RunId(f"20261120-20140{second}-k3f9x2ab") for second in (3, 1, 2)]
    for name in names:
        put(layout, name, ended(name).data)
    Path(layout.journals, "notes.txt").write_text("not a journal")

    found = fold_registry(REAL, layout)

    assert [row.run_id for row in found.rows] == sorted(names)
    assert found.unborn == ()


def test_a_crash_tail_is_no_problem(layout: Layout) -> None:
    """A cut last line means "not yet": the run is shown up to there, and nothing is wrong with it."""
    forge = Forge(RUN).queued().add(RunNoted, text="x")
    put(layout, RUN, forge.data[:-5])

    row = fold_journal(REAL, layout, RUN)

    assert row is not None
    assert (row.state.seq, row.problem, row.size) == (1, None, len(forge.lines[0]))


def test_lost_progress_behind_the_end_is_no_problem(layout: Layout) -> None:
    """Unsynced reports that a power cut damaged were promised to nobody."""
    forge = Forge(RUN).queued().add(RunProgressed, message="x")
    put(layout, RUN, forge.data + b"\0" * 40 + b"\n")

    row = fold_journal(REAL, layout, RUN)

    assert row is not None
    assert (row.state.seq, row.problem) == (2, None)


@pytest.mark.parametrize(
    ("damage", "kept", "seq", "offset_of"),
    [
        (lambda lines: [lines[0], b"{}\n", *lines[2:]], 1, 2, 1),
        (lambda lines: [lines[0], *lines[2:]], 1, 2, 1),
        (lambda lines: [b"\0" * 10 + b"\n", *lines[1:]], 0, 1, 0),
    ],
    ids=["overwritten", "removed", "first line gone"],
)
def test_a_damaged_journal_is_a_row_with_its_problem(
    layout: Layout, damage: object, kept: int, seq: int, offset_of: int
) -> None:
    """What stands before the damage is shown, and where it is; the rest is not guessed."""
    forge = Forge(RUN).queued(name="n").add(RunNoted, text="x").add(RunNoted, text="y")
    put(layout, RUN, b"".join(damage(forge.lines)))  # type: ignore[operator]  # one of the functions above

    row = fold_journal(REAL, layout, RUN)

    assert row is not None
    assert row.problem is not None
    assert (row.problem.kind, row.problem.seq) == ("damaged", seq)
    assert row.problem.offset == sum(map(len, forge.lines[:offset_of]))
    assert (row.state.seq, row.run_id, row.state.run_id) == (kept, RUN, RUN)


def test_a_journal_of_another_run_is_a_problem(layout: Layout) -> None:
    """A file under the wrong name shows nothing of the run it holds."""
    put(layout, RUN, ended(OTHER_RUN).data)

    row = fold_journal(REAL, layout, RUN)

    assert row is not None
    assert row.problem is not None
    assert "20261120-201401-0123abcd" in row.problem.detail
    assert (row.run_id, row.status, row.name) == (RUN, None, None)


def test_one_bad_journal_hides_no_other(layout: Layout) -> None:
    """Damaged, empty, unreadable or good: each is its own row or its own note."""
    bad, empty, torn, folder = (RunId(f"20261120-20140{n}-k3f9x2ab") for n in range(1, 5))
    put(layout, RUN, ended(RUN).data)
    put(layout, bad, b"not json\n" + ended(bad).data)
    put(layout, empty, b"")
    put(layout, torn, ended(torn).data[:40])
    Path(layout.journal(folder)).mkdir()

    found = fold_registry(REAL, layout)

    problems = {row.run_id: row.problem and row.problem.kind for row in found.rows}
    assert problems == {RUN: None, bad: "damaged", folder: "unreadable"}
    assert found.unborn == (empty, torn)


def test_a_run_removed_meanwhile_is_left_out(layout: Layout) -> None:
    """A listing is of what is there; what went away in between is no error."""
    put(layout, RUN, ended(RUN).data)

    found = fold_registry(REAL, layout, only=[OTHER_RUN, RUN])

    assert [row.run_id for row in found.rows] == [RUN]
    with pytest.raises(NotFound):
        fold_journal(REAL, layout, OTHER_RUN)


def test_a_root_without_journals_is_not_found(registry_root: Path) -> None:
    """Asking the wrong folder says what to do."""
    with pytest.raises(NotFound, match=r"no registry at .*runlore init"):
        fold_registry(REAL, Layout(str(registry_root)))


class FailingReads:
    """A disk that cannot read behind the first piece of a file."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk

    def __getattr__(self, name: str) -> object:
        return getattr(self._disk, name)

    def pread(self, fd: int, length: int, offset: int) -> bytes:
        if offset:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return self._disk.pread(fd, length, offset)


def test_a_read_error_keeps_what_was_read(layout: Layout) -> None:
    """A bad sector is never taken for the end: the row says so, and shows the part before."""
    forge = Forge(RUN).queued(name="n")
    for _ in range(2000):
        forge.add(RunProgressed, message="x" * 99)
    put(layout, RUN, forge.data)

    row = fold_journal(FailingReads(REAL), layout, RUN)  # type: ignore[arg-type]  # the rest is the disk's

    assert row is not None
    assert row.problem is not None
    assert (row.problem.kind, row.name) == ("unreadable", "n")
    assert "Input/output error" in row.problem.detail
    assert 1 < row.state.seq < 2001


def test_folding_writes_nothing(layout: Layout) -> None:
    """Readers never write: a root is the same after it was listed."""
    put(layout, RUN, ended(RUN).data + b"torn")
    before = {path: path.stat().st_mtime_ns for path in Path(layout.root).rglob("*")}

    fold_registry(REAL, layout)

    assert {path: path.stat().st_mtime_ns for path in Path(layout.root).rglob("*")} == before
