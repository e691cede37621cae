"""Check a journal against its own chain and, if one is given, an anchor kept elsewhere.

Verifying reads, and is safe on a live run. Findings name what is wrong, where, and never repair it.
"""

import os
from typing import Literal

from msgspec import Struct

from runlore.journal.disk import Disk
from runlore.journal.errors import JournalIO, NotFound
from runlore.journal.events import AnyEvent
from runlore.journal.layout import Layout
from runlore.journal.lifecycle import STATUS_OF, may_follow
from runlore.journal.scan import Scanner, Tail, Verdict
from runlore.journal.tailing import PIECE
from runlore.journal.values import Head, Offset, RunId, Seq, Status

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
    ended: bool = False
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
    check = _Check(run_id, anchor)
    try:
        fd = disk.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except FileNotFoundError:
        raise NotFound(f"run {run_id} has no journal at {path}") from None
    except OSError as error:
        raise JournalIO(f"{path}: {error.strerror}") from error
    try:
        offset = 0
        while piece := disk.pread(fd, PIECE, offset):
            check.feed(piece)
            offset += len(piece)
    except OSError as error:
        check.unreadable(error)
    finally:
        disk.close(fd)
    return check.result()


class _Check:
    """Collects the findings of one journal."""

    def __init__(self, run_id: RunId, anchor: tuple[Seq, Head] | None) -> None:
        self._scanner = Scanner(Tail.empty(run_id))
        self._findings: list[Finding] = []
        self._status: Status | None = None
        self._anchor = anchor
        self._anchored: str | None = None

    def feed(self, piece: bytes) -> None:
        scanner = self._scanner
        if self._anchor is not None and self._anchored is None:
            self._feed_for_anchor(piece, self._anchor)
            return
        offset = scanner.tail.offset
        for event in scanner.advance(piece):
            if type(event) in STATUS_OF or self._status is None:
                self._follow(event, offset)

    def _feed_for_anchor(self, piece: bytes, anchor: tuple[Seq, Head]) -> None:
        for record in self._scanner.feed(piece):
            if record.seq == anchor[0]:
                self._anchored = record.head
            if type(record.event) in STATUS_OF or self._status is None:
                self._follow(record.event, record.offset)

    def _follow(self, event: AnyEvent, offset: Offset) -> None:
        if not may_follow(self._status, event):
            detail = f"{type(event).__name__} after {self._status or 'nothing'}"
            self._find("lifecycle", Seq(event.seq), offset, detail)
        self._status = STATUS_OF.get(type(event)) or self._status

    def unreadable(self, error: OSError) -> None:
        tail = self._scanner.tail
        self._find("unreadable", Seq(tail.seq + 1), tail.offset, error.strerror or str(error))

    def _find(self, kind: FindingKind, seq: Seq, offset: Offset, detail: str) -> None:
        self._findings.append(Finding(kind=kind, seq=seq, offset=offset, detail=detail))

    def result(self) -> Verification:
        tail, verdict = self._scanner.tail, self._scanner.verdict()
        self._note_damage(verdict)
        if tail.seq == 0 and verdict.damage is None:
            self._find("unborn", Seq(1), Offset(0), "no whole first event: this run never began")
        integrity: Integrity = "sealed" if tail.sealed else "unsealed"
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
            ended=tail.ended,
            status=self._status,
            crash_tail=verdict.state == "crash_tail",
        )

    def _note_damage(self, verdict: Verdict) -> None:
        damage = verdict.damage
        if damage is not None:
            what = "crash tail" if verdict.state == "crash_tail" else "corruption"
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
