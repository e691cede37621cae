"""Make registries to measure on: `python -m benchmarks.cases.corpus KIND:COUNT FOLDER`.

Kinds: `events:N` one run of N events; `bytes:N` runs of 1,000 events, N bytes of journals in all;
`runs:N` finished runs of a handful of events; `text:N` a file of N bytes of lines. The journals are what
the appender would have written (same encoding, chain and seal), but without its syncs.
"""

import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from runlore.journal import compose, ids, root
from runlore.journal import events as e
from runlore.journal.disk import REAL
from runlore.journal.layout import Layout
from runlore.journal.scan import Tail
from runlore.journal.values import Actor, Handle, Identity, Owner, Recipe, RunId, Usage

BEGUN = datetime(2026, 1, 1, tzinfo=UTC)
EVENTS_PER_RUN = 1000
BY = Actor(user="builder", host="worker-17.example.internal", pid=48211, program="runlore")
OWNER = Owner(
    host="worker-17.example.internal",
    identity=Identity(boot_id="3f2b0c52-7a0e-4a37-9a4f-0f5b6c1d2e3f", pid_ns=4026531836, pid=48212),
)
WORDS = ("resolve", "fetch", "compile", "link", "package", "upload", "verify", "retry")


def chatter(seq: int, at: datetime) -> e.Event:
    """Return the event that stands at `seq` of a busy run: mostly progress, some of everything else."""
    word = WORDS[seq % len(WORDS)]
    if seq % 10 == 7:
        return e.RunCheckpointed(
            seq=seq, at=at, epoch=1, name=f"step-{seq}", path=f"/srv/project/checkpoints/{word}-{seq}.bin"
        )
    if seq % 10 == 9:
        return e.RunNoted(seq=seq, at=at, by=BY, text=f"{word}: slower than last time, {seq} ms")
    message = f"{word} module {seq}: {seq % 97} warnings, {seq % 89} cache hits"
    return e.RunProgressed(
        seq=seq, at=at, epoch=1, fraction=seq % 1000 / 1000, message=message, metrics={"loss": 1 / seq}
    )


def history(run_id: RunId, begun: datetime, count: int) -> Iterator[e.Event]:
    """Yield the events of one finished run; the seal comes by itself."""
    recipe = Recipe(argv=("python", "-m", "pytest", "-q", "tests/unit"), cwd="/srv/project")
    tags = {"team": "platform", "ticket": "OPS-1234"}
    at = begun
    yield e.RunQueued(
        seq=1, at=at, by=BY, format=e.FORMAT, run_id=run_id, recipe=recipe, name="unit-tests", tags=tags
    )
    yield e.RunBooting(seq=2, at=at, epoch=1, runtime="background", owner=OWNER)
    yield e.RunStarted(seq=3, at=at, epoch=1, handle=Handle(pid=48213, identity=OWNER.identity))
    for seq in range(4, count - 2):
        at += timedelta(milliseconds=250)
        yield chatter(seq, at)
    seq = max(4, count - 2)
    usage = Usage(cpu_s=12.5, max_rss_bytes=73400320)
    yield e.RunCollecting(seq=seq, at=at, epoch=1, exit_code=0, usage=usage, transcript_bytes=18231)
    yield e.RunSucceeded(seq=seq + 1, at=at, epoch=1, exit_code=0)


def write_run(layout: Layout, number: int, count: int) -> int:
    """Return the bytes of the journal of a run of about `count` events, written in one go."""
    begun = BEGUN + timedelta(seconds=number)
    run_id = ids.mint(begun, (number * 2654435761 % 2**40).to_bytes(5, "big"))
    tail, size = Tail.empty(run_id), 0
    with open(layout.journal(run_id), "wb", buffering=1 << 20) as file:
        for event in history(run_id, begun, count):
            composed = compose.compose(tail, event)
            tail = composed.after
            size += file.write(composed.data)
    return size


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
