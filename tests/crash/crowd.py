"""Many processes at one journal: `python -m tests.crash.crowd WHAT NUMBER FOLDER`.

Prints one JSON line. A process of its own, because a test runner has threads and must not fork.
"""

import json
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Final, ParamSpec

from runlore.journal import machine
from runlore.journal.disk import REAL, Disk
from runlore.journal.errors import Conflict, JournalIO, StaleSeq
from runlore.journal.events import JournalRepaired, RunNoted, RunProgressed
from runlore.journal.feed import Feed
from runlore.journal.journal_ids import journal_ids
from runlore.journal.layout import Layout
from runlore.journal.reader import JournalReader, read
from runlore.journal.root import open_for_writing
from runlore.journal.scan import Record
from runlore.journal.values import Actor
from runlore.journal.verify import verify
from runlore.journal.writer import Writer
from runlore.projections.filters import Filter
from runlore.projections.index.care import differences, rebuild
from runlore.runtimes.indexed import IndexedListing
from runlore.runtimes.listing import Listing
from runlore.runtimes.observe import Observer
from runlore.runtimes.owner_lock import OwnerLock
from runlore.runtimes.redact import Redaction
from tests.crash.victims import SECRET, FailingSync
from tests.doubles.drafts import LIFE, failed, new_run_id, noted, progressed, queued, tagged

P = ParamSpec("P")
RUN: Final = new_run_id()
READERS: Final = 8
RACERS: Final = 32
REDACTIONS: Final = 5
"""So often at least a run is redacted while others label it, however quick they are."""
_PATIENCE: Final = 100
"""How many times as many labels as asked for that may take."""


def readers(layout: Layout, number: int) -> dict[str, int]:
    """Let eight readers follow two writers, one of which meets a failing sync now and then."""
    Writer.create(REAL, layout, RUN, queued(RUN, boot_id=machine.boot_id())).close()
    following = [_fork(_follow, layout, seed % 2 == 0) for seed in range(READERS)]
    writing = [_fork(_write, layout, number, owner) for owner in (True, False)]
    _join(writing)
    Writer(REAL, layout, RUN, owner=True).append(failed())
    _join(following)
    records = list(read(REAL, layout, RUN, check_chain=True))
    replaced = sum(isinstance(record.event, JournalRepaired) for record in records)
    assert verify(REAL, layout, RUN).findings == []
    assert replaced == number // 100, f"{replaced} replacements"
    return {"records": len(records), "reads": READERS * len(records), "replacements": replaced}


def _write(layout: Layout, number: int, owner: bool) -> None:
    disk = FailingSync(REAL)
    writer = Writer(disk, layout, RUN, owner=owner)  # type: ignore[arg-type]  # the calls are put in at run time
    for count in range(number):
        text = f"{count} " + "x" * (7_000 if count % 50 == 0 else count % 300)
        if owner and count % 100 == 50:
            disk.fail_next()
        writer.append(noted(text) if count % 10 == 0 else progressed(text))
    writer.close()


def _follow(layout: Layout, check_chain: bool) -> None:
    """Read until the run has ended; every record comes once, whole and in order."""
    seen = 0
    with JournalReader(REAL, layout, RUN, check_chain=check_chain) as reader:
        while True:
            for record in reader.read_available():
                assert record.seq == seen + 1, f"seq {record.seq} after {seen}"
                assert _is_whole(record), f"seq {record.seq} is not what was written"
                seen = record.seq
                if type(record.event).__name__ == "RunSealed":
                    return
            assert not reader.rewound, "no record was ever taken back"
            assert reader.verdict().state != "corrupt", reader.verdict()


def _is_whole(record: Record) -> bool:
    event = record.event
    if isinstance(event, RunNoted | RunProgressed):
        text = event.text if isinstance(event, RunNoted) else event.message
        count, _, rest = text.partition(" ")
        return len(rest) == (7_000 if int(count) % 50 == 0 else int(count) % 300) and set(rest) <= {"x"}
    return True


def cas(layout: Layout, number: int) -> dict[str, int]:
    """Let 32 processes compare and set, each until it has won `number` times."""
    Writer.create(REAL, layout, RUN, queued(RUN, boot_id=machine.boot_id())).close()
    _join([_fork(_compare_and_set, layout, number) for _ in range(RACERS)])
    records = list(read(REAL, layout, RUN, check_chain=True))
    return {"won": len(records) - 1, "expected": RACERS * number}


def _compare_and_set(layout: Layout, number: int) -> None:
    writer = Writer(REAL, layout, RUN).open()
    won = 0
    while won < number:
        before = writer.tail.seq
        try:
            record = writer.append(progressed(str(os.getpid())), expected_seq=before)
        except StaleSeq as stale:
            if stale.current <= before:
                sys.exit("the conflict does not tell what the current seq is")
            continue
        assert record.seq == before + 1
        won += 1
    writer.close()


def creators(layout: Layout, number: int) -> dict[str, int]:
    """Let two processes create the same run, again and again."""
    won = 0
    for count in range(number):
        run_id = new_run_id(count)
        winners = _join([_fork(_create, layout, run_id) for _ in range(2)], may_fail=True)
        won += winners == 1 and len(list(read(REAL, layout, run_id))) == 1
    return {"won": won, "journals": len(journal_ids(REAL, layout))}


def _create(layout: Layout, run_id: str) -> None:
    try:
        Writer.create(REAL, layout, run_id, queued(run_id)).close()  # type: ignore[arg-type]
    except Conflict:
        os._exit(2)


def redactors(layout: Layout, number: int) -> dict[str, int]:
    """Let four processes label an ended run that tells a secret, while it is redacted again and again.

    Each labels it so often, and goes on until it was redacted often enough meanwhile.
    """
    OwnerLock.create(REAL, layout, RUN).release()
    writer = Writer.create(REAL, layout, RUN, queued(RUN, boot_id=machine.boot_id()))
    writer.append(failed())
    writer.close()
    enough, over = Path(f"{layout.root}/redacted-enough"), Path(f"{layout.root}/labelled")
    following = [_fork(_follow_labels, layout, over)]
    labelling = [_fork(_label, layout, seed, number, enough) for seed in range(4)]
    redactions = 0
    while not all(map(_is_over, labelling)):
        redactions += Redaction(REAL, layout, RUN, [SECRET], by=Actor()).apply().applied
        if redactions >= REDACTIONS:
            enough.touch()
    redactions += Redaction(REAL, layout, RUN, [SECRET], by=Actor()).apply().applied
    _join(labelling)
    over.touch()
    _join(following)
    found = [record.head for record in read(REAL, layout, RUN, check_chain=True)]
    acknowledged = [head for seed in range(4) for head in _acknowledged(layout, seed)]
    assert verify(REAL, layout, RUN).integrity == "redacted"
    assert set(acknowledged) <= set(found), "an acknowledged label is gone"
    with open(layout.journal(RUN), "rb") as file:
        assert SECRET.encode() not in file.read()
    return {"acknowledged": len(acknowledged), "redactions": redactions}


def _label(layout: Layout, seed: int, number: int, enough: Path) -> None:
    with open(f"{layout.root}/acknowledged-{seed}", "w", encoding="ascii") as file:
        writer = Writer(REAL, layout, RUN)
        for count in range(_PATIENCE * number):
            if count >= number and enough.exists():
                break
            if count % 7 == 0:  # somebody else's command, which opens the journal anew
                writer.close()
                writer = Writer(REAL, layout, RUN)
            file.write(writer.append(noted(f"{seed} {count} {SECRET}")).head + "\n")
        writer.close()


def _acknowledged(layout: Layout, seed: int) -> list[str]:
    with open(f"{layout.root}/acknowledged-{seed}", encoding="ascii") as file:
        return file.read().split()


def _follow_labels(layout: Layout, over: Path) -> None:
    """Read until all labels came; each record comes once, although its text may have gone before."""
    seen, is_over = 0, False
    with JournalReader(REAL, layout, RUN) as reader:
        while not is_over:
            is_over = over.exists()
            for record in reader.read_available():
                assert record.seq == seen + 1, f"seq {record.seq} after {seen}"
                seen = record.seq
            assert not reader.rewound, "no record was ever taken back"
    assert seen == len(list(read(REAL, layout, RUN))), "a record never came"


def _is_over(child: int) -> bool:
    """Say whether a child has ended; it still can be waited for."""
    return os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def listers(layout: Layout, number: int) -> dict[str, int]:
    """Let eight processes list, one make the index anew, and four let runs live, end and be labelled."""
    told = f"{layout.root}/told"
    writing = [_fork(_live, layout, seed * number, number, told) for seed in range(4)]
    looking = [_fork(_list, layout, told, 4 * number) for _ in range(READERS)]
    making = _fork(_make_anew, layout, told, 4 * number)
    _join(writing)
    _join([*looking, making])
    assert _listed(layout) == set(journal_ids(REAL, layout)), "all of them, at last"
    assert not list(differences(REAL, layout, iter))
    return {"runs": 4 * number, "readers": READERS}


def _live(layout: Layout, first: int, number: int, told: str) -> None:
    """Let runs live, and tell of each once its label was acknowledged."""
    feed = Feed(REAL, layout)
    for count in range(first, first + number):
        run_id = new_run_id(count)
        writer = Writer.create(REAL, layout, run_id, queued(run_id, boot_id=machine.boot_id()), feed=feed)
        for draft in LIFE:
            writer.append(draft())
        writer.append(tagged("env", "done"))
        writer.close()
        fd = REAL.open(told, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(fd, f"{run_id}\n".encode())
        os.close(fd)


def _list(layout: Layout, told: str, total: int) -> None:
    """List until all were told of; whatever was told of before a look is in it."""
    while True:
        known = _told(told)
        missing = known - _listed(layout)
        assert not missing, f"acknowledged, and not listed: {missing}"
        if len(known) == total:
            return


def _make_anew(layout: Layout, told: str, total: int) -> None:
    """Make the index anew, again and again; a reader that makes one as well comes first now and then."""
    while len(_told(told)) < total:
        try:
            rebuild(REAL, layout, iter)
        except JournalIO:
            continue


def _told(path: str) -> set[str]:
    try:
        with open(path, encoding="ascii") as file:
            return {line[:-1] for line in file if line.endswith("\n")}
    except FileNotFoundError:
        return set()


def _listed(layout: Layout) -> set[str]:
    listing = Listing(REAL, layout, Observer(REAL, layout))
    page = IndexedListing(REAL, layout, listing).page(Filter(tags=(("env", "done"),)))
    assert page.counts.total() == len(page.items)
    return {str(run.run_id) for run in page.items}


def _fork(work: Callable[P, None], *arguments: P.args, **options: P.kwargs) -> int:
    child = os.fork()
    if child:
        return child
    try:
        work(*arguments, **options)
    except BaseException:  # noqa: BLE001 - the child must never return into the parent's code
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def _join(children: list[int], *, may_fail: bool = False) -> int:
    """Wait for the children, and return how many did what they were to do."""
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    if 1 in codes or (any(codes) and not may_fail):
        sys.exit(f"children ended with {codes}")
    return codes.count(0)


def main(what: str, number: str, folder: str) -> None:
    """Gather the crowd."""
    disk: Disk = REAL
    layout = open_for_writing(disk, f"{folder}/registry")
    crowds = {
        "readers": readers,
        "cas": cas,
        "creators": creators,
        "redactors": redactors,
        "listers": listers,
    }
    print(json.dumps(crowds[what](layout, int(number))))


if __name__ == "__main__":
    main(*sys.argv[1:])
