"""Two readers, one verdict: what the scan says about bytes, in the words of the second reader."""

from runlore.journal.events import tag_of
from runlore.journal.scan import Scanner, Tail, redacted_seqs
from runlore.journal.values import RunId
from tests import second_reader

Summary = tuple[list[tuple[int, int, int, str, str]], str, str, int, bool, set[int]]
"""Records as (seq, offset, length, h, type), verdict, kind of damage, offset behind the records, sealed,
and the seqs that are said to be redacted.
"""


def by_the_scan(data: bytes, run_id: RunId) -> Summary:
    """Return what the project's own scan finds, redacted lines accepted."""
    redacted = redacted_seqs(Scanner(Tail.empty(run_id), check_chain=False).advance(data))
    scanner = Scanner(Tail.empty(run_id), redacted=redacted)
    records = scanner.feed(data)
    verdict = scanner.verdict()
    return (
        [(one.seq, one.offset, one.length, one.head, tag_of(one.event)) for one in records],
        verdict.state,
        verdict.damage.kind if verdict.damage else "",
        verdict.damage.offset if verdict.damage else scanner.tail.offset,
        scanner.tail.sealed,
        set(redacted),
    )


def by_the_second_reader(data: bytes, run_id: RunId) -> Summary:
    """Return what the reader finds that was written from the format page."""
    reading = second_reader.read(data, run_id)
    return (
        [
            (event["seq"], offset, length, head, event["type"])
            for offset, length, head, event in reading.records
        ],
        reading.verdict,
        reading.damage,
        reading.offset,
        reading.sealed,
        reading.redacted,
    )
