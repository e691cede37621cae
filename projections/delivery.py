"""A record as a named subscription hands it over: with what acks it. Pure."""

from runlore.journal.position import MARK
from runlore.journal.scan import Record
from runlore.projections.stream_records import EventRecord, event_record


class DeliveryRecord(EventRecord, frozen=True, kw_only=True, tag_field="type", tag="record"):
    """One record of a named subscription: send `{"ack": …}` back once it is dealt with."""

    ack: str
    """Acks this record and all before it."""
    h: str
    """First 8 bytes of its `h`, in hex: with run and seq, what tells it from every other record."""


def delivery_record(record: Record, ack: str) -> DeliveryRecord:
    """Return a journal's record as a named subscription hands it over."""
    shown = event_record(record)
    return DeliveryRecord(
        run_id=shown.run_id,
        seq=shown.seq,
        offset=shown.offset,
        event=shown.event,
        ack=ack,
        h=record.head[:MARK],
    )
