"""What a case of corpus J is, and how journals with one odd line are made."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal

from runlore.journal import codec
from tests.journal.forge import AT_TEXT, many

Verdict = Literal["ok", "skip", "tail", "refuse"]
"""ok: every record is used. skip: every line is kept, but some event is of no use to this release.
tail: a crash tail, set aside by the next appender. refuse: corruption, nothing is appended."""


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


def case(id_: str, verdict: Verdict, data: bytes | Callable[[], bytes], records: int, kind: str = "") -> Case:
    """Return a case; one without a whole record, or with corruption, is not to be written to."""
    build = (lambda: data) if isinstance(data, bytes) else data
    return Case(id_, verdict, build, records, kind, writable=verdict != "refuse" and records > 0)


BEFORE: Final = 2
"""Good records in front of a bad line, and behind it."""


def bad_line(id_: str, line: bytes, kind: str = "undecodable") -> list[Case]:
    """Return a journal that ends in this line, which a crash may explain, and one where more follows.

    `line` ends in its newline, if it has one.
    """
    head, behind = many(BEFORE).data, b"".join(many(BEFORE + 3).lines[BEFORE + 1 :])
    last_kind = kind if line.endswith(b"\n") else "unterminated"
    return [
        case(f"{id_}, last", "tail", head + line, BEFORE, last_kind),
        case(f"{id_}, in the middle", "refuse", head + line.rstrip(b"\n") + b"\n" + behind, BEFORE, kind),
    ]


def whole_line(id_: str, line: bytes, kind: str) -> list[Case]:
    """Return journals with a whole record of another history in them: corruption wherever it stands."""
    head, behind = many(BEFORE).data, b"".join(many(BEFORE + 3).lines[BEFORE + 1 :])
    return [
        case(f"{id_}, last", "refuse", head + line, BEFORE, kind),
        case(f"{id_}, in the middle", "refuse", head + line + behind, BEFORE, kind),
    ]


def linked(covered: bytes) -> bytes:
    """Return a third line with these covered bytes and the `h` that belongs to them."""
    return many(BEFORE).raw(covered).lines[-1]


def note(members: bytes = b'"text":"x"', seq: bytes = b"3", at: bytes = AT_TEXT.encode()) -> bytes:
    """Return the covered bytes of a note that stands third."""
    return b'{"type":"run.noted","seq":%b,"at":"%b",%b' % (seq, at, members)


def good_line(id_: str, covered: bytes, verdict: Verdict = "ok") -> Case:
    """Return a journal with this third line, which is odd and yet an event, and one more behind it."""
    return case(id_, verdict, lambda: many(BEFORE).raw(covered).text('"text":"behind"').data, 4)


def filling(longer: int) -> str:
    """Return members that make the third line exactly as long as a line may be, plus some bytes."""
    room = codec.MAX_LINE - len(many(BEFORE).text('"text":""').lines[-1])
    return '"text":"%s"' % ("x" * (room + longer))
