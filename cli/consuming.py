"""The loop of `runlore subscribe`: records go out, acks come in, and neither waits for the other."""

import os
import select
from typing import TYPE_CHECKING, Final

import msgspec

from runlore.cli import standard
from runlore.cli.lines import Lines
from runlore.cli.ready import readable
from runlore.journal.errors import BadInput, RunloreError
from runlore.journal.scan import Record
from runlore.projections.delivery import delivery_record
from runlore.projections.stream_records import ControlRecord

if TYPE_CHECKING:
    from runlore.cli.session import Session
    from runlore.watcher.durable import DurableRecords

_PIECE: Final = 1 << 16
_AT_ONCE: Final = 100
"""Records handed out between two looks for acks."""


class AckLine(msgspec.Struct, frozen=True):
    """What a consumer says; other fields are not looked at, so that whatever came may be sent back."""

    ack: str = ""
    type: str = ""


_CONTROL: Final = frozenset({"ready", "rewound", "lagged", "end"})
_decoder: Final = msgspec.json.Decoder(AckLine)


class Acks:
    """The acks on standard input."""

    def __init__(self, records: "DurableRecords") -> None:
        self._records, self._lines, self._count = records, Lines(), 0
        self.is_over = False
        """Nobody can ack any more."""
        self.failed: RunloreError | None = None
        """What was wrong with an ack that came while a record was written."""

    def read(self) -> None:
        """Write down what was acked by now; all of one reading in one go.

        Raises:
            BadInput: a line is no ack of a record that was handed out; those before it are written down.
            Conflict, JournalIO: they could not be.
        """
        try:
            piece = os.read(0, _PIECE)
        except OSError as error:
            self.is_over = True
            raise BadInput(f"standard input cannot be read: {error.strerror or error}") from None
        self.is_over = not piece
        last = 0
        try:
            for line in self._lines.feed(piece) if piece else self._lines.finish():
                last = max(last, self._number(line))
        finally:
            if last:
                self._records.ack_number(last)

    def read_rest(self) -> None:
        """Do the same with what is there, without waiting for more."""
        while not self.is_over and self.failed is None and readable(0, within_s=0):
            self.read()

    def until_writable(self) -> None:
        """Return once standard output takes a piece, and read acks meanwhile.

        A consumer that sends acks before it reads on would else wait for us, and we for it.
        """
        while True:
            poll = select.poll()
            poll.register(1, select.POLLOUT)
            if not self.is_over and self.failed is None:
                poll.register(0, select.POLLIN)
            ready = {fd for fd, _ in poll.poll()}
            if 0 in ready:
                try:
                    self.read()
                except RunloreError as error:  # told when the line that is being written is whole
                    self.failed = error
            if 1 in ready:
                return

    def _number(self, line: bytes | None) -> int:
        """Return the number that a line acks; 0 for an empty one, and for what is sent back and has none."""
        self._count += 1
        if line is not None and not line.strip():
            return 0
        try:
            if line is None:
                raise BadInput("it is too long for an ack")
            said = _decoder.decode(line)
            return 0 if said.type in _CONTROL and not said.ack else self._records.number(said.ack)
        except (msgspec.MsgspecError, UnicodeError, ValueError, RecursionError) as error:
            told = str(error) if isinstance(error, BadInput) else f'not {{"ack": "…"}} ({error})'
            raise BadInput(f"line {self._count} of standard input: {told}") from None


def consume(session: "Session", records: "DurableRecords") -> str:
    """Return why it is over: `caught_up` once everything there is was acked, `closed` if nobody can ack.

    Raises:
        BadInput: an ack is none. OutputFailed: nobody reads any more; the acks there are count all the same.
    """
    acks, noticed = Acks(records), False
    session.output.until_writable = acks.until_writable
    try:
        while not acks.is_over:
            if records.reason and not records.unacked:
                return records.reason
            more, noticed = _hand_out(session, records), _notice(session, records, noticed)
            if acks.failed is not None:
                raise acks.failed
            standard.require_reader()
            if 0 in records.wait(0, at_once=more):
                acks.read()
    except standard.OutputFailed:
        acks.read_rest()
        raise
    finally:
        session.output.until_writable = None
    return "closed"


def _hand_out(session: "Session", records: "DurableRecords") -> bool:
    """Write what may go out now, a few records at most; say whether there may be more."""
    output = session.output
    for _ in range(_AT_ONCE):
        item = records.next_now()
        if item is None:
            output.flush()
            return False
        if isinstance(item, Record):
            output.record(delivery_record(item, records.token()), live=False)
        else:
            told = ControlRecord(type=item.type, cursor=records.cursor, reason=item.reason)
            output.control(told)
    output.flush()
    return True


def _notice(session: "Session", records: "DurableRecords", noticed: bool) -> bool:
    """Say once that the feed is not watched, if so; return whether that was said."""
    if records.notice and not noticed:
        session.output.say(records.notice)
    return noticed or bool(records.notice)
