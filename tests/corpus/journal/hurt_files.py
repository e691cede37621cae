"""Cases of corpus J that are wrong as files: holes, other formats, other runs, seals, sheer size."""

from collections.abc import Iterable

from runlore.journal import events as e
from tests.corpus.journal.case import Case, case
from tests.journal.forge import AT_TEXT, OTHER_RUN, Forge, many


def nuls() -> Iterable[Case]:
    """Yield holes, which power cuts leave."""
    good = many(4)
    yield case("J6 NUL tail", "tail", good.data + bytes(946), 4, "unterminated")
    yield case("J6 NUL tail and a newline", "tail", good.data + bytes(946) + b"\n", 4, "undecodable")
    yield case(
        "J7 NUL block, then a good line",
        "refuse",
        good.data + bytes(512) + b"\n" + many(5).lines[4],
        4,
        "undecodable",
    )
    yield case(
        "J8 good line glued behind NULs", "refuse", good.data + bytes(2) + many(5).lines[4], 4, "undecodable"
    )
    yield case(
        "J8 progress glued behind NULs", "tail", good.data + bytes(2) + _progress(4, 1), 4, "undecodable"
    )
    hole = bytearray(many(40).data)
    hole[512:1024] = bytes(512)
    yield case("J50 lost sector in the middle", "refuse", bytes(hole), 2, "undecodable")
    yield case("J50 16 MiB of NULs", "tail", lambda: good.data + bytes(16 << 20), 4, "too_long")
    far = lambda: good.data + bytes(2 << 20) + b"\n" + many(5).lines[4]  # noqa: E731
    yield case("J50 good line 2 MiB behind a hole", "refuse", far, 4, "too_long")


def _progress(before: int, count: int) -> bytes:
    forge = many(before)
    for _ in range(count):
        forge.add(e.RunProgressed, message="working")
    return b"".join(forge.lines[before:])


def behind_damage() -> Iterable[Case]:
    """Yield damage with something behind it, which tells a crash from corruption."""
    torn = b'{"type":"run.noted","seq":5,"at"\n'
    head = many(4).data
    yield case("J51 progress behind damage", "tail", head + torn + _progress(5, 50), 4, "undecodable")
    yield case(
        "J51 a MiB of progress behind damage",
        "tail",
        lambda: head + torn + _progress(5, 6000),
        4,
        "undecodable",
    )
    yield case("J51 a seal behind damage", "tail", head + torn + many(5).seal().lines[5], 4, "undecodable")
    note = many(6).lines[5]
    yield case(
        "J51 a note behind progress behind damage",
        "refuse",
        head + torn + _progress(5, 9) + note,
        4,
        "undecodable",
    )
    unknown = many(5).raw(b'{"type":"run.invented","seq":6,"at":"%b"' % AT_TEXT.encode()).lines[5]
    yield case("J51 an unknown event behind damage", "refuse", head + torn + unknown, 4, "undecodable")


def files() -> Iterable[Case]:
    """Yield files that are no journal, or not this one."""
    good = many(4)
    text = good.data.decode()
    yield case("J1 empty file", "ok", b"", 0)
    yield case("J2 only a newline", "tail", b"\n", 0, "undecodable")
    yield case("J2 a thousand newlines", "tail", b"\n" * 1000, 0, "undecodable")
    yield case("J2 a million newlines", "tail", lambda: b"\n" * 1_000_000, 0, "undecodable")
    yield case("J3 only spaces", "tail", b"   ", 0, "unterminated")
    yield case("J4 one NUL", "tail", b"\0", 0, "unterminated")
    yield case("J5 4 KiB of NULs", "tail", bytes(4096), 0, "unterminated")
    yield case("J15 every line ends in CR LF", "tail", good.data.replace(b"\n", b"\r\n"), 0, "chain")
    yield case("J15 CR alone", "tail", good.data.replace(b"\n", b"\r"), 0, "unterminated")
    yield case("J16 byte order mark at the start", "refuse", b"\xef\xbb\xbf" + good.data, 0, "undecodable")
    yield case("J18 UTF-16", "tail", text.encode("utf-16"), 0, "undecodable")
    yield case("J18 UTF-16 without mark", "tail", text.encode("utf-16-be"), 0, "undecodable")
    yield case(
        "J18 Latin-1", "tail", many(1).text('"text":"é"').data.decode().encode("latin-1"), 1, "undecodable"
    )
    yield case("J19 gzip", "tail", b"\x1f\x8b\x08" + bytes(range(256)) * 16, 0, "undecodable")
    yield case("J52 an executable", "tail", b"\x7fELF" + bytes(range(256)) * 16, 0, "undecodable")
    yield case("J52 a database", "tail", b"SQLite format 3\0" + bytes(4080), 0, "unterminated")
    yield case("J52 a web page", "tail", b"<!doctype html>\n<title>404</title>\n", 0, "undecodable")
    pretty = b"".join(line.replace(b",", b",\n  ") for line in good.lines)
    yield case("J52 pretty-printed", "tail", pretty, 0, "undecodable")
    yield case(
        "J52 one JSON array",
        "tail",
        b"[" + b",".join(line[:-1] for line in good.lines) + b"]\n",
        0,
        "undecodable",
    )
    yield case("J53 another run's journal", "refuse", many(4, OTHER_RUN).data, 0, "chain")
    yield case(
        "J53 our chain, another run's name", "refuse", Forge().queued(run_id=OTHER_RUN).data, 0, "run_id"
    )
    yield case("J53 two journals of the run, one after the other", "refuse", good.data * 2, 4, "seq")
    yield case("J54 the beginning is missing", "refuse", b"".join(good.lines[1:]), 0, "seq")
    yield case("J54 begins with a note", "refuse", Forge().text('"text":"x"').data, 0, "seq")
    yield case("J54 two lines swapped", "refuse", b"".join(good.lines[i] for i in (0, 2, 1, 3)), 1, "seq")
    fork = many(2).text('"text":"another"')
    yield case("J54 goes on like another copy", "refuse", fork.data + good.lines[3], 3, "chain")
    yield from _seals()


def _seals() -> Iterable[Case]:
    def ended() -> Forge:
        return many(3).add(e.RunCancelled)

    yield case("J55 sealed", "ok", ended().seal().data, 5)
    yield case("J55 final event without seal", "ok", ended().data, 4)
    yield case("J55 seal with another count", "tail", ended().seal(count=9).data, 4, "seal")
    yield case("J55 seal with another size", "tail", ended().seal(bytes=9).data, 4, "seal")
    yield case("J55 seal with another head", "tail", ended().seal(head="0" * 64).data, 4, "seal")
    wrong = ended().seal(count=9).text('"text":"late"').data
    yield case("J55 wrong seal, then a note", "refuse", wrong, 4, "seal")
    yield case("J55 two final events", "ok", ended().seal().add(e.RunFailed).seal().data, 7)
    yield case("J55 first line is a seal", "tail", Forge().seal(count=0).data, 0, "seq")


def long() -> Iterable[Case]:
    """Yield journals longer than what is read at once, hurt where a new piece begins."""

    def megabytes() -> Forge:
        forge = Forge().queued()
        while forge.seq < 12:
            forge.text('"text":"%s"' % ("x" * 200_000))
        return forge

    def hurt(old: bytes, new: bytes) -> bytes:
        lines = megabytes().lines
        lines[6] = lines[6].replace(old, new, 1)
        return b"".join(lines)

    yield case("J60 two MiB", "ok", lambda: megabytes().data, 12)
    yield case("J60 text changed behind a MiB", "refuse", lambda: hurt(b"xxx", b"xyx"), 6, "chain")
    yield case("J60 bad line behind a MiB", "refuse", lambda: hurt(b"{", b"("), 6, "undecodable")
    torn = lambda: b"".join(megabytes().lines[:7])[:-100_000]  # noqa: E731
    yield case("J60 torn behind a MiB", "tail", torn, 6, "unterminated")
