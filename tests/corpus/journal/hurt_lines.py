"""Cases of corpus J that differ from a good journal in one line."""

from collections.abc import Iterable
from typing import Final

from runlore.journal import codec
from tests.corpus.journal.case import BEFORE, Case, bad_line, filling, linked, note, whole_line
from tests.journal.forge import AT_TEXT, OTHER_RUN, many

_QUEUED: Final = many(1).data
_THIRD: Final = many(3).lines[2]
_TEXTS: Final[list[tuple[str, bytes]]] = [
    ("J20 raw newline in a string", b'"text":"a\nb"'),
    ("J21 raw TAB in a string", b'"text":"a\tb"'),
    ("J21 raw ESC in a string", b'"text":"a\x1b[2Jb"'),
    ("J21 raw NUL in a string", b'"text":"a\0b"'),
    ("J22 raw VT in a string", b'"text":"a\x0bb"'),
    ("J22 raw FF in a string", b'"text":"a\x0cb"'),
    ("J23 lone high surrogate", b'"text":"\\ud800"'),
    ("J23 lone high surrogate in an unknown field", b'"text":"x","later":"\\ud800"'),
    ("J24 lone low surrogate", b'"text":"\\udc00"'),
    ("J24 surrogates in the wrong order", b'"text":"\\udc00\\ud800"'),
    ("J25 surrogate as raw bytes", b'"text":"\xed\xa0\x80"'),
    ("J26 overlong form", b'"text":"\xc0\xaf"'),
    ("J27 FF FE", b'"text":"\xff\xfe"'),
    ("J27 FF in an unknown field", b'"text":"x","later":"\xff"'),
    ("J27 FF in an unknown name", b'"text":"x","\xff":1'),
    ("J27 beyond U+10FFFF", b'"text":"\xf4\x90\x80\x80"'),
    ("J29 two types", b'"text":"x","type":"run.renamed","name":"y"'),
    ("J29 a known and an unknown type", b'"text":"x","type":"run.invented"'),
    ("J29 a type that is null the second time", b'"text":"x","type":null'),
    ("J33 required field missing", b'"by":{"user":"ada"}'),
    ("J34 NaN", b'"text":"x","later":NaN'),
    ("J34 Infinity", b'"text":"x","later":Infinity'),
    ("J34 -Infinity", b'"text":"x","later":[-Infinity]'),
    ("J37 trailing comma", b'"text":"x",'),
    ("J37 trailing comma in an array", b'"text":"x","later":[1,]'),
    ("J37 comment", b'"text":"x"/* really */'),
    ("J37 single quotes", b"\"text\":'x'"),
    ("J37 unquoted name", b'text:"x"'),
    ("J37 leading zero", b'"text":"x","later":01'),
    ("J37 hexadecimal number", b'"text":"x","later":0x10'),
    ("J37 bad escape", b'"text":"\\x41"'),
    ("J37 half an escape", b'"text":"\\u12"'),
    ("J37 upper-case True", b'"text":"x","later":True'),
    ("J38 null where a text belongs", b'"text":null'),
    ("J38 a number where a text belongs", b'"text":3'),
    ("J38 negative pid", b'"text":"x","by":{"pid":-1}'),
    ("J38 epoch too large", b'"text":"x","epoch":9007199254740992'),
    ("J38 epoch with a fraction", b'"text":"x","epoch":1.5'),
    ("J38 an array where an object belongs", b'"text":"x","by":[]'),
]
_SEQS: Final = (b"-1", b"0", b"1.0", b"3.0", b"1e2", b'"3"', b"true", b"null", b"[3]", b"9" * 20, b"8" * 5000)
_TIMES: Final = (
    *(b"2026-11-20T20:14:00", b"2026-11-20", b"now", b"", b"1763669640", b"2026-11-20T20:14:60Z"),
    *(b"2026-11-20T24:00:00Z", b"2026-02-29T00:00:00Z", b"0000-01-01T00:00:00Z", b"10000-01-01T00:00:00Z"),
    *(b"2026-11-20T20:14:00+24:00", b"9999-12-31T23:59:59.9999999Z", b"20261120T201400Z"),
)
_FLOATS: Final = (b"1e999", b"-1e999", b"NaN", b'"0.5"', b"true", b"1" + b"0" * 400, b".5", b"1.")
_DEEP: Final = 100_000


def _typed(type_: bytes) -> bytes:
    return b'{"type":%b,"seq":3,"at":"%b"' % (type_, AT_TEXT.encode())


def lines() -> Iterable[Case]:
    """Yield every kind of line that is no record of the journal it stands in."""
    for name, members in _TEXTS:
        yield from bad_line(name, linked(note(members)))
    for seq in _SEQS:
        yield from bad_line(f"J36 seq {seq.decode()[:12]}", linked(note(seq=seq)))
    for at in _TIMES:
        yield from bad_line(f"J39 time {at.decode()!r}", linked(note(at=at)))
    for number in _FLOATS:
        progress = b'{"type":"run.progressed","seq":3,"at":"%b","metrics":{"a":%b}' % (
            AT_TEXT.encode(),
            number,
        )
        yield from bad_line(f"J35 metric {number.decode()[:12]}", linked(progress))
    for type_ in (
        b'""',
        b'"x"',
        b'"Run.Noted"',
        b'"\\u001b[2J.x"',
        b'"a..b"',
        b'"x.%b"' % (b"y" * 64),
        b"1",
        b"null",
    ):
        yield from bad_line(f"J40 type {type_.decode()[:20]}", linked(_typed(type_)))
    yield from bad_line("J40 no type", linked(b'{"seq":3,"at":"%b","text":"x"' % AT_TEXT.encode()))
    for opening, closing in ((b"[", b"]"), (b'{"a":', b"}")):
        deep = b'"text":"x","later":' + opening * _DEEP + b"1" + closing * _DEEP
        name = f"J41 {_DEEP} levels of {opening.decode()[0]}"
        if len(deep) < codec.MAX_LINE - 200:
            yield from bad_line(name, linked(note(deep)))
        else:
            yield from bad_line(name, linked(note(deep)), "too_long")
    yield from bad_line("J42 one byte too long", many(BEFORE).text(filling(1)).lines[-1], "too_long")
    yield from bad_line(
        "J42 five million empty objects", linked(note(b'"a":[' + b"{}," * 5_000_000)), "too_long"
    )
    yield from bad_line("J14 two objects glued", _THIRD[:-1] + many(4).lines[3])
    yield from bad_line("J14 two objects glued, the first without h", _THIRD[:-73] + b"}" + many(4).lines[3])
    yield from bad_line("J15 carriage return", _THIRD[:-1] + b"\r\n", "chain")
    yield from bad_line("J17 byte order mark in front of a line", b"\xef\xbb\xbf" + _THIRD)
    yield from bad_line("J43 blank line", b"\n")
    yield from bad_line("J43 line of spaces", b"    \n")
    yield from bad_line("J43 indented line", b"  " + _THIRD)
    yield from bad_line("J43 space behind a line", _THIRD[:-1] + b" \n", "chain")
    yield from bad_line("J44 no h", _THIRD[:-73] + b"}\n", "chain")
    yield from bad_line("J44 h in capitals", _THIRD[:-67] + _THIRD[-67:-3].upper() + b'"}\n', "chain")
    yield from bad_line("J44 h not last", _THIRD[:-2] + b',"later":1}\n', "chain")
    yield from bad_line("J44 h cut by a digit", _THIRD[:-4] + b'"}\n', "chain")
    yield from bad_line("J45 an array", b"[1,2,3]\n")
    yield from bad_line("J45 a number", b"17\n")
    yield from bad_line("J45 a line of another program", b"2026-11-20 20:14:00 INFO started\n")
    yield from whole_line(
        "J44 another h", _THIRD[:-4] + (b"0" if _THIRD[-4:-3] != b"0" else b"1") + _THIRD[-3:], "chain"
    )
    yield from whole_line("J46 text changed", _THIRD.replace(b"note 2", b"note 3"), "chain")
    yield from whole_line("J47 line repeated", many(2).lines[1], "seq")
    yield from whole_line("J47 line missing", many(4).lines[3], "seq")
    yield from whole_line("J28 seq twice, the last one wrong", linked(note(b'"text":"x","seq":4')), "seq")
    yield from whole_line("J48 line of another run", many(3, OTHER_RUN).lines[2], "chain")
    yield from whole_line("J48 another run's beginning", many(1, OTHER_RUN).lines[0], "seq")
    yield from whole_line("J49 second beginning", _QUEUED, "seq")
    yield from whole_line("J49 a beginning in its place but not first", many(2).queued().lines[2], "seq")


def torn() -> Iterable[Case]:
    """Yield lines that were not written to their end."""
    third = many(BEFORE).text('"text":"caf\\u00e9 ☕"').lines[-1]
    for name, cut in (
        ("J9 whole but for the newline", len(third) - 1),
        ("J10 cut in a key", third.index(b'"text"') + 3),
        ("J11 cut in an escape", third.index(b"\\u00") + 4),
        ("J12 cut in a multibyte character", third.index("☕".encode()) + 2),
        ("J13 cut behind a brace", len(third) - 1),
        ("J13 cut in front of the h", len(third) - 73),
        ("J10 cut behind one byte", 1),
    ):
        yield from bad_line(name, third[:cut])[:1]
    for name, cut in (("J10 cut in a key, then more", 20), ("J9 cut in the h, then more", len(third) - 20)):
        yield from bad_line(name, third[:cut])[1:]
