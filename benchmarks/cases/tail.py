"""From an append in one process to the decoded record in another: ours, and what reads files."""

import os
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress

import msgspec

import runlore
from benchmarks.cases import children
from benchmarks.cases.arrivals import (
    Arrivals,
    Line,
    message_of,
    note_to_last,
    publisher,
    used_by,
)
from benchmarks.cases.clocks import user_environment
from benchmarks.cases.files import files_of
from benchmarks.place import Measure, Place, Sample

_SETTLE_S = 10.0
_REST_S = 0.1


@contextmanager
def ours(place: Place) -> Measure:
    """A subscriber to all runs of a registry."""
    root = f"{place.folder}/root"
    with publisher(place, "journals", root) as source:
        registry = runlore.open(root)

        def measure() -> Sample:
            with registry.subscribe() as records:
                arrivals = Arrivals(source)
                for message in _messages(records):
                    if arrivals.note(message):
                        break
                return arrivals.sample()

        yield measure


@contextmanager
def crowd(place: Place) -> Measure:
    """So many subscribers to all runs in one process, a thread each; every one of them gets everything."""
    root, count = f"{place.folder}/root", int(place.arguments["subscribers"])
    with publisher(place, "journals", root) as source:
        registry = runlore.open(root)

        def measure() -> Sample:
            with ThreadPoolExecutor(count) as pool, ExitStack() as stack:  # closed streams end their threads
                streams = [stack.enter_context(registry.subscribe()) for _ in range(count)]
                arrivals = Arrivals(source)
                reading = [pool.submit(note_to_last, _messages(stream), arrivals) for stream in streams]
                for each in reading:
                    each.result()
                return arrivals.sample()

        yield measure


def _messages(records: Iterable[runlore.Record]) -> Iterator[str]:
    return (getattr(record.event, "message", None) or "" for record in records)


@contextmanager
def command(place: Place) -> Measure:
    """`runlore events -f --json` of all runs; each line is decoded once more by whoever reads it."""
    root = f"{place.folder}/root"
    argv = [place.runlore, "events", "-f", "--json"]
    with publisher(place, "journals", root) as source:

        def measure() -> Sample:
            with _reading(argv, user_environment(RUNLORE_ROOT=root)) as process:
                assert process.stdout is not None
                process.stdout.readline()  # it is ready
                return _lines_of(process, Arrivals(source, beside=(process.pid,)), _message_of_record)

        yield measure


@contextmanager
def tail(place: Place) -> Measure:
    """`tail -F` of the files; each line is decoded."""
    with publisher(place, "lines", place.folder) as source:
        paths = files_of(place)
        argv = ["tail", "-q", "-F", "-n", "0", *paths]

        def measure() -> Sample:
            with _reading(argv, dict(os.environ)) as process:
                _await_watches(process.pid, len(paths))
                return _lines_of(process, Arrivals(source, beside=(process.pid,)), message_of)

        yield measure


def _lines_of(
    process: "subprocess.Popen[bytes]", arrivals: Arrivals, message: Callable[[bytes], str]
) -> Sample:
    """Read lines until all have arrived."""
    assert process.stdout is not None
    for line in process.stdout:
        if arrivals.note(message(line)):
            break
    return arrivals.sample()


class _Printed(msgspec.Struct):
    """A line of `events --json`."""

    event: Line | None = None


_decode_printed = msgspec.json.Decoder(_Printed).decode


def _message_of_record(line: bytes) -> str:
    event = _decode_printed(line).event
    return event.message if event else ""


@contextmanager
def _reading(argv: list[str], environment: dict[str, str]) -> "Iterator[subprocess.Popen[bytes]]":
    nothing = subprocess.DEVNULL
    with children.popen(argv, stdout=subprocess.PIPE, stderr=nothing, env=environment) as process:
        try:
            yield process
        finally:
            process.kill()


def _await_watches(pid: int, count: int) -> None:
    """Wait until a process watches so many files and has come to rest; it says nothing when it has begun."""
    deadline = time.monotonic() + _SETTLE_S
    while _watches(pid) < count or not _rests(pid):
        if time.monotonic() > deadline:
            raise RuntimeError(f"tail watches {_watches(pid)} of {count} files and does not rest")
        time.sleep(0.02)


def _rests(pid: int) -> bool:
    """Say whether a process does nothing for a while."""
    before = used_by(pid)
    time.sleep(_REST_S)
    return used_by(pid) == before


def _watches(pid: int) -> int:
    for entry in os.scandir(f"/proc/{pid}/fd"):
        with suppress(FileNotFoundError):  # it was only open for a moment
            if os.readlink(entry.path) == "anon_inode:inotify":
                with open(f"/proc/{pid}/fdinfo/{entry.name}", "rb") as file:
                    return file.read().count(b"inotify wd:")
    return 0
