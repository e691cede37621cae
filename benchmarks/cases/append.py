"""Append one event: our whole path, the system calls below it, and what else stores an event."""

import hashlib
import json
import logging
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import msgspec

from benchmarks.cases.clocks import calls
from benchmarks.place import Measure, Place, Round
from runlore.journal import ids, machine, root
from runlore.journal.disk import REAL
from runlore.journal.events import FORMAT, Event, RunNoted, RunProgressed, RunQueued
from runlore.journal.feed import Feed
from runlore.journal.values import Durability, Recipe, Seq
from runlore.journal.writer import Draft, Writer

MESSAGE = "resolve module 318: 4 warnings, 27 cache hits, 1 retry after a timeout of the mirror"
NOTE = "resolve-dependencies took 41 s, three times as long as yesterday; the mirror answers slowly again"


def _counts(place: Place) -> tuple[int, int]:
    """Return how many appends a round times together, and how many one by one."""
    if place.arguments.get("synced"):
        return place.pick(60, 200), place.pick(40, 100)
    return place.pick(1000, 4000), place.pick(300, 1000)


def _rounds(place: Place, call: Callable[[], object]) -> Round:
    count, timed = _counts(place)
    return lambda: calls(call, count, timed)


def _draft(place: Place) -> Draft:
    """Return what builds the event: progress, or where it is to be synced a note."""
    by = machine.actor("benchmarks")
    if place.arguments.get("synced"):
        return lambda seq, at: RunNoted(seq=seq, at=at, by=by, text=NOTE)
    metrics = {"loss": 0.25}
    return lambda seq, at: RunProgressed(
        seq=seq, at=at, epoch=1, fraction=0.5, message=MESSAGE, metrics=metrics
    )


def _encoded(place: Place) -> tuple[Event, Callable[[object], bytes]]:
    """Return a ready event and what encodes it."""
    return _draft(place)(Seq(12), datetime.now(UTC)), msgspec.json.Encoder().encode


@contextmanager
def ours(place: Place) -> Measure:
    """Writer.append: lock, check of the end, decision, chain, one write, sync, announcement in the feed.

    With `unannounced` there is no feed.
    """
    with _writer(place) as writer:
        draft = _draft(place)
        yield _rounds(place, lambda: writer.append(draft))


@contextmanager
def _writer(place: Place) -> Iterator[Writer]:
    layout = root.open_for_writing(REAL, f"{place.folder}/root")
    run_id = ids.mint(datetime.now(UTC), os.urandom(5))
    durability: Durability = "power" if place.arguments.get("synced") else "process"

    def queued(seq: Seq, at: datetime) -> Event:
        return RunQueued(
            seq=seq,
            at=at,
            format=FORMAT,
            run_id=run_id,
            recipe=Recipe(argv=("true",), cwd="/"),
            durability=durability,
            boot_id=machine.boot_id(),
        )

    feed = Feed(REAL, layout)
    unannounced = place.arguments.get("unannounced")
    writer = Writer.create(REAL, layout, run_id, queued, feed=None if unannounced else feed)
    try:
        yield writer
    finally:
        writer.close()
        feed.close()


@contextmanager
def bare(place: Place) -> Measure:
    """Encode and write: what no append can go below. With `synced`, fdatasync as well."""
    event, encode = _encoded(place)
    fd = os.open(f"{place.folder}/bare.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    write, sync = os.write, os.fdatasync

    def append() -> None:
        write(fd, encode(event) + b"\n")

    def append_synced() -> None:
        write(fd, encode(event) + b"\n")
        sync(fd)

    yield _rounds(place, append_synced if place.arguments.get("synced") else append)
    os.close(fd)


@contextmanager
def floor(place: Place) -> Measure:
    """What every append has to do, one step after another, and no other code: our path's floor in Python.

    Lock, look at size and links, encode, hash, write, sync, announce, see where that came to lie, unlock.
    """
    draft, encode, sha256 = _draft(place), msgspec.json.Encoder().encode, hashlib.sha256
    paths = f"{place.folder}/floor.jsonl", f"{place.folder}/floor.feed"
    journal, feed = (os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600) for path in paths)
    lock, look, unlock = REAL.lock, os.fstat, REAL.unlock
    write, seek, now, digest = os.write, os.lseek, datetime.now, bytes(32)
    sync = os.fdatasync if place.arguments.get("synced") else _nothing

    def append() -> None:
        nonlocal digest
        lock(journal)
        look(journal)
        covered = encode(draft(Seq(12), now(UTC)))[:-1]
        digest = sha256(digest + covered).digest()
        write(journal, covered + b',"h":"' + digest.hex().encode() + b'"}\n')
        sync(journal)
        write(feed, f"20260101-000000-abcdefgh 12 3456 {digest[:8].hex()} +\n".encode())
        seek(feed, 0, os.SEEK_CUR)
        unlock(journal)

    yield _rounds(place, append)
    os.close(journal)
    os.close(feed)


def _nothing(_fd: int) -> None:
    """Promise nothing about power cuts."""


@contextmanager
def logging_json(place: Place) -> Measure:
    """The standard library's FileHandler with a formatter that writes JSON lines."""

    class JsonLines(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            return json.dumps({"at": record.created, "type": record.msg, **record.__dict__["fields"]})

    handler = logging.FileHandler(f"{place.folder}/log.jsonl")
    handler.setFormatter(JsonLines())
    logger = logging.getLogger("benchmarks.append")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logger.addHandler(handler)
    fields = {"fraction": 0.5, "message": MESSAGE, "metrics": {"loss": 0.25}}
    yield _rounds(place, lambda: logger.info("run.progressed", extra={"fields": fields}))
    handler.close()


@contextmanager
def sqlite(place: Place) -> Measure:
    """One row per event, each its own transaction, in the mode that `synchronous` names."""
    event, encode = _encoded(place)
    link = sqlite3.connect(f"{place.folder}/events.db", isolation_level=None)
    link.execute("pragma journal_mode = wal")
    link.execute(f"pragma synchronous = {place.arguments['synchronous']}")
    link.execute(
        "create table event (run text, seq integer, type text, body blob, primary key (run, seq)) "
        "without rowid"
    )
    numbers = iter(range(1, 1 << 40))
    statement = "insert into event values (?, ?, ?, ?)"

    def append() -> None:
        link.execute(statement, ("20260101-000000-abcdefgh", next(numbers), "run.noted", encode(event)))

    yield _rounds(place, append)
    link.close()
