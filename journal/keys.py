"""Idempotent submission: the same key and the same spec give the first run again.

The atomic step is a claim file made with O_EXCL before the journal: `keys/<sha256 of key>` names the
key, the digest of the spec and the run id. Whoever finds a claim without a journal uses up its run id,
under the claim's lock, so a crash in between leaves neither two runs nor none.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from hashlib import sha256
from typing import Final, Self

import msgspec

from runlore.journal import heal, tailing
from runlore.journal.disk import Disk, read_whole, write_fully
from runlore.journal.errors import BadInput, Conflict, JournalIO, LostJournal, NotFound, RunloreError
from runlore.journal.event_chunks import fold_run
from runlore.journal.events import RunQueued
from runlore.journal.journal_file import JournalFile
from runlore.journal.journal_ids import journal_ids
from runlore.journal.layout import Layout
from runlore.journal.lock_waits import take_or_refuse
from runlore.journal.packs import Packs, day_of, lost_bytes
from runlore.journal.root import registry_info
from runlore.journal.scan import Tail
from runlore.journal.settling import settle
from runlore.journal.values import Recipe, RunId

KEY_LIMIT: Final = 1024
"""Bytes of a key, in UTF-8."""
_LIMIT: Final = 1 << 16
_FIRST: Final = 1 << 14
_COMPLETE: Final = ".complete"


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """What a claim file says."""

    key: str
    spec: str
    run_id: str


class HeldClaim:
    """A claim, locked; close it once the journal exists."""

    def __init__(self, disk: Disk, fd: int, claim: Claim, *, existing: bool) -> None:
        self._disk, self._fd = disk, fd
        self.run_id = RunId(claim.run_id)
        self.existing = existing
        """A journal of that run exists: nothing is to be submitted."""

    def close(self) -> None:
        """Give the claim's lock back."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            self._disk.close(fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def spec_digest(recipe: Recipe) -> str:
    """Return the digest of what makes two submissions the same: argv, cwd, typed env, runtime, limits.

    The recipe is the redacted one, so the digest tells nothing that the journal does not.
    """
    return sha256(msgspec.json.encode(recipe)).hexdigest()


def claim(
    disk: Disk,
    layout: Layout,
    key: str,
    spec: str,
    mint: Callable[[], RunId],
    *,
    before_new: Callable[[], object] | None = None,
    before_again: Callable[[RunId], object] = lambda _run_id: None,
) -> HeldClaim:
    """Return the claim of `key`, locked; its `run_id` is the run to create, or the one that exists.

    before_new: called where nobody has claimed the key; what it raises leaves no claim behind.
    before_again: called with the run of a claim that has no journal, before its id is used up.

    Raises:
        BadInput: no claim can hold the key. Conflict: the key was used with another spec.
        Busy: somebody who submits with the same key was stopped in the middle of it.
        LostJournal: its run may be in a damaged pack. JournalIO: the disk refused.
    """
    _check(key)
    path = layout.key_claim(key)
    try:
        _rebuild_if_lost(disk, layout)
        fd = _opened(disk, path, before_new)
        try:
            take_or_refuse(lambda: disk.lock(fd, wait=False), fd, "nothing was submitted")
            return _claimed(disk, layout, fd, Claim(key=key, spec=spec, run_id=mint()), before_again)
        except BaseException:
            disk.close(fd)
            raise
    except OSError as error:
        if isinstance(error, RunloreError):
            raise
        raise JournalIO(f"{path}: {error.strerror or error}; nothing was submitted") from error


def claim_arrived(disk: Disk, layout: Layout, run_ids: Iterable[RunId]) -> None:
    """Claim the keys of runs that came from another registry, durably; a key that has a claim keeps it.

    Raises OSError: the disk refused.
    """
    for run_id in run_ids:
        _, claimed = _in_journal(disk, layout, run_id)
        if claimed is None:
            continue
        try:
            _restore(disk, layout, claimed)
        except FileNotFoundError:
            return  # the claims are lost, and come back from the journals with the next keyed submission


def forget(disk: Disk, layout: Layout, key: str, run_id: RunId) -> None:
    """Remove the claim of a key, if it is this run's; hold the run's append lock.

    Raises OSError: the disk refused.
    """
    path = layout.key_claim(key)
    try:
        held = msgspec.json.decode(read_whole(disk, path, _LIMIT), type=Claim)
    except FileNotFoundError:
        return
    except (msgspec.MsgspecError, UnicodeError, ValueError, RecursionError):
        return  # a cut claim: the next submission with the key finds out whose it is
    if held.run_id == run_id:
        disk.unlink(path)


def _opened(disk: Disk, path: str, before_new: Callable[[], object] | None) -> int:
    """Return the claim file, open; made, if there is none, once that was allowed."""
    if before_new is not None:
        try:
            return disk.open(path, os.O_RDWR)
        except FileNotFoundError:
            before_new()
    return disk.open(path, os.O_RDWR | os.O_CREAT)


def _check(key: str) -> None:
    try:
        length = len(key.encode())
    except UnicodeEncodeError:
        raise BadInput(f"key {key!a} is not Unicode text; choose another") from None
    if not 0 < length <= KEY_LIMIT:
        raise BadInput(f"a key of {length} bytes; it may have 1 to {KEY_LIMIT}, so use a digest of it")


def _claimed(
    disk: Disk, layout: Layout, fd: int, mine: Claim, before_again: Callable[[RunId], object]
) -> HeldClaim:
    """Decide under the claim's lock: a cut file is a claim that never was, unless a journal knows it."""
    data = disk.pread(fd, _LIMIT, 0)
    try:
        first = msgspec.json.decode(data, type=Claim)
    except (msgspec.MsgspecError, UnicodeError, ValueError, RecursionError):
        found = _in_journals(disk, layout, mine.key) if data else None
        first = found or mine
        _write_claim(disk, layout, fd, first)
    run_id = RunId(first.run_id)
    existing = first is not mine and _began(disk, layout, run_id)
    if first is not mine and not existing:
        before_again(run_id)
    if first is not mine and first.spec == mine.spec:  # he may have been killed in front of his syncs
        if existing:
            settle(disk, layout, run_id)
        else:
            _sync_claim(disk, layout, fd)
    if first.spec != mine.spec:
        if existing:
            raise Conflict(
                f"key {mine.key!a} was used by run {run_id} with another command or options; "
                f"choose another key, or look at it: `runlore show key:{mine.key}`"
            )
        first = Claim(key=mine.key, spec=mine.spec, run_id=run_id)
        _write_claim(disk, layout, fd, first)
    return HeldClaim(disk, fd, first, existing=existing)


def _began(disk: Disk, layout: Layout, run_id: RunId) -> bool:
    """Say whether the claimed run ever began; what a crash left of a first event is moved to quarantine.

    Only the holder of the claim creates that journal, so nobody is in the middle of it.

    Raises:
        LostJournal: it may be what a damaged pack holds.
    """
    path = layout.journal(run_id)
    with suppress(NotFound):
        if next(fold_run(disk, layout, run_id, piece=_FIRST), None) is not None:
            return True
    if _is_packed(disk, layout, run_id):
        return True
    try:
        file = JournalFile(disk, path)
    except FileNotFoundError:
        return False
    try:
        size = file.lock() or 0
        tail, verdict = tailing.read_on(file, Tail.empty(run_id), size)
        if verdict.state == "corrupt":
            return True
        if size:
            heal.set_aside(disk, layout, file, tail)
        disk.unlink(path)
    finally:
        file.close()
    return False


def _is_packed(disk: Disk, layout: Layout, run_id: RunId) -> bool:
    """Say whether a pack holds something of a run of which nothing can be read.

    Raises:
        LostJournal: nobody can tell, because a pack in which it may be has lost the name of a run.
    """
    if Packs.of(disk, layout, run_id).copies(run_id):
        return True
    for path, first, behind in lost_bytes(disk, layout, day_of(run_id)):
        raise LostJournal(
            f"{path}: bytes {first:,} to {behind:,} belong to no run, because the line that names it is "
            f"damaged (`runlore verify`). They may be run {run_id}, which has this key and is nowhere else; "
            "nothing was submitted. Bring that file back from a copy, or choose another key"
        )
    return False


def _write_claim(disk: Disk, layout: Layout, fd: int, written: Claim) -> None:
    disk.truncate(fd, 0)
    write_fully(disk, fd, msgspec.json.encode(written) + b"\n")
    _sync_claim(disk, layout, fd)


def _sync_claim(disk: Disk, layout: Layout, fd: int) -> None:
    disk.fdatasync(fd)
    disk.sync_dir(layout.keys)


def _rebuild_if_lost(disk: Disk, layout: Layout) -> None:
    """Make the claims anew from the journals, if the folder lost the mark that they are all there."""
    marker = f"{layout.keys}/{_COMPLETE}"
    try:
        disk.stat_path(marker)
        return
    except FileNotFoundError:
        pass
    try:
        disk.stat_path(layout.keys)
    except FileNotFoundError:
        try:
            disk.mkdir(layout.keys)  # if a crash takes the folder, it takes the mark as well
        except FileExistsError:
            pass  # somebody else made it just now
    for lost in _all_in_journals(disk, layout):
        _restore(disk, layout, lost)
    disk.close(disk.open(marker, os.O_WRONLY | os.O_CREAT))  # not synced: without it this is done again


def _all_in_journals(disk: Disk, layout: Layout) -> Iterator[Claim]:
    """Yield the claims that the journals' first events prove: those of runs made here first, then by age.

    A run that was imported has its key unless a run made here has it.
    """
    own = _registry_id(disk, layout)
    elsewhere: list[Claim] = []
    for run_id in journal_ids(disk, layout):
        made_in, found = _in_journal(disk, layout, run_id)
        if found is None:
            continue
        if own and made_in not in {"", own}:
            elsewhere.append(found)
        else:
            yield found
    yield from elsewhere


def _in_journal(disk: Disk, layout: Layout, run_id: RunId) -> tuple[str, Claim | None]:
    """Return (the registry that a run was made in, its claim); no claim if it was submitted without a key."""
    try:
        queued = next(fold_run(disk, layout, run_id, piece=_FIRST), None)
    except NotFound:
        return "", None  # gone since it was listed
    if isinstance(queued, RunQueued) and queued.key and queued.spec:
        return queued.registry_id, Claim(key=queued.key, spec=queued.spec, run_id=run_id)
    return "", None


def _registry_id(disk: Disk, layout: Layout) -> str:
    """Return the id of this registry; nothing if it cannot be told."""
    try:
        return registry_info(disk, layout).registry_id
    except RunloreError:
        return ""


def _in_journals(disk: Disk, layout: Layout, key: str) -> Claim | None:
    return next((found for found in _all_in_journals(disk, layout) if found.key == key), None)


def _restore(disk: Disk, layout: Layout, lost: Claim) -> None:
    fd = disk.open(layout.key_claim(lost.key), os.O_RDWR | os.O_CREAT)
    try:
        disk.lock(fd)
        if not disk.pread(fd, 1, 0):
            _write_claim(disk, layout, fd, lost)
    finally:
        disk.close(fd)
