"""A process that appends at a rate: events to journals, or lines to a file; each holds its time.

python -m benchmarks.cases.tail_writer journals ROOT COUNT RATE SECONDS
python -m benchmarks.cases.tail_writer lines PATH RATE SECONDS
"""

import os
import resource
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime

LAST = "last"
_TICK_S = 0.001


def pace(rate: int, seconds: float, emit: Callable[[int, str], object]) -> None:
    """Call `emit` with a number and the time, `rate` times a second; a last time to say that it is over."""
    tick = max(1.0 / rate, _TICK_S)
    start, sent = time.monotonic(), 0
    while (passed := time.monotonic() - start) < seconds:
        for number in range(sent, int(passed * rate) + 1):
            emit(number, str(time.monotonic_ns()))
            sent = number + 1
        time.sleep(tick)
    emit(sent, LAST)


def journals(root: str, count: int, rate: int, seconds: float) -> None:
    """Append progress to live runs, one after the other."""
    from runlore.journal import ids, machine  # noqa: PLC0415 - lines need none of it
    from runlore.journal.disk import REAL  # noqa: PLC0415 - see above
    from runlore.journal.events import FORMAT, RunProgressed, RunQueued  # noqa: PLC0415 - see above
    from runlore.journal.feed import Feed  # noqa: PLC0415 - see above
    from runlore.journal.root import open_for_writing  # noqa: PLC0415 - see above
    from runlore.journal.values import Recipe, RunId  # noqa: PLC0415 - see above
    from runlore.journal.writer import Writer  # noqa: PLC0415 - see above

    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
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
    _wait_for_go()
    pace(
        rate,
        seconds,
        lambda number, text: writers[number % count].append(
            lambda seq, at: RunProgressed(seq=seq, at=at, epoch=1, fraction=0.5, message=text)
        ),
    )


def lines(path: str, rate: int, seconds: float) -> None:
    """Append lines of about the same length to a file."""
    fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    _wait_for_go()
    pace(rate, seconds, lambda _number, text: _write(fd, f"{text} {'x' * 160}\n".encode()))


def _write(fd: int, line: bytes) -> None:
    os.write(fd, line)


def _wait_for_go() -> None:
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()


if __name__ == "__main__":
    what, place, *numbers = sys.argv[1:]
    if what == "journals":
        journals(place, int(numbers[0]), int(numbers[1]), float(numbers[2]))
    else:
        lines(place, int(numbers[0]), float(numbers[1]))
