"""The only way an event gets into a journal: one append at a time, durable before it is acknowledged.

Under the append lock (an OFD lock on the journal): see that the file still is the journal, catch up
with what others appended, decide, write once, sync as promised, announce in the feed. Then unlock,
then acknowledge. A synced event is never written behind bytes that no sync has vouched for, so what a
crash can cut is unsynced progress, or exactly one write. Rules: docs/explanation/durability.md
"""

import os
import threading
import weakref
from collections.abc import Callable
from datetime import datetime
from typing import Final, Self

from runlore.journal import heal, tailing
from runlore.journal.compose import Composed, check_legal, compose, continuation, seal
from runlore.journal.disk import Disk
from runlore.journal.errors import (
    Conflict,
    CorruptJournal,
    JournalIO,
    NewerFormat,
    NotFound,
    RunloreError,
    StaleSeq,
)
from runlore.journal.events import FORMAT, UNSYNCED, Event, RunQueued
from runlore.journal.feed import Feed
from runlore.journal.journal_file import JournalFile
from runlore.journal.layout import Layout
from runlore.journal.lifecycle import MUST_FIT, STATUS_OF
from runlore.journal.machine import actor, boot_id
from runlore.journal.packed_tail import PackedTail, open_behind_packs
from runlore.journal.scan import Record, Tail, Verdict, heals_by_itself
from runlore.journal.values import RunId, Seq

Draft = Callable[[Seq, datetime], Event]
"""Builds the event once its place and time are known; may be called again if the place changes."""
Redact = Callable[[Event], Event]

UNSYNCED_S: Final = 0.1
"""Longest time that a progress event may lie unsynced."""
_REOPENS: Final = 16


class Writer:
    """Appends to one journal; may be shared by threads, never by processes.

    owner: this process holds the run's owner lock. Only owners write lifecycle events, so only they
    check the whole chain first; everybody else reads the last lines, and may append labels, evidence
    decisions and requests.
    redact: takes the secrets out of each event; None: there are none in what is appended here.

    Raises, from the constructor and from every append:
        NotFound: no such journal. CorruptJournal: damaged; nothing is appended behind damage.
        NewerFormat: refused for writing. JournalIO: the disk refused, or this writer is condemned.
    """

    def __init__(
        self,
        disk: Disk,
        layout: Layout,
        run_id: RunId,
        *,
        owner: bool = False,
        feed: Feed | None = None,
        redact: Redact | None = None,
    ) -> None:
        self._disk, self._layout, self._run_id = disk, layout, run_id
        self._path = layout.journal(run_id)
        self._owner, self._feed, self._redact = owner, feed, redact
        self._guard = threading.Lock()
        self._file: JournalFile | None = None
        self._tail = Tail.empty(run_id)
        self._packed: PackedTail | None = None
        """Where the packed parts end that this journal goes on from."""
        self._condemned = ""
        self._owing_since: float | None = None
        """Since when something lies unsynced that was written through a descriptor no longer open."""
        _writers.add(self)

    @classmethod
    def create(
        cls,
        disk: Disk,
        layout: Layout,
        run_id: RunId,
        draft: Draft,
        *,
        feed: Feed | None = None,
        redact: Redact | None = None,
    ) -> "Writer":
        """Return the owner's writer of a new journal whose first event is on disk, folder included.

        Raises:
            Conflict: a journal of that id exists.
            JournalIO: the disk refused; no journal is left behind.
        """
        writer = cls(disk, layout, run_id, owner=True, feed=feed, redact=redact)
        with writer._guard:
            writer._create(draft)
        return writer

    @property
    def tail(self) -> Tail:
        """Where the next record goes, as last seen by this writer."""
        return self._tail

    @property
    def loose_since(self) -> float | None:
        """Monotonic time of the oldest unsynced event, or None: sync within UNSYNCED_S of it."""
        file = self._file
        return self._owing_since if file is None or file.loose_since is None else file.loose_since

    def open(self) -> Self:
        """Return itself, with the tail read; appending does this by itself."""
        self._do_locked(lambda _: None)
        return self

    def append(self, draft: Draft, *, expected_seq: Seq | None = None) -> Record:
        """Return the record, once it is as durable as its journal promises.

        In mode `power` every event but `run.progressed` survives power loss from here on. A final
        event, and every event after it, is written together with its seal. `expected_seq` appends
        only if the journal is still at that position.

        Raises:
            StaleSeq: it is not. AlreadyEnded, IllegalTransition: the lifecycle forbids the event.
            JournalIO: nothing was acknowledged.
        """
        with self._guard:
            try:
                self._lock()
                if expected_seq is not None and expected_seq != self._tail.seq:
                    raise StaleSeq(self._run_id, expected_seq, self._tail.seq)
                return self._append(draft)
            except OSError as error:
                raise self._refused(error) from error
            finally:
                self._unlock()

    def sync(self) -> None:
        """Return when everything this writer appended survives power loss (mode `power`)."""
        if self.loose_since is not None:
            self._do_locked(lambda _: self._sync())

    def close(self) -> None:
        """Sync what lies loose, give back what was preallocated, and let go of the file.

        Raises:
            JournalIO: progress that this writer appended last may not survive power loss.
            CorruptJournal: an owner's journal was damaged meanwhile; it is let go of as it is.
        """
        file = self._file
        if file is None:
            return
        try:
            if not self._condemned:
                self.sync()
                if self._owner and (file.reserved_for or self._tail.ended):
                    self._do_locked(lambda file: file.free_reserve(self._tail.size))
        finally:
            self._let_go()

    # -- the lock, and the file behind it

    def _do_locked(self, action: Callable[[JournalFile], None]) -> None:
        with self._guard:
            try:
                action(self._lock())
            except OSError as error:
                raise self._refused(error) from error
            finally:
                self._unlock()

    def _lock(self) -> JournalFile:
        """Return the file that is the journal, locked, with the tail at its end."""
        if self._condemned:
            raise JournalIO(self._condemned)
        file = self._file
        if file is not None and file.lock() == self._tail.size and self._tail.seq:
            return file  # nobody else has appended since
        return self._lock_and_catch_up()

    def _lock_and_catch_up(self) -> JournalFile:
        for _ in range(_REOPENS):
            file = self._file or self._opened()
            size = file.lock()
            if size is not None:
                if size != self._tail.size:
                    self._catch_up(file, size)
                return self._file or file
            self._let_go()  # packed or replaced since: the path names the journal now
        raise JournalIO(f"{self._path} is replaced again and again; try once more")

    def _opened(self) -> JournalFile:
        try:
            self._file, self._packed = open_behind_packs(self._disk, self._layout, self._run_id)
        except OSError as error:
            raise self._refused(error) from error
        self._tail = self._start()
        return self._file

    def _start(self) -> Tail:
        """Return the tail at the beginning of the file."""
        return self._packed.tail if self._packed else Tail.empty(self._run_id)

    def _unlock(self) -> None:
        file = self._file
        if file is not None and file.fd >= 0:
            try:
                file.unlock()
            except BaseException as error:
                self._owing_since = file.loose_since
                self._let_go()  # the lock goes with the descriptor
                if not isinstance(error, OSError):
                    raise

    def _let_go(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def _catch_up(self, file: JournalFile, size: int) -> None:
        """Read on to the end of the file; heal what a crash left there."""
        file.behind_foreign_bytes()
        known = self._tail
        if not 0 < known.size <= size:
            known = self._place_to_begin(file, size)
        self._tail, verdict = tailing.read_on(file, known, size)
        if verdict.state != "clean":  # judge by the file alone, not by what this writer remembers of it
            known = self._place_to_begin(file, size)
            self._tail, verdict = tailing.read_on(file, known, size)
        self._check_format()
        if verdict.state != "clean":
            self._heal(file, verdict)

    def _place_to_begin(self, file: JournalFile, size: int) -> Tail:
        """Return where to begin to read: owners check all of the chain, others its last lines."""
        if not self._owner:
            near = tailing.near_end(file, self._run_id, size, boot_id())
            if near.seq:
                return near
        return self._start()

    def _check_format(self) -> None:
        if self._tail.format > FORMAT:
            raise NewerFormat(
                f"{self._path} has journal format {self._tail.format}, this release writes {FORMAT}: "
                "it may be read here; append with the newer release"
            )

    def _heal(self, file: JournalFile, verdict: Verdict) -> None:
        tail, damage = self._tail, verdict.damage
        assert damage is not None  # noqa: S101 - every verdict but clean names its damage
        if not heals_by_itself(tail, verdict, boot_id()):
            raise CorruptJournal(self._path, self._run_id, damage.offset, damage.detail)
        if tail.seq == 0:
            raise NotFound(f"{self._path}: a crash cut its first event, so this run never began")
        cut = heal.cut_tail(self._disk, self._layout, file, tail)
        self._append(lambda seq, at: heal.repaired(seq, at, "crash_tail", cut))

    # -- one append

    def _create(self, draft: Draft) -> None:
        try:
            file = self._file = JournalFile(self._disk, self._path, create=True)
        except FileExistsError:
            raise Conflict(f"run {self._run_id} exists already; ids are minted, never reused") from None
        except OSError as error:
            raise self._refused(error) from error
        try:
            file.lock()
            self._append(draft, creating=True)
            if self._tail.durability == "power":
                self._disk.sync_dir(self._layout.journals)
        except BaseException as error:
            self._undo_create()
            if isinstance(error, OSError):
                raise self._refused(error) from error
            raise
        self._unlock()

    def _undo_create(self) -> None:
        """Leave no journal behind that nobody was told of, as far as the disk still obeys."""
        try:
            self._disk.unlink(self._path)
        except OSError:
            pass
        self._let_go()

    def _append(self, draft: Draft, *, creating: bool = False) -> Record:
        if self._tail.ended and not self._tail.sealed:
            self._seal(draft)
        packed = self._tail
        if packed.size or not packed.seq:
            return self._append_behind(b"", draft, surely=creating or packed.ended)
        opening = self._opening()
        try:
            return self._append_behind(opening, draft, surely=True)
        except BaseException:
            if self._tail.size == len(opening):  # nothing was written
                self._tail = packed
            raise

    def _append_behind(self, opening: bytes, draft: Draft, *, surely: bool) -> Record:
        feed = self._feed
        event, synced = self._drafted(draft)
        before = self._tail
        composed = compose(before, event)
        if feed and surely and not opening:
            self._announce(feed, intent=True)
        self._put(composed, opening=opening, synced=synced, must_fit=type(event) in MUST_FIT)
        if feed:
            after = self._tail
            feed.announce(self._run_id, after.seq, after.offset, after.digest, surely=surely)
        return Record(
            self._run_id,
            Seq(event.seq),
            before.offset,
            composed.length,
            event,  # type: ignore[arg-type]  # every concrete Event is one of the KnownEvent union
            composed.head,
        )

    def _opening(self) -> bytes:
        """Return the line that begins a journal behind packed parts, and stand behind it.

        The file's name is on the disk before anything in it is acknowledged.
        """
        file = self._file
        assert file is not None  # noqa: S101 - see _put
        file.clean = True  # it is empty: there is nothing in it to vouch for
        if self._feed:
            self._announce(self._feed, intent=True)
        if self._tail.durability == "power":
            self._disk.sync_dir(self._layout.journals)
        pack = self._packed.pack if self._packed else ""
        line, self._tail = continuation(self._tail, self._disk.now(), actor("runlore"), pack)
        return line

    def _announce(self, feed: Feed, *, intent: bool = False) -> None:
        """Tell readers who look at this run only when told to: it is new, or it has ended."""
        tail = self._tail
        feed.announce(self._run_id, tail.seq, tail.offset, tail.digest, intent=intent, surely=True)

    def _drafted(self, draft: Draft) -> tuple[Event, bool]:
        """Return the event, for a tail it may be written behind, and whether it is to be synced."""
        while True:
            before = self._tail
            event = draft(Seq(before.seq + 1), self._disk.now())
            if self._redact is not None:
                event = self._redact(event)
            kind = type(event)
            if before.ended or before.seq == 0 or kind in STATUS_OF:
                check_legal(before, event, owner=self._owner)
            durability = event.durability if isinstance(event, RunQueued) else before.durability
            synced = durability == "power" and kind not in UNSYNCED
            file = self._file
            if not synced or file is None or file.clean:
                return event, synced
            self._sync()
            if self._tail is before:  # else the file was replaced and the place moved
                return event, synced

    def _seal(self, draft: Draft) -> None:
        """Write the seal that a crash cut off, before anything is appended behind it.

        It needs no sync in front of it, because a seal behind damage proves nothing.
        """
        tail = self._tail
        if self._feed:
            self._announce(self._feed, intent=True)
        closing = seal(tail, draft(Seq(tail.seq + 1), self._disk.now()))
        self._put(compose(tail, closing), synced=tail.durability == "power", must_fit=True)

    def _put(self, composed: Composed, *, synced: bool, must_fit: bool, opening: bytes = b"") -> None:
        file, after, data = self._file, composed.after, opening + composed.data
        assert file is not None  # noqa: S101 - appends happen between _lock and _unlock
        if after.size > file.reserved_for and not after.ended:
            self._reserve(file, after.size, must_fit=must_fit)
        file.write(data, self._tail.size - len(opening))
        self._tail = after
        if after.durability == "power":
            since = file.note_loose(data)
            if synced or self._disk.monotonic() - since >= UNSYNCED_S:
                self._sync()

    def _reserve(self, file: JournalFile, end: int, *, must_fit: bool) -> None:
        """Keep room for the run's end behind `end`; on a full disk only that end may use it up."""
        try:
            if self._owner or not file.has_reserve(end):
                file.reserve(self._tail.size, end)
        except OSError:
            if not must_fit:
                raise

    def _sync(self) -> None:
        """Sync the file; if that fails, condemn it and go on in a copy of what is right."""
        file = self._file
        assert file is not None  # noqa: S101 - see _put
        try:
            file.sync()
            self._owing_since = None
        except OSError as first:
            if self._feed and self._tail.ended:
                self._announce(self._feed, intent=True)
            try:
                self._file, self._tail = heal.replace_condemned(self._disk, self._layout, file, self._tail)
                if self._feed:
                    self._announce(self._feed)
            except OSError as error:
                self._take_back(file)
                self._condemned = (
                    f"{self._path}: a sync failed ({first.strerror}) and the journal could not be "
                    f"copied ({error.strerror or error}); nothing more is written to it. "
                    "Free or replace the disk, then `runlore verify` it"
                )
                raise JournalIO(self._condemned) from error

    def _take_back(self, file: JournalFile) -> None:
        """Cut off what nobody was promised and no disk has, before others append behind it."""
        try:
            file.cut(self._tail.size - len(file.loose))
        except OSError:
            return  # a disk that refuses this as well will hardly take what others append

    def _refused(self, error: OSError) -> JournalIO:
        if isinstance(error, JournalIO):
            return error
        if isinstance(error, RunloreError):  # NotPermitted is an OSError too
            raise error
        return JournalIO(f"{self._path}: {error.strerror or error}; nothing was acknowledged")

    def forget_in_child(self) -> None:
        """Be of no use in a forked child: its copy of the lock would outlive a dying parent."""
        self._guard = threading.Lock()
        self._condemned = f"{self._path}: this writer belongs to the parent process; open your own"
        self._let_go()


_writers: "weakref.WeakSet[Writer]" = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for writer in list(_writers):
        writer.forget_in_child()


os.register_at_fork(after_in_child=_after_fork_in_child)
