"""Listings from the index: what they hold open, and what a redaction leaves of it."""

import os
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from threading import Event, Thread

import pytest

from runlore.journal.disk import REAL, Disk
from runlore.journal.feed import Feed
from runlore.journal.layout import Layout
from runlore.journal.packs import Packs
from runlore.journal.values import Actor, RunId
from runlore.journal.writer import Writer
from runlore.projections import registry as registry_folds
from runlore.projections.filters import Filter
from runlore.projections.index import generations, rows
from runlore.projections.index.care import differences, rebuild
from runlore.projections.index.reading import reading
from runlore.projections.index.refresh import make
from runlore.projections.index.rows import entry_of
from runlore.projections.index.store import Store
from runlore.projections.registry import Row
from runlore.runtimes import listing
from runlore.runtimes.owner_lock import OwnerLock
from runlore.runtimes.packing import Packing
from runlore.runtimes.redact import Redaction
from runlore.runtimes.registry import Registry
from runlore.runtimes.sql import asked
from tests.doubles.drafts import failed, queued, tagged
from tests.journal.journals import RUN, registry
from tests.runtimes.keeping import until

SECRET = "correct-horse-battery"


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A registry with a run that was called by a secret, has ended, and was listed."""
    layout = registry(tmp_path / "registry")
    OwnerLock.create(REAL, layout, RUN).release()
    writer = Writer.create(REAL, layout, RUN, queued(RUN, name=SECRET, key=SECRET))
    writer.append(failed())
    writer.close()
    listed(layout)
    assert told(layout)
    return layout


def listed(layout: Layout) -> list[RunId]:
    """List all runs, which brings the index up to date."""
    return [each.run_id for each in Registry(layout).page().items]


def redact(layout: Layout) -> None:
    """Take the secret out of the run."""
    assert Redaction(REAL, layout, RUN, [SECRET], by=Actor()).apply().applied


def told(layout: Layout) -> list[str]:
    """Return the files that hold the secret."""
    found = (path for path in Path(layout.root).rglob("*") if path.is_file())
    return [str(path) for path in found if SECRET.encode() in path.read_bytes()]


def _waiting() -> list[str]:
    """Return the locks of this machine that somebody waits for."""
    return [line for line in Path("/proc/locks").read_text().splitlines() if "->" in line]


def open_files() -> int:
    """Return how many descriptors this process has."""
    return len(os.listdir("/proc/self/fd"))


def test_thousands_of_registries_in_one_process(layout: Layout) -> None:
    """None of them keeps anything open, whatever it was asked."""
    before = open_files()
    registries = [Registry.open(layout.root) for _ in range(2_000)]
    for each in registries[::20]:
        assert each.resolve("latest:failed") == RUN
        assert each.page(where="name ~ 'horse'").counts == {"failed": 1}
        assert len(each.recent().items) == 1

    assert open_files() == before


def test_a_redaction_leaves_no_index(layout: Layout) -> None:
    """Neither the database, nor its log, nor what a crash left of another one; the next listing makes it."""
    left = Path(layout.index, "0123456789abcdef.gone")
    left.mkdir()
    (left / "runs.sqlite").write_text(SECRET)
    redact(layout)

    assert told(layout) == []
    assert os.listdir(layout.index) == ["making"]
    assert listed(layout) == [RUN]
    assert told(layout) == []


def test_a_reader_that_had_seen_the_secret_writes_it_nowhere(layout: Layout) -> None:
    """What it had folded before the redaction goes into a file that has no name any more."""
    path = generations.current(layout.index)
    assert path is not None
    store = Store(path)
    known = store.begin()
    seen = entry_of(REAL, layout, RUN)
    assert seen is not None
    redact(layout)

    assert store.commit(known, [seen], [], known.place)
    assert told(layout) == []
    store.close()
    assert told(layout) == []


def test_an_index_that_is_being_made_is_waited_for(layout: Layout) -> None:
    """Else it would be put in use after the redaction, with what it had read before."""
    go_on = Event()

    def held(run_ids: Iterable[RunId]) -> Iterator[RunId]:
        yield from run_ids
        go_on.wait()

    making = Thread(target=lambda: make(REAL, layout, held))
    making.start()
    until(lambda: len(os.listdir(layout.index)) == 4)
    redacting = Thread(target=lambda: redact(layout))
    redacting.start()
    inode = os.stat(f"{layout.index}/making").st_ino
    until(lambda: f":{inode} " in "".join(_waiting()))
    go_on.set()
    making.join()
    redacting.join()

    assert told(layout) == []
    assert listed(layout) == [RUN]
    assert told(layout) == []


def test_while_a_run_is_redacted_no_index_is_made(layout: Layout) -> None:
    """Listings fold the journals, and answer."""
    with generations.forgotten(layout.index):
        assert listed(layout) == [RUN]
        assert os.listdir(layout.index) == ["making"]


def test_packed_runs_are_rows_too(layout: Layout) -> None:
    """What was packed is listed, counted and asked about from the index, which equals a fresh fold."""
    before = Registry(layout).page()
    Packing(REAL, layout, older_than_s=0).apply()
    after = Registry(layout).page()

    assert os.listdir(layout.journals) == []
    assert (after.items, after.counts) == (before.items, before.counts)
    assert Registry(layout).resolve("latest:failed") == RUN
    with asked(REAL, layout, "SELECT count(*) FROM runs JOIN events USING (run_id) WHERE seq = 1") as answer:
        assert list(answer.rows) == [(1,)]
    assert settled_runs(layout) == 1
    assert list(differences(REAL, layout, iter)) == []
    rebuild(REAL, layout, iter)
    assert settled_runs(layout) == 1
    assert list(differences(REAL, layout, iter)) == []


@pytest.fixture
def behind(layout: Layout) -> Layout:
    """The same registry, whose run was packed, and tagged after that."""
    Packing(REAL, layout, older_than_s=0).apply()
    with closing(Writer(REAL, layout, RUN, feed=Feed(REAL, layout))) as writer:
        writer.append(tagged("after", "packing"))
    for folder in (layout.journals, layout.packs):
        os.utime(folder, (1, 1))  # a time of just now would not be believed
    return layout


@pytest.fixture
def folds(monkeypatch: pytest.MonkeyPatch) -> list[RunId]:
    """The runs that are folded from here on for rows, and to be looked at."""
    done: list[RunId] = []

    def fold(
        disk: Disk, layout: Layout, run_id: RunId, *rest: Packs | None, fresh: bool = False
    ) -> Row | None:
        done.append(run_id)
        return registry_folds.fold_journal(disk, layout, run_id, *rest, fresh=fresh)

    for module in (rows, listing):
        monkeypatch.setattr(module, "fold_journal", fold)
    return done


def test_a_packed_run_that_goes_on_is_folded_once(behind: Layout, folds: list[RunId]) -> None:
    """Its row is made from the packs and the journal, and stands until one of them looks otherwise."""
    assert [settled_runs(behind) for _ in range(3)] == [1, 1, 1]
    assert Registry(behind).resolve("latest:failed") == RUN
    assert folds == [RUN]
    assert listed_tags(behind) == [{"after": "packing"}]
    assert list(differences(REAL, behind, iter)) == []
    rebuild(REAL, behind, iter)
    assert settled_runs(behind) == 1

    with closing(Writer(REAL, behind, RUN, feed=Feed(REAL, behind))) as writer:
        writer.append(tagged("once", "more"))
    assert listed_tags(behind) == [{"after": "packing", "once": "more"}]
    assert settled_runs(behind) == 1
    Packing(REAL, behind, older_than_s=0).apply()
    assert listed_tags(behind) == [{"after": "packing", "once": "more"}]
    assert settled_runs(behind) == 1
    assert list(differences(REAL, behind, iter)) == []


@pytest.mark.parametrize("harm", ["removed", "damaged", "another's"])
def test_packs_that_change_behind_a_journal_are_noticed(behind: Layout, harm: str) -> None:
    """The journal looks as it did, and what it continues is gone, or is not what it was."""
    assert settled_runs(behind) == 1
    (path,) = Path(behind.packs).glob("*.jsonl")
    data = path.read_bytes()
    path.unlink()
    if harm != "removed":
        path.write_bytes(data.replace(b'"seq":2', b'"seq":x') if harm == "damaged" else data)
    assert settled_runs(behind) == (harm == "another's")
    assert list(differences(REAL, behind, iter)) == []


def test_a_pack_overwritten_in_place_behind_a_journal_is_noticed(behind: Layout) -> None:
    """When the run is shown: no folder's time has moved."""
    assert settled_runs(behind) == 1
    (path,) = Path(behind.packs).glob("*.jsonl")
    path.write_bytes(path.read_bytes().replace(b'"seq":2', b'"seq":x'))
    assert settled_runs(behind) == 1
    assert listed(behind) == [RUN]
    assert settled_runs(behind) == 0


def test_bytes_behind_the_seal_of_a_journal_that_goes_on_leave_it_unsettled(behind: Layout) -> None:
    """As of any journal: whoever appends next cuts them."""
    with Path(behind.journal(RUN)).open("ab") as file:
        file.write(b'{"type":"run.noted"')
    make(REAL, behind)
    assert settled_runs(behind) == 0
    assert listed_tags(behind) == [{"after": "packing"}]


@pytest.mark.parametrize("harm", ["removed", "cut", "damaged"])
def test_a_pack_changed_by_hand_is_noticed(layout: Layout, harm: str) -> None:
    """The folder's time has moved, whether the run is shown or only counted."""
    pack(layout)
    (path,) = Path(layout.packs).glob("*.jsonl")
    data = path.read_bytes()
    path.unlink()
    if harm != "removed":
        path.write_bytes(data[: len(data) // 2] if harm == "cut" else data.replace(b'"seq":2', b'"seq":x'))
    assert settled_runs(layout) == 0
    assert listed(layout) == ([] if harm == "removed" else [RUN])
    assert list(differences(REAL, layout, iter)) == []


def test_a_pack_overwritten_in_place_is_noticed_when_a_run_is_shown(layout: Layout) -> None:
    """As of a journal: no folder's time moves, but what the row was made from looks otherwise."""
    pack(layout)
    (path,) = Path(layout.packs).glob("*.jsonl")
    path.write_bytes(path.read_bytes().replace(b'"seq":2', b'"seq":x'))
    assert [each.detail for each in differences(REAL, layout, iter)] == [
        "its journal was changed behind the back of the feed"
    ]
    assert settled_runs(layout) == 1
    assert listed(layout) == [RUN]
    assert settled_runs(layout) == 0


def test_a_run_in_a_pack_and_in_a_journal_is_what_its_journal_says(layout: Layout) -> None:
    """A packing that was cut short leaves both."""
    path = Path(layout.journal(RUN))
    data = path.read_bytes()
    pack(layout)
    path.write_bytes(data)
    assert settled_runs(layout) == 1
    path.unlink()
    assert settled_runs(layout) == 1
    assert listed(layout) == [RUN]
    assert list(differences(REAL, layout, iter)) == []


def test_of_a_redacted_pack_the_index_tells_what_is_left(layout: Layout) -> None:
    """The pack is rewritten without the index, and a new one is made after."""
    pack(layout)
    redact(layout)
    assert listed(layout) == [RUN]
    assert list(differences(REAL, layout, iter)) == []
    assert settled_runs(layout) == 0  # it may not have come to the pack, for all that the journal tells
    Packing(REAL, layout, older_than_s=0).apply()  # the redaction itself was noted behind the pack
    assert settled_runs(layout) == 1
    assert told(layout) == []


def pack(layout: Layout) -> None:
    """Pack the run, and make an index to which nothing that came before has to be said again."""
    Packing(REAL, layout, older_than_s=0).apply()
    with closing(Feed(REAL, layout)) as feed:  # without one, all would be looked at each time
        feed.announce(RUN, 1, 0, bytes(32), intent=True)
    for folder in (layout.journals, layout.packs):
        os.utime(folder, (1, 1))  # a time of just now would not be believed
    make(REAL, layout)
    assert settled_runs(layout) == 1


def settled_runs(layout: Layout) -> int:
    """Return how many runs the index answers for, once it is up to date."""
    with reading(REAL, layout) as index:
        assert index is not None
        return sum(index.counts(Filter()).values())


def listed_tags(layout: Layout) -> list[dict[str, str]]:
    """Return the tags that a listing shows."""
    return [dict(each.tags) for each in Registry(layout).page().items]
