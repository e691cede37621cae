"""Records of streams: the event and its place, each with its type."""

from collections.abc import Iterator

import msgspec

from runlore.journal.events import UnknownEvent
from runlore.journal.scan import Record, Scanner, Tail
from runlore.journal.values import (
    Head,
    Offset,
    Seq,
)
from runlore.projections.encoding import encode_view
from runlore.projections.stream_records import ControlRecord, EventRecord, event_record
from tests.journal.forge import AT, RUN, Forge


def records() -> Iterator[Record]:
    """Records of a journal that holds an event of a newer release."""
    forge = Forge().queued(name="n")
    forge.raw(b'{"type":"run.dreamt","seq":2,"at":"2026-11-20T20:14:01Z","of":{"sheep":3}')
    yield from Scanner(Tail.empty(RUN)).feed(forge.data)


def test_a_record_in_a_stream_is_the_event_and_its_place() -> None:
    """Known or not, an event is shown with all its fields; its `h` belongs to the line, not to it."""
    known, unknown = (msgspec.json.decode(encode_view(event_record(record))) for record in records())

    assert (known["type"], known["run_id"], known["seq"], known["offset"]) == ("record", RUN, 1, 0)
    assert (known["event"]["type"], known["event"]["name"]) == ("run.queued", "n")
    assert unknown["event"] == {
        "type": "run.dreamt",
        "seq": 2,
        "at": "2026-11-20T20:14:01Z",
        "of": {"sheep": 3},
    }


def test_an_unknown_event_without_an_h_is_shown_as_it_is() -> None:
    """A line that was never closed is no reason to lose what is on it."""
    event = UnknownEvent(seq=1, at=AT, type="x.y", raw=b'{"type":"x.y","seq":1,"at":"2026-11-20T20:14:00Z"}')
    record = Record(RUN, Seq(1), Offset(0), len(event.raw) + 1, event, Head(""))

    assert msgspec.json.decode(encode_view(event_record(record)))["event"]["type"] == "x.y"


def test_streams_speak_in_typed_records() -> None:
    """Each line of a stream says by `type` what it is."""
    assert encode_view(ControlRecord(type="end", reason="ended")) == (
        b'{"type":"end","cursor":null,"reason":"ended"}'
    )
    assert EventRecord.__struct_config__.tag == "record"
