"""Cases of corpus J that look wrong and are right: newer writers, other writers, redaction, packs."""

from collections.abc import Iterable

from runlore.journal import events as e
from tests.corpus.journal.case import Case, bad_line, case, filling, good_line, linked, note
from tests.journal.forge import AT_TEXT, Forge, many


def newer() -> Iterable[Case]:
    """Yield what a later release may write, and what it may not."""
    invented = b'{"type":"run.invented","seq":3,"at":"%b","x":[1,{"y":null}]' % AT_TEXT.encode()
    yield good_line("J31 unknown type", invented, "skip")
    yield good_line(
        "J31 unknown type, type last", b'{"seq":3,"at":"%b","type":"run.invented"' % AT_TEXT.encode(), "skip"
    )
    yield good_line("J32 unknown field", note(b'"text":"x","later":{"a":[1,2]}'))
    nested = b'"text":"x","by":{"user":"ada","shoe_size":43}'
    yield good_line("J32 unknown field in a value", note(nested))
    yield from bad_line("J31 unknown type with a bad seq", linked(invented.replace(b'"seq":3', b'"seq":3.0')))
    yield from bad_line("J31 unknown type with a bad time", linked(invented.replace(b"T20", b"T25")))
    unknown = [b'{"type":"x.y%d","seq":%d,"at":"%b"' % (n, n + 2, AT_TEXT.encode()) for n in range(5000)]

    def thousands() -> bytes:
        forge = many(1)
        for line in unknown:
            forge.raw(line)
        return forge.data

    yield case("J31 five thousand unknown types", "skip", thousands, 5001)
    later = Case("J56 format 2", "ok", lambda: Forge().queued(format=2).data, 1, writable=False)
    yield later
    for number in (b"0", b"65536", b'"1"', b"1.0", b"null"):
        first = many(1).lines[0][:-73].replace(b'"format":1', b'"format":%b' % number)
        yield case(f"J56 format {number.decode()}", "tail", Forge().raw(first).data, 0, "undecodable")
    yield case("J57 a continuation", "ok", Forge().continued(after=many(9)).text('"text":"late"').data, 2)
    lone = Forge().continued(after=many(9), head="0" * 64).data
    yield case("J57 a continuation of something else", "refuse", lone, 0, "chain")
    yield case("J57 a continuation of nothing", "refuse", Forge().continued(after=Forge()).data, 0, "seq")
    yield from _redacted()


def _redacted() -> Iterable[Case]:
    forge = many(4).add(e.TextRedacted, seqs=(2,), what="a token")
    hidden = forge.data.replace(b"note 1", b"******")
    yield case("J58 redacted line", "ok", hidden, 5)
    yield case(
        "J58 overwritten line that nobody names",
        "refuse",
        many(4).data.replace(b"note 1", b"******"),
        1,
        "chain",
    )
    yield case(
        "J58 redaction names the wrong line", "refuse", forge.data.replace(b"note 2", b"******"), 2, "chain"
    )


def unusual() -> Iterable[Case]:
    """Yield what the format lets other writers do."""
    separators = "\u2028\u2029\x85\x7f\ufffe\ufeff"
    yield good_line("J22 separators in a string", note(f'"text":"{separators}"'.encode()))
    yield good_line("J22 VT and FF escaped", note(b'"text":"\\u000b\\f\\u001b[2J"'))
    yield good_line("J22 NUL escaped", note(b'"text":"\\u0000"'))
    yield good_line("J28 seq twice, the last one right", note(b'"text":"x","seq":3', seq=b"4"))
    yield good_line("J29 the same type twice", note(b'"text":"x","type":"run.noted"'))
    yield good_line("J30 type last", b'{"seq":3,"at":"%b","text":"x","type":"run.noted"' % AT_TEXT.encode())
    yield good_line("J30 names in escapes", note(b'"te\\u0078t":"x"').replace(b'"type"', b'"t\\u0079pe"'))
    yield good_line("J35 1e999 where nobody looks", note(b'"text":"x","later":1e999'))
    yield good_line("J37 white space between tokens", note(b' \t"text" : "x"\r'))
    yield good_line("J39 another offset, a long fraction", note(at=b"2026-11-20T22:14:00.1234567891+02:00"))
    yield good_line("J39 the first year, far in the east", note(at=b"0001-01-01T00:00:00+23:59"))
    yield good_line("J39 the last second, far in the west", note(at=b"9999-12-31T23:59:59.999999-23:59"))
    yield good_line("J41 64 levels", note(b'"text":"x","later":' + b"[" * 63 + b"]" * 63))
    yield good_line("J42 exactly as long as a line may be", note(filling(0).encode()))
    yield good_line("J42 escapes that grow on the screen", note(b'"text":"%b"' % (b"\\u001b[31m" * 20_000)))
    yield good_line("J59 h inside an event", note(b'"text":"x","later":{"a":1,"h":"%b"}' % (b"0" * 64)))
    yield good_line("J59 a member h of its own", note(b'"text":"x","h":"%b"' % (b"0" * 64)))
