"""Check a journal against its own chain and, if one is given, an anchor kept elsewhere.

Verifying reads, and is safe on a live run. Findings name what is wrong, where, and never repair it.
"""

from collections.abc import Callable, Iterator
from typing import Final, Literal

from msgspec import Struct, structs

from runlore.journal import packs
from runlore.journal.disk import Disk
from runlore.journal.errors import JournalIO, NotFound
from runlore.journal.events import AnyEvent, tag_of
from runlore.journal.history import History, open_file, open_history
from runlore.journal.layout import Layout
from runlore.journal.lifecycle import STATUS_OF, TERMINAL, may_follow
from runlore.journal.machine import boot_id
from runlore.journal.scan import Record, Scanner, Tail, Verdict, heals_by_itself
from runlore.journal.tailing import pieces, redacted_behind
from runlore.journal.values import Head, Offset, RunId, Seq, Status

_TO_THE_END = 1 << 62
MOST_FINDINGS: Final = 1000
"""Findings of one journal that are told one by one; the others are counted."""
Integrity = Literal["sealed", "unsealed", "redacted", "damaged", "anchor_mismatch"]
FindingKind = Literal[
    "undecodable",
    "seq",
    "chain",
    "seal",
    "run_id",
    "too_long",
    "unterminated",
    "lifecycle",
    "unborn",
    "unreadable",
    "anchor",
    "missing",
    "lost",
]


class Finding(Struct, frozen=True, kw_only=True):
    """One thing that is wrong with a journal."""

    kind: FindingKind
    seq: Seq
    offset: Offset
    detail: str


class Verification(Struct, frozen=True, kw_only=True):
    """What verify found in one journal."""

    run_id: RunId
    integrity: Integrity
    records: int
    journal_head: Head | None
    findings: list[Finding]
    untold: int = 0
    """How many more findings there are than those."""
    ended: bool = False
    sealed: bool = False
    """Its last record is a seal, whether or not lines before it were redacted."""
    status: Status | None = None
    crash_tail: bool = False
    """The damage is a crash tail: the next appender moves it to quarantine by itself."""


def verify(
    disk: Disk, layout: Layout, run_id: RunId, *, anchor: tuple[Seq, Head] | None = None
) -> Verification:
    """Return what the journal's bytes prove about its history.

    anchor: a (seq, head) noted elsewhere. It must be in this journal; otherwise history behind it was
    cut or rewritten, which the chain alone cannot show.

    Raises:
        NotFound: no such journal.
    """
    path = layout.journal(run_id)
    try:
        history = open_history(disk, layout, run_id)
    except FileNotFoundError:
        raise NotFound(f"run {run_id} has no journal at {path}") from None
    except OSError as error:
        return _unreadable(disk, path, _Check(run_id, anchor), error)
    check = _Check(run_id, anchor)
    try:
        check = _checked(history, check)
        if check.first_broken_link is not None:
            redacted = redacted_behind(history, Tail.empty(run_id), _TO_THE_END)
            if check.first_broken_link in redacted:
                check = _checked(history, _Check(run_id, anchor, redacted))
    except OSError as error:
        check.unreadable(error)
    finally:
        history.close()
    found = check.result(history.packed)
    findings = [_placed(layout, history, each) for each in found.findings]
    return structs.replace(found, findings=findings)


def _unreadable(disk: Disk, path: str, check: "_Check", error: OSError) -> Verification:
    """Return what is found of a journal that is there, and of which not even the first line can be read."""
    try:
        open_file(disk, path).close()
    except OSError:
        raise JournalIO(f"{path}: {error.strerror}") from error
    check.unreadable(error)
    return check.result(0)


def lost(disk: Disk, layout: Layout) -> Iterator[Verification]:
    """Yield what lies in packs and belongs to no run, because the line that names it is damaged.

    Raises:
        JournalIO: the disk refused.
    """
    try:
        for path, first, behind in packs.lost_bytes(disk, layout):
            name = path.removeprefix(f"{layout.root}/")
            detail = f"{behind - first} bytes of {name} belong to no run: the line that names it is damaged"
            found = Finding(kind="lost", seq=Seq(1), offset=Offset(first), detail=detail)
            yield Verification(
                run_id=RunId(""), integrity="damaged", records=0, journal_head=None, findings=[found]
            )
    except OSError as error:
        raise JournalIO(f"{layout.packs}: {error.strerror or error}") from error


def _placed(layout: Layout, history: History, found: Finding) -> Finding:
    """Return a finding that says in which pack it is, if it is in one."""
    path, offset = history.place(found.offset)
    if found.kind == "anchor" or not path.startswith(f"{layout.packs}/"):
        return found
    name = path.removeprefix(f"{layout.root}/")
    return structs.replace(found, detail=f"{found.detail} (in {name}, byte {offset})")


def _checked(history: History, check: "_Check") -> "_Check":
    """Return the check after it has seen all of the journal, or as much as the disk gives."""
    try:
        for piece in pieces(history, 0, _TO_THE_END):
            check.feed(piece)
        check.place_findings(lambda scanner: _records(history, scanner))
    except OSError as error:
        check.unreadable(error)
    return check


def _records(history: History, scanner: Scanner) -> Iterator[Record]:
    for piece in pieces(history, 0, _TO_THE_END):
        yield from scanner.feed(piece)


class _Check:
    """Collects the findings of one journal.

    redacted: seqs that a `text.redacted` of the journal names, once one of them was found not to match
    its `h`.
    """

    def __init__(
        self,
        run_id: RunId,
        anchor: tuple[Seq, Head] | None,
        redacted: frozenset[int] = frozenset(),
    ) -> None:
        self._scanner = Scanner(Tail.empty(run_id), redacted=redacted)
        self._is_redacted = bool(redacted)
        self._findings: list[Finding] = []
        self._untold = 0
        self._status: Status | None = None
        self._anchor = anchor
        self._anchored: str | None = None
        self._unreadable = False
        self._is_strict = True
        """Not every event is legal here: before the first and after the final one."""

    @property
    def first_broken_link(self) -> Seq | None:
        """Where a line does not match its `h`, if damage of that kind was met."""
        damage = self._scanner.damage
        return damage.seq if damage is not None and damage.kind == "chain" else None

    def feed(self, piece: bytes) -> None:
        if self._anchor is not None and self._anchored is None:
            events = [record.event for record in self._for_anchor(piece, self._anchor)]
        else:
            events = self._scanner.advance(piece)
        for event in events:
            if self._is_strict or type(event) in STATUS_OF:
                self._follow(event)

    def _for_anchor(self, piece: bytes, anchor: tuple[Seq, Head]) -> list[Record]:
        records = self._scanner.feed(piece)
        for record in records:
            if record.seq == anchor[0]:
                self._anchored = record.head
        return records

    def _follow(self, event: AnyEvent) -> None:
        if not may_follow(self._status, event):
            detail = f"{tag_of(event)} after {self._status or 'nothing'}"
            if len(self._findings) < MOST_FINDINGS:
                self._find("lifecycle", Seq(event.seq), Offset(0), detail)
            else:
                self._untold += 1
        self._status = STATUS_OF.get(type(event)) or self._status
        self._is_strict = self._status is None or self._status in TERMINAL

    def place_findings(self, records: Callable[[Scanner], Iterator[Record]]) -> None:
        """Look up where the events lie that should not be there; there are hardly ever any."""
        if not self._findings:
            return
        wanted = {found.seq for found in self._findings}
        scanner = Scanner(Tail.empty(self._scanner.tail.run_id), check_chain=False)
        offsets = {record.seq: record.offset for record in records(scanner) if record.seq in wanted}
        self._findings = [
            structs.replace(found, offset=offsets.get(found.seq, found.offset)) for found in self._findings
        ]

    def unreadable(self, error: OSError) -> None:
        self._unreadable = True
        tail = self._scanner.tail
        self._find("unreadable", Seq(tail.seq + 1), tail.offset, error.strerror or str(error))

    def _find(self, kind: FindingKind, seq: Seq, offset: Offset, detail: str) -> None:
        self._findings.append(Finding(kind=kind, seq=seq, offset=offset, detail=detail))

    def result(self, packed: int) -> Verification:
        """Return what was found, given how many bytes lie in packs, which nobody appends to or heals."""
        tail, verdict = self._scanner.tail, self._scanner.verdict()
        crash_tail = heals_by_itself(tail, verdict, boot_id()) and not self._unreadable
        crash_tail = crash_tail and tail.offset >= packed
        if not self._unreadable:
            self._note_damage(verdict, "crash tail" if crash_tail else "corruption")
        if tail.base:  # and whatever seems out of order follows from that
            self._findings = [found for found in self._findings if found.kind != "lifecycle"]
            self._untold = 0
            detail = f"the history goes on behind {tail.base} packed bytes, and no pack holds them"
            self._find("missing", Seq(1), Offset(0), detail)
        if not self._findings and tail.seq == 0:
            self._find("unborn", Seq(1), Offset(0), "no whole first event: this run never began")
        integrity: Integrity = "sealed" if tail.sealed else "unsealed"
        if self._is_redacted:
            integrity = "redacted"
        if self._findings:
            integrity = "damaged"
        elif not self._holds_anchor(tail):
            integrity = "anchor_mismatch"
        return Verification(
            run_id=tail.run_id,
            integrity=integrity,
            records=tail.seq,
            journal_head=tail.head if tail.seq else None,
            findings=self._findings,
            untold=self._untold,
            ended=tail.ended,
            sealed=tail.sealed,
            status=self._status,
            crash_tail=crash_tail,
        )

    def _note_damage(self, verdict: Verdict, what: str) -> None:
        damage = verdict.damage
        if damage is not None:
            detail = f"{what} of {verdict.length} bytes: {damage.detail}"
            self._find(damage.kind, damage.seq, damage.offset, detail)

    def _holds_anchor(self, tail: Tail) -> bool:
        if self._anchor is None:
            return True
        seq, head = self._anchor
        if self._anchored == head:
            return True
        found = f"seq {seq} has head {self._anchored}" if self._anchored else f"it ends at seq {tail.seq}"
        self._find("anchor", seq, tail.offset, f"the anchor names seq {seq} {head}, but {found}")
        return False
