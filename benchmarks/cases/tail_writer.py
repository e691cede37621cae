"""A process that appends at a rate, each event with its time, over and over again.

python -m benchmarks.cases.tail_writer RATE COUNT KIND PLACE

Kinds: `journals` of a registry, `lines` of files in a folder, `redis` and `nats` at a port; COUNT of them,
in turn. It answers `{}` once it is ready, then waits for numbers on stdin, a line each, that make it append
for so many seconds, say in a last event how many there were, and report on stdout. A rate of 0 only waits
and says that.
"""

import json
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from datetime import UTC, datetime

from benchmarks.cases.wire import Nats, Publisher, Redis

LAST = "last "
_TICK_S = 0.001
_LINE = '{"type":"run.progressed","seq":12,"at":"%s","epoch":1,"fraction":0.5,"message":"%%s","h":"%s"}'

Emit = Callable[[int, str], object]
"""Append to the journal of that number an event of that message."""


def nothing() -> None:
    """Do it between two ticks: nothing."""


def pace(rate: int, seconds: float, emit: Emit, between: Callable[[], object] = nothing) -> int:
    """Return how often `emit` was called with a number and the time just then: `rate` times a second."""
    if not rate:
        time.sleep(seconds)
        return 0
    tick = max(1.0 / rate, _TICK_S)
    start, sent = time.monotonic(), 0
    while (passed := time.monotonic() - start) < seconds:
        for number in range(sent, int(passed * rate) + 1):
            emit(number, str(time.monotonic_ns()))
            sent = number + 1
        between()
        time.sleep(tick)
    return sent


@contextmanager
def journals(count: int, root: str) -> Iterator[Emit]:
    """Append progress to live runs, one after the other."""
    from runlore.journal import ids, machine  # noqa: PLC0415 - lines need none of it
    from runlore.journal.disk import REAL  # noqa: PLC0415 - see above
    from runlore.journal.events import FORMAT, RunProgressed, RunQueued  # noqa: PLC0415 - see above
    from runlore.journal.feed import Feed  # noqa: PLC0415 - see above
    from runlore.journal.root import open_for_writing  # noqa: PLC0415 - see above
    from runlore.journal.values import Recipe, RunId  # noqa: PLC0415 - see above
    from runlore.journal.writer import Writer  # noqa: PLC0415 - see above

    layout = open_for_writing(REAL, root)
    feed = Feed(REAL, layout)

    def begun(run_id: RunId) -> Writer:
        return Writer.create(
            REAL,
            layout,
            run_id,
            lambda seq, at: RunQueued(
                seq=seq,
                at=at,
                format=FORMAT,
                run_id=run_id,
                recipe=Recipe(argv=("true",), cwd="/"),
                durability="process",
                boot_id=machine.boot_id(),
            ),
            feed=feed,
        )

    writers = [begun(ids.mint(datetime.now(UTC), os.urandom(5))) for _ in range(count)]
    yield lambda number, text: writers[number % count].append(
        lambda seq, at: RunProgressed(seq=seq, at=at, epoch=1, fraction=0.5, message=text)
    )


@contextmanager
def lines(count: int, folder: str) -> Iterator[Emit]:
    """Append the same events, as lines, to files."""
    line = f"{event_line()}\n"
    paths = [f"{folder}/{number}.jsonl" for number in range(count)]
    fds = [os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600) for path in paths]
    yield lambda number, text: os.write(fds[number % count], (line % text).encode())


def event_line() -> str:
    """Return the line of an event as a journal would hold it, with a gap for its message."""
    return _LINE % (datetime.now(UTC).isoformat(), "0" * 64)


@contextmanager
def published(publisher: Publisher, count: int) -> Iterator[Emit]:
    """Publish the same events to as many streams or subjects; acknowledged in the end."""
    line = event_line()
    with closing(publisher):
        yield lambda number, text: publisher.publish(number % count, (line % text).encode())
        publisher.settle()


def main(rate: int, count: int, kind: str, place: str) -> None:
    """Append whenever a line comes."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if kind in {"redis", "nats"}:
        _answer()
        for line in sys.stdin:  # a connection each, so that none lies idle for so long that it is cut
            publisher = (Redis if kind == "redis" else Nats)(int(place))
            _round(rate, float(line), published(publisher, count), publisher.drain)
        return
    with (journals if kind == "journals" else lines)(count, place) as emit:
        _answer()
        for line in sys.stdin:
            _round(rate, float(line), _as_it_is(emit), nothing)


@contextmanager
def _as_it_is(emit: Emit) -> Iterator[Emit]:
    yield emit


def _round(
    rate: int, seconds: float, opened: AbstractContextManager[Emit], between: Callable[[], object]
) -> None:
    with opened as emit:
        start = time.monotonic()
        sent = pace(rate, seconds, emit, between)
        wall = time.monotonic() - start
        emit(sent, f"{LAST}{sent}")
    _answer(sent=sent, wall=wall)


def _answer(**words: float) -> None:
    sys.stdout.write(json.dumps(words) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4])
