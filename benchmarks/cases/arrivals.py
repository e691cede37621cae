"""How late events arrive at a subscriber, and what the waiting costs; the publisher is a process beside."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

import msgspec

from benchmarks.cases import children
from benchmarks.cases.tail_writer import LAST
from benchmarks.place import Place, Sample

_PATIENCE_S = 60
_WARM_UP_S = 1
_COME_TO_REST_S = 2.5
"""Waiting is measured once a subscriber has had this long without an event."""


class Line(msgspec.Struct):
    """What is decoded of an event's line; the rest is parsed and left."""

    type: str
    message: str = ""


_decode = msgspec.json.Decoder(Line).decode


def message_of(line: bytes) -> str:
    """Return the message of an event's line; it holds the time of its append."""
    return _decode(line).message


class Publisher:
    """The other process: see cases.tail_writer."""

    def __init__(self, process: "subprocess.Popen[bytes]", rate: int, seconds: int) -> None:
        self._process, self.rate, self._seconds = process, rate, seconds
        self._next_s = _WARM_UP_S

    def go(self, missing: Callable[[], str]) -> None:
        """Let it append for a while, the first time for a shorter one: no sample is taken of that.

        Raises, long after, from wherever its report is not yet asked for:
            RuntimeError: what is missing.
        """

        def give_up(_signal: int, _frame: object) -> None:
            raise RuntimeError(f"{missing()} within {_PATIENCE_S} s")

        signal.signal(signal.SIGALRM, give_up)
        signal.alarm(self._next_s + _PATIENCE_S)
        assert self._process.stdin is not None
        self._process.stdin.write(b"%d\n" % self._next_s)
        self._process.stdin.flush()
        self._next_s = self._seconds

    def report(self) -> dict[str, float]:
        """Return what it says next; that it is ready, or what it has done.

        Raises:
            RuntimeError: it has ended.
        """
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the publisher ended with status {self._process.wait()}")
        signal.alarm(0)
        report: dict[str, float] = json.loads(line)
        return report


@contextmanager
def publisher(place: Place, kind: str, where: str | int) -> Iterator[Publisher]:
    """Start a publisher at the case's rate to so many journals as it says, and wait until it is ready."""
    rate, count = int(place.arguments["rate"]), int(place.arguments["journals"])
    argv = [sys.executable, "-m", "benchmarks.cases.tail_writer", str(rate), str(count), kind, str(where)]
    pipe = subprocess.PIPE
    with children.popen(argv, stdin=pipe, stdout=pipe) as process:
        started = Publisher(process, rate, int(place.arguments[place.size]))
        started.report()
        yield started


class Arrivals:
    """One round: it begins by letting the publisher go, and ends when all of its events have arrived.

    beside: further processes of the subscriber. server: the process in the middle, if there is one.

    Raises, from wherever the subscriber waits:
        RuntimeError: events are missing long after they were published.
    """

    def __init__(self, source: Publisher, *, beside: Sequence[int] = (), server: int | None = None) -> None:
        self._source, self._beside, self._server = source, beside, server
        self._delays: list[int] = []
        self._expected = -1
        if not source.rate:
            time.sleep(_COME_TO_REST_S)
        self._begun, self._cpu, self._served = time.monotonic(), self._used(), used_by(server)
        source.go(self._missing)

    def note(self, message: str) -> bool:
        """Note that an event is there, decoded; say whether it was the last one."""
        now = time.monotonic_ns()
        if message.startswith(LAST):
            self._expected = int(message.removeprefix(LAST))
        elif message:
            self._delays.append(now - int(message))
        return len(self._delays) == self._expected

    def sample(self) -> Sample:
        """Return the 99th percentile of the delays; of a publisher that only waited, % of a core."""
        wall = time.monotonic() - self._begun
        cpu, served = self._used() - self._cpu, used_by(self._server) - self._served
        report = self._source.report()
        details = {"server, % of a core": 100 * served / wall} if self._server else {}
        if not self._source.rate:
            return Sample(value=100 * cpu / wall, details=details)
        self._delays.sort()
        p50, p99 = (self._delays[int(share * len(self._delays))] for share in (0.5, 0.99))
        details |= {"p50 ms": p50 / 1e6, "max ms": self._delays[-1] / 1e6, "% of a core": 100 * cpu / wall}
        return Sample(value=p99 / 1e9, details=details | {"events/s": report["sent"] / report["wall"]})

    def _used(self) -> float:
        return time.process_time() + sum(map(used_by, self._beside))

    def _missing(self) -> str:
        expected = self._expected if self._expected >= 0 else "unknown"
        return f"{len(self._delays)} of {expected} events arrived"


def note_to_last(messages: Iterable[str], arrivals: Arrivals) -> None:
    """Note what one of several subscribers gets, of one journal: behind its last event nothing comes.

    Raises:
        RuntimeError: this subscriber did not get all of them.
    """
    seen = 0
    for message in messages:
        arrivals.note(message)
        if message.startswith(LAST):
            if message != f"{LAST}{seen}":
                raise RuntimeError(f"{seen} of {message.removeprefix(LAST)} events arrived at a subscriber")
            return
        seen += bool(message)


def used_by(pid: int | None) -> float:
    """Return the processor time of a process in seconds, by the clock of clock_getcpuclockid(3)."""
    return 0.0 if pid is None else time.clock_gettime((~pid << 3) | 2)
