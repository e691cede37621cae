"""What a named subscription has handed out, and how much of it is acked. Pure.

Every record that goes out has a number, and acks are cumulative: whoever acks a number has dealt with all
up to it. An ack names the reading it belongs to, so that one of an earlier reading is not taken for it.
"""

from collections import OrderedDict, deque
from typing import Final

from msgspec import Struct

from runlore.journal.errors import BadInput
from runlore.journal.position import MARK, Acked
from runlore.journal.scan import Record
from runlore.journal.values import Offset, Seq

_DIGITS: Final = 18
_KNOWN: Final = 2
"""So many windows of records are known by themselves, acked ones included."""


class Delivery(Struct, frozen=True, gc=False):
    """A record that was handed out."""

    number: int
    record: Acked
    cursor: str
    """Where to go on behind it."""


class Window:
    """The records of one reading that are not acked yet, oldest first; at most so many."""

    def __init__(self, reading: str, most: int) -> None:
        self._reading: Final = reading
        self.most: Final[int] = most
        self._deliveries: deque[Delivery] = deque()
        self._numbers: OrderedDict[Acked, deque[int]] = OrderedDict()
        """The numbers of each record; a stream that was rewound gives one more than once."""
        self.handed_out: int = 0

    @property
    def unacked(self) -> int:
        """How many are not acked yet."""
        return len(self._deliveries)

    @property
    def is_full(self) -> bool:
        """Nothing more goes out before something is acked."""
        return len(self._deliveries) >= self.most

    def add(self, record: Record, cursor: str) -> None:
        """Note that a record goes out."""
        self.handed_out += 1
        known = _identity(record)
        self._deliveries.append(Delivery(self.handed_out, known, cursor))
        self._numbers.setdefault(known, deque()).append(self.handed_out)
        self._numbers.move_to_end(known)
        if len(self._numbers) > _KNOWN * self.most:
            self._numbers.popitem(last=False)

    def token(self) -> str:
        """Return what acks the record that went out last, and all before it."""
        return f"{self._reading}.{self.handed_out}"

    def number(self, token: str) -> int:
        """Return the number that a token means.

        Raises:
            BadInput: it is none, is of another reading, or was not handed out yet.
        """
        reading, dot, digits = token.rpartition(".")
        if not dot or not (digits.isascii() and digits.isdigit()) or len(digits) > _DIGITS:
            raise BadInput(f"{token[:60]!a} acks nothing; send back the `ack` of a record, as it came")
        if reading != self._reading:
            raise BadInput(
                f"{token[:60]!a} is an ack of another reading of this subscription; "
                "what was not acked then comes again, with another `ack`"
            )
        if not 0 < int(digits) <= self.handed_out:
            raise BadInput(f"{token[:60]!a} acks a record that was not handed out yet")
        return int(digits)

    def number_of(self, record: Record) -> int:
        """Return the number of a record: of one that came twice the first that is not acked yet.

        Raises:
            BadInput: it was not handed out in this reading, or too long ago.
        """
        numbers = self._numbers.get(_identity(record))
        if numbers is None:
            raise BadInput(
                f"run {record.run_id}, seq {record.seq}: this record was not handed out in this reading, "
                "or was acked long ago, so it cannot be acked in it"
            )
        while len(numbers) > 1 and numbers[0] <= self.handed_out - self.unacked:
            numbers.popleft()
        return numbers[0]

    def through(self, number: int) -> Delivery | None:
        """Return the delivery of a number; None if it was acked before."""
        if not self._deliveries or number < self._deliveries[0].number:
            return None
        return self._deliveries[number - self._deliveries[0].number]

    def drop_through(self, number: int) -> int:
        """Note that all up to a number are acked; return how many of them were not before."""
        before = len(self._deliveries)
        while self._deliveries and self._deliveries[0].number <= number:
            self._deliveries.popleft()
        return before - len(self._deliveries)


def _identity(record: Record) -> Acked:
    end = Offset(record.offset + record.length)
    return Acked(run_id=record.run_id, seq=Seq(record.seq), end=end, h=record.head[:MARK])
