"""Check the chain of one long journal, and what it is made of: hashing, decoding."""

import hashlib
import os
from collections.abc import Callable
from contextlib import contextmanager

import msgspec

from benchmarks.cases.clocks import batch
from benchmarks.cases.journals import chunks_of, paths_of, root_of
from benchmarks.place import Measure, Place, Sample
from runlore.journal import chain as hashes
from runlore.journal.disk import REAL
from runlore.journal.events import KnownEvent
from runlore.journal.layout import Layout
from runlore.journal.values import RunId
from runlore.journal.verify import verify

_LEAST_MIB = 1.0
"""What the allocator takes or leaves; growth below it tells nothing about the journal."""


def _journal(place: Place) -> tuple[str, RunId, int]:
    """Return (path, run id, number of events) of the corpus's only journal."""
    (path,) = paths_of(place)
    count = int(str(place.arguments[place.size]).partition(":")[2])
    return path, RunId(os.path.basename(path).removesuffix(".jsonl")), count


def _verifier(place: Place) -> Callable[[], object]:
    layout = Layout(root_of(place))
    _, run_id, count = _journal(place)

    def check() -> None:
        found = verify(REAL, layout, run_id)
        if found.integrity != "sealed" or found.records < count:
            raise RuntimeError(f"verify says {found.integrity} after {found.records}: {found.findings}")

    return check


@contextmanager
def ours(place: Place) -> Measure:
    """verify(): decode, seq, chain, lifecycle and seal of every line."""
    check = _verifier(place)
    _, _, count = _journal(place)
    yield lambda: batch(check, count)


@contextmanager
def peak(place: Place) -> Measure:
    """MiB that the process's peak of resident memory grows by while verify() runs, one at least."""
    check = _verifier(place)
    check()  # what is imported and compiled on the way stays

    def measure() -> Sample:
        before = _resident("VmRSS:")
        with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
            file.write("5")  # proc(5): begin VmHWM anew
        check()
        return Sample(value=max(_LEAST_MIB, _resident("VmHWM:") - before))

    yield measure


def _resident(field: str) -> float:
    with open("/proc/self/status", encoding="ascii", errors="replace") as file:
        for line in file:
            if line.startswith(field):
                return int(line.split()[1]) / 1024
    raise RuntimeError(f"no {field} in /proc/self/status")


@contextmanager
def chain(place: Place) -> Measure:
    """The chain alone: split the lines, SHA-256 of each, compare; nothing is decoded."""
    path, run_id, count = _journal(place)
    first, trailer = hashes.seed(run_id), -hashes.TRAILER_LENGTH

    def check() -> None:
        digest, sha256 = first, hashlib.sha256
        for chunk in chunks_of(path):
            for line in chunk.split(b"\n")[:-1]:
                digest = sha256(digest + line[:trailer]).digest()
                if digest.hex().encode() != line[-66:-2]:
                    raise RuntimeError("the chain breaks")

    yield lambda: batch(check, count)


@contextmanager
def decode(place: Place) -> Measure:
    """Msgspec decode_lines alone, in the same pieces."""
    path, _, count = _journal(place)
    decoder: msgspec.json.Decoder[KnownEvent] = msgspec.json.Decoder(KnownEvent)

    def check() -> None:
        for chunk in chunks_of(path):
            decoder.decode_lines(chunk)

    yield lambda: batch(check, count)


@contextmanager
def whole(place: Place) -> Measure:
    """SHA-256 over the whole file: tells that something changed, not where."""
    path, _, count = _journal(place)

    def check() -> None:
        with open(path, "rb") as file:
            hashlib.file_digest(file, "sha256")

    yield lambda: batch(check, count)
