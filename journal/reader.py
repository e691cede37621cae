"""Read the records of a journal: all of them, or what is new.

Readers never write and never lock. They look at whole lines only: an unterminated last line is "not
yet". Damage ends a read where it stands; the verdict says what kind it is.
"""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Final, Self

from msgspec import structs

from runlore.journal import chain, codec, seeking, tailing
from runlore.journal.disk import Disk
from runlore.journal.errors import Conflict, CorruptJournal, JournalIO, NotFound
from runlore.journal.framing import whole_lines
from runlore.journal.history import History, open_history
from runlore.journal.layout import Layout
from runlore.journal.machine import boot_id
from runlore.journal.scan import Record, Scanner, Tail, Verdict, heals_by_itself
from runlore.journal.values import RunId, Seq

PIECE: Final = codec.MAX_LINE
"""Bytes that a reader looks at together: any line is whole in them."""
_AT_ONCE: Final = 1000
"""Records that `read` has in memory, and as many more as lie in one piece."""


class JournalReader:
    """Reads on from where it was; follows the journal when it is replaced or heals.

    after: nothing up to this seq comes; of a long journal, nothing up to it is looked at.
    check_chain: also compare every `h`, which makes it three times slower.
    start: the tail behind the last record already seen; what stands before it is not read again, unless
    the journal turns out to be another one.
    """

    def __init__(
        self,
        disk: Disk,
        layout: Layout,
        run_id: RunId,
        *,
        after: Seq = Seq(0),
        check_chain: bool = False,
        start: Tail | None = None,
    ) -> None:
        self._disk, self._layout, self._run_id = disk, layout, run_id
        self._path = layout.journal(run_id)
        self._check_chain = check_chain
        self._history: History | None = None
        self._start = start
        self._seen, self._head = after, ""
        if start is not None and start.seq:
            self._seen, self._head = start.seq, start.head
        self._offset = 0
        self._torn = b""
        """Bytes behind the last whole line, as of the last read."""
        self._doubted = -1
        """Where bytes did not continue what was read before; if they still do not, it is damage."""
        self._scanner = Scanner(start or Tail.empty(run_id), check_chain=check_chain)
        self._redacted: frozenset[int] | None = None
        """Seqs that this file says were redacted, once that was asked."""
        self.rewound = False
        """The last read began again, because bytes seen before are not there any more."""

    def read_available(self, *, most: int | None = None, until: int | None = None) -> list[Record]:
        """Return the records that are whole by now and newer than those already returned.

        After a replacement that kept the records, nothing is repeated. If a record returned before is
        gone or different, the whole journal comes again, and `rewound` is set.
        most: stop soon after so many; the rest comes with the next call. until: look at no byte of the
        file behind this one.

        Raises:
            NotFound: no such journal. JournalIO: the disk refused.
        """
        self.rewound = False
        with self._asking():
            history = self._history
            if history is None or self._moved(history):
                self._open()
            return self._read_on(most, until)

    def size(self) -> int:
        """Return how many bytes the file has by now, packed ones included; nothing is read.

        Raises:
            NotFound: no such journal. JournalIO: the disk refused.
        """
        with self._asking():
            if self._history is None:
                self._open()
            return self._opened().size_and_links()[0]

    @contextmanager
    def _asking(self) -> Generator[None]:
        """Say in our words what the disk says."""
        try:
            yield
        except FileNotFoundError:
            raise NotFound(f"run {self._run_id} has no journal at {self._path}") from None
        except NotFound:
            raise
        except OSError as error:
            raise JournalIO(f"{self._path}: {error.strerror or error}") from error

    def verdict(self) -> Verdict:
        """Say what stands behind the last whole record, as of the last read."""
        found = self._scanner.verdict()
        if self._scanner.damage is not None:
            return structs.replace(found, length=found.length + len(self._torn))
        if not self._torn:
            return found
        behind = Scanner(self._scanner.tail)
        behind.advance(self._torn)
        return behind.verdict()

    @property
    def tail(self) -> Tail:
        """The end of the whole records, as of the last read."""
        return self._scanner.tail

    def close(self) -> None:
        """Let go of the file."""
        history, self._history = self._history, None
        if history is not None:
            history.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _moved(self, history: History) -> bool:
        """Say whether the history lies in other files by now, or is shorter than what was read."""
        size, links = history.size_and_links()
        return not links or size < self._offset or self._scanner.damage is not None or history.goes_on()

    def _open(self) -> None:
        self.close()
        history = self._history = open_history(self._disk, self._layout, self._run_id)
        start, self._start = self._start, None
        size = history.size_and_links()[0]
        if start is None and self._seen and size > seeking.NEAR:
            start = self._sought(history, size)
        if start is None or size < start.size:
            start = Tail.empty(self._run_id)
        self._offset, self._torn, self._redacted = start.size, b"", None
        redacted = self._named_redacted() if self._check_chain else frozenset[int]()
        self._scanner = Scanner(start, check_chain=self._check_chain, redacted=redacted)

    def _sought(self, history: History, size: int) -> Tail | None:
        """Return the tail behind the last record that came before, if it still is in this file."""
        found = seeking.at_or_before(history, self._run_id, size, self._seen)
        return found if found is None or not self._head or found.head == self._head else None

    def _opened(self) -> History:
        assert self._history is not None  # noqa: S101 - read_available opens it
        return self._history

    def _named_redacted(self) -> frozenset[int]:
        """Return the seqs of lines that keep an `h` they do not match: only a new file gets more of them."""
        if self._redacted is None:
            history = self._opened()
            size, _links = history.size_and_links()
            self._redacted = tailing.redacted_behind(history, Tail.empty(self._run_id), size)
        return self._redacted

    def _read_on(self, most: int | None, until: int | None) -> list[Record]:
        fresh = self._newer(most, until)
        if fresh is None:  # another history stands there now
            self.rewound = True
            self._seen, self._head = Seq(0), ""
            self._open()
            fresh = self._newer(most, None) or []
        if fresh:
            self._seen, self._head = fresh[-1].seq, fresh[-1].head
        elif self._scanner.tail.seq == self._seen and self._seen:
            self._head = self._scanner.tail.head
        return fresh

    def _newer(self, most: int | None, until: int | None) -> list[Record] | None:
        """Return the records behind those already returned, or None if one of those is gone."""
        fresh: list[Record] = []
        known, scanner = self._head, self._scanner
        while lines := self._whole_lines(until):
            if self._scanner is not scanner:  # begun again
                scanner, fresh = self._scanner, []
            for record in self._scanner.feed(lines):
                if record.seq > self._seen:
                    fresh.append(record)
                elif record.seq == self._seen and known and record.head != known:
                    return None
            if (most is not None and len(fresh) >= most) or (until is not None and self._offset >= until):
                break
        if not known or self._scanner.tail.seq >= self._seen:
            return fresh
        if until is not None and self._offset >= until:  # this is another file: is it only not read that far?
            return self._newer(most, None)
        return None

    def _whole_lines(self, until: int | None) -> bytes:
        """Return the next whole lines.

        What is seen of a line in part is never kept: it may be cut back, and another line put in its
        place, and the two halves glued together may well decode.
        """
        length = PIECE if until is None else max(0, min(PIECE, until - self._offset))
        piece = self._opened().pread(length, self._offset)
        end = whole_lines(piece)
        if not end and len(piece) >= codec.MAX_LINE:
            end = len(piece)  # no line is that long
        lines, self._torn = piece[:end], piece[end:]
        if lines and self._offset != self._doubted and not self._continues(lines):
            doubted = self._offset
            self._open()
            self._doubted = doubted
            return self._whole_lines(until)
        self._offset += end
        if self._offset > self._doubted:
            self._doubted = -1
        return lines

    def _continues(self, lines: bytes) -> bool:
        """Say whether these lines stand behind what was read before: one `h` tells, or its redaction."""
        if not self._offset or self._scanner.damage is not None:
            return True
        parts = chain.split_line(lines[: lines.find(b"\n")])
        tail = self._scanner.tail
        if parts is None or chain.link(tail.digest, parts[0]) == parts[1]:
            return parts is not None
        return tail.seq + 1 in self._named_redacted()


def read(
    disk: Disk,
    layout: Layout,
    run_id: RunId,
    *,
    after: Seq = Seq(0),
    check_chain: bool = False,
) -> Iterator[Record]:
    """Yield the records of a journal newer than `after`, oldest first, up to where it ends now.

    A few of them are in memory at a time, however many there are. Stops before a torn tail; a later call
    picks the line up once it is whole. In a long journal, what stands in front of `after` is not read, so
    damage there goes unseen: `verify` reads everything.

    Raises:
        NotFound: no such journal. JournalIO: the disk refused.
        CorruptJournal: damage that no crash explains; the records before it were already yielded.
        Conflict: meanwhile another journal came in its place, without the records already yielded.
    """
    with JournalReader(disk, layout, run_id, after=after, check_chain=check_chain) as reader:
        end, last = reader.size(), Seq(0)
        while records := reader.read_available(most=_AT_ONCE, until=end):
            if reader.rewound and last:
                raise Conflict(f"run {run_id}: its journal was replaced by another meanwhile; read it again")
            yield from records
            last = records[-1].seq
        verdict, damage = reader.verdict(), reader.verdict().damage
        tail = reader.tail
    if damage is not None and not heals_by_itself(tail, verdict, boot_id()):
        raise CorruptJournal(layout.journal(run_id), run_id, damage.offset, damage.detail)
