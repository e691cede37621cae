"""Take a value out of a run that recorded it by mistake: the one permitted rewrite.

The index goes before anything else, and none is made until all is done: it holds labels and commands.
The journal comes next and tells in the same step what is being redacted; the run's other files follow,
in the trash if the run was removed.
Whatever a crash leaves undone, doing it again finds and completes. Both locks are held: nobody owns the
run, or moves its folder, and nobody appends to its journal while it is replaced.
docs/how-to/remove-a-secret.md
"""

import os
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, closing
from datetime import datetime
from itertools import islice
from typing import Final

from msgspec import Struct, structs

from runlore.journal import packing
from runlore.journal.disk import Disk
from runlore.journal.errors import BadInput, Busy, JournalIO, NotFound, RunloreError
from runlore.journal.events import TextRedacted
from runlore.journal.layout import Layout
from runlore.journal.overwrite import Overwriter, mark
from runlore.journal.rewrite import changed_seqs, drop_halves, packed_seqs, rewrite
from runlore.journal.sought import Sought
from runlore.journal.values import Actor, RunId, Seq
from runlore.journal.writer import Writer
from runlore.projections.index import generations
from runlore.projections.secret_views import RedactedPlaceView, RedactView
from runlore.runtimes import import_staging
from runlore.runtimes import redact_blobs as blobs
from runlore.runtimes import redact_places as places
from runlore.runtimes.folding import RunFold
from runlore.runtimes.owner_lock import OwnerLock
from runlore.runtimes.redact_blobs import NewBlob
from runlore.runtimes.redact_packs import found_in_packs
from runlore.runtimes.redact_places import Place
from runlore.runtimes.redact_rest import still_there
from runlore.runtimes.run_places import folders_of, paths_of

LOCK: Final = "owner.lock"
SHORTEST: Final = 4
"""Bytes of a value; what is shorter stands in every run by chance."""
LONGEST: Final = 1 << 16
OUT_OF_REACH: Final = (
    "copies that were exported, printed or sent elsewhere",
    "backups, snapshots and old blocks of the disk",
    "guesses: whoever has an `h` of before can still test a short value against it",
)
_MARK_LENGTHS: Final = (9, 64)


class _Found(Struct, frozen=True):
    """Everything that holds a value and is to be rewritten."""

    seqs: tuple[Seq, ...]
    blob: NewBlob | None
    unfinished: list[str]
    """Old blobs that an interrupted redaction was to remove."""
    places: list[Place]
    shared: list[str] = []
    """Old blobs that other runs need."""

    @property
    def is_empty(self) -> bool:
        return not (self.seqs or self.blob or self.unfinished or self.places)


class Redaction:
    """One run, and the values that are to go.

    Raises, from the constructor:
        BadInput: a value is none; the message holds nothing of it.
    """

    def __init__(
        self,
        disk: Disk,
        layout: Layout,
        run_id: RunId,
        values: Sequence[str | bytes],
        *,
        by: Actor,
        why: str = "",
    ) -> None:
        self._disk, self._layout, self._run_id, self._by = disk, layout, run_id, by
        self._sought = Sought(checked(values))
        self._why = self._sought.text(why)

    def plan(self) -> RedactView:
        """Return what would be rewritten, and what would still hold a value; reads only.

        Raises:
            Busy: the run is live. NotFound: no such run. JournalIO: the disk refused.
            BadInput: a value stands where there is no text.
        """
        try:
            self._require_ended(is_owned=self._is_held(LOCK))
            return self._view(self._find(most=None), applied=False)
        except OSError as error:
            raise self._refused(error) from error

    def apply(self) -> RedactView:
        """Return what was rewritten, durably, and what still holds a value.

        Raises:
            As `plan` does. NotPermitted, CorruptJournal, NewerFormat: the journal may not be written.
        """
        try:
            import_staging.finish_in_passing(self._disk, self._layout)  # it may hold a copy of the journal
            with ExitStack() as held:
                self._take(held)
                self._require_ended(is_owned=False)
                self._take_packs(held)
                places.drop_halves(self._disk, self._layout, self._run_id)
                self._heal()
                found = self._find(most=1)
                if found.is_empty:
                    return self._view(found, applied=False)
                held.enter_context(generations.forgotten(self._layout.index, self._disk))
                return self._view(self._rewrite(found), applied=True)
        except OSError as error:
            raise self._refused(error) from error

    def _find(self, *, most: int | None) -> _Found:
        """Return what holds a value; of the journal's lines the first `most`, which is all it takes."""
        disk, layout, run_id, spans = self._disk, self._layout, self._run_id, self._sought.spans
        blob = blobs.overwritten(disk, layout, run_id, spans)
        overwriter = self._overwriter(blob)
        return _Found(
            seqs=self._changed(overwriter, most),
            blob=blob,
            unfinished=blobs.to_go(disk, layout, run_id),
            places=[
                *found_in_packs(disk, layout, run_id, overwriter),
                *places.found_in(disk, layout, run_id, spans),
            ],
        )

    def _changed(self, overwriter: Overwriter, most: int | None) -> tuple[Seq, ...]:
        with closing(changed_seqs(self._disk, self._layout, self._run_id, overwriter)) as seqs:
            return tuple(islice(seqs, most))

    def _overwriter(self, blob: NewBlob | None) -> Overwriter:
        return Overwriter(self._sought.spans, {blob.old: blob.new} if blob else None)

    def _rewrite(self, found: _Found) -> _Found:
        disk, layout, run_id = self._disk, self._layout, self._run_id
        if found.blob is not None:
            blobs.store(disk, layout, run_id, found.blob)
        what = _what(found)

        def told(seqs: tuple[Seq, ...], seq: Seq, at: datetime) -> TextRedacted:
            return TextRedacted(seq=seq, at=at, by=self._by, seqs=seqs, what=what, why=self._why)

        seqs = found.seqs
        if seqs or found.places:
            try:
                overwriter = self._overwriter(found.blob)
                packed = packed_seqs(disk, layout, run_id, overwriter)
                seqs = rewrite(disk, layout, run_id, overwriter, told, packed)
            except BadInput:
                blobs.drop_old(disk, layout, run_id)  # nothing is to go after all
                raise
        for place in found.places:
            place.rewrite()
        return structs.replace(found, seqs=seqs, shared=blobs.drop_old(disk, layout, run_id))

    def _heal(self) -> None:
        """Have a crash tail moved to quarantine, where it is searched like everything there."""
        if not self._has_journal():  # what is packed was whole
            drop_halves(self._disk, self._layout, self._run_id)
            return
        writer = Writer(self._disk, self._layout, self._run_id, owner=True)
        try:
            writer.open()
        finally:
            writer.close()

    # -- who else is there

    def _take(self, held: ExitStack) -> None:
        """Hold the owner lock wherever the run's folder lies, which does not move from then on."""
        taken: list[str] = []
        while (folders := folders_of(self._layout, self._run_id)) != taken:
            for folder in folders:
                if folder not in taken:
                    self._take_in(folder, held)
            taken = folders

    def _take_in(self, folder: str, held: ExitStack) -> None:
        """Hold the lock there; a run that has ended and has none can have no owner any more."""
        try:
            held.enter_context(OwnerLock.take(self._disk, self._layout, self._run_id, folder=folder))
        except Busy:
            raise self._is_live() from None
        except NotFound:
            if not self._has_ended():
                raise

    def _take_packs(self, held: ExitStack) -> None:
        """Have nobody copy the run into a pack, or rewrite a pack, meanwhile; drop halves of packs."""
        held.enter_context(packing.pack_lock(self._disk, self._layout, wait=True))
        packing.tidy(self._disk, self._layout)

    def _has_journal(self) -> bool:
        try:
            self._disk.stat_path(self._layout.journal(self._run_id))
        except FileNotFoundError:
            return False
        return True

    def _require_ended(self, *, is_owned: bool) -> None:
        """Return if nothing of the run can write to its files any more."""
        if is_owned:
            raise self._is_live()
        if self._is_held("tree.lock") and not self._has_ended():
            raise Busy(
                f"run {self._run_id} has no keeper, but its command lives: `runlore stop {self._run_id}` "
                "ends it; redact it afterwards"
            )

    def _is_live(self) -> Busy:
        run_id = self._run_id
        return Busy(
            f"run {run_id} is live, and its keeper still writes: wait for its end (`runlore wait {run_id}`) "
            f"or stop it (`runlore stop {run_id}`), and redact it then"
        )

    def _has_ended(self) -> bool:
        folded = RunFold(self._disk, self._layout, self._run_id)
        folded.advance()
        return folded.has_ended()

    def _is_held(self, lock: str) -> bool:
        return any(map(self._is_locked, paths_of(self._layout, self._run_id, lock)))

    def _is_locked(self, path: str) -> bool:
        try:
            fd = self._disk.open(path, os.O_RDONLY | os.O_NONBLOCK)
        except FileNotFoundError:
            return False
        try:
            return self._disk.is_locked(fd)
        finally:
            self._disk.close(fd)

    # -- what is said

    def _view(self, found: _Found, *, applied: bool) -> RedactView:
        root = f"{self._layout.root}/"
        rest = still_there(self._disk, self._layout, self._run_id, self._sought, found.shared)
        rewritten = [
            RedactedPlaceView(kind=place.kind, path=place.path.removeprefix(root), count=place.count)
            for place in found.places
        ]
        old = [found.blob.old] if found.blob else found.unfinished
        rewritten += [RedactedPlaceView(kind="recipe", path=f"blobs/{digest}", count=1) for digest in old]
        gone: set[str] = set() if applied else {place.path for place in rewritten}
        return RedactView(
            run_id=self._run_id,
            applied=applied,
            seqs=list(found.seqs),
            places=rewritten,
            still_there=[each for each in rest if each.path not in gone],
            out_of_reach=list(OUT_OF_REACH),
            why=self._why,
        )

    def _refused(self, error: OSError) -> RunloreError:
        if isinstance(error, RunloreError):
            return error
        if isinstance(error, FileNotFoundError):
            return NotFound(f"run {self._run_id} has no journal in {self._layout.journals}")
        return JournalIO(
            f"run {self._run_id}: {error.strerror or error}; it may not be redacted wholly: do it again"
        )


def checked(values: Iterable[str | bytes]) -> list[bytes]:
    """Return the values as bytes, each once.

    Raises:
        BadInput: there is none, or one is empty, too short, too long, or part of what replaces it.
    """
    found = [
        value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value for value in values
    ]
    if not found:
        raise BadInput("no value given to redact")
    for value in found:
        if not value.strip():
            raise BadInput("a value to redact is empty")
        if len(value) < SHORTEST:
            raise BadInput(
                f"a value of {len(value)} bytes stands everywhere by chance; {SHORTEST} are needed. "
                "Replace the secret where it is used"
            )
        if len(value) > LONGEST:
            raise BadInput(f"a value of {len(value):,} bytes; {LONGEST:,} can be looked for")
        if any(value in mark(length) for length in _MARK_LENGTHS):
            raise BadInput("a value to redact is part of the mark that stands for what was redacted")
    return list(dict.fromkeys(found))


def _what(found: _Found) -> str:
    """Return what was redacted, in words for the journal."""
    kinds = list(dict.fromkeys(place.kind for place in found.places))
    if found.blob is not None:
        kinds.append("recipe")
    if not kinds:
        return "a secret"
    listed = ", ".join(kinds)
    return f"a secret (also in: {listed})" if found.seqs else f"a secret (in: {listed})"
