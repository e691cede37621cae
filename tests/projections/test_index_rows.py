"""Rows of the index: made in one look or closely, put in at once or one by one, they say the same."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import pytest

from runlore.journal.disk import REAL
from runlore.journal.events import (
    RunFailed,
    RunProgressed,
    RunRenamed,
    RunSucceeded,
    RunTagged,
)
from runlore.journal.layout import Layout
from runlore.journal.tailing import PIECE
from runlore.journal.values import Origin, Reason, Recipe, RunId
from runlore.projections.index import generations
from runlore.projections.index.entry import Entry, entry
from runlore.projections.index.filling import BATCH, fill
from runlore.projections.index.packed import PackedRuns, seen
from runlore.projections.index.plain import plain_entry
from runlore.projections.index.rows import entry_of, piece
from runlore.projections.index.store import Store
from runlore.projections.index.survey import Place
from runlore.projections.registry import fold_journal
from tests.doubles.drafts import new_run_id, tagged
from tests.doubles.recorder import recording
from tests.journal.forge import AT_TEXT, OTHER_RUN, RUN, Forge
from tests.journal.journals import registry
from tests.journal.packed import append, pack, packs

ODD_RECIPE: Final = Recipe(argv=("sh", "-c", "echo 'größe' $HOME", "", "a\tb"), cwd="/")


def ended(**fields: object) -> Forge:
    """A finished, sealed journal."""
    return Forge().queued(**fields).add(RunSucceeded, exit_code=0).seal()


def long() -> Forge:
    """A journal that is just too long for one look."""
    forge = Forge().queued()
    while len(forge.data) <= PIECE:
        forge.add(RunProgressed, message="x" * 2000)
    return forge.add(RunSucceeded, exit_code=0).seal()


PLAIN: Final[dict[str, Callable[[], bytes]]] = {
    "sealed": lambda: ended().data,
    "named and tagged": lambda: (
        ended(name="größe", key="k", tags={"a": "", "ä": "b c"}, parent=OTHER_RUN, recipe=ODD_RECIPE).data
    ),
    "from elsewhere": lambda: ended(origin=Origin(kind="imported", external_id="77")).data,
    "failed": lambda: (
        Forge().queued().add(RunFailed, exit_code=3, reason=Reason(code="exit_nonzero", text="3")).seal().data
    ),
    "tagged after its end": lambda: ended().add(RunTagged, tags={"late": "yes"}).seal().data,
    "renamed": lambda: Forge().queued(name="a").add(RunRenamed, name="").add(RunSucceeded).seal().data,
}
ODD: Final[dict[str, Callable[[], bytes]]] = {
    "empty": lambda: b"",
    "a torn first line": lambda: ended().data[:40],
    "a torn last line": lambda: ended().data[:-1],
    "bytes behind the seal": lambda: ended().data + b'{"type":"run.noted"',
    "goes on": lambda: Forge().queued().add(RunProgressed, message="running").data,
    "ended without a seal": lambda: Forge().queued().add(RunSucceeded, exit_code=0).data,
    "a seal in the middle": lambda: ended().add(RunTagged, tags={"late": "yes"}).data,
    "sealed before its end": lambda: Forge().queued().seal().data,
    "another run's": lambda: Forge(OTHER_RUN).queued().add(RunSucceeded, exit_code=0).seal().data,
    "without a beginning": lambda: b"".join(ended().lines[1:]),
    "a gap": lambda: b"".join([*ended().lines[:1], *ended().lines[2:]]),
    "a blank line": lambda: b"\n".join(ended().lines),
    "two events on a line": lambda: b"".join([ended().lines[0][:-1], *ended().lines[1:]]),
    "an event of a later release": lambda: (
        (Forge().queued().raw(b'{"type":"run.dreamt","seq":2,"at":"%s"' % AT_TEXT.encode()).add(RunSucceeded))
        .seal()
        .data
    ),
    "bad UTF-8": lambda: ended().data.replace(b"echo", b"ech\xff"),
    "a wrong type": lambda: Forge().queued().text('"text":7').add(RunSucceeded, exit_code=0).seal().data,
    "a NUL in a name": lambda: ended(name="a\0b").data,
    "a NUL in a tag": lambda: ended(tags={"a": "\0"}).data,
    "continues a pack": lambda: Forge().continued(after=ended()).add(RunTagged, tags={"a": ""}).seal().data,
    "longer than one look": lambda: long().data,
}


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A registry without runs."""
    return registry(tmp_path / "registry")


def closely(layout: Layout, run_id: RunId) -> Entry | None:
    """The row by the fold that listings show."""
    looks, row = seen(REAL, layout, run_id), fold_journal(REAL, layout, run_id)
    assert looks is not None
    return Entry(run_id, looks.signature) if row is None else entry(row, looks.signature, looks.end)


@pytest.mark.parametrize("case", PLAIN)
def test_a_plain_journal_is_a_row_after_one_look(layout: Layout, case: str) -> None:
    """And the row is the one that the fold gives."""
    Path(layout.journal(RUN)).write_bytes(PLAIN[case]())

    made = plain_entry(REAL, RUN, layout.journal(RUN))

    assert made is not None
    assert made.columns
    assert made == closely(layout, RUN)


@pytest.mark.parametrize("case", ODD)
def test_an_odd_journal_is_looked_at_closely(layout: Layout, case: str) -> None:
    """What is damaged, torn, unfinished or long is left to whoever can say what it is."""
    Path(layout.journal(RUN)).write_bytes(ODD[case]())

    assert plain_entry(REAL, RUN, layout.journal(RUN)) is None
    assert entry_of(REAL, layout, RUN) == closely(layout, RUN)


class Meddled:
    """The disk of somebody who is disturbed once, right after he has read a history for the first time."""

    def __init__(self, meddle: Callable[[], object]) -> None:
        self._meddle = [meddle]

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any call of a disk
        return getattr(REAL, name)

    def pread(self, fd: int, length: int, offset: int) -> bytes:
        """Read, and let the other one do what he does."""
        data = REAL.pread(fd, length, offset)
        while self._meddle:
            self._meddle.pop()()
        return data


@pytest.mark.parametrize("how", ["grows", "is touched", "is replaced", "is removed"])
def test_a_journal_that_moves_under_the_look_is_no_row(layout: Layout, how: str) -> None:
    """What was read may not be all, or not that any more."""
    path = Path(layout.journal(RUN))
    path.write_bytes(ended().data)

    def meddle() -> None:
        if how == "grows":
            path.write_bytes(ended().add(RunTagged, tags={"late": "yes"}).seal().data)
        elif how == "is touched":
            os.utime(path, ns=(1, 1))
        else:
            path.rename(layout.journal(OTHER_RUN))
            if how == "is replaced":
                path.write_bytes(ended(name="another").data)

    assert plain_entry(Meddled(meddle), RUN, str(path)) is None


def test_a_journal_that_is_being_appended_to_is_no_row(layout: Layout) -> None:
    """Its bytes are right, and may be about to change."""
    path = layout.journal(RUN)
    Path(path).write_bytes(ended().data)
    fd = REAL.open(path, os.O_RDWR)
    REAL.lock(fd)

    assert plain_entry(REAL, RUN, path) is None

    REAL.close(fd)
    assert plain_entry(REAL, RUN, path) is not None


def test_rows_put_in_at_once_are_those_put_in_one_by_one(layout: Layout) -> None:
    """More than a batch of them, settled and not, with and without a value in each column."""
    made: list[Entry] = []
    for number in range(BATCH + 3):
        run_id = new_run_id(number)
        made.append(Entry(run_id, (number, -1, 7)))
        if number % 3:
            columns = tuple(None if at % 3 == number % 2 else at for at in range(17))
            made[-1] = Entry(run_id, (number, 9, 7), columns, (("a", ""), ("b", str(number)))[: number % 4])
    at_once, one_by_one = (generations.begin(layout.index) for _ in range(2))

    fill(at_once, iter(made), Place())
    fill(one_by_one, iter(()), Place())
    store = Store(one_by_one)
    assert store.commit(store.begin(), made, (), Place())
    store.close()

    assert kept(at_once) == kept(one_by_one)
    gone = [each.run_id for each in made]
    store = Store(one_by_one)
    assert store.commit(store.begin(), (), gone[1:], Place())
    left = store.begin(), list(store.select("SELECT * FROM kinds"))
    store.close()
    assert left[1] == []


def kept(path: str) -> tuple[list[Entry], list[Sequence[object]]]:
    """Every row, by run, and how many there are of each status and kind."""
    store = Store(path)
    try:
        rows, counts = store.entries(), list(store.select("SELECT status, runs FROM counts"))
        kinds = list(store.select("SELECT * FROM kinds"))
    finally:
        store.close()
    return sorted(rows, key=lambda each: each.run_id), sorted([*counts, *kinds], key=repr)


def packed_registry(layout: Layout, count: int = 5) -> list[RunId]:
    """Pack runs of two days, of which the second one goes on in a journal, and return them all."""
    run_ids = [RunId(f"2026112{number % 2}-20140{number}-k3f9x2ab") for number in range(count)]
    for number, run_id in enumerate(run_ids):
        forge = Forge(run_id).queued(name=f"run {number}").add(RunSucceeded, exit_code=0).seal()
        Path(layout.journal(run_id)).write_bytes(forge.data)
    pack(layout)
    append(layout, run_ids[1], tagged())
    return sorted(run_ids)


def test_packed_runs_are_rows_together(layout: Layout) -> None:
    """Each as if it were looked at closely, and a run that is nowhere has none."""
    run_ids = [*packed_registry(layout), new_run_id(9)]

    made = piece(REAL, layout, run_ids, PackedRuns(REAL, layout))

    assert made == [*(closely(layout, run_id) for run_id in run_ids[:-1]), None]
    assert sum(bool(each and each.columns) for each in made) == len(run_ids) - 1


def test_a_pack_is_opened_once_for_a_piece(layout: Layout) -> None:
    """However many of its runs are in the piece."""
    run_ids = packed_registry(layout)
    disk, recorder = recording(REAL)

    piece(disk, layout, run_ids, PackedRuns(disk, layout))

    opened = [call.arguments[0] for call in recorder.named("open")]
    assert opened.count(str(packs(layout)[0])) == 1


def test_a_pack_that_moves_under_the_look_is_read_again(layout: Layout) -> None:
    """The rows of its day are those of the pack that is there then."""
    run_ids = packed_registry(layout)
    path = packs(layout)[0]
    os.utime(path, ns=(1, 1))  # a change right after it was made might have the same time
    other = path.read_bytes().replace(b'"run 2"', b'"run X"')
    meddled = Meddled(lambda: path.write_bytes(other))

    made = piece(meddled, layout, run_ids, PackedRuns(REAL, layout))

    assert made == [closely(layout, run_id) for run_id in run_ids]
    assert "run X" in {each.columns[2] for each in made if each and each.columns}
