"""Listers, appenders, a packer and a rebuilder at one registry.

`python -m tests.crash.everybody SECONDS LISTERS FOLDER` prints one JSON line. A process of its own, because
a test runner has threads and must not fork.
"""

import json
import os
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Final

from runlore.journal import machine
from runlore.journal.disk import REAL
from runlore.journal.errors import JournalIO
from runlore.journal.feed import Feed
from runlore.journal.journal_ids import journal_ids
from runlore.journal.layout import Layout
from runlore.journal.reader import read
from runlore.journal.root import open_for_writing
from runlore.journal.verify import verify
from runlore.journal.writer import Writer
from runlore.projections.index.care import rebuild
from runlore.runtimes.packing import Packing
from runlore.runtimes.registry import Registry
from tests.crash.crowd import _fork, _join
from tests.doubles.drafts import LIFE, new_run_id, noted, queued, tagged

APPENDERS: Final = 8
_AT_LEAST: Final = 2
"""Runs of each appender, however short the time."""
_PATIENCE_S: Final = 60.0
"""How much longer they go on if nothing was packed in that time."""
_APART: Final = 100_000
"""Between the numbers of two appenders' runs."""


def main(seconds: str, listers: str, folder: str) -> None:
    """Let them all go on for so long, and look at what is left."""
    layout = open_for_writing(REAL, f"{folder}/registry")
    told, done, begun = Path(f"{folder}/told"), Path(f"{folder}/done"), Path(f"{folder}/packing")
    told.touch()
    until = time.monotonic() + float(seconds)
    writing = [_fork(_append, layout, seed, until, told, begun) for seed in range(APPENDERS)]
    looking = [_fork(_list, layout, seed, told, done, folder) for seed in range(int(listers))]
    caring = [_fork(_pack, layout, done, begun, folder), _fork(_make_anew, layout, done)]
    _join(writing)
    done.touch()
    _join([*looking, *caring])
    print(json.dumps(_left(layout, told, folder)))


def _left(layout: Layout, told: Path, folder: str) -> dict[str, int]:
    """Return how much was done, having looked that nothing acknowledged is lost."""
    Packing(REAL, layout, older_than_s=0).apply()
    heads = dict[str, set[str]]()
    for run_id, head in _acknowledged(told):
        heads.setdefault(run_id, set()).add(head)
    assert {str(run_id) for run_id in journal_ids(REAL, layout)} == heads.keys()
    for run_id, promised in heads.items():
        found = {record.head for record in read(REAL, layout, run_id, check_chain=True)}  # type: ignore[arg-type]
        assert promised <= found, f"{run_id}: acknowledged, and lost"
        assert verify(REAL, layout, run_id).integrity == "sealed", run_id  # type: ignore[arg-type]
    looks = sum(int(path.read_text()) for path in Path(folder).glob("looks-*"))
    packed = int(Path(folder, "packed").read_text())
    return {"runs": len(heads), "looks": looks, "packed": packed, "events": sum(map(len, heads.values()))}


def _append(layout: Layout, seed: int, until: float, told: Path, packing: Path) -> None:
    """Let runs live, and label old ones, packed or not; tell of each event once it was acknowledged.

    A packer that nobody let run yet is waited for: it is to pack while others append.
    """
    feed, draw, mine = Feed(REAL, layout), Random(seed), []
    count = 0
    while count < _AT_LEAST or time.monotonic() < until + (0 if packing.exists() else _PATIENCE_S):
        run_id = new_run_id(seed * _APART + count)
        writer = Writer.create(REAL, layout, run_id, queued(run_id, boot_id=machine.boot_id()), feed=feed)
        for draft in LIFE:
            writer.append(draft())
        _tell(told, run_id, writer.append(tagged("env", "done")).head)
        writer.close()
        mine.append(run_id)
        old = draw.choice(mine)
        stranger = Writer(REAL, layout, old, feed=feed)
        _tell(told, old, stranger.append(noted("later")).head)
        stranger.close()
        count += 1


def _list(layout: Layout, seed: int, told: Path, done: Path, folder: str) -> None:
    """List in one order after the other; whatever was told of before a look is in it, as it is."""
    sorts, looks, is_over = ("", "-duration_s", "name,status", "tags.env,-age"), 0, False
    registry = Registry(layout)
    while not is_over:
        is_over = done.exists()
        known = Counter(run_id for run_id, _ in _acknowledged(told))
        sort = sorts[(seed + looks) % len(sorts)]
        page = registry.page("tags.env = done", sort=sort or ())
        ids = [str(view.run_id) for view in page.items]
        assert len(set(ids)) == len(ids), f"listed twice: {Counter(ids).most_common(1)}"
        assert known.keys() <= set(ids), f"acknowledged, and not listed: {known.keys() - set(ids)}"
        assert page.counts == ({"succeeded": len(ids)} if ids else {}), page.counts
        assert page.damaged == 0
        least = len(LIFE) + 1
        wrong = [view.run_id for view in page.items if view.seq < least + known[view.run_id]]
        assert not wrong, f"listed without what was acknowledged: {wrong}"
        registry.recent()
        looks += 1
    Path(f"{folder}/looks-{seed}").write_text(str(looks))


def _pack(layout: Layout, done: Path, begun: Path, folder: str) -> None:
    packed = 0
    while not done.exists():
        packed += Packing(REAL, layout, older_than_s=0).apply().runs
        if packed:
            begun.touch()
    Path(folder, "packed").write_text(str(packed))


def _make_anew(layout: Layout, done: Path) -> None:
    """Make the index anew, again and again; a lister that makes one as well comes first now and then."""
    while not done.exists():
        with suppress(JournalIO):  # made by another
            rebuild(REAL, layout, iter)


def _tell(told: Path, run_id: str, head: str) -> None:
    fd = os.open(told, os.O_WRONLY | os.O_APPEND)
    os.write(fd, f"{run_id} {head}\n".encode())
    os.close(fd)


def _acknowledged(told: Path) -> list[tuple[str, str]]:
    """Return the run and the head of each event that was told of."""
    lines = told.read_text(encoding="ascii").splitlines(keepends=True)
    return [(line.split()[0], line.split()[1]) for line in lines if line.endswith("\n")]


if __name__ == "__main__":
    main(*sys.argv[1:])
