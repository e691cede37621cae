"""Journals of format 1 as they were written when it came out: every later release reads these very bytes."""

import json
from pathlib import Path
from typing import Any

import pytest

from runlore.journal import codec
from runlore.journal.events import TAGS, JournalContinued, UnknownEvent, tag_of
from runlore.journal.scan import Scanner, Tail
from tests.compat.reading import FOLDER, expectation
from tests.journal.agreement import by_the_scan, by_the_second_reader
from tests.journal.forge import RUN

JOURNALS = sorted(FOLDER.glob("*.jsonl"))
every_journal = pytest.mark.parametrize("path", JOURNALS, ids=lambda path: path.stem)


def _is_still_said(before: Any, now: Any) -> bool:  # noqa: ANN401 - JSON
    """Say whether `now` says all that `before` did; objects may have got more members."""
    if isinstance(before, dict):
        return isinstance(now, dict) and all(
            name in now and _is_still_said(before[name], now[name]) for name in before
        )
    if isinstance(before, list):
        return isinstance(now, list) and len(before) == len(now) and all(map(_is_still_said, before, now))
    return bool(before == now) and type(before) is type(now)


@every_journal
def test_a_golden_journal_reads_as_it_always_did(path: Path) -> None:
    """The same records at the same places, the same verdict, and a run that tells the same."""
    before = json.loads(path.with_suffix(".json").read_text())
    now = expectation(path.read_bytes())

    for part in before:
        assert _is_still_said(before[part], now.get(part)), (part, before[part], now.get(part))


@every_journal
def test_both_readers_agree_on_a_golden_journal(path: Path) -> None:
    """The reader written from the format page alone finds the same."""
    assert by_the_scan(path.read_bytes(), RUN) == by_the_second_reader(path.read_bytes(), RUN)


@every_journal
def test_whole_lines_of_a_golden_journal_survive_a_copy(path: Path) -> None:
    """What we know is decoded without loss of meaning; what we do not know is passed on byte for byte."""
    records = Scanner(Tail.empty(RUN), check_chain=False).feed(path.read_bytes())
    for record in records:
        event = record.event
        if isinstance(event, UnknownEvent):
            line = path.read_bytes()[record.offset : record.offset + record.length]
            assert codec.encode(event) + b"\n" == line
        else:
            assert codec.decode(codec.encode(event)) == event


def test_the_golden_journals_hold_every_event_of_the_format() -> None:
    """No event type of format 1 is without a frozen line, nor unknown ones, nor any verdict."""
    seen: set[str] = set()
    unknown = 0
    for path in JOURNALS:
        for record in Scanner(Tail.empty(RUN), check_chain=False).feed(path.read_bytes()):
            seen.add(tag_of(record.event))
            unknown += isinstance(record.event, UnknownEvent)
    verdicts = {json.loads(path.with_suffix(".json").read_text())["verdict"] for path in JOURNALS}

    assert seen >= set(TAGS)
    assert unknown >= 3
    assert verdicts == {"clean", "crash_tail", "corrupt"}
    assert max(path.stat().st_size for path in JOURNALS) > 200_000


def test_the_continued_journal_fits_behind_its_packed_part() -> None:
    """Head and offset of the continuation are the packed part's, and the chain runs through both."""
    packed, continued = ((FOLDER / f"{name}.jsonl").read_bytes() for name in ("packed", "continued"))
    scanner = Scanner(Tail.empty(RUN))
    scanner.advance(packed)
    (first, *_) = Scanner(Tail.empty(RUN)).feed(continued)

    assert isinstance(first.event, JournalContinued)
    assert (first.event.head, first.event.offset, first.seq) == (
        scanner.tail.head,
        len(packed),
        scanner.tail.seq + 1,
    )
