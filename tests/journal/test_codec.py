"""Lines and events: what is written, what is read back, what is refused."""

import sys

import msgspec
import pytest

from runlore.journal import codec
from runlore.journal import events as e
from runlore.journal.errors import EventTooLarge, UndecodableLine
from runlore.journal.events import Event, UnknownEvent, tag_of
from tests.journal.forge import AT, AT_TEXT, RECIPE, RUN, Forge, many
from tests.journal.samples import SAMPLES


def _line_of(members: bytes, seq: bytes = b"1", at: bytes = AT_TEXT.encode()) -> bytes:
    return b'{"type":"run.noted","seq":%b,"at":"%b",%b}' % (seq, at, members)


@pytest.mark.parametrize("kind", SAMPLES, ids=lambda kind: kind.__name__)
def test_every_event_comes_back_as_it_was(kind: type[Event]) -> None:
    """Encoded and decoded again, an event is equal to itself, with its type first on the line."""
    line = codec.encode(SAMPLES[kind])

    assert codec.decode(line) == SAMPLES[kind]
    assert line.startswith(b'{"type":"%b","seq":5,' % tag_of(SAMPLES[kind]).encode())


def test_fields_that_have_their_default_are_not_written() -> None:
    """A journal holds what is known; what is not known costs no bytes."""
    assert codec.encode(e.RunProgressed(seq=1, at=AT)) == (
        b'{"type":"run.progressed","seq":1,"at":"2026-11-20T20:14:00Z"}'
    )


def test_times_are_written_in_utc_with_microseconds() -> None:
    """One form, so that text order is time order within a second."""
    event = e.RunNoted(seq=1, at=AT.replace(microsecond=5), text="")

    assert b'"at":"2026-11-20T20:14:00.000005Z"' in codec.encode(event)


def test_an_event_of_a_kind_we_do_not_know_comes_back_whole() -> None:
    """Its common fields can be used, its bytes can be copied, and nothing of it is lost."""
    line = (
        b'{"type":"run.invented","seq":7,"at":"2026-11-20T20:14:00Z","by":{"user":"ada"},"epoch":2,"x":[1]}'
    )
    event = codec.decode(line)

    assert isinstance(event, UnknownEvent)
    assert (event.seq, event.at, event.type, event.epoch) == (7, AT, "run.invented", 2)
    assert event.by is not None
    assert event.by.user == "ada"
    assert codec.encode(event) == line


@pytest.mark.parametrize(
    "type_",
    [
        "",
        "x",
        "x.",
        ".x",
        "x..y",
        "X.y",
        "x.y ",
        "x.y\\n",
        "\\u001b[2J.x",
        "run.не",
        "x." + "y" * 63,
        "a-b.c",
    ],
)
def test_an_event_type_is_lower_case_words_with_dots(type_: str) -> None:
    """What cannot be a type is damage, so no escape sequence ever reaches a terminal as one."""
    line = f'{{"type":"{type_}","seq":1,"at":"{AT_TEXT}"}}'.encode()

    with pytest.raises(UndecodableLine):
        codec.decode(line)


LENIENT = [
    pytest.param(_line_of(b'"text":"x","later":{"a":[1,2.5,null]}'), "x", id="a field we do not know"),
    pytest.param(_line_of(b'"text":"x"').replace(b",", b" ,\t"), "x", id="white space between tokens"),
    pytest.param(
        b'{"text":"x","seq":1,"at":"%b","type":"run.noted"}' % AT_TEXT.encode(), "x", id="type last"
    ),
    pytest.param(_line_of(b'"text":"x","text":"y"'), "y", id="a repeated field, the last counts"),
    pytest.param(_line_of(b'"text":"x","type":"run.noted"'), "x", id="the same type twice"),
    pytest.param(_line_of(b'"text":"\\u00e9\\/\\ud83d\\ude00"'), "é/😀", id="escapes nobody needs"),
    pytest.param(_line_of(b'"text":"\\u0000"'), "\0", id="an escaped NUL"),
    pytest.param(_line_of('"text":"\u2028\u0085\x7f"'.encode()), "\u2028\u0085\x7f", id="separators and DEL"),
    pytest.param(_line_of(b'"text":"","x":1e999'), "", id="a number too large, where nobody looks"),
    pytest.param(_line_of(b'"text":"x"', at=b"2026-11-20t22:14:00.0+02:00"), "x", id="another offset"),
    pytest.param(
        _line_of(b'"text":"x"', at=b"2026-11-20 20:14:00.0000000001-0000"), "x", id="a long fraction"
    ),
]


@pytest.mark.parametrize(("line", "text"), LENIENT)
def test_what_the_format_lets_pass_is_read(line: bytes, text: str) -> None:
    """Readers accept what other writers may legally write."""
    event = codec.decode(line)

    assert isinstance(event, e.RunNoted)
    assert (event.text, event.at) == (text, AT)


STRICT = [
    pytest.param(b"", id="nothing"),
    pytest.param(b"[]", id="an array"),
    pytest.param(b"null", id="null"),
    pytest.param(_line_of(b'"text":"x"') + b"{}", id="two objects"),
    pytest.param(_line_of(b'"text":"x",'), id="a trailing comma"),
    pytest.param(_line_of(b'"text":"x"/**/'), id="a comment"),
    pytest.param(b"\xef\xbb\xbf" + _line_of(b'"text":"x"'), id="a byte order mark"),
    pytest.param(_line_of(b'"text":"x"').decode().encode("utf-16"), id="UTF-16"),
    pytest.param(_line_of(b'"text":null'), id="null for a text"),
    pytest.param(_line_of(b'"text":1'), id="a number for a text"),
    pytest.param(_line_of(b'"txet":"x"'), id="a required field missing"),
    pytest.param(_line_of(b'"text":"a\tb"'), id="a raw tab"),
    pytest.param(_line_of(b'"text":"a\x1b[2J"'), id="a raw escape"),
    pytest.param(_line_of(b'"text":"a\nb"'), id="a raw newline"),
    pytest.param(_line_of(b'"text":"\\ud800"'), id="a lone high surrogate"),
    pytest.param(_line_of(b'"text":"\\udc00"'), id="a lone low surrogate"),
    pytest.param(_line_of(b'"text":"\xed\xa0\x80"'), id="a surrogate in UTF-8"),
    pytest.param(_line_of(b'"text":"\xc0\xaf"'), id="an overlong form"),
    pytest.param(_line_of(b'"text":"x","later":"\xff"'), id="bad UTF-8 in a field we do not know"),
    pytest.param(_line_of(b'"text":"x","\xff":1'), id="bad UTF-8 in a name we do not know"),
    pytest.param(_line_of(b'"text":"x","later":NaN'), id="NaN"),
    pytest.param(_line_of(b'"text":"x","later":-Infinity'), id="-Infinity"),
    pytest.param(_line_of(b'"text":"x","type":"run.renamed","name":"y"'), id="two types we know"),
    pytest.param(_line_of(b'"text":"x","type":"run.invented"'), id="a type we know and one we do not"),
    pytest.param(_line_of(b'"text":"x"', at=b"2026-11-20T20:14:00"), id="a time without offset"),
    pytest.param(_line_of(b'"text":"x"', at=b"2026-11-20T20:14:60Z"), id="a leap second"),
    pytest.param(_line_of(b'"text":"x"', at=b"2026-02-29T20:14:00Z"), id="a day that is not"),
    pytest.param(_line_of(b'"text":"x","by":{"pid":-1}'), id="a negative pid"),
    pytest.param(_line_of(b'"text":"x","epoch":9007199254740992'), id="an epoch too large"),
    *(
        pytest.param(_line_of(b'"text":"x"', seq=seq), id=f"seq {seq.decode()[:20]}")
        for seq in (
            b"0",
            b"-1",
            b"1.0",
            b"1e2",
            b'"1"',
            b"true",
            b"null",
            b"01",
            b"9007199254740992",
            b"9" * 400,
        )
    ),
]


@pytest.mark.parametrize("line", STRICT)
def test_what_the_format_forbids_is_one_kind_of_error(line: bytes) -> None:
    """However the JSON library says no, callers see one error of ours, with exit code 65."""
    with pytest.raises(UndecodableLine) as caught:
        codec.decode(line)
    assert caught.value.exit_code == 65


@pytest.mark.parametrize("line", STRICT)
def test_the_fast_path_is_as_strict_as_the_slow_one(line: bytes) -> None:
    """A chunk with such a line in it is refused whole, or gives another number of events than lines."""
    chunk = many(3).data + line + b"\n" + many(3).data
    try:
        events = codec.decode_known_lines(chunk)
    except UndecodableLine:
        return
    assert len(events) != 7


def test_a_digest_is_64_digits_and_not_one_byte_more() -> None:
    """A newline behind the digits, which `$` would let pass, is refused too."""
    for digest in ("a" * 64 + "\\n", "a" * 63, "A" * 64, "g" * 64):
        line = (
            f'{{"type":"run.checkpointed","seq":1,"at":"{AT_TEXT}","name":"","path":"","sha256":"{digest}"}}'
        )
        with pytest.raises(UndecodableLine):
            codec.decode(line.encode())


def test_chunks_come_back_line_by_line_when_one_of_them_is_unknown() -> None:
    """An unknown event in the middle costs speed, not order."""
    forge = many(2).raw(b'{"type":"run.invented","seq":3,"at":"%b"' % AT_TEXT.encode())
    forge.add(e.RunNoted, text="behind")
    events = list(codec.decode_lines(forge.data))

    assert [event.seq for event in events] == [1, 2, 3, 4]
    assert isinstance(events[2], UnknownEvent)


def test_damage_in_a_chunk_comes_after_the_events_before_it() -> None:
    """What could be read was read before the error."""
    lines = codec.decode_lines(many(2).data + b"{\n" + many(2).data)

    assert [next(lines).seq, next(lines).seq] == [1, 2]
    with pytest.raises(UndecodableLine):
        next(lines)


def test_the_longest_line_is_exactly_256_kib() -> None:
    """An event that fills a line to the last byte is written; one byte more is refused with advice."""
    overhead = len(Forge().queued().add(e.RunNoted, text="").lines[1])
    room = codec.MAX_LINE - overhead
    forge = Forge().queued().add(e.RunNoted, text="x" * room)

    assert len(forge.lines[1]) == 256 * 1024
    with pytest.raises(EventTooLarge, match="Store the payload as a file") as caught:
        codec.encode(e.RunNoted(seq=2, at=AT.replace(second=1), text="x" * (room + 1)))
    assert caught.value.exit_code == 2


def _nested(levels: int, *, in_lists: bool) -> object:
    value: object = [] if in_lists else {}
    for _ in range(levels - 1):
        value = [value] if in_lists else {"a": value}
    return value


@pytest.mark.parametrize("in_lists", [True, False])
def test_json_nests_64_levels_deep_and_not_deeper(in_lists: bool) -> None:
    """The event itself is the first level; what is deeper is refused before anything is written."""
    codec.encode(e.RunResultSet(seq=1, at=AT, result=_nested(63, in_lists=in_lists)))
    with pytest.raises(EventTooLarge, match="64 levels"):
        codec.encode(e.RunResultSet(seq=1, at=AT, result=_nested(64, in_lists=in_lists)))
    queued = e.RunQueued(seq=1, at=AT, format=1, run_id=RUN, recipe=RECIPE)
    codec.encode(msgspec.structs.replace(queued, metadata={"a": _nested(62, in_lists=in_lists)}))
    with pytest.raises(EventTooLarge, match="64 levels"):
        codec.encode(msgspec.structs.replace(queued, metadata={"a": _nested(63, in_lists=in_lists)}))


def test_lines_nested_beyond_any_stack_are_refused_like_others() -> None:
    """A line of a hundred thousand brackets is an undecodable line, not a crash."""
    depth = max(100_000, sys.getrecursionlimit() * 2)
    for brackets in (b"[" * depth + b"]" * depth, b'{"a":' * depth + b"1" + b"}" * depth):
        with pytest.raises(UndecodableLine):
            codec.decode(_line_of(b'"text":"x","later":' + brackets))


@pytest.mark.parametrize("value", ["\ud800", {"a": object()}, {1: 2, (3,): 4}, float])
def test_what_json_cannot_carry_is_refused_when_it_is_written(value: object) -> None:
    """A lone surrogate or a foreign object is the caller's error, told before the journal is touched."""
    with pytest.raises(UndecodableLine, match="cannot be written"):
        codec.encode(e.RunResultSet(seq=1, at=AT, result=value))


def test_a_circle_is_refused_when_it_is_written() -> None:
    """A result that contains itself ends in an error of ours."""
    circle: list[object] = []
    circle.append(circle)
    with pytest.raises(UndecodableLine, match="cannot be written"):
        codec.encode(e.RunResultSet(seq=1, at=AT, result=circle))
