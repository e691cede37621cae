"""The one permitted rewrite of a journal: lines replaced by lines of the same length, and told.

The new file holds every line, the changed ones with the `h` they had, and behind them `text.redacted`
with its seal; it takes the journal's place in one rename, so a crash leaves the one or the other.
"""

import os
from collections.abc import Callable, Generator, Iterator
from datetime import datetime
from typing import Final

from runlore.journal import chain, codec
from runlore.journal.compose import compose, seal
from runlore.journal.disk import Disk, discard, write_fully
from runlore.journal.errors import Busy, CorruptJournal, JournalIO, NewerFormat, NotFound, RunloreError
from runlore.journal.events import FORMAT, TextRedacted
from runlore.journal.feed import Feed
from runlore.journal.framing import split_lines
from runlore.journal.history import open_history
from runlore.journal.journal_file import JournalFile
from runlore.journal.layout import Layout
from runlore.journal.overwrite import Overwriter
from runlore.journal.scan import Tail
from runlore.journal.tailing import Source, pieces, read_on
from runlore.journal.values import RunId, Seq
from runlore.journal.writer import Writer

Told = Callable[[tuple[Seq, ...], Seq, datetime], TextRedacted]
"""Builds the event that names changed lines, once its place and time are known."""

_REOPENS: Final = 16
_SEQS_A_LINE: Final = 10_000
"""More would not fit an event."""


def changed_seqs(disk: Disk, layout: Layout, run_id: RunId, edit: Overwriter) -> Generator[Seq, None, None]:
    """Yield the seqs of the lines that would change, in order; reads only.

    Raises:
        NotFound, JournalIO: the disk refused. BadInput: a line cannot be changed so.
    """
    try:
        with open_history(disk, layout, run_id) as history:
            size, _links = history.size_and_links()
            for line, new in _edited(history, size, edit):
                if new is not None:
                    yield Seq(codec.decode(line[:-1]).seq)
    except OSError as error:
        raise _refused(layout.journal(run_id), error) from error


def packed_seqs(disk: Disk, layout: Layout, run_id: RunId, edit: Overwriter) -> tuple[Seq, ...]:
    """Return the seqs of the packed lines that would change; reads only.

    Raises:
        As `changed_seqs` does.
    """
    try:
        with open_history(disk, layout, run_id) as history:
            changed = [line for line, new in _edited(history, history.packed, edit) if new is not None]
    except OSError as error:
        raise _refused(layout.journal(run_id), error) from error
    return tuple(Seq(codec.decode(line[:-1]).seq) for line in changed)


def rewrite(  # noqa: PLR0917 - what, where, and how it is told
    disk: Disk,
    layout: Layout,
    run_id: RunId,
    edit: Overwriter,
    told: Told,
    packed: tuple[Seq, ...] = (),
) -> tuple[Seq, ...]:
    """Change lines of a journal durably, and return the seqs that `text.redacted` names as changed.

    The event is appended even if no line changed: what it tells of may lie elsewhere. Holds the append
    lock throughout; live writers and readers follow to the new file. For the holder of the owner lock,
    who has seen to it that the journal is whole. packed: lines in packs that change right afterwards, and
    are named as well.

    Raises:
        NotFound: no such journal. Busy: it is replaced again and again. NewerFormat: not ours to write.
        CorruptJournal: it is not whole. BadInput: a line cannot be changed so.
        JournalIO: the disk refused; the journal is as it was, or changed whole.
    """
    path = layout.journal(run_id)
    try:
        try:
            file, size = _locked(disk, path)
        except FileNotFoundError:
            return _told_behind_packs(disk, layout, run_id, told, packed)
        try:
            if not size:
                return _told_behind_packs(disk, layout, run_id, told, packed)
            tail, verdict = read_on(file, Tail.empty(run_id), size)
            if verdict.damage is not None:
                raise CorruptJournal(path, run_id, verdict.damage.offset, verdict.damage.detail)
            if tail.format > FORMAT:
                raise NewerFormat(f"{path} has journal format {tail.format}: redact with the newer release")
            return _replaced(disk, layout, file, tail, edit, told, packed)
        finally:
            file.close()
    except OSError as error:
        raise _refused(path, error) from error


def _locked(disk: Disk, path: str) -> tuple[JournalFile, int]:
    for _ in range(_REOPENS):
        file = JournalFile(disk, path)
        try:
            size = file.lock()
        except BaseException:
            file.close()
            raise
        if size is not None:
            return file, size
        file.close()
    raise Busy(f"{path} is replaced again and again; try once more")


def _replaced(  # noqa: PLR0917 - one step of `rewrite`
    disk: Disk,
    layout: Layout,
    old: JournalFile,
    tail: Tail,
    edit: Overwriter,
    told: Told,
    packed: tuple[Seq, ...],
) -> tuple[Seq, ...]:
    """Put the changed journal in place, announced as a repaired one is."""
    feed = Feed(disk, layout)
    try:
        drop_halves(disk, layout, tail.run_id)
        feed.announce(tail.run_id, tail.seq, tail.offset, tail.digest, intent=True, surely=True)
        seqs, after = _written(disk, layout, old, tail, edit, told, packed)
        feed.announce(after.run_id, after.seq, after.offset, after.digest, surely=True)
    finally:
        feed.close()
    return seqs


def _written(  # noqa: PLR0917 - one step of `rewrite`
    disk: Disk,
    layout: Layout,
    old: JournalFile,
    tail: Tail,
    edit: Overwriter,
    told: Told,
    packed: tuple[Seq, ...],
) -> tuple[tuple[Seq, ...], Tail]:
    """Write the new file and rename it over the old one."""
    temporary = f"{layout.journals}/{_half(tail.run_id)}{os.urandom(6).hex()}.tmp"
    new = JournalFile(disk, temporary, create=True)
    try:
        new.lock()
        seqs: list[Seq] = list(packed)
        for line, changed in _edited(old, tail.size, edit):
            if changed is not None:
                seqs.append(Seq(codec.decode(line[:-1]).seq))
            write_fully(disk, new.fd, line if changed is None else _same_place(line, changed))
        data, after = _ending(tail, tuple(seqs), told, disk.now())
        write_fully(disk, new.fd, data)
        new.sync()
        disk.rename(temporary, layout.journal(tail.run_id))
        disk.sync_dir(layout.journals)
    except BaseException:
        discard(disk, temporary)
        raise
    finally:
        new.close()
    return tuple(seqs), after


def _edited(source: Source, size: int, edit: Overwriter) -> Iterator[tuple[bytes, bytes | None]]:
    """Yield what stands in the journal, in order: (lines that stay, None) or (a line, what it becomes)."""
    rest = b""
    for piece in pieces(source, 0, size):
        chunk = rest + piece
        end = chunk.rfind(b"\n") + 1
        whole, rest = chunk[:end], chunk[end:]
        if not edit.may_change(whole):
            yield whole, None
            continue
        for line in split_lines(whole):
            yield line, edit.line(line)


def _same_place(line: bytes, changed: bytes) -> bytes:
    """Return the changed line, given that it may stand where the other did."""
    end = -chain.TRAILER_LENGTH - 1
    assert len(line) == len(changed), "a line changed its length"  # noqa: S101 - all that follows would move
    assert line[end:] == changed[end:], "a line changed its h"  # noqa: S101 - the chain would break
    return changed


def _ending(tail: Tail, seqs: tuple[Seq, ...], told: Told, now: datetime) -> tuple[bytes, Tail]:
    """Return what stands behind the lines: the events that name those that changed, sealed."""
    data = b""
    for group in _groups(seqs):
        event = told(group, Seq(tail.seq + 1), now)
        if tail.ended and not tail.sealed:
            closing = compose(tail, seal(tail, event))
            data, tail = data + closing.data, closing.after
            event = told(group, Seq(tail.seq + 1), now)
        composed = compose(tail, event)
        data, tail = data + composed.data, composed.after
    return data, tail


def _groups(seqs: tuple[Seq, ...]) -> list[tuple[Seq, ...]]:
    """Return the seqs that one event each names; at least one event is told."""
    return [seqs[at : at + _SEQS_A_LINE] for at in range(0, len(seqs), _SEQS_A_LINE)] or [()]


def _told_behind_packs(
    disk: Disk, layout: Layout, run_id: RunId, told: Told, seqs: tuple[Seq, ...]
) -> tuple[Seq, ...]:
    """Name packed lines behind the packs, where the run has nothing yet."""
    feed = Feed(disk, layout)
    writer = Writer(disk, layout, run_id, feed=feed)
    try:
        for group in _groups(seqs):
            writer.append(lambda seq, at, group=group: told(group, seq, at))  # type: ignore[misc]
    finally:
        writer.close()
        feed.close()
    return seqs


def drop_halves(disk: Disk, layout: Layout, run_id: RunId) -> None:
    """Remove what a crash left of an earlier replacement: it may hold what is to be taken out.

    Whoever replaces this journal holds the append lock meanwhile, which is ours; or there is no journal.
    """
    for name in disk.listdir(layout.journals):
        if name.startswith(_half(run_id)) and name.endswith(".tmp"):
            disk.unlink(f"{layout.journals}/{name}")


def _half(run_id: RunId) -> str:
    return f".{run_id}."


def _refused(path: str, error: OSError) -> RunloreError:
    if isinstance(error, RunloreError):
        return error
    if isinstance(error, FileNotFoundError):
        return NotFound(f"there is no journal at {path}")
    return JournalIO(f"{path}: {error.strerror or error}; it was not redacted, or not wholly: do it again")
