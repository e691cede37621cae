"""Days of a long run: its journal grows, is replaced, cut, packed, and what is kept of it is damaged.

After each step, whoever may use snapshots has to see what whoever may not sees. Thresholds are small here, so
that a few kilobytes are long.
"""

import os
import random
import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec import structs

from runlore.journal import chain, tailing
from runlore.journal import events as e
from runlore.journal.disk import REAL, RealDisk
from runlore.journal.errors import NotFound, RunloreError
from runlore.journal.layout import Layout
from runlore.journal.reader import read
from runlore.journal.values import Handle, Observation
from runlore.projections import past, registry
from runlore.projections.fold import fold
from runlore.projections.index import generations, long_runs, sqlite, version
from runlore.projections.index.refresh import make
from runlore.projections.past import Moment
from runlore.projections.registry import Row, fold_journal
from runlore.projections.status import STATUS
from runlore.runtimes.folding import RunFold
from tests.doubles.long_runs import OWNER
from tests.journal.forge import AT, OTHER_RUN, RUN, Forge
from tests.journal.packed import pack

_REST = "number, told, state, checked"
PLAIN = RealDisk()
"""Not the disk of processes that may keep an index: snapshots are not used with it."""


def small(patched: pytest.MonkeyPatch) -> None:
    """Make a few kilobytes long."""
    patched.setattr(version, "LONG", 3000)
    patched.setattr(long_runs, "SPACING", 900)
    patched.setattr(tailing, "PIECE", 700)
    patched.setattr(registry, "_FAR", 0)


class Day:
    """One run, one index, and what happens to them."""

    def __init__(self, layout: Layout, seed: int) -> None:
        self.layout, self.chance = layout, random.Random(seed)
        self.path = Path(layout.journal(RUN))
        self.forge = self._begun()
        self.kept: Path | None = None
        self.used = 0
        """How often a snapshot was there to begin from."""
        self._write()
        make(REAL, layout)

    # -- what happens

    def step(self) -> str:
        """Let something happen; return what."""
        what = self.chance.choice(
            [self.grow] * 6
            + [
                self.end,
                self.label,
                self.copy,
                self.other_history,
                self.in_place,
                self.in_place_alike,
                self.cut,
                self.tear,
                self.hurt_index,
                self.hurt_row,
                self.remove_index,
                self.keep_index,
                self.bring_back_index,
                self.pack,
                self.rewrite_text,
                self.rewrite_under_an_index,
            ]
        )
        what()
        return what.__name__

    def grow(self) -> None:
        """Append some records, at times that now and then step back."""
        if self.has_ended:
            return
        for _ in range(self.chance.randint(1, 25)):
            self._add_one()
        self._write()

    def end(self) -> None:
        """End the run; sometimes a reconciler wrote that down much later."""
        if self.has_ended:
            return
        if self.chance.random() < 0.5:
            self.forge.add(e.RunSucceeded, exit_code=0)
        else:
            late = AT + timedelta(days=9)
            seen = Observation(at=late, owner="free", command="gone")
            ended = self.chance.choice([None, AT + timedelta(seconds=self.chance.randint(0, 500))])
            self.forge.add(e.RunFailed, at=late, observation=seen, ended_at=ended)
        self.forge.seal()
        self._write()

    def label(self) -> None:
        """Label a run that has ended."""
        if self.has_ended:
            self.forge.add(e.RunTagged, tags={"n": f"{self.forge.seq}"}).seal()
            self._write()

    def copy(self) -> None:
        """Put a copy of the journal in its place: another file with the same bytes."""
        if self.path.exists():
            other = self.path.with_suffix(".new")
            shutil.copyfile(self.path, other)
            other.rename(self.path)

    def other_history(self) -> None:
        """Put another history of the run in its place, in another file."""
        self.forge = self._begun()
        self.path.unlink(missing_ok=True)
        self._write()

    def in_place(self) -> None:
        """Write another history over this one, into the same file."""
        self.forge = self._begun()
        self._write()

    def in_place_alike(self) -> None:
        """Write a history over this one, into the same file, that differs in words of the same length."""
        if self.is_packed:
            return
        lines, self.forge = self.forge.lines, Forge(RUN)
        for line in lines[:3] if lines[-1].startswith(b'{"type":"run.sealed"') else lines:
            covered = line[: -chain.TRAILER_LENGTH - 1]
            self.forge.raw(covered.replace(b'"name":"n', b'"name":"m').replace(b"echo", b"ohce"))
        self._write()

    def cut(self) -> None:
        """Cut the journal back, and let it go on otherwise."""
        if self.is_packed or len(self.forge.lines) < 6:
            return
        kept = self.chance.randint(4, len(self.forge.lines))
        lines, self.forge = self.forge.lines[:kept], Forge(RUN)
        for line in lines:
            self.forge.raw(line[: -chain.TRAILER_LENGTH - 1])
        self._write()
        self.grow()

    def tear(self) -> None:
        """Leave a part of a line at the end."""
        if not self.is_packed:
            with self.path.open("ab") as file:
                file.write(b'{"type":"run.noted","seq":')

    def rewrite_text(self) -> None:
        """Overwrite text in the middle as a redaction does: same length and `h`, another file, no index."""
        if self.is_packed:
            return
        with generations.forgotten(self.layout.index):
            self.forge.lines = [line.replace(b"step ", b"****_") for line in self.forge.lines]
            other = self.path.with_suffix(".new")
            other.write_bytes(self.forge.data)
            other.rename(self.path)
        self.kept = None  # a copy of an index is as far out of reach as a copy of the journal
        make(REAL, self.layout)

    def pack(self) -> None:
        """Pack what has ended."""
        if self.has_ended and not self.is_packed:
            pack(self.layout)

    def hurt_index(self) -> None:
        """Damage a byte of the database or its log, or cut one of them."""
        path = generations.current(self.layout.index)
        files = [Path(f"{path}{end}") for end in ("", "-wal") if path and os.path.exists(f"{path}{end}")]
        for file in files[: self.chance.randint(1, 2)]:
            data = bytearray(file.read_bytes())
            if not data:
                continue
            for _ in range(self.chance.choice([1, 1, 40])):
                data[self.chance.randrange(len(data))] ^= 1 << self.chance.randrange(8)
            if self.chance.random() < 0.2:
                del data[self.chance.randrange(len(data)) :]
            file.write_bytes(data)

    def hurt_row(self) -> None:
        """Damage what rows say, in a database that is sound."""
        path = generations.current(self.layout.index)
        if path is None or not os.path.exists(path):
            return
        statement = self.chance.choice(
            [
                "UPDATE snapshots SET state = CAST(replace(state, 'name', 'nine') AS BLOB)",
                "UPDATE snapshots SET told = CAST(replace(told, '1', '2') AS BLOB)",
                "UPDATE snapshots SET checked = x'00'",
                "DELETE FROM snapshots WHERE number = 1",
                "UPDATE snapshots SET number = 100 - number",
                "UPDATE snapshots SET state = NULL WHERE number = 0",
                f"INSERT OR REPLACE INTO snapshots SELECT '{OTHER_RUN}', {_REST} FROM snapshots",
                f"UPDATE OR REPLACE snapshots SET run_id = '{RUN}' WHERE run_id = '{OTHER_RUN}'",
                "UPDATE snapshots SET state = (SELECT state FROM snapshots WHERE number = 0)",
                "UPDATE snapshots SET told = (SELECT told FROM snapshots WHERE number = 0)",
            ]
        )
        try:
            connection = sqlite.connect(path)
            try:
                connection.execute(statement)
            finally:
                connection.close()
        except sqlite.Failed:
            return

    def rewrite_under_an_index(self) -> None:
        """The same, with an index that somebody has brought back: another file is another history."""
        if self.is_packed:
            return
        self.forge.lines = [line.replace(b"step ", b"****_") for line in self.forge.lines]
        other = self.path.with_suffix(".new")
        other.write_bytes(self.forge.data)
        self.path.rename(f"{self.path}.{self.chance.random()}")  # so that its inode is not used again
        other.rename(self.path)

    def remove_index(self) -> None:
        """Delete all that is derived; sometimes make it anew."""
        shutil.rmtree(self.layout.index, ignore_errors=True)
        if self.chance.random() < 0.8:
            make(REAL, self.layout)

    def keep_index(self) -> None:
        """Put a copy of the index aside."""
        self.kept = Path(f"{self.layout.root}.kept")
        shutil.rmtree(self.kept, ignore_errors=True)
        if os.path.isdir(self.layout.index):
            shutil.copytree(self.layout.index, self.kept)

    def bring_back_index(self) -> None:
        """Put back the copy of an earlier index."""
        if self.kept is not None and self.kept.is_dir():
            shutil.rmtree(self.layout.index, ignore_errors=True)
            shutil.copytree(self.kept, self.layout.index)

    # -- compare

    def compare(self) -> None:
        """Ask everything with and without snapshots."""
        assert fold_journal(REAL, self.layout, RUN) == fold_journal(REAL, self.layout, RUN, fresh=True)
        assert _folded(RunFold(REAL, self.layout, RUN)) == _folded(RunFold(PLAIN, self.layout, RUN))
        with long_runs.opened(REAL, self.layout, RUN) as long:
            self.used += long.last() is not None
        for wanted in self._moments():
            assert _row_at(self.layout, wanted, REAL) == _row_at(self.layout, wanted, PLAIN), wanted

    def compare_with_records(self) -> None:
        """Compare what was with a fold of the records themselves."""
        records = list(read(PLAIN, self.layout, RUN))
        for record in self.chance.sample(records, min(5, len(records))):
            state = fold(STATUS, (each.event for each in records if each.seq <= record.seq))
            row = past.row_at(REAL, self.layout, RUN, Moment(seq=record.seq))
            assert (row.state, row.head, row.size) == (state, record.head, record.offset + record.length)

    def _moments(self) -> list[Moment]:
        seqs = [self.chance.randint(1, self.forge.seq + 2) for _ in range(4)]
        times = [AT + timedelta(seconds=self.chance.randint(-2, self.forge.seq + 2)) for _ in range(4)]
        return [Moment(seq=seq) for seq in seqs] + [Moment(at=at) for at in times]

    # -- the journal

    @property
    def has_ended(self) -> bool:
        """Nothing but labels may follow."""
        return self.forge.lines[-1].startswith(b'{"type":"run.sealed"')

    @property
    def is_packed(self) -> bool:
        """It has no journal of its own."""
        return not self.path.exists()

    def _begun(self) -> Forge:
        forge = Forge(RUN).queued(name=f"n{self.chance.randrange(9)}", tags={"a": "b"})
        forge.add(e.RunBooting, epoch=1, runtime="background", owner=OWNER)
        return forge

    def _add_one(self) -> None:
        forge, chance = self.forge, self.chance
        at = AT + timedelta(seconds=forge.seq)
        if chance.random() < 0.1:
            at -= timedelta(seconds=chance.randint(1, 60))
        kind = chance.choice(["progress"] * 6 + ["note", "tag", "rename", "checkpoint", "started"])
        match kind:
            case "progress":
                forge.add(e.RunProgressed, at=at, fraction=chance.random(), message=f"step {forge.seq}")
            case "note":
                forge.add(e.RunNoted, at=at, text="x" * chance.randint(1, 1500))
            case "tag":
                forge.add(e.RunTagged, at=at, tags={f"t{chance.randrange(5)}": f"{forge.seq}"})
            case "rename":
                forge.add(e.RunRenamed, at=at, name=f"n{forge.seq}")
            case "checkpoint":
                forge.add(e.RunCheckpointed, at=at, name=f"c{forge.seq}", path="/x")
            case _:
                forge.add(e.RunStarted, at=at, handle=Handle(pid=7))

    def _write(self) -> None:
        """Make the file hold the journal: append to it where that is enough, else write it over."""
        data = self.forge.data
        try:
            there = self.path.read_bytes()
        except FileNotFoundError:
            there = b""
            shutil.rmtree(self.layout.packs, ignore_errors=True)  # this one supersedes what was packed
        if data.startswith(there):
            with self.path.open("ab") as file:
                file.write(data[len(there) :])
        else:
            self.path.write_bytes(data)


def _folded(folded: RunFold) -> object:
    try:
        folded.advance()
    except NotFound:
        return None
    tail = structs.replace(folded.tail, status=None)
    return folded.state, tail, folded.verdict


def _row_at(layout: Layout, wanted: Moment, disk: RealDisk) -> Row | tuple[type, str]:
    try:
        return past.row_at(disk, layout, RUN, wanted)
    except RunloreError as error:
        return type(error), str(error)
