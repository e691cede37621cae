"""From an append in one process to the parsed record in another."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

import runlore
from benchmarks.cases.tail_writer import LAST
from benchmarks.place import Measure, Place, Sample


@contextmanager
def ours(place: Place) -> Measure:
    """A subscriber to all runs gets the records of some, or of ten thousand, live ones."""
    rounds = iter(range(1 << 30))
    count = int(place.arguments["journals"])

    def measure() -> Sample:
        root = f"{place.folder}/root{next(rounds)}"
        registry = runlore.open(root)
        with _writer(place, "journals", root, str(count)) as writer, registry.subscribe() as records:
            return _measured(writer, (getattr(record.event, "message", "") for record in records))

    yield measure


@contextmanager
def tail(place: Place) -> Measure:
    """`tail -F` of one file; each line is decoded as JSON would be."""
    rounds = iter(range(1 << 30))

    def measure() -> Sample:
        path = f"{place.folder}/lines{next(rounds)}"
        with _writer(place, "lines", path) as writer:
            argv = ["tail", "-F", "-n", "0", path]
            with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
                time.sleep(0.2)  # it says nothing when it has begun
                assert process.stdout is not None
                sample = _measured(writer, (_text(line) for line in process.stdout))
                process.kill()
                return sample

    yield measure


@contextmanager
def watch(place: Place) -> Measure:
    """`watchfiles.watch()` as it comes, and a read of the file at every change."""
    from watchfiles import watch as watch_files  # noqa: PLC0415 - for this case only

    rounds = iter(range(1 << 30))

    def measure() -> Sample:
        folder = f"{place.folder}/watched{next(rounds)}"
        os.mkdir(folder)
        path = f"{folder}/lines"
        with _writer(place, "lines", path) as writer, open(path, "rb") as file:

            def texts() -> Iterator[str]:
                for _ in watch_files(folder, rust_timeout=100, yield_on_timeout=True):
                    for line in file:
                        yield _text(line)

            return _measured(writer, texts())

    yield measure


@contextmanager
def _writer(place: Place, what: str, *words: str) -> "Iterator[subprocess.Popen[str]]":
    """Start a writer that waits for the word to go."""
    seconds = str(place.pick(1, 5))
    argv = [sys.executable, "-m", "benchmarks.cases.tail_writer", what, *words]
    argv += [str(place.arguments["rate"]), seconds]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process


def _measured(writer: "subprocess.Popen[str]", texts: Iterator[str]) -> Sample:
    """Return the delays of what arrives until the last of it."""
    assert writer.stdin is not None
    writer.stdin.write("go\n")
    writer.stdin.flush()
    now, delays, cpu, begun = time.monotonic_ns, list[int](), time.process_time(), time.monotonic()
    for text in texts:
        if text == LAST:
            break
        if text:
            delays.append(now() - int(text))
    cpu, wall = time.process_time() - cpu, time.monotonic() - begun
    delays.sort()
    p50, p99 = (delays[int(share * len(delays))] / 1e9 for share in (0.5, 0.99))
    details = {"p50 ms": p50 * 1e3, "max ms": delays[-1] / 1e6, "% of a core": 100 * cpu / wall}
    return Sample(value=p99, details={**details, "events/s": len(delays) / wall})


def _text(line: bytes) -> str:
    return msgspec.convert(line.split(b" ")[0].decode("ascii"), str)
