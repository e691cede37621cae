"""Corpus J: journals that nobody should have written, each with the verdict it must get.

`CASES` is meant to be parametrized over, by id: the pure scan is tested with it, and so is every
command that reads a journal. All cases are files of run `RUN`. Numbers up to J36 are those of the list
that the corpus began with.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal

from runlore.journal import codec
from runlore.journal import events as e
from tests.journal.forge import AT_TEXT, OTHER_RUN, RUN, Forge, many

Verdict = Literal["ok", "skip", "tail", "refuse"]
"""ok: every record is used. skip: every line is kept, but some event is of no use to this release.
tail: a crash tail, set aside by the next appender. refuse: corruption, nothing is appended."""

__all__ = ["CASES", "RUN", "Case", "Verdict"]


@dataclass(frozen=True)
class Case:
    """One journal file of run `RUN`, and what must be said about it."""

    id: str
    verdict: Verdict
    build: Callable[[], bytes]
    records: int
    """Whole records in front of the damage, or all of them."""
    kind: str = ""
    """What the scan calls the damage; empty if there is none."""
    writable: bool = True
    """Whether an appender may write, once a crash tail is set aside."""

    @cached_property
    def data(self) -> bytes:
        """The bytes of the file."""
        return self.build()

    def __repr__(self) -> str:
        return self.id


def _case(
    id_: str, verdict: Verdict, data: bytes | Callable[[], bytes], records: int, kind: str = ""
) -> Case:
    build = (lambda: data) if isinstance(data, bytes) else data
    return Case(id_, verdict, build, records, kind, writable=verdict != "refuse" and records > 0)


# -- lines in otherwise good journals ----------------------------------------------------------------

_QUEUED: Final = many(1).data
_LINE: Final = many(2).lines[1]
_BEFORE: Final = 2
"""Good records in front of a bad line, and behind it."""


def _bad_line(id_: str, line: bytes, kind: str = "undecodable") -> list[Case]:
    """Return a journal that ends in this line, which a crash may explain, and one where more follows.

    `line` ends in its newline, if it has one.
    """
    head, behind = many(_BEFORE).data, b"".join(many(_BEFORE + 3).lines[_BEFORE + 1 :])
    last_kind = kind if line.endswith(b"\n") else "unterminated"
    return [
        _case(f"{id_}, last", "tail", head + line, _BEFORE, last_kind),
        _case(f"{id_}, in the middle", "refuse", head + line.rstrip(b"\n") + b"\n" + behind, _BEFORE, kind),
    ]


def _whole_line(id_: str, line: bytes, kind: str) -> list[Case]:
    """Return journals with a whole record of another history in them: corruption wherever it stands."""
    head, behind = many(_BEFORE).data, b"".join(many(_BEFORE + 3).lines[_BEFORE + 1 :])
    return [
        _case(f"{id_}, last", "refuse", head + line, _BEFORE, kind),
        _case(f"{id_}, in the middle", "refuse", head + line + behind, _BEFORE, kind),
    ]


def _linked(covered: bytes) -> bytes:
    """Return a third line with these covered bytes and the `h` that belongs to them."""
    return many(_BEFORE).raw(covered).lines[-1]


def _note(members: bytes = b'"text":"x"', seq: bytes = b"3", at: bytes = AT_TEXT.encode()) -> bytes:
    return b'{"type":"run.noted","seq":%b,"at":"%b",%b' % (seq, at, members)


def _good_line(id_: str, covered: bytes, verdict: Verdict = "ok") -> Case:
    return _case(id_, verdict, lambda: many(_BEFORE).raw(covered).text('"text":"behind"').data, 4)


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


def _lines() -> Iterable[Case]:
    for name, members in _TEXTS:
        yield from _bad_line(name, _linked(_note(members)))
    for seq in _SEQS:
        yield from _bad_line(f"J36 seq {seq.decode()[:12]}", _linked(_note(seq=seq)))
    for at in _TIMES:
        yield from _bad_line(f"J39 time {at.decode()!r}", _linked(_note(at=at)))
    for number in _FLOATS:
        progress = b'{"type":"run.progressed","seq":3,"at":"%b","metrics":{"a":%b}' % (
            AT_TEXT.encode(),
            number,
        )
        yield from _bad_line(f"J35 metric {number.decode()[:12]}", _linked(progress))
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
        yield from _bad_line(f"J40 type {type_.decode()[:20]}", _linked(_typed(type_)))
    yield from _bad_line("J40 no type", _linked(b'{"seq":3,"at":"%b","text":"x"' % AT_TEXT.encode()))
    for opening, closing in ((b"[", b"]"), (b'{"a":', b"}")):
        deep = b'"text":"x","later":' + opening * _DEEP + b"1" + closing * _DEEP
        name = f"J41 {_DEEP} levels of {opening.decode()[0]}"
        if len(deep) < codec.MAX_LINE - 200:
            yield from _bad_line(name, _linked(_note(deep)))
        else:
            yield from _bad_line(name, _linked(_note(deep)), "too_long")
    yield from _bad_line("J42 one byte too long", many(_BEFORE).text(_filling(1)).lines[-1], "too_long")
    yield from _bad_line(
        "J42 five million empty objects", _linked(_note(b'"a":[' + b"{}," * 5_000_000)), "too_long"
    )
    yield from _bad_line("J14 two objects glued", _THIRD[:-1] + many(4).lines[3])
    yield from _bad_line("J14 two objects glued, the first without h", _THIRD[:-73] + b"}" + many(4).lines[3])
    yield from _bad_line("J15 carriage return", _THIRD[:-1] + b"\r\n", "chain")
    yield from _bad_line("J17 byte order mark in front of a line", b"\xef\xbb\xbf" + _THIRD)
    yield from _bad_line("J43 blank line", b"\n")
    yield from _bad_line("J43 line of spaces", b"    \n")
    yield from _bad_line("J43 indented line", b"  " + _THIRD)
    yield from _bad_line("J43 space behind a line", _THIRD[:-1] + b" \n", "chain")
    yield from _bad_line("J44 no h", _THIRD[:-73] + b"}\n", "chain")
    yield from _bad_line("J44 h in capitals", _THIRD[:-67] + _THIRD[-67:-3].upper() + b'"}\n', "chain")
    yield from _bad_line("J44 h not last", _THIRD[:-2] + b',"later":1}\n', "chain")
    yield from _bad_line("J44 h cut by a digit", _THIRD[:-4] + b'"}\n', "chain")
    yield from _bad_line("J45 an array", b"[1,2,3]\n")
    yield from _bad_line("J45 a number", b"17\n")
    yield from _bad_line("J45 a line of another program", b"2026-11-20 20:14:00 INFO started\n")
    yield from _whole_line(
        "J44 another h", _THIRD[:-4] + (b"0" if _THIRD[-4:-3] != b"0" else b"1") + _THIRD[-3:], "chain"
    )
    yield from _whole_line("J46 text changed", _THIRD.replace(b"note 2", b"note 3"), "chain")
    yield from _whole_line("J47 line repeated", many(2).lines[1], "seq")
    yield from _whole_line("J47 line missing", many(4).lines[3], "seq")
    yield from _whole_line("J28 seq twice, the last one wrong", _linked(_note(b'"text":"x","seq":4')), "seq")
    yield from _whole_line("J48 line of another run", many(3, OTHER_RUN).lines[2], "chain")
    yield from _whole_line("J48 another run's beginning", many(1, OTHER_RUN).lines[0], "seq")
    yield from _whole_line("J49 second beginning", _QUEUED, "seq")
    yield from _whole_line("J49 a beginning in its place but not first", many(2).queued().lines[2], "seq")


def _filling(longer: int) -> str:
    """Return members that make the third line exactly as long as a line may be, plus some bytes."""
    room = codec.MAX_LINE - len(many(_BEFORE).text('"text":""').lines[-1])
    return '"text":"%s"' % ("x" * (room + longer))


def _torn() -> Iterable[Case]:
    third = many(_BEFORE).text('"text":"caf\\u00e9 ☕"').lines[-1]
    for name, cut in (
        ("J9 whole but for the newline", len(third) - 1),
        ("J10 cut in a key", third.index(b'"text"') + 3),
        ("J11 cut in an escape", third.index(b"\\u00") + 4),
        ("J12 cut in a multibyte character", third.index("☕".encode()) + 2),
        ("J13 cut behind a brace", len(third) - 1),
        ("J13 cut in front of the h", len(third) - 73),
        ("J10 cut behind one byte", 1),
    ):
        yield from _bad_line(name, third[:cut])[:1]
    for name, cut in (("J10 cut in a key, then more", 20), ("J9 cut in the h, then more", len(third) - 20)):
        yield from _bad_line(name, third[:cut])[1:]


def _nuls() -> Iterable[Case]:
    good = many(4)
    yield _case("J6 NUL tail", "tail", good.data + bytes(946), 4, "unterminated")
    yield _case("J6 NUL tail and a newline", "tail", good.data + bytes(946) + b"\n", 4, "undecodable")
    yield _case(
        "J7 NUL block, then a good line",
        "refuse",
        good.data + bytes(512) + b"\n" + many(5).lines[4],
        4,
        "undecodable",
    )
    yield _case(
        "J8 good line glued behind NULs", "refuse", good.data + bytes(2) + many(5).lines[4], 4, "undecodable"
    )
    yield _case(
        "J8 progress glued behind NULs", "tail", good.data + bytes(2) + _progress(4, 1), 4, "undecodable"
    )
    hole = bytearray(many(40).data)
    hole[512:1024] = bytes(512)
    yield _case("J50 lost sector in the middle", "refuse", bytes(hole), 2, "undecodable")
    yield _case("J50 16 MiB of NULs", "tail", lambda: good.data + bytes(16 << 20), 4, "too_long")
    far = lambda: good.data + bytes(2 << 20) + b"\n" + many(5).lines[4]  # noqa: E731
    yield _case("J50 good line 2 MiB behind a hole", "refuse", far, 4, "too_long")


def _progress(before: int, count: int) -> bytes:
    forge = many(before)
    for _ in range(count):
        forge.add(e.RunProgressed, message="working")
    return b"".join(forge.lines[before:])


def _behind_damage() -> Iterable[Case]:
    torn = b'{"type":"run.noted","seq":5,"at"\n'
    head = many(4).data
    yield _case("J51 progress behind damage", "tail", head + torn + _progress(5, 50), 4, "undecodable")
    yield _case(
        "J51 a MiB of progress behind damage",
        "tail",
        lambda: head + torn + _progress(5, 6000),
        4,
        "undecodable",
    )
    yield _case("J51 a seal behind damage", "tail", head + torn + many(5).seal().lines[5], 4, "undecodable")
    note = many(6).lines[5]
    yield _case(
        "J51 a note behind progress behind damage",
        "refuse",
        head + torn + _progress(5, 9) + note,
        4,
        "undecodable",
    )
    unknown = many(5).raw(b'{"type":"run.invented","seq":6,"at":"%b"' % AT_TEXT.encode()).lines[5]
    yield _case("J51 an unknown event behind damage", "refuse", head + torn + unknown, 4, "undecodable")


def _files() -> Iterable[Case]:
    good = many(4)
    text = good.data.decode()
    yield _case("J1 empty file", "ok", b"", 0)
    yield _case("J2 only a newline", "tail", b"\n", 0, "undecodable")
    yield _case("J2 a thousand newlines", "tail", b"\n" * 1000, 0, "undecodable")
    yield _case("J2 a million newlines", "tail", lambda: b"\n" * 1_000_000, 0, "undecodable")
    yield _case("J3 only spaces", "tail", b"   ", 0, "unterminated")
    yield _case("J4 one NUL", "tail", b"\0", 0, "unterminated")
    yield _case("J5 4 KiB of NULs", "tail", bytes(4096), 0, "unterminated")
    yield _case("J15 every line ends in CR LF", "tail", good.data.replace(b"\n", b"\r\n"), 0, "chain")
    yield _case("J15 CR alone", "tail", good.data.replace(b"\n", b"\r"), 0, "unterminated")
    yield _case("J16 byte order mark at the start", "refuse", b"\xef\xbb\xbf" + good.data, 0, "undecodable")
    yield _case("J18 UTF-16", "tail", text.encode("utf-16"), 0, "undecodable")
    yield _case("J18 UTF-16 without mark", "tail", text.encode("utf-16-be"), 0, "undecodable")
    yield _case(
        "J18 Latin-1", "tail", many(1).text('"text":"é"').data.decode().encode("latin-1"), 1, "undecodable"
    )
    yield _case("J19 gzip", "tail", b"\x1f\x8b\x08" + bytes(range(256)) * 16, 0, "undecodable")
    yield _case("J52 an executable", "tail", b"\x7fELF" + bytes(range(256)) * 16, 0, "undecodable")
    yield _case("J52 a database", "tail", b"SQLite format 3\0" + bytes(4080), 0, "unterminated")
    yield _case("J52 a web page", "tail", b"<!doctype html>\n<title>404</title>\n", 0, "undecodable")
    pretty = b"".join(line.replace(b",", b",\n  ") for line in good.lines)
    yield _case("J52 pretty-printed", "tail", pretty, 0, "undecodable")
    yield _case(
        "J52 one JSON array",
        "tail",
        b"[" + b",".join(line[:-1] for line in good.lines) + b"]\n",
        0,
        "undecodable",
    )
    yield _case("J53 another run's journal", "refuse", many(4, OTHER_RUN).data, 0, "chain")
    yield _case(
        "J53 our chain, another run's name", "refuse", Forge().queued(run_id=OTHER_RUN).data, 0, "run_id"
    )
    yield _case("J53 two journals of the run, one after the other", "refuse", good.data * 2, 4, "seq")
    yield _case("J54 the beginning is missing", "refuse", b"".join(good.lines[1:]), 0, "seq")
    yield _case("J54 begins with a note", "refuse", Forge().text('"text":"x"').data, 0, "seq")
    yield _case("J54 two lines swapped", "refuse", b"".join(good.lines[i] for i in (0, 2, 1, 3)), 1, "seq")
    fork = many(2).text('"text":"another"')
    yield _case("J54 goes on like another copy", "refuse", fork.data + good.lines[3], 3, "chain")
    yield from _seals()


def _seals() -> Iterable[Case]:
    def ended() -> Forge:
        return many(3).add(e.RunCancelled)

    yield _case("J55 sealed", "ok", ended().seal().data, 5)
    yield _case("J55 final event without seal", "ok", ended().data, 4)
    yield _case("J55 seal with another count", "tail", ended().seal(count=9).data, 4, "seal")
    yield _case("J55 seal with another size", "tail", ended().seal(bytes=9).data, 4, "seal")
    yield _case("J55 seal with another head", "tail", ended().seal(head="0" * 64).data, 4, "seal")
    wrong = ended().seal(count=9).text('"text":"late"').data
    yield _case("J55 wrong seal, then a note", "refuse", wrong, 4, "seal")
    yield _case("J55 two final events", "ok", ended().seal().add(e.RunFailed).seal().data, 7)
    yield _case("J55 first line is a seal", "tail", Forge().seal(count=0).data, 0, "seq")


def _newer() -> Iterable[Case]:
    invented = b'{"type":"run.invented","seq":3,"at":"%b","x":[1,{"y":null}]' % AT_TEXT.encode()
    yield _good_line("J31 unknown type", invented, "skip")
    yield _good_line(
        "J31 unknown type, type last", b'{"seq":3,"at":"%b","type":"run.invented"' % AT_TEXT.encode(), "skip"
    )
    yield _good_line("J32 unknown field", _note(b'"text":"x","later":{"a":[1,2]}'))
    nested = b'"text":"x","by":{"user":"ada","shoe_size":43}'
    yield _good_line("J32 unknown field in a value", _note(nested))
    yield from _bad_line(
        "J31 unknown type with a bad seq", _linked(invented.replace(b'"seq":3', b'"seq":3.0'))
    )
    yield from _bad_line("J31 unknown type with a bad time", _linked(invented.replace(b"T20", b"T25")))
    unknown = [b'{"type":"x.y%d","seq":%d,"at":"%b"' % (n, n + 2, AT_TEXT.encode()) for n in range(5000)]

    def thousands() -> bytes:
        forge = many(1)
        for line in unknown:
            forge.raw(line)
        return forge.data

    yield _case("J31 five thousand unknown types", "skip", thousands, 5001)
    later = Case("J56 format 2", "ok", lambda: Forge().queued(format=2).data, 1, writable=False)
    yield later
    for number in (b"0", b"65536", b'"1"', b"1.0", b"null"):
        first = many(1).lines[0][:-73].replace(b'"format":1', b'"format":%b' % number)
        yield _case(f"J56 format {number.decode()}", "tail", Forge().raw(first).data, 0, "undecodable")
    yield _case("J57 a continuation", "ok", Forge().continued(after=many(9)).text('"text":"late"').data, 2)
    lone = Forge().continued(after=many(9), head="0" * 64).data
    yield _case("J57 a continuation of something else", "refuse", lone, 0, "chain")
    yield _case("J57 a continuation of nothing", "refuse", Forge().continued(after=Forge()).data, 0, "seq")
    yield from _redacted()


def _redacted() -> Iterable[Case]:
    forge = many(4).add(e.TextRedacted, seqs=(2,), what="a token")
    hidden = forge.data.replace(b"note 1", b"******")
    yield _case("J58 redacted line", "ok", hidden, 5)
    yield _case(
        "J58 overwritten line that nobody names",
        "refuse",
        many(4).data.replace(b"note 1", b"******"),
        1,
        "chain",
    )
    yield _case(
        "J58 redaction names the wrong line", "refuse", forge.data.replace(b"note 2", b"******"), 2, "chain"
    )


def _unusual() -> Iterable[Case]:
    separators = "\u2028\u2029\x85\x7f\ufffe\ufeff"
    yield _good_line("J22 separators in a string", _note(f'"text":"{separators}"'.encode()))
    yield _good_line("J22 VT and FF escaped", _note(b'"text":"\\u000b\\f\\u001b[2J"'))
    yield _good_line("J22 NUL escaped", _note(b'"text":"\\u0000"'))
    yield _good_line("J28 seq twice, the last one right", _note(b'"text":"x","seq":3', seq=b"4"))
    yield _good_line("J29 the same type twice", _note(b'"text":"x","type":"run.noted"'))
    yield _good_line("J30 type last", b'{"seq":3,"at":"%b","text":"x","type":"run.noted"' % AT_TEXT.encode())
    yield _good_line("J30 names in escapes", _note(b'"te\\u0078t":"x"').replace(b'"type"', b'"t\\u0079pe"'))
    yield _good_line("J35 1e999 where nobody looks", _note(b'"text":"x","later":1e999'))
    yield _good_line("J37 white space between tokens", _note(b' \t"text" : "x"\r'))
    yield _good_line("J39 another offset, a long fraction", _note(at=b"2026-11-20T22:14:00.1234567891+02:00"))
    yield _good_line("J39 the first year, far in the east", _note(at=b"0001-01-01T00:00:00+23:59"))
    yield _good_line("J39 the last second, far in the west", _note(at=b"9999-12-31T23:59:59.999999-23:59"))
    yield _good_line("J41 64 levels", _note(b'"text":"x","later":' + b"[" * 63 + b"]" * 63))
    yield _good_line("J42 exactly as long as a line may be", _note(_filling(0).encode()))
    yield _good_line("J42 escapes that grow on the screen", _note(b'"text":"%b"' % (b"\\u001b[31m" * 20_000)))
    yield _good_line("J59 h inside an event", _note(b'"text":"x","later":{"a":1,"h":"%b"}' % (b"0" * 64)))
    yield _good_line("J59 a member h of its own", _note(b'"text":"x","h":"%b"' % (b"0" * 64)))


CASES: Final[tuple[Case, ...]] = (
    *_files(),
    *_lines(),
    *_torn(),
    *_nuls(),
    *_behind_damage(),
    *_newer(),
    *_unusual(),
)
