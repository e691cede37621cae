"""Walk a journal's bytes: whole records in order, then what stands where they stop.

Damage is the first byte that is not part of a whole line which decodes, continues the seq and matches
the chain. It is a *crash tail* if no whole record of a synced type stands behind it: a crash can only
have cut what nobody was told is durable. Otherwise it is corruption. A seal behind the damage proves
nothing, because it is written together with the event before it. The verdict does not depend on how
the bytes were cut into pieces. Pure.
"""

from binascii import hexlify
from collections.abc import Iterable
from hashlib import sha256
from typing import Final, Literal, cast

from msgspec import Struct

from runlore.journal import chain, codec
from runlore.journal.errors import UndecodableLine
from runlore.journal.events import (
    FINAL,
    AnyEvent,
    JournalContinued,
    RunQueued,
    RunSealed,
    TextRedacted,
    tag_of,
)
from runlore.journal.framing import split_lines
from runlore.journal.lifecycle import STATUS_OF
from runlore.journal.synced import any_synced
from runlore.journal.values import Durability, Head, Offset, RunId, Seq, Status

DamageKind = Literal["undecodable", "seq", "chain", "seal", "run_id", "too_long", "unterminated"]
_COVERED: Final = -chain.TRAILER_LENGTH - 1
"""Where the covered bytes of a line with its newline end."""


class Record(Struct, frozen=True, gc=False):
    """An event plus where it lies."""

    run_id: RunId
    seq: Seq
    offset: Offset
    length: int
    event: AnyEvent
    head: Head


class Tail(Struct, frozen=True, kw_only=True, gc=False):
    """The end of the whole records seen so far: all that the next append has to know."""

    run_id: RunId
    digest: bytes
    """`h` of the last record as 32 bytes; the seed of the chain before the first."""
    seq: Seq = Seq(0)
    size: int = 0
    """Bytes of this file that are whole records."""
    base: int = 0
    """Logical offset of this file's first byte: 0 unless the run's beginning is packed."""
    format: int = 0
    """Format the journal declares; 0 if its first record was not seen."""
    durability: Durability = "power"
    boot_id: str = ""
    """Boot in which the run was queued, if that record was seen."""
    status: Status | None = None
    """Folded from the records seen; None if none of them says (a look at the last bytes only)."""
    ended: bool = False
    sealed: bool = False
    """The last record is a seal."""

    @classmethod
    def empty(cls, run_id: RunId) -> "Tail":
        """Return the tail of a journal that has no record yet."""
        return cls(run_id=run_id, digest=chain.seed(run_id))

    @property
    def offset(self) -> Offset:
        """Logical offset of the next record."""
        return Offset(self.base + self.size)

    @property
    def head(self) -> Head:
        """`h` of the last record, in hex."""
        return chain.head(self.digest)


class Damage(Struct, frozen=True, gc=False):
    """Where whole records stop, and why."""

    kind: DamageKind
    seq: Seq
    """The seq that was expected there."""
    offset: Offset
    detail: str


class Verdict(Struct, frozen=True, gc=False):
    """What stands behind the last whole record."""

    state: Literal["clean", "crash_tail", "corrupt"]
    damage: Damage | None = None
    length: int = 0
    """Bytes from the damage to the end of what was fed."""


def heals_by_itself(tail: Tail, verdict: Verdict, boot_id: str) -> bool:
    """Say whether the next appender, in this boot, may move what stands behind the tail to quarantine.

    In mode `process` nothing was synced, so only another boot explains damage; but a SIGKILL can stop
    a write within its line in any mode.
    """
    if verdict.state != "crash_tail" or verdict.damage is None:
        return False
    return tail.durability == "power" or verdict.damage.kind == "unterminated" or tail.boot_id != boot_id


class Scanner:
    """Feed it a journal's bytes in order, in any pieces; it keeps the tail of the whole records.

    start: `Tail.empty`, the tail of an earlier scan of the same file, or, for a file that continues a
    packed history, the tail of the packed part with `base` moved to its end and `size` 0.
    check_chain: also compare every `h`. Without it, damage that still decodes goes unseen at a third
    of the cost; verify, repair and owners check, listings do not.
    redacted: seqs that a `text.redacted` of this journal names; such a line keeps the `h` it had before
    its text was overwritten, so only the lines around it can be compared. See `redacted_seqs`.
    """

    def __init__(
        self, start: Tail, *, check_chain: bool = True, redacted: frozenset[int] = frozenset()
    ) -> None:
        self.damage: Damage | None = None
        self._start = start
        self._check_chain = check_chain
        self._redacted = redacted
        self._seq: int = start.seq
        self._size = start.size
        self._digest: bytes | None = start.digest
        self._trailer = b""
        self._base, self._format = start.base, start.format
        self._durability: Durability = start.durability
        self._boot_id = start.boot_id
        self._status: Status | None = start.status
        self._ended, self._sealed = start.ended, start.sealed
        self._rest = b""
        self._behind = b""
        self._behind_length = 0
        self._synced_behind = False

    @property
    def tail(self) -> Tail:
        """The end of the whole records so far."""
        return Tail(
            run_id=self._start.run_id,
            digest=self._digest if self._digest is not None else bytes.fromhex(self._before()),
            seq=Seq(self._seq),
            size=self._size,
            base=self._base,
            format=self._format,
            durability=self._durability,
            boot_id=self._boot_id,
            status=self._status,
            ended=self._ended,
            sealed=self._sealed,
        )

    def advance(self, data: bytes) -> list[AnyEvent]:
        """Return the events that `data` completes; nothing any more once damage was met."""
        lines, events = self._advance(data)
        return events[: len(lines)]

    def feed(self, data: bytes) -> list[Record]:
        """Return the records that `data` completes, oldest first."""
        size = self._size
        lines, events = self._advance(data)
        run_id, offset = self._start.run_id, self._base + size
        records: list[Record] = []
        for line, event in zip(lines, events, strict=False):
            length = len(line)
            head = Head(line[-67:-3].decode("ascii"))
            records.append(Record(run_id, Seq(event.seq), Offset(offset), length, event, head))
            offset += length
        return records

    def verdict(self) -> Verdict:
        """Say what stands behind the last whole record, given that nothing more will be fed."""
        if self.damage is None:
            if not self._rest:
                return Verdict("clean")
            damage = self._at("unterminated", "the last line has no newline")
            return Verdict("crash_tail", damage, len(self._rest))
        synced = self._synced_behind
        return Verdict("corrupt" if synced else "crash_tail", self.damage, self._behind_length)

    def _is_damaged(self) -> bool:
        return self.damage is not None

    def _advance(self, data: bytes) -> tuple[list[bytes], list[AnyEvent]]:
        """Return the lines that continue the journal, and at least their events."""
        if self._is_damaged():
            self._look_behind(data)
            return [], []
        chunk = self._rest + data if self._rest else data
        end = chunk.rfind(b"\n") + 1
        self._rest = chunk[end:]
        whole = chunk[:end]
        lines = split_lines(whole)
        events = _decoded(whole, lines)
        before = self._size
        if self._follow_all(lines, events):
            if len(events) < len(lines):
                self._not_an_event(lines[len(events)])
            elif len(self._rest) >= codec.MAX_LINE:
                self._damaged("too_long", _TOO_LONG)
        if self._is_damaged():
            used = self._size - before
            self._rest = b""
            self._look_behind(chunk[used:])
            lines = split_lines(chunk[:used])
        return lines, events

    def _follow_all(self, lines: list[bytes], events: list[AnyEvent]) -> bool:
        """Advance over the lines as long as they continue the journal; say whether all did.

        Nearly every line only has to follow its predecessor; whatever else one may mean, or be wrong
        with, is for `_follow` to see.
        """
        pairs = zip(lines, events, strict=False)
        if not self._check_chain:
            return all(self._follow(line, event) for line, event in pairs)
        seq, size, before = self._seq, self._size, self._digest
        for line, event in pairs:
            if before is not None and event.__class__ not in _LANDMARKS and event.seq == seq + 1:
                digest = sha256(before + line[:_COVERED]).digest()
                trailer = b',"h":"' + hexlify(digest) + b'"}\n'
                if line[_COVERED:] == trailer and seq and len(line) <= codec.MAX_LINE:
                    seq, size, before = seq + 1, size + len(line), digest
                    continue
            self._skip(seq, size, before)
            if not self._follow(line, event):
                return False
            seq, size, before = self._seq, self._size, self._digest
        self._skip(seq, size, before)
        return True

    def _skip(self, seq: int, size: int, digest: bytes | None) -> None:
        """Take the place behind lines that were followed, none of them a landmark."""
        self._sealed = self._sealed and seq == self._seq
        self._seq, self._size, self._digest = seq, size, digest

    def _follow(self, line: bytes, event: AnyEvent) -> bool:
        """Advance over one line if it continues the journal; else note the damage."""
        if len(line) > codec.MAX_LINE:
            return self._damaged("too_long", _TOO_LONG)
        if event.seq != self._seq + 1:
            return self._resume(line, event)
        trailer = line[_COVERED:-1]
        kind = type(event)
        digest = None
        if self._check_chain:
            digest = chain.link(self._digest or b"", line[:_COVERED])
            if trailer != b',"h":"' + hexlify(digest) + b'"}':
                parts = chain.split_line(line[:-1])
                if parts is None or event.seq not in self._redacted:
                    return self._damaged("chain", "the line does not match its h")
                digest = parts[1]
        elif not chain.is_trailer(trailer):
            return self._damaged("chain", "the line has no h")
        if (kind in _PLACED or not self._seq) and not self._placed(event):
            return False
        self._seq += 1
        self._size += len(line)
        self._digest, self._trailer = digest, trailer
        self._sealed = kind is RunSealed
        if kind in STATUS_OF:
            self._status = STATUS_OF[kind]
            self._ended = self._ended or kind in FINAL
        return True

    def _not_an_event(self, line: bytes) -> None:
        if len(line) > codec.MAX_LINE:
            self._damaged("too_long", _TOO_LONG)
        else:
            self._damaged("undecodable", _why(line[:-1]))

    def _resume(self, line: bytes, event: AnyEvent) -> bool:
        """Take the place that the first record of a continuation states, if nothing came before it."""
        if not isinstance(event, JournalContinued) or self._seq or self._size:
            return self._damaged("seq", f"seq {event.seq} where {self._seq + 1} belongs")
        before = self._seq, self._base, self._digest
        self._seq, self._base = event.seq - 1, event.offset
        self._digest = bytes.fromhex(event.head)
        followed = self._follow(line, event)
        if self.damage is not None:
            self._seq, self._base, self._digest = before
            self._damaged(self.damage.kind, self.damage.detail)
        return followed

    def _placed(self, event: AnyEvent) -> bool:
        """Check an event that has a place of its own: the first of a journal, or a seal."""
        if isinstance(event, RunQueued | JournalContinued):
            return self._begin(event)
        if not self._seq:
            return self._damaged("seq", f"a journal does not begin with {tag_of(event)}")
        if isinstance(event, RunSealed):
            stated = (event.count, event.bytes)
            actual = (self._seq, self._base + self._size)
            if stated != actual:
                return self._damaged("seal", f"seal states {stated}, journal has {actual}")
            if self._check_chain and self._digest is not None and event.head != self._digest.hex():
                return self._damaged("seal", "seal names another head")
            self._ended = True
        return True

    def _begin(self, event: RunQueued | JournalContinued) -> bool:
        if event.run_id != self._start.run_id:
            return self._damaged("run_id", f"a journal of run {event.run_id!a}")
        if isinstance(event, RunQueued):
            if self._size or self._seq:
                return self._damaged("seq", f"{tag_of(event)} is not the first record")
            self._durability, self._boot_id = event.durability, event.boot_id
        elif not self._seq or (event.offset, event.head) != (self._base + self._size, self._before()):
            return self._damaged("seq", "it continues another history")
        self._format = event.format
        return True

    def _before(self) -> str:
        """Return `h` of the last record, in hex."""
        return self._digest.hex() if self._digest is not None else self._trailer[6:-2].decode("ascii")

    def _at(self, kind: DamageKind, detail: str) -> Damage:
        return Damage(kind, Seq(self._seq + 1), Offset(self._base + self._size), detail)

    def _damaged(self, kind: DamageKind, detail: str) -> bool:
        self.damage = self._at(kind, detail)
        return False

    def _look_behind(self, data: bytes) -> None:
        """Search the bytes behind the damage for a whole record that somebody was told is durable."""
        self._behind_length += len(data)
        if self._synced_behind:
            return
        chunk = self._behind + data
        end = chunk.rfind(b"\n") + 1
        self._behind = chunk[end:][-codec.MAX_LINE :]
        self._synced_behind = any_synced(chunk[:end])


def next_record(tail: Tail, line: bytes) -> tuple[Record, Tail] | None:
    """Return the record on a line that follows a tail, and the tail behind it: what a scanner would give.

    None: the line means more than that it follows, or is not a whole one that does; a scanner has to tell.
    """
    if not tail.seq or len(line) > codec.MAX_LINE or not line.startswith(b'{"') or line.count(b"\n") != 1:
        return None
    digest = sha256(tail.digest + line[:_COVERED]).digest()
    mark = hexlify(digest)
    if line[_COVERED:] != b',"h":"' + mark + b'"}\n':
        return None
    try:
        event = codec.decode(line[:-1])
    except UndecodableLine:
        return None
    if event.__class__ in _LANDMARKS or event.seq != tail.seq + 1:
        return None
    record = Record(tail.run_id, Seq(event.seq), tail.offset, len(line), event, Head(mark.decode("ascii")))
    return record, _behind(tail, len(line), digest)


def _behind(tail: Tail, length: int, digest: bytes) -> Tail:
    """Return the tail behind one more line, which is no landmark."""
    return Tail(
        run_id=tail.run_id,
        digest=digest,
        seq=Seq(tail.seq + 1),
        size=tail.size + length,
        base=tail.base,
        format=tail.format,
        durability=tail.durability,
        boot_id=tail.boot_id,
        status=tail.status,
        ended=tail.ended,
    )


_PLACED: Final = frozenset({RunQueued, JournalContinued, RunSealed})
_LANDMARKS: Final = _PLACED | STATUS_OF.keys()
"""Events by which a line means more than that it follows the one before."""
_TOO_LONG: Final = f"a line of more than {codec.MAX_LINE} bytes"


def redacted_seqs(events: Iterable[AnyEvent]) -> frozenset[int]:
    """Return the seqs of lines whose text some later event of the journal says was overwritten."""
    return frozenset(
        seq for event in events if isinstance(event, TextRedacted) for seq in event.seqs if seq < event.seq
    )


def _decoded(chunk: bytes, lines: list[bytes]) -> list[AnyEvent]:
    """Return the events of the lines, which have their newlines, up to the first that does not decode."""
    try:
        known = codec.decode_known_lines(chunk)
    except UndecodableLine:
        known = []
    if codec.is_one_a_line(lines, len(known)):
        return cast("list[AnyEvent]", known)
    events: list[AnyEvent] = []
    for line in lines:
        try:
            event = codec.decode(line[:-1])
        except UndecodableLine:
            break
        if not line.startswith(b"{"):
            break
        events.append(event)
    return events


def _why(line: bytes) -> str:
    try:
        codec.decode(line)
    except UndecodableLine as error:
        return f"not an event: {error}"
    return "white space in front of an event"
