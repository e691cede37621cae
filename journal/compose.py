"""Turn an event into the bytes of one append, and say where the journal's tail is then.

A final event, and every event after it, takes its seal along: event and seal are one write. Pure.
"""

from datetime import datetime
from typing import Final

from msgspec import Struct, structs

from runlore.journal import chain, codec
from runlore.journal.errors import AlreadyEnded, BadInput, IllegalTransition, NotFound, NotPermitted
from runlore.journal.events import FINAL, FORMAT, Event, JournalContinued, RunQueued, RunSealed, tag_of
from runlore.journal.lifecycle import AFTER_END, OPENING, STATUS_OF, may_follow
from runlore.journal.scan import Tail
from runlore.journal.values import Actor, Head, Seq


class Composed(Struct, frozen=True, gc=False):
    """The bytes of one append."""

    data: bytes
    length: int
    """Bytes of the event's own line; a seal may follow it."""
    head: Head
    """`h` of the event's own line."""
    after: Tail


def check_legal(before: Tail, event: Event, *, owner: bool) -> None:
    """Return if the lifecycle lets this writer put `event` behind `before`.

    Raises:
        NotFound: the journal never got its first event. AlreadyEnded: only labels and the like may follow.
        NotPermitted: only the holder of the owner lock changes the status. IllegalTransition: not so.
    """
    kind = type(event)
    if before.seq == 0 and kind not in OPENING:
        raise NotFound(f"run {before.run_id} never began: a crash came before its first event")
    if before.ended and kind not in AFTER_END:
        raise AlreadyEnded(before.run_id, tag_of(event))  # type: ignore[arg-type]
    if kind in STATUS_OF:
        if not owner:
            raise NotPermitted(
                f"run {before.run_id}: {STATUS_OF[kind]} is for the holder of its owner lock to write"
            )
        if not may_follow(before.status, event):  # type: ignore[arg-type]
            raise IllegalTransition(before.run_id, before.status or "not owned", STATUS_OF[kind])


def compose(before: Tail, event: Event) -> Composed:
    """Return the line of `event` behind `before`, with its seal if the run has ended by then.

    Raises:
        UndecodableLine, EventTooLarge: no reader could take this event back; nothing was written.
        BadInput: it states another place than the one it is to have, or is a seal that is wrong here.
    """
    if event.seq != before.seq + 1:
        raise BadInput(f"{tag_of(event)} says seq {event.seq}, but {before.seq + 1} comes next")  # type: ignore[arg-type]
    if isinstance(event, RunSealed) and event != seal(before, event):
        raise BadInput(f"a seal for another end than seq {before.seq}; the writer makes seals itself")
    line, after = _extend(before, event)
    head, length = Head(line[-67:-3].decode()), len(line)
    if after.ended and type(event) is not RunSealed:
        closing, after = _extend(after, seal(after, event))
        line += closing
    return Composed(line, length, head, after)


def continuation(before: Tail, at: datetime, by: Actor, pack: str) -> tuple[bytes, Tail]:
    """Return the line that a journal begins with behind packed parts that end in `before`, and its tail.

    The seal that belongs behind it comes with the event that follows in the same write.
    """
    event = JournalContinued(
        seq=before.seq + 1,
        at=at,
        by=by,
        run_id=before.run_id,
        format=FORMAT,
        head=before.head,
        offset=before.offset,
        pack=pack,
    )
    return _extend(before, event)


def seal(before: Tail, last: Event) -> RunSealed:
    """Return the seal that belongs behind `before`, dated like the event it closes."""
    return RunSealed(
        seq=before.seq + 1,
        at=last.at,
        by=last.by,
        epoch=last.epoch,
        count=before.seq,
        bytes=before.offset,
        head=before.head,
    )


def _extend(before: Tail, event: Event) -> tuple[bytes, Tail]:
    line, digest = chain.close_line(before.digest, codec.encode(event))
    codec.decode(line)  # what cannot be read back is refused here, not found by a reader
    kind: type = type(event)
    if kind in _DECLARING:
        before = _declared(before, event)
    after = Tail(
        run_id=before.run_id,
        digest=digest,
        seq=Seq(before.seq + 1),
        size=before.size + len(line),
        base=before.base,
        format=before.format,
        durability=before.durability,
        boot_id=before.boot_id,
        status=STATUS_OF.get(kind) or before.status,
        ended=before.ended or kind in FINAL or kind is RunSealed,
        sealed=kind is RunSealed,
    )
    return line, after


def _declared(before: Tail, event: Event) -> Tail:
    """Return the empty tail with what the first record of a journal declares about it."""
    if getattr(event, "run_id", "") != before.run_id:
        raise BadInput(f"the first event of run {before.run_id} names another run")
    if isinstance(event, RunQueued):
        return structs.replace(
            before, format=event.format, durability=event.durability, boot_id=event.boot_id
        )
    if isinstance(event, JournalContinued):
        return structs.replace(before, format=event.format, base=event.offset)
    return before


_DECLARING: Final = frozenset({RunQueued, JournalContinued})
