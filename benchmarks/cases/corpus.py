"""Make registries to measure on: `python -m benchmarks.cases.corpus KIND:COUNT FOLDER`.

Kinds: `events:N` one run of N events; `bytes:N` runs of 1,000 events, N bytes of journals in all;
`runs:N` finished runs of a handful of events; `drawn:N` finished runs of 9 to 40, drawn from a seed that is
written down, by all cores; `packed:N` the same, packed; `text:N` a file of N bytes of lines. The journals
are what the appender would have written (same encoding, chain and seal), but without its syncs.
"""

import os
import sys
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta

from benchmarks.cases import histories
from benchmarks.cases.histories import BEGUN, WORDS, history
from runlore.journal import compose, ids, root
from runlore.journal import events as e
from runlore.journal.disk import REAL
from runlore.journal.layout import Layout
from runlore.journal.scan import Tail
from runlore.journal.values import RunId
from runlore.runtimes.packing import Packing

EVENTS_PER_RUN = 1000
_SHARES = 64


def write_run(layout: Layout, number: int, count: int) -> int:
    """Return the bytes of the journal of a run of about `count` events, written in one go."""
    begun = BEGUN + timedelta(seconds=number)
    run_id = ids.mint(begun, (number * 2654435761 % 2**40).to_bytes(5, "big"))
    return _write(layout, run_id, history(run_id, begun, count))


def _write(layout: Layout, run_id: RunId, events: Iterable[e.Event]) -> int:
    tail, size = Tail.empty(run_id), 0
    with open(layout.journal(run_id), "wb", buffering=1 << 20) as file:
        for event in events:
            composed = compose.compose(tail, event)
            tail = composed.after
            size += file.write(composed.data)
    return size


def write_drawn(layout: Layout, amount: int) -> None:
    """Write the runs that are drawn for the numbers below `amount`."""
    with ProcessPoolExecutor() as pool:
        size = -(-amount // _SHARES)
        for done in [
            pool.submit(_write_share, layout, range(amount)[at : at + size]) for at in range(0, amount, size)
        ]:
            done.result()


def _write_share(layout: Layout, numbers: range) -> None:
    for number in numbers:
        _write(layout, histories.drawn_id(number), histories.drawn(number))


def write_text(folder: str, size: int) -> None:
    """Write lines such as a build prints, each with its number."""
    os.mkdir(folder)
    with open(f"{folder}/text", "wb", buffering=1 << 20) as file:
        number = 0
        while size > 0:
            number += 1
            word = WORDS[number % len(WORDS)]
            line = f"[{number:9}] {word} module {number % 997}: {number % 97} warnings, {number % 89} hits\n"
            size -= file.write(line.encode()[-size:])


def make(kind: str, amount: int, folder: str) -> None:
    """Make one corpus in `folder`."""
    if kind == "text":
        write_text(folder, amount)
        return
    layout = root.open_for_writing(REAL, folder)
    if kind == "events":
        write_run(layout, 0, amount)
    elif kind == "runs":
        for number in range(amount):
            write_run(layout, number, 8)
    elif kind in {"drawn", "packed"}:
        write_drawn(layout, amount)
        if kind == "packed":
            Packing(REAL, layout, older_than_s=0).apply()
    elif kind == "bytes":
        number = 0
        while amount > 0:
            amount -= write_run(layout, number, EVENTS_PER_RUN)
            number += 1
    else:
        raise SystemExit(f"no corpus of kind {kind!r}")


if __name__ == "__main__":
    os.umask(0o077)
    make(sys.argv[1].partition(":")[0], int(sys.argv[1].partition(":")[2]), sys.argv[2])
