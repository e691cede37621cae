"""What streams of events and of output are made of; each record names its type: see `schema`. Pure."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Struct

from runlore.journal import chain
from runlore.journal.events import UnknownEvent
from runlore.journal.scan import Record
from runlore.journal.values import Offset, RunId, Seq

EventObject = Annotated[
    object,
    msgspec.Meta(
        extra_json_schema={
            "type": "object",
            "required": ["type", "seq", "at"],
            "description": "An event: see `runlore schema event`, and expect types not there yet.",
        }
    ),
]


class EventRecord(Struct, frozen=True, kw_only=True, tag_field="type", tag="record"):
    """An event plus where it lies."""

    run_id: RunId
    seq: Seq
    offset: Offset
    event: EventObject


class LineRecord(Struct, frozen=True, kw_only=True, tag_field="type", tag="line"):
    """One line, or part of a line, of a command's output."""

    run_id: RunId
    stream: Literal["stdout", "stderr"]
    at: datetime
    text: str
    """Bytes that are no UTF-8 stand as `\\\\xNN`."""
    newline: bool = True
    """False: the line goes on, or the output ended without a newline."""
    lost: int = 0
    """Not text: so many bytes of the stream are missing here."""


class ControlRecord(Struct, frozen=True, kw_only=True):
    """What a stream says about itself: `ready` first, `end` last, with the cursor to resume from."""

    type: Literal["ready", "rewound", "lagged", "end"]
    cursor: str | None = None
    reason: str | None = None


def event_record(record: Record) -> EventRecord:
    """Return a journal's record as it stands in a stream; an unknown event keeps all its fields."""
    event: object = record.event
    if isinstance(event, UnknownEvent):
        parts = chain.split_line(event.raw)
        event = msgspec.json.decode(parts[0] + b"}" if parts else event.raw)
    return EventRecord(run_id=record.run_id, seq=record.seq, offset=record.offset, event=event)
