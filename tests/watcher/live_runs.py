"""Runs that append when a test says so, and streams over them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from runlore.journal.disk import REAL, Disk
from runlore.journal.feed import Feed
from runlore.journal.root import open_for_writing
from runlore.journal.scan import Record
from runlore.journal.values import RunId
from runlore.journal.writer import Writer
from runlore.watcher.cursor import decode
from runlore.watcher.follower import Follower
from runlore.watcher.steps import Told
from runlore.watcher.wanted import Wanted
from tests.doubles.drafts import LIFE, Draft, new_run_id, noted, queued
from tests.journal.announcing import Bent, as_disk

REGISTRY = "01234567"


class Runs:
    """The runs of one registry, all owned by the test."""

    def __init__(self, root: Path, *, disk: Disk = REAL) -> None:
        self.disk = disk
        self.layout = open_for_writing(REAL, str(root))
        self.feed = Feed(disk, self.layout)
        self.feed.begin()
        self.writers: dict[RunId, Writer] = {}
        self._followers: list[Follower] = []

    def new(self, *, name: str = "nightly") -> RunId:
        """A run that has just been queued."""
        run_id = new_run_id(len(self.writers) + 1)
        draft = queued(run_id, durability="process", name=name)
        self.writers[run_id] = Writer.create(self.disk, self.layout, run_id, draft, feed=self.feed)
        return run_id

    def append(self, run_id: RunId, draft: Draft | None = None) -> None:
        """One more event; a note, unless told otherwise."""
        self.writers[run_id].append(draft or noted())

    def end(self, run_id: RunId) -> None:
        """The rest of a short and happy life."""
        for step in LIFE:
            self.append(run_id, step())

    def follower(
        self,
        after: str | None = None,
        *,
        history: bool = False,
        only: list[RunId] | None = None,
        wanted: Wanted | None = None,
    ) -> Follower:
        """A stream that has begun."""
        follower = Follower(self.disk, self.layout, REGISTRY, wanted=wanted, run_ids=only)
        self._followers.append(follower)
        follower.begin(None if after is None else decode(after, REGISTRY), history=history)
        return follower

    def close(self) -> None:
        """Let go of everything."""
        for follower in self._followers:
            follower.close()
        for writer in self.writers.values():
            writer.close()
        self.feed.close()


@pytest.fixture
def runs(registry_root: Path) -> Iterator[Runs]:
    """A registry without runs."""
    made = Runs(registry_root)
    yield made
    made.close()


@pytest.fixture
def bent() -> Bent:
    """A disk, and a clock, that do what a test wants."""
    return Bent()


@pytest.fixture
def bent_runs(registry_root: Path, bent: Bent) -> Iterator[Runs]:
    """A registry without runs on that disk."""
    made = Runs(registry_root, disk=as_disk(bent))
    yield made
    made.close()


def items(follower: Follower) -> list[Record | Told]:
    """Everything that comes without waiting."""
    found: list[Record | Told] = []
    while True:
        while (item := follower.take()) is not None:
            found.append(item)
        if not follower.pull():
            return found


def said(found: list[Record | Told]) -> list[tuple[RunId, int] | str]:
    """The same in short: which record, or what was told."""
    return [(item.run_id, item.seq) if isinstance(item, Record) else item.type for item in found]


def news(follower: Follower) -> list[tuple[RunId, int] | str]:
    """What comes without waiting, in short."""
    return said(items(follower))
