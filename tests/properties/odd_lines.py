"""Lines that are almost events: what hands, other programs and damaged disks make of a good one."""

import json
from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from runlore.journal import codec
from runlore.journal.events import Event
from tests.journal.forge import RUN, Forge
from tests.properties.histories import KINDS, events_of

_NUMBERS: Final = (
    *("0", "1", "2", "-1", "-0", "-0.0", "0.5", "1.0", "1e2", "1E0", "01", "+1", ".5", "1.", "-"),
    *("128", "129", "255", "256", "65535", "65536", "9007199254740991", "9007199254740992"),
    *("18446744073709551616", "1e12", "1000000000001", "1e308", "1.8e308", "1e999", "-1e999", "1e-999"),
    *("NaN", "Infinity", "-Infinity"),
)
_LONG_NUMBERS: Final = (
    "9" * 309,
    "-" + "9" * 4299,
    "-" + "9" * 4300,
    "9" * 4301,
    "17976931348623158" + "0" * 292,  # the largest integer that rounds to a finite binary64 ...
    "17976931348623159" + "0" * 292,  # ... and one that does not
)
_TIMES: Final = (
    "2026-11-20T20:14:00",
    "2026-11-20t20:14:00z",
    "2026-11-20 20:14:00+0100",
    "2026-11-20_20:14:00Z",
    "2026-11-20T20:14:00.1234567+23:59",
    "2026-11-20T20:14:00-24:00",
    "2026-11-20T20:14:00+00",
    "2026-11-20T20:14:60Z",
    "2026-11-20T24:00:00Z",
    "2026-11-20T20:14Z",
    "2026-11-20T20:14:00,5Z",
    "2026-02-29T00:00:00Z",
    "0000-01-01T00:00:00Z",
    "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59-23:59",
    "9999-12-31T23:59:59.9999994Z",
    "9999-12-31T23:59:59.9999996Z",
    "٢026-11-20T20:14:00Z",
)
_STRINGS: Final = (
    *("", "x", "power", "free", "signal", "exit_nonzero", "run.noted", "x.y", "X.y", "x"),
    *("a." * 31 + "ab", "a." * 32 + "a", "a" * 64, "A" * 64, "a" * 63, "😀", "\u2028\u0085"),
)
_TEXTS: Final = (
    *(r'"x.y\n"', rf'"{"a" * 64}\n"', r'"\u0066ree"', r'"\u0000"', r'"\/"', r'"\x41"', r'"\ud800"'),
    *(r'"\udc00\ud800"', r'"\ud83d\ude00"', '"\t"', '"\x7f"', '"\x1b"', "'x'", '"x'),
    *(
        "null",
        "true",
        "false",
        "tru",
        "[]",
        "{}",
        "[1,]",
        '{"a":1,}',
        "[null]",
        '["a"]',
        "[1]",
        "//",
        "/*x*/1",
    ),
    *('{"a":"b"}', '{"a":1}', '{"a":null}', '{"a":1,"a":"b"}', '{"a":[{"b":[1e999]}]}', '{"a":[{"b":[1]}]}'),
)
_BYTES: Final = (
    *(
        b'"\xff"',
        b'"\xc0\xaf"',
        b'"\xed\xa0\x80"',
        b'"\xf4\x90\x80\x80"',
        b"\xef\xbb\xbf1",
        b"\0",
        b"1\n",
        b"1\r",
    ),
    *(b"\x0b1", b"\xc2\xa01", b'"\xc2\x85\xe2\x80\xa9"'),
)
VALUES: Final[tuple[bytes, ...]] = (
    *(text.encode() for text in (*_NUMBERS, *_LONG_NUMBERS, *_TEXTS)),
    *(json.dumps(text, ensure_ascii=False).encode() for text in (*_TIMES, *_STRINGS)),
    *_BYTES,
)
"""What may stand where a JSON value belongs."""
_NAMES: Final = ("type", "seq", "at", "by", "epoch", "h", "text", "zz", "a", "bytes", "head", "pid", "reason")


class Members(list[tuple[str, Any]]):
    """A JSON object, repeated names and all."""


class Odd(bytes):
    """A value that is written as these bytes."""

    __slots__ = ()


def _dumped(value: object) -> bytes:
    if isinstance(value, Odd):
        return bytes(value)
    if isinstance(value, Members):
        return (
            b"{" + b",".join(json.dumps(name).encode() + b":" + _dumped(item) for name, item in value) + b"}"
        )
    if isinstance(value, list):
        return b"[" + b",".join(map(_dumped, value)) + b"]"
    return json.dumps(value, ensure_ascii=False).encode()


def _containers(value: object) -> list[list[Any]]:
    if not isinstance(value, list):
        return []
    items = [item for _, item in value] if isinstance(value, Members) else value
    return [value, *(inner for item in items for inner in _containers(item))]


def _second(kind: type[Event]) -> SearchStrategy[Event]:
    return events_of(kind, seq=2)


@st.composite
def _odd_objects(draw: st.DrawFn) -> bytes:
    whole = json.loads(codec.encode(draw(st.sampled_from(KINDS).flatmap(_second))), object_pairs_hook=Members)
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.sampled_from(_containers(whole)))
        where = draw(st.integers(0, max(len(place) - 1, 0)))
        value = draw(st.sampled_from(VALUES).map(Odd))
        change = draw(st.sampled_from(["replace", "repeat", "add", "remove", "move"]))
        if not isinstance(place, Members):
            place[where : where + 1] = [value]
        elif change == "add" or not place:
            place.insert(where, (draw(st.sampled_from(_NAMES)), value))
        elif change == "repeat":
            place.append((place[where][0], value))
        elif change == "remove":
            del place[where]
        elif change == "move":
            place.append(place.pop(where))
        else:
            place[where] = (place[where][0], value)
    return _dumped(whole)


@st.composite
def odd_lines(draw: st.DrawFn) -> bytes:
    """Draw the covered bytes of a line: an event, changed in up to four places."""
    covered = draw(_odd_objects())[:-1]
    if draw(st.booleans()):
        at = draw(st.integers(0, len(covered)))
        cut = draw(st.integers(0, 3))
        covered = covered[:at] + draw(st.sampled_from(VALUES)) + covered[at + cut :]
    return covered


def odd_journals() -> SearchStrategy[Forge]:
    """Return a strategy for journals whose second line is odd; the chain is right all the same."""
    return odd_lines().map(lambda covered: Forge(RUN).queued().raw(covered).text('"text":"behind"'))
