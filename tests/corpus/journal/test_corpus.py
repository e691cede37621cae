"""Corpus J against the pure scan: the right verdict, quickly, in little memory, and for both readers."""

import re
import time
import tracemalloc
from collections import Counter

import pytest

from runlore.journal.events import UnknownEvent
from runlore.journal.scan import Record, Scanner, Tail, Verdict, redacted_seqs
from tests import proof
from tests.corpus.journal.cases import CASES, RUN, Case
from tests.journal.agreement import by_the_scan, by_the_second_reader

PIECE = 1 << 20
SECONDS = 1.0
BYTES = 64 << 20
STATES = {"ok": "clean", "skip": "clean", "tail": "crash_tail", "refuse": "corrupt"}

every_case = pytest.mark.parametrize("case", CASES, ids=repr)


def scanned(data: bytes) -> tuple[list[Record], Verdict]:
    """Scan as a reader does: in pieces, a first time for redactions."""
    redacted: frozenset[int] = frozenset()
    if b'"text.redacted"' in data:
        redacted = redacted_seqs(Scanner(Tail.empty(RUN), check_chain=False).advance(data))
    scanner = Scanner(Tail.empty(RUN), redacted=redacted)
    records: list[Record] = []
    for at in range(0, len(data), PIECE):
        records += scanner.feed(data[at : at + PIECE])
    return records, scanner.verdict()


@every_case
def test_every_case_gets_its_verdict(case: Case) -> None:
    """The records in front, the kind of damage and what is to be done about it are as the corpus says."""
    records, verdict = scanned(case.data)

    assert verdict.state == STATES[case.verdict]
    assert len(records) == case.records
    assert (verdict.damage.kind if verdict.damage else "") == case.kind
    assert any(isinstance(record.event, UnknownEvent) for record in records) is (case.verdict == "skip")


@every_case
def test_every_case_is_cheap(case: Case) -> None:
    """No case takes more than a second of processor time, nor more than 64 MiB beside its own bytes."""
    data = case.data
    began = time.process_time()
    scanned(data)
    took = time.process_time() - began
    tracemalloc.start()
    try:
        scanned(data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert took <= SECONDS
    assert peak <= BYTES


@every_case
def test_both_readers_give_the_same_verdict(case: Case) -> None:
    """The reader written from the format page alone agrees, to the byte."""
    assert by_the_scan(case.data, RUN) == by_the_second_reader(case.data, RUN)


def test_the_corpus_is_whole() -> None:
    """Every number is there, every id once, every verdict often."""
    numbers = {int(match[1]) for case in CASES if (match := re.match(r"J(\d+) ", case.id))}
    verdicts = Counter(str(case.verdict) for case in CASES)

    assert numbers >= set(range(1, 37))
    assert len(numbers) >= 36 + 15
    assert len({case.id for case in CASES}) == len(CASES)
    assert min(verdicts[verdict] for verdict in STATES) >= 3
    promised = "every bad journal of the corpus gets its verdict within 1 s and 64 MiB"
    proof.record("corpus J", promised, {"cases": len(CASES), **verdicts})
