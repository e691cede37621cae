"""A registry on random days: everything that can happen to its journals, its feed and its index.

Each day is drawn from a seed. What the index answers is compared with a fresh fold of every journal.
"""

import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Final

import msgspec

from runlore.journal import machine
from runlore.journal.disk import REAL
from runlore.journal.errors import RunloreError
from runlore.journal.events import RunFailed, RunRenamed, RunSucceeded
from runlore.journal.feed import Feed
from runlore.journal.ids import mint
from runlore.journal.layout import Layout
from runlore.journal.packs import Packs
from runlore.journal.repair import repair
from runlore.journal.root import open_for_writing
from runlore.journal.values import RunId
from runlore.journal.writer import Writer
from runlore.projections import filters, selectors
from runlore.projections.encoding import encode_view
from runlore.projections.index.entry import PACKED
from runlore.projections.index.reading import reading
from runlore.projections.order import parse_order
from runlore.runtimes import indexed
from runlore.runtimes.indexed import IndexedListing, Page
from runlore.runtimes.listing import Found, Listing
from runlore.runtimes.observe import Observer
from runlore.runtimes.owner_lock import OwnerLock
from runlore.runtimes.packing import Packing
from runlore.runtimes.registry import Registry
from tests.doubles.drafts import (
    BOOT,
    EVERY_END,
    LIFE,
    Draft,
    booting,
    noted,
    progressed,
    queued,
    tagged,
)
from tests.properties.expressions import spell

MEMORY: Final = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
"""Where syncs cost nothing: what a power cut does is not asked here."""
NOW: Final = datetime(2026, 12, 1, tzinfo=UTC)
NAMES: Final = ("nightly", "etl", "größe", "")
ENDS: Final = (RunSucceeded, RunFailed)
SORTS: Final = (
    "name,-ended_at",
    "-status,age",
    "tags.env,-tags.größe",
    "exit_code,-duration,key",
    "-reason,created_at",
    "health,-provisional,command",
    "-seq,name",
)
"""By fields that the index has, by such that are the same for all it knows, and by one that it has not."""
SELECTORS: Final = ("nightly", "latest", "latest:failed", "key:k1", "0", "etl", "nobody")


class Day:
    """One registry, and what happens to it."""

    def __init__(self, seed: int, *, most: int | None = None) -> None:
        """most: journals, and packed runs, that there are after a step; each costs every comparison."""
        self.draw, self.most = Random(seed), most
        self.root = tempfile.mkdtemp(dir=MEMORY)
        self.layout = open_for_writing(REAL, self.root)
        self.store = tempfile.mkdtemp(dir=MEMORY)
        """Copies of journals, to be restored."""
        self.listing = Listing(REAL, self.layout, Observer(REAL, self.layout))
        self.indexed = IndexedListing(REAL, self.layout, self.listing)
        self._feeds: list[Feed] = []
        """Those of this step: each writer has opened its own."""
        self.number = seed * 100_000
        self.counts: Counter[str] = Counter()
        self.actions: tuple[tuple[int, Callable[[], None]], ...] = (
            (4, self.begin),
            (4, self.live_on),
            (9, self.end),
            (8, self.label),
            (2, self.place),
            (6, self.remove),
            (2, self.keep_copy),
            (3, self.restore),
            (2, self.tear),
            (2, self.damage),
            (2, self.mend),
            (2, self.pack),
            (2, self.label_packed),
            (3, self.remove_outputs),
            (2, self.bring_back),
            (1, self.pack_but_not_remove),
            (1, self.harm_pack),
            (1, self.lose_feed),
            (1, self.cut_feed),
            (1, self.lose_index),
            (2, self.harm_index),
            (1, self.reboot),
            (3, self.die_appending),
        )

    def close(self) -> None:
        """Leave nothing behind."""
        shutil.rmtree(self.root)
        shutil.rmtree(self.store)

    def step(self) -> None:
        """Let something happen, or two things in a row without anybody looking between."""
        for _ in range(self.draw.choice((1, 1, 1, 2, 5))):
            weights, actions = zip(*self.actions, strict=True)
            action = self.draw.choices(actions, weights)[0]
            self.counts[action.__name__] += 1
            action()
            while self._feeds:
                self._feeds.pop().close()
        while self.most is not None and self._any() and len(os.listdir(self.layout.journals)) > self.most:
            self.remove()
        while self.most is not None and len(set(Packs(REAL, self.layout).run_ids())) > self.most:
            self.draw.choice(sorted(Path(self.layout.packs).glob("*.jsonl"))).unlink()

    # -- what happens to runs

    def begin(self) -> None:
        """A run is submitted."""
        run_id = self._new_id()
        Writer.create(REAL, self.layout, run_id, self._queued(run_id), feed=self._feed()).close()

    def live_on(self) -> None:
        """A run gets on: it boots, or says how far it is."""
        self._append(self.draw.choice((booting(), progressed(), noted())), owner=True)

    def end(self) -> None:
        """A run goes through what is left of its life."""
        run_id = self._any()
        if run_id is not None:
            for draft in (*LIFE[:3], self.draw.choice(EVERY_END)):
                self._append(draft(), run_id=run_id, owner=True)  # what has been is refused

    def label(self) -> None:
        """Somebody labels a run, ended or not."""
        self._append(self._label())

    # -- what people and programs do to journals behind our back

    def place(self) -> None:
        """A journal is put there by hand, whole or in place."""
        run_id = self._new_id()
        path = self._made_elsewhere(run_id)
        if self.draw.random() < 0.5:
            os.rename(path, self.layout.journal(run_id))
        else:
            shutil.copy(path, self.layout.journal(run_id))

    def remove(self) -> None:
        """A journal is deleted."""
        run_id = self._any()
        if run_id is not None:
            os.unlink(self.layout.journal(run_id))

    def keep_copy(self) -> None:
        """Somebody makes a backup of a journal."""
        run_id = self._any()
        if run_id is not None:
            shutil.copy(self.layout.journal(run_id), f"{self.store}/{run_id}")

    def restore(self) -> None:
        """A backup is restored over what is there, as tools do it: whole."""
        kept = sorted(os.listdir(self.store))
        if kept:
            run_id = self.draw.choice(kept)
            temporary = f"{self.layout.journals}/.restored"
            shutil.copy(f"{self.store}/{run_id}", temporary)
            os.rename(temporary, self.layout.journal(RunId(run_id)))

    def tear(self) -> None:
        """A crash leaves half a line behind a live run's journal."""
        self._rewrite(lambda data: data + b'{"type":"run.noted","seq"')

    def damage(self) -> None:
        """A tool changes bytes in the middle of a journal, and puts it back whole."""
        self._rewrite(lambda data: data.replace(b'"seq":2', b'"seq":x'))

    def mend(self) -> None:
        """Somebody repairs a journal."""
        run_id = self._any()
        if run_id is not None:
            try:
                repair(REAL, self.layout, run_id)
            except RunloreError:
                return

    # -- what happens to packs

    def pack(self) -> None:
        """Journals that are sealed go into packs."""
        try:
            Packing(REAL, self.layout, older_than_s=0).apply()
        except RunloreError:
            self.counts["not packed"] += 1

    def label_packed(self) -> None:
        """Somebody labels a run that lies in a pack: it goes on in a journal."""
        packed = sorted(set(Packs(REAL, self.layout).run_ids()))
        if packed:
            self._append(self._label(), run_id=self.draw.choice(packed))

    def remove_outputs(self) -> None:
        """Somebody removes what a run left, packed or not: its journal goes on as a tombstone."""
        run_id = self._any()
        if run_id is not None:
            with suppress(RunloreError):
                OwnerLock.create(REAL, self.layout, run_id, durability="process").release()
            try:
                Registry(self.layout).get(run_id).remove(now=self.draw.random() < 0.5)
            except RunloreError:
                self.counts["not removed"] += 1

    def bring_back(self) -> None:
        """Somebody restores a removed run."""
        removed = [name for name in os.listdir(self.layout.trash) if not name.startswith(".")]
        if removed:
            with suppress(RunloreError):
                Registry(self.layout).get(self.draw.choice(sorted(removed))).restore()
                self.counts["brought back"] += 1

    def pack_but_not_remove(self) -> None:
        """Packing is killed, or undone by a backup: some runs lie in a pack and in a journal."""
        paths = sorted(Path(self.layout.journals).glob("*.jsonl"))
        kept = {path: path.read_bytes() for path in paths if self.draw.random() < 0.5}
        self.pack()
        for path, data in kept.items():
            if not path.exists():
                path.write_bytes(data)

    def harm_pack(self) -> None:
        """A pack is deleted, cut, changed in place of another, or loses its index."""
        packs = sorted(Path(self.layout.packs).glob("*.jsonl"))
        if not packs:
            return
        pack, how = self.draw.choice(packs), self.draw.randrange(4)
        if how == 0:
            pack.unlink()
        elif how == 1:
            pack.with_suffix(".idx").unlink(missing_ok=True)
        else:
            data, temporary = pack.read_bytes(), pack.with_name(".changed")
            cut = data[: self.draw.randrange(len(data) + 1)]
            temporary.write_bytes(cut if how == 2 else data.replace(b'"seq":3', b'"seq":x', 1))
            os.rename(temporary, pack)

    # -- what happens to everything derived

    def lose_feed(self) -> None:
        """The feed is deleted, and with it what was announced last."""
        self._append(self._label(), announced=False)
        shutil.rmtree(self.layout.feed, ignore_errors=True)

    def cut_feed(self) -> None:
        """A writer is stopped in the middle of an announcement."""
        for path in Path(self.layout.feed).glob("*.feed"):
            with path.open("ab") as file:
                file.write(b"2026")

    def lose_index(self) -> None:
        """The index is deleted, or what names it."""
        if self.draw.random() < 0.5:
            shutil.rmtree(self.layout.index, ignore_errors=True)
        else:
            Path(self.layout.index, "current").unlink(missing_ok=True)

    def harm_index(self) -> None:
        """The database is cut, overwritten, emptied, or loses its log."""
        for path in Path(self.layout.index).glob("*/runs.sqlite"):
            size = path.stat().st_size
            how = self.draw.randrange(5)
            if how == 0:
                os.truncate(path, self.draw.randrange(size))
            elif how == 1:
                path.write_bytes(self.draw.randbytes(size))
            elif how == 2:
                path.unlink()
            elif how == 3:
                with path.open("r+b") as file:
                    file.seek(60)
                    file.write(b"\0\0\x03\xe7")  # user_version: an older release's
            else:
                Path(f"{path}-wal").unlink(missing_ok=True)

    def reboot(self) -> None:
        """The machine comes up again: what was announced last before is lost."""
        self._append(self._label(), announced=False)
        number = self.draw.randrange(1 << 30)
        machine.boot_id = lambda: f"boot-{number}"  # type: ignore[assignment]  # undone by the test

    def die_appending(self) -> None:
        """A writer announces what it is about to do, is looked at in the middle, writes, and is killed."""
        run_id = self._any()
        if run_id is None:
            return
        fd = REAL.open(self.layout.journal(run_id), os.O_RDWR | os.O_APPEND)
        try:
            if not REAL.lock(fd, wait=False):
                return
            self._feed().announce(run_id, 1, 0, bytes(32), intent=True)
            compare(self, wholly=False)
            os.write(fd, self._next_bytes(run_id))
        finally:
            REAL.close(fd)

    # -- how it is done

    def _feed(self) -> Feed:
        self._feeds.append(Feed(REAL, self.layout))
        return self._feeds[-1]

    def _label(self) -> Draft:
        new = self.draw.choice(NAMES) or "other"
        return self.draw.choice(
            (
                tagged("env", self.draw.choice(("prod", "test"))),
                tagged("größe", "größer"),
                lambda seq, at: RunRenamed(seq=seq, at=at, name=new),
            )
        )

    def _next_bytes(self, run_id: RunId) -> bytes:
        """Return what an append of a label would write."""
        elsewhere = Layout(f"{self.store}/elsewhere")
        for folder in (elsewhere.journals, elsewhere.quarantine):
            os.makedirs(folder)
        path = shutil.copy(self.layout.journal(run_id), elsewhere.journal(run_id))
        size = os.stat(path).st_size
        try:
            with closing(Writer(REAL, elsewhere, run_id)) as writer:
                writer.append(self._label())
            with open(path, "rb") as file:
                return file.read()[size:]
        except RunloreError:
            return b""
        finally:
            shutil.rmtree(elsewhere.root)

    def _new_id(self) -> RunId:
        self.number += 1
        created = datetime(2026, 11, 20, tzinfo=UTC) + timedelta(hours=self.draw.randrange(5))
        return mint(created, (self.number * 2_654_435_761 % 2**40).to_bytes(5, "big"))

    def _queued(self, run_id: RunId) -> Draft:
        return queued(
            run_id,
            key=self.draw.choice(("", "", "k1", "k2")),
            name=self.draw.choice(NAMES),
            boot_id=self.draw.choice((BOOT, machine.boot_id())),
        )

    def _any(self) -> RunId | None:
        names = sorted(name[:-6] for name in os.listdir(self.layout.journals) if name.endswith(".jsonl"))
        return RunId(self.draw.choice(names)) if names else None

    def _append(
        self, draft: Draft, *, run_id: RunId | None = None, announced: bool = True, owner: bool = False
    ) -> None:
        run_id = run_id or self._any()
        if run_id is None:
            return
        writer = Writer(REAL, self.layout, run_id, owner=owner, feed=self._feed() if announced else None)
        try:
            with closing(writer):
                self.counts["ended"] += isinstance(writer.append(draft).event, ENDS)
        except RunloreError:
            self.counts["refused"] += 1  # it has ended, or is damaged

    def _made_elsewhere(self, run_id: RunId) -> str:
        elsewhere = Layout(f"{self.store}/elsewhere")
        os.makedirs(elsewhere.journals, exist_ok=True)
        writer = Writer.create(REAL, elsewhere, run_id, self._queued(run_id))
        for draft in LIFE[: self.draw.choice((0, 2, 4, 4))]:
            writer.append(draft())
        writer.close()
        path = f"{self.store}/{run_id}.placed"
        os.rename(elsewhere.journal(run_id), path)
        shutil.rmtree(elsewhere.root)
        return path

    def _rewrite(self, change: Callable[[bytes], bytes]) -> None:
        run_id = self._any()
        if run_id is not None:
            path = Path(self.layout.journal(run_id))
            temporary = path.with_name(".changed")
            temporary.write_bytes(change(path.read_bytes()))
            os.rename(temporary, path)


def compare(day: Day, *, wholly: bool = True) -> int:
    """Return how many views the index gave that equal those of a fresh fold; it must be all of them.

    wholly: ask everything that can be asked; else one thing, drawn.
    """
    everything = day.listing.all()
    limit = day.draw.choice((1, 3, None))
    some = day.draw.choice(
        (
            filters.parse(now=NOW, status=["failed", "queued"], tags=["env"], limit=limit),
            filters.parse(now=NOW, name="nightly", tags={"env": "prod"}),
            filters.parse(now=NOW, since="2026-11-20T01:00:00Z", until="2026-11-20T03:00:00Z", limit=limit),
        )
    )
    words = filters.parse(now=NOW, where=spell(day.draw), limit=limit)
    by = filters.parse(now=NOW, sort=day.draw.choice(SORTS), limit=day.draw.choice((1, 2, 3)))
    # All runs last: whoever shows a run compares it with its journal, and would mend what others tell.
    asked: list[Callable[[], int]] = [
        lambda: _compare_pages(day, everything, some),
        lambda: _compare_pages(day, everything, words),
        lambda: _compare_pages(day, everything, by),
        lambda: _compare_pages(day, everything, filters.parse(now=NOW)),
        lambda: _compare_recent(day, everything),
        lambda: _compare_selectors(day),
    ]
    return sum(ask() for ask in (asked if wholly else [day.draw.choice(asked)]))


def _compare_pages(day: Day, everything: list[Found], wanted: filters.Filter) -> int:
    page = day.indexed.page(wanted)
    assert told(page) == told(indexed._paged(filters.select(wanted, everything))), wanted
    if page.next is None:
        return 1
    if wanted.order is None:
        rest = msgspec.structs.replace(wanted, after=filters._place_of(page.next))
    else:
        rest = msgspec.structs.replace(wanted, order=parse_order(str(wanted.order), NOW, page.next))
    assert told(day.indexed.page(rest)) == told(indexed._paged(filters.select(rest, everything)))
    return 2


def _compare_recent(day: Day, everything: list[Found]) -> int:
    assert told(day.indexed.recent(2)) == told(indexed._paged(filters.recent(everything, 2)))
    return 1


def _compare_selectors(day: Day) -> int:
    folded = [each.candidate for each in day.listing.all(observed=False)]
    for word in day.draw.sample(SELECTORS, 2):
        found = day.indexed.candidates(word, observed=False)
        for destructive in (False, True):
            assert answer(word, found, destructive=destructive) == answer(
                word, folded, destructive=destructive
            )
    latest = day.indexed.candidates(None, observed=False)
    if folded:
        assert selectors.choose(latest) == selectors.choose(folded)
    return 5


def answer(word: str, runs: list[selectors.Candidate], *, destructive: bool) -> str:
    """Return the run that is meant, or why none is."""
    try:
        return selectors.resolve(word, runs, destructive=destructive)
    except RunloreError as error:
        return f"{type(error).__name__}: {error}"


def told(page: Page) -> tuple[list[bytes], object, int, str | None, bool]:
    """Return a page as it is told; looks at one moment and the next differ in their time alone."""
    items = [msgspec.structs.replace(each.view(NOW), seen=None) for each in page.items]
    return [encode_view(each) for each in items], page.counts, page.damaged, page.next, page.truncated


def settled_behind_packs(day: Day) -> int:
    """Return for how many runs that go on in a journal behind packs the index answers."""
    with reading(REAL, day.layout) as index:
        if index is None:
            return 0
        query = "SELECT count(*) FROM runs WHERE settled = 1 AND size < ?"
        return int(next(iter(index.connection.execute(query, (PACKED,))))[0])


def is_indexed(day: Day) -> bool:
    """Say whether an index answers at all: else nothing would be compared."""
    with reading(REAL, day.layout) as index:
        return index is not None
