"""A large output through the capture into the transcript, redacted before the first byte is stored."""

import os
import random
import select
import subprocess
import time
from contextlib import contextmanager

from benchmarks.place import Measure, Place, Sample
from runlore.journal.disk import REAL
from runlore.journal.redactor import Redactor
from runlore.runtimes.capture import Redactor as Redact
from runlore.runtimes.capture import StreamCapture, keep_all, new_memfd
from runlore.runtimes.transcript import Transcript

_ALPHABET = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"


@contextmanager
def captured(place: Place) -> Measure:
    """`cat FILE` into a pipe and through a keeper's capture; `secrets` -1 redacts nothing."""
    path = f"{place.corpora[str(place.arguments[place.size])]}/text"
    size, count = os.path.getsize(path), int(place.arguments["secrets"])
    draw = random.Random(4)
    values = ["".join(draw.choices(_ALPHABET, k=32)) for _ in range(max(0, count))]
    redactor = Redactor(values, plain=bool(place.arguments["plain"]))
    redact = keep_all if count < 0 else redactor.stream
    redact(b"warm up: token = x\n", True)  # noqa: FBT003 - nothing follows

    def measure() -> Sample:
        start = time.perf_counter()
        _capture(path, place.folder, redact)
        wall = time.perf_counter() - start
        os.sync()
        return Sample(value=wall / size * 1e6)

    yield measure


def _capture(path: str, folder: str, redact: Redact) -> None:
    """Do what a keeper does with one stream of a run."""
    for name in ("data", "index"):
        if os.path.exists(f"{folder}/{name}"):
            os.unlink(f"{folder}/{name}")
    transcript = Transcript.create(REAL, f"{folder}/data", f"{folder}/index")
    reading, writing = os.pipe()
    with subprocess.Popen(["cat", path], stdout=writing):
        os.close(writing)
        capture = StreamCapture(transcript, "stdout", reading, new_memfd("stdout"), redact)
        poll = select.poll()
        poll.register(reading)
        while not capture.ended:
            poll.poll()
            capture.take()
        capture.close()
    transcript.close()


@contextmanager
def copied(place: Place) -> Measure:
    """`cat FILE` into a pipe, from there by the shortest loop in Python into a file."""
    path = f"{place.corpora[str(place.arguments[place.size])]}/text"
    size = os.path.getsize(path)

    def measure() -> Sample:
        start = time.perf_counter()
        with subprocess.Popen(["cat", path], stdout=subprocess.PIPE) as process:
            out = os.open(f"{place.folder}/copy", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            assert process.stdout
            while data := os.read(process.stdout.fileno(), 1 << 20):
                os.write(out, data)
            os.close(out)
        wall = time.perf_counter() - start
        os.sync()
        return Sample(value=wall / size * 1e6)

    yield measure
