"""Events and lines: what is written comes back, and what we do not know is passed on untouched."""

import json
from collections import Counter
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runlore.journal import codec
from runlore.journal.events import Event, UnknownEvent, tag_of
from runlore.journal.scan import Scanner, Tail
from tests import proof
from tests.journal.forge import AT_TEXT, Forge
from tests.properties.histories import KINDS, events_of, free_json, journals, texts

pytestmark = pytest.mark.timeout(3600 if proof.SIZE == "full" else 300)
"""A busy machine may take a minute for what is only work for the processor."""


def test_every_event_comes_back_equal(sized: Callable[[int, int], int]) -> None:
    """Whatever its fields hold: encoded, chained, framed, scanned, it is the same event."""
    counts: Counter[str] = Counter()

    @settings(max_examples=sized(40, 2000))
    @given(st.tuples(*map(events_of, KINDS)))
    def each(drawn: tuple[Event, ...]) -> None:
        for event in drawn:
            line = codec.encode(event)
            assert codec.decode(line) == event
            assert b"\n" not in line
            assert json.loads(line)["type"] == codec.decode(line).__struct_config__.tag
            counts.update({"events": 1})
        assert codec.decode_known_lines(b"".join(codec.encode(event) + b"\n" for event in drawn)) == list(
            drawn
        )

    each()
    assert counts["events"] >= len(KINDS)
    proof.record("round trip", "every event comes back as it was written", counts | {"kinds": len(KINDS)})


names = st.from_regex(r"[a-z0-9_]{1,10}(\.[a-z0-9_]{1,10}){1,3}", fullmatch=True)


@st.composite
def later_lines(draw: st.DrawFn, seq: int) -> bytes:
    """Draw what a later release may write: a new event, or a known one with new fields anywhere."""
    extra = draw(st.dictionaries(st.text("xyz", min_size=1, max_size=3), free_json, max_size=3))
    added = b"".join(
        b",%b:%b" % (msgspec.json.encode(name), msgspec.json.encode(extra[name])) for name in extra
    )
    if draw(st.booleans()):
        name = draw(names.filter(lambda name: not name.startswith(("run.", "artifact.", "journal."))))
        return b'{"type":"%b","seq":%d,"at":"%b"%b' % (name.encode(), seq, AT_TEXT.encode(), added)
    known = codec.encode(draw(st.sampled_from(KINDS[3:8]).flatmap(lambda kind: events_of(kind, seq=seq))))
    return known[:-1] + added


def test_what_we_do_not_know_survives_a_copy(sized: Callable[[int, int], int]) -> None:
    """Events of new kinds and fields of new names, read and written again, are the same bytes."""
    counts: Counter[str] = Counter()

    @settings(max_examples=sized(200, 20_000))
    @given(st.data(), texts)
    def each(data: st.DataObject, text: str) -> None:
        forge = Forge().queued(name=text)
        for _ in range(data.draw(st.integers(1, 4))):
            forge.raw(data.draw(later_lines(forge.seq + 1)))
        scanner = Scanner(Tail.empty(forge.run_id))
        records = scanner.feed(forge.data)
        assert scanner.damage is None
        copy = Forge()
        for record, line in zip(records, forge.lines, strict=True):
            event = record.event
            if isinstance(event, UnknownEvent):
                assert codec.encode(event) == line[:-1] == event.raw
                copy.copy(event)
                counts.update(unknown=1)
            else:
                assert forge.data[record.offset :][: record.length] == line
                copy.raw(line[:-73])
                counts.update(known=1)
        assert copy.data == forge.data

    each()
    assert counts["unknown"]
    proof.record("later writers", "events and fields of later releases survive a copy byte for byte", counts)


@given(journals(max_events=6))
def test_the_fast_path_reads_what_the_slow_one_reads(forge: Forge) -> None:
    """A chunk of whole lines gives the same events at once as line by line."""
    slowly = [codec.decode(line) for line in forge.data.split(b"\n")[:-1]]

    assert list(codec.decode_lines(forge.data)) == slowly
    assert codec.decode_known_lines(forge.data) == slowly
    assert [tag_of(event) for event in slowly] == [json.loads(line)["type"] for line in forge.lines]
