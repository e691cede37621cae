"""What a process does on the real disk when it is killed: one class per path through the journal's code.

Runs in a forked child. The parent learns through a pipe, before each write, which lines are coming, and
after each acknowledgement, what was promised.
"""

import errno
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import Any, ClassVar, Final

import msgspec

from runlore.journal import machine
from runlore.journal.disk import REAL, Disk, read_whole, write_whole
from runlore.journal.events import UNSYNCED, ArtifactCollected, JournalRepaired
from runlore.journal.feed import Feed
from runlore.journal.journal_ids import journal_ids
from runlore.journal.keys import claim
from runlore.journal.layout import Layout
from runlore.journal.reader import read
from runlore.journal.repair import repair
from runlore.journal.root import open_for_writing
from runlore.journal.values import Recipe, RunId
from runlore.journal.verify import verify
from runlore.journal.writer import Draft, Writer
from runlore.projections.artifact_views import manifest_file
from runlore.projections.filters import Filter
from runlore.projections.index.care import differences, rebuild
from runlore.runtimes import redact_blobs
from runlore.runtimes.bundle import FOLDER, write_manifest
from runlore.runtimes.check_outputs import check_outputs
from runlore.runtimes.indexed import IndexedListing, Page
from runlore.runtimes.listing import Listing
from runlore.runtimes.observe import Observer
from runlore.runtimes.owner_lock import OwnerLock
from runlore.runtimes.packing import Packing
from runlore.runtimes.redact import Redaction
from runlore.runtimes.stored import artifacts_of
from runlore.runtimes.transcript import Transcript
from tests.doubles.drafts import LIFE, booting, failed, new_run_id, noted, progressed, queued, started, tagged
from tests.doubles.recorder import CALLS
from tests.journal.journals import ended_run

RUN: Final = new_run_id()
OTHER: Final = new_run_id(2)
SECRET: Final = "correct horse battery staple"
_VERSIONS: Final = (b"old " * 400, b"new " * 300)
Tell = Callable[[bytes, bytes], None]
"""Sends a message: what kind, and what about."""


class Victim(ABC):
    """A process on its way to be killed."""

    promises_chatter: ClassVar[bool] = True
    """A kill takes nothing from the page cache, so progress counts; a disk that fails may take it."""
    varies: ClassVar[bool] = False
    """The time of day decides how many calls it takes, so a late kill may find it done."""

    def __init__(self, root: str, tell: Tell) -> None:
        self.root, self.layout, self._tell = root, Layout(root), tell
        self.disk: Disk = _Telling(REAL, tell)  # type: ignore[assignment]  # the calls are put in at run time

    def prepare(self) -> None:
        """Make what the kill is to find; nobody is killed here."""
        open_for_writing(self.disk, self.root)

    @abstractmethod
    def act(self) -> None:
        """Do it."""

    def mend(self) -> Iterator[str]:
        """Do what its user would do again after the kill, and yield what is broken then."""
        yield from ()

    def rehearse(self) -> None:
        """Do all of it once elsewhere, so that the interpreter has imported and allocated what it needs."""
        self.prepare()
        self.act()

    def create(self, recipe_blob: str | None = None, name: str = "nightly") -> Writer:
        """Create the journal, acknowledged."""
        draft = queued(RUN, boot_id=machine.boot_id(), recipe_blob=recipe_blob, name=name)
        writer = Writer.create(self.disk, self.layout, RUN, draft, feed=Feed(self.disk, self.layout))
        self.promise(RUN, writer.tail.head)
        return writer

    def append(self, writer: Writer, *drafts: Draft) -> None:
        """Append and promise."""
        for draft in drafts:
            record = writer.append(draft)
            if self.promises_chatter or type(record.event) not in UNSYNCED:
                self.promise(RUN, record.head)

    def promise(self, run_id: RunId, head: str) -> None:
        """Tell that everything up to `head` was acknowledged."""
        self._tell(b"ack", f"{run_id} {head}".encode())


class Creates(Victim):
    """Makes a registry, and a journal in it."""

    def prepare(self) -> None:
        """Nothing is there."""

    def act(self) -> None:
        open_for_writing(self.disk, self.root)
        self.create().close()


class Appends(Victim):
    """Appends facts and chatter."""

    def prepare(self) -> None:
        super().prepare()
        self.create().close()

    def act(self) -> None:
        owner = Writer(self.disk, self.layout, RUN, owner=True, feed=Feed(self.disk, self.layout))
        self.append(owner, booting(), progressed(), noted("n" * 9000), progressed("p" * 5000), tagged())
        owner.sync()
        self.append(owner, progressed("last words"))
        owner.close()


class Seals(Appends):
    """Ends a run, and labels it afterwards."""

    def act(self) -> None:
        owner = Writer(self.disk, self.layout, RUN, owner=True, feed=Feed(self.disk, self.layout))
        self.append(owner, *(draft() for draft in LIFE))
        owner.close()
        stranger = Writer(self.disk, self.layout, RUN, feed=Feed(self.disk, self.layout))
        self.append(stranger, tagged(), noted())
        stranger.close()


class Heals(Appends):
    """Appends to a journal that an earlier kill has torn."""

    def prepare(self) -> None:
        super().prepare()
        with open(self.layout.journal(RUN), "ab") as file:
            file.write(b'{"type":"run.noted","seq":2,"at":"20')

    def act(self) -> None:
        stranger = Writer(self.disk, self.layout, RUN)
        self.append(stranger, tagged())
        stranger.close()


class Repairs(Victim):
    """Has corruption cut out; the promise is what stands in front of it."""

    def prepare(self) -> None:
        super().prepare()
        writer = self.create()
        head = writer.append(booting()).head
        writer.append(noted("n" * 100))
        writer.append(started())
        writer.append(failed())
        writer.close()
        self.promise(RUN, head)
        with open(self.layout.journal(RUN), "r+b") as file:
            data = file.read()
            file.seek(data.index(b"n" * 100))
            file.write(b"m")

    def act(self) -> None:
        repair(self.disk, self.layout, RUN)

    def mend(self) -> Iterator[str]:
        repair(self.disk, self.layout, RUN)
        cuts = [record.event for record in read(REAL, self.layout, RUN)]
        told = [event for event in cuts if isinstance(event, JournalRepaired)]
        if len(told) != 1:
            yield f"the journal tells of {len(told)} repairs"
        for event in told:
            kept = read_whole(REAL, f"{self.layout.quarantine}/{event.quarantine}", 1 << 20)
            if sha256(kept).hexdigest() != event.sha256 or b"n" * 99 not in kept:
                yield "what was cut is not in quarantine"


class Replaces(Appends):
    """Meets a failed sync, and replaces the journal."""

    def act(self) -> None:
        disk = FailingSync(self.disk)
        owner = Writer(disk, self.layout, RUN, owner=True)  # type: ignore[arg-type]  # see above
        self.append(owner, booting(), progressed())
        disk.fail_next()
        self.append(owner, tagged(), noted(), failed())
        assert disk.failures == 1
        owner.close()


class Claims(Victim):
    """Submits with a key."""

    def act(self) -> None:
        with claim(self.disk, self.layout, "nightly", "ab" * 32, lambda: RUN) as held:
            assert not held.existing
            self.create().close()

    def mend(self) -> Iterator[str]:
        with claim(self.disk, self.layout, "nightly", "ab" * 32, lambda: new_run_id(2)) as held:
            if not held.existing:
                Writer.create(self.disk, self.layout, held.run_id, queued(held.run_id, key="nightly")).close()
        runs = journal_ids(REAL, self.layout)
        if runs != [held.run_id]:
            yield f"the key leads to {held.run_id}, but there are {runs}"


class WritesWhole(Victim):
    """Replaces a file that is no journal, twice."""

    def act(self) -> None:
        for version in _VERSIONS:
            write_whole(self.disk, f"{self.layout.settings}/some.toml", version)

    def mend(self) -> Iterator[str]:
        path = f"{self.layout.settings}/some.toml"
        if os.path.exists(path) and read_whole(REAL, path, 1 << 20) not in _VERSIONS:
            yield "the file is neither old nor new"


class Redacts(Victim):
    """Takes a secret out of a run that printed, noted and submitted it; its recipe is a blob."""

    def prepare(self) -> None:
        super().prepare()
        OwnerLock.create(self.disk, self.layout, RUN).release()
        recipe = msgspec.json.encode(Recipe(argv=("login", SECRET), cwd="/"))
        digest = sha256(recipe).hexdigest()
        write_whole(self.disk, self.layout.blob(digest), recipe)
        writer = self.create(recipe_blob=digest, name=SECRET)
        self.append(writer, noted(f"it is {SECRET}"), skipped(f"out/{SECRET}"), failed())
        writer.close()
        self.disk.mkdir(self.layout.in_run(RUN, FOLDER))
        write_manifest(
            self.disk,
            self.layout.in_run(RUN, FOLDER),
            manifest_file(artifacts_of(self.disk, self.layout, RUN)),
        )
        paths = (self.layout.in_run(RUN, name) for name in ("transcript", "transcript.index"))
        transcript = Transcript.create(self.disk, *paths)
        for stream, text in (("stdout", SECRET[:5]), ("stderr", "between"), ("stdout", SECRET[5:])):
            transcript.store(stream, text.encode())  # type: ignore[arg-type]  # they are streams
        transcript.close()
        with open(f"{self.layout.quarantine}/{RUN}-0-0badcafe", "w", encoding="utf-8") as file:
            file.write(SECRET)
        if [run.name for run in _listed(self.layout, Filter()).items] != [SECRET]:
            raise AssertionError("the index does not know the secret")

    def act(self) -> None:
        Redaction(self.disk, self.layout, RUN, [SECRET], by=machine.actor("test")).apply()

    def mend(self) -> Iterator[str]:
        found = verify(REAL, self.layout, RUN)
        if found.integrity not in {"sealed", "redacted"}:
            yield f"verify says {found.integrity}: {found.findings}"
        if found.integrity == "redacted":
            yield from (f"{path} holds the secret" for path in self._told_by_index())
        self.act()
        yield from self._left()
        again = Redaction(REAL, self.layout, RUN, [SECRET], by=machine.actor("test")).apply()
        if again.applied or again.seqs or again.places:
            yield f"a second redaction found more: {again}"
        if verify(REAL, self.layout, RUN).integrity != "redacted":
            yield "verify does not say redacted"
        yield from (f"{found}" for found in check_outputs(REAL, self.layout, RUN).findings)

    def _told_by_index(self) -> Iterator[str]:
        """Yield files of an index that hold the secret, after a reader has come by."""
        _listed(self.layout, Filter())
        for folder, _, names in os.walk(self.layout.index):
            for name in names:
                if SECRET.encode() in read_whole(REAL, f"{folder}/{name}", 1 << 20):
                    yield f"{folder}/{name}"

    def _left(self) -> Iterator[str]:
        """Yield where the secret still is, or what is gone that was none."""
        for folder, _, names in os.walk(self.root):
            for name in names:
                if SECRET.encode() in read_whole(REAL, f"{folder}/{name}", 1 << 20):
                    yield f"{folder}/{name} holds the secret"
        printed = read_whole(REAL, self.layout.in_run(RUN, "transcript"), 1 << 20)
        if len(printed) != len(SECRET) + len("between") or b"between" not in printed:
            yield f"the transcript has become {printed!r}"
        digest = redact_blobs.recipe_blob(REAL, self.layout, RUN)
        recipe = read_whole(REAL, self.layout.blob(digest or ""), 1 << 20)
        if sha256(recipe).hexdigest() != digest:
            yield "the recipe is not what the journal names"


def skipped(path: str) -> Draft:
    """Draft an output that was not stored."""
    return lambda seq, at: ArtifactCollected(
        seq=seq, at=at, epoch=1, path=path, outcome="skipped", kind="file", reason="a symbolic link"
    )


class Packs(Victim):
    """Moves the journals of two runs into a pack."""

    def prepare(self) -> None:
        super().prepare()
        OwnerLock.create(self.disk, self.layout, RUN).release()
        writer = self.create()
        self.append(writer, *(draft() for draft in LIFE))
        writer.close()
        ended_run(self.layout, OTHER)

    def act(self) -> None:
        Packing(self.disk, self.layout, older_than_s=0).apply()

    def mend(self) -> Iterator[str]:
        page = _listed(self.layout, Filter())
        if page.counts.total() != 2 or page.damaged:
            yield f"before packing again the list says {page.counts}, {page.damaged} damaged"
        self.act()
        left = os.listdir(self.layout.journals)
        packed = sorted(os.listdir(self.layout.packs))
        made = [f"2026-11-20-{number}.{kind}" for number in (1, 2) for kind in ("idx", "jsonl")]
        if left or packed not in ([".lock", *made[:2]], [".lock", *made]):  # one might have been unreadable
            yield f"after packing again there are {left} and {packed}"
        for run_id in (RUN, OTHER):
            if verify(REAL, self.layout, run_id).integrity != "sealed":
                yield f"{run_id}: {verify(REAL, self.layout, run_id)}"


class LabelsPacked(Packs):
    """Appends to a packed run, packs that too, and appends again."""

    def prepare(self) -> None:
        super().prepare()
        Packing(self.disk, self.layout, older_than_s=0).apply()

    def act(self) -> None:
        for _ in range(2):
            stranger = Writer(self.disk, self.layout, RUN, feed=Feed(self.disk, self.layout))
            self.append(stranger, tagged())
            stranger.close()
            Packing(self.disk, self.layout, older_than_s=0).apply()

    def mend(self) -> Iterator[str]:
        Packing(self.disk, self.layout, older_than_s=0).apply()
        if os.listdir(self.layout.journals):
            yield f"after packing again there are {os.listdir(self.layout.journals)}"
        if verify(REAL, self.layout, RUN).integrity != "sealed":
            yield f"{verify(REAL, self.layout, RUN)}"


class RedactsPacked(Redacts):
    """Takes a secret out of a packed run that was labelled with it since."""

    def prepare(self) -> None:
        super().prepare()
        Packing(self.disk, self.layout, older_than_s=0).apply()
        writer = Writer(self.disk, self.layout, RUN)
        self.append(writer, noted(f"again {SECRET}"))
        writer.close()


class Lists(Appends):
    """Lists runs, which brings an index up to date, and then makes another one."""

    varies = True

    def prepare(self) -> None:
        super().prepare()
        owner = Writer(self.disk, self.layout, RUN, owner=True, feed=Feed(self.disk, self.layout))
        self.append(owner, *(draft() for draft in LIFE))
        owner.close()
        self._page()
        stranger = Writer(self.disk, self.layout, RUN, feed=Feed(self.disk, self.layout))
        self.append(stranger, tagged())
        stranger.close()

    def act(self) -> None:
        self._page()
        rebuild(REAL, self.layout, iter)

    def mend(self) -> Iterator[str]:
        for _ in range(2):
            page = self._page()
            if [run.tags for run in page.items] != [{"env": "prod"}] or page.counts != {"succeeded": 1}:
                yield f"the list says {page.counts}"
        found = list(differences(REAL, self.layout, iter))
        if found:
            yield f"the index says {found}"

    def _page(self) -> Page:
        return _listed(self.layout, Filter(tags=(("env", "prod"),)))


def _listed(layout: Layout, wanted: Filter) -> Page:
    return IndexedListing(REAL, layout, Listing(REAL, layout, Observer(REAL, layout))).page(wanted)


VICTIMS: Final[dict[str, type[Victim]]] = {
    "create": Creates,
    "append": Appends,
    "seal": Seals,
    "heal": Heals,
    "repair": Repairs,
    "replace": Replaces,
    "claim": Claims,
    "redact": Redacts,
    "write whole": WritesWhole,
    "pack": Packs,
    "label packed": LabelsPacked,
    "redact packed": RedactsPacked,
    "list": Lists,
}
LONG_LIVES: Final = {
    "redact": 5,
    "list": 40,
    "pack": 15,
    "label packed": 50,
    "redact packed": 50,
    "export": 20,
    "import": 40,
    "remove": 10,
    "collect": 20,
    "restore": 10,
    "promote": 25,
    "import folder": 40,
}
"""Victims that make so many calls that CI takes only every so many of them."""


class _Telling:
    """A disk that tells what it is about to write, and on which no time passes.

    A life takes as many calls as another then: after a second a feed is looked at again, and who is to be
    killed at the last of these calls would outlive it.
    """

    def __init__(self, disk: Disk, tell: Tell) -> None:
        for name in CALLS:
            setattr(self, name, getattr(disk, name))
        moment = disk.monotonic()
        self.monotonic = lambda: moment

        def write(fd: int, data: bytes) -> int:
            tell(b"see", bytes(data))
            return disk.write(fd, data)

        self.write = write


class FailingSync:
    """A disk whose next sync of a file fails."""

    def __init__(self, disk: Disk) -> None:
        self.failures = 0
        for name in set(CALLS) - {"fdatasync"}:
            setattr(self, name, getattr(disk, name))
        self._fails = False
        self._fdatasync: Callable[[int], Any] = disk.fdatasync

    def fail_next(self) -> None:
        """Let the next sync fail."""
        self._fails = True

    def fdatasync(self, fd: int) -> None:
        if self._fails:
            self._fails = False
            self.failures += 1
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        self._fdatasync(fd)
