"""Removing one run: decided under its lock, moved, gone; and whatever is cut short goes on."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from runlore.journal.disk import REAL, RealDisk
from runlore.journal.errors import Busy, Conflict, NotFound, Removed, RunloreError
from runlore.journal.events import RunExpired, RunPinned, RunRemoved, RunRestored
from runlore.journal.layout import Layout
from runlore.journal.packs import pack_names
from runlore.journal.reader import read
from runlore.journal.verify import verify
from runlore.journal.writer import Writer
from runlore.runtimes import deletion, removal
from runlore.runtimes.cleanup_lock import cleanup_lock
from runlore.runtimes.owner_lock import OwnerLock
from runlore.runtimes.packing import Packing
from runlore.runtimes.registry import Registry
from runlore.runtimes.removing import removable
from tests.doubles.drafts import booting, new_run_id, queued
from tests.doubles.failer import failing
from tests.journal.journals import registry as new_registry
from tests.runtimes.removable import RUN, files, leave_run, lies, owned


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A registry with one run that has ended."""
    layout = new_registry(tmp_path / "registry")
    leave_run(layout)
    return layout


def events(layout: Layout, kind: type) -> list[object]:
    """Return the events of a kind, the chain checked."""
    return [
        record.event for record in read(REAL, layout, RUN, check_chain=True) if isinstance(record.event, kind)
    ]


def test_a_removed_run_is_in_the_trash_whole(layout: Layout) -> None:
    """Its journal is a tombstone that says by whom, by which rule, on which record, and how much it was."""
    run = Registry(layout).get(RUN)
    before = {name.split("/", 2)[2]: data for name, data in files(layout).items() if name.startswith("runs/")}
    seq = run.view().seq
    done = run.remove(why="no room")

    assert (done.done, done.files) == ("moved", 5)
    assert lies(layout) == ["trash"]
    assert {
        name.split("/", 2)[2]: data for name, data in files(layout).items() if name.startswith("trash/")
    } == before
    (expired,) = events(layout, RunExpired)
    assert isinstance(expired, RunExpired)
    assert (expired.rule, expired.detail, expired.expected_seq) == ("asked", "no room", seq)
    assert (expired.files, expired.bytes) == (done.files, done.bytes)
    assert verify(REAL, layout, RUN).integrity == "sealed"
    gone = run.view().retention.removal
    assert gone is not None
    assert (gone.rule, gone.files, gone.removed_at) == ("asked", 5, None)
    assert run.view().status == "succeeded"


def test_what_is_emptied_is_gone_and_has_a_receipt(layout: Layout) -> None:
    """Read-only folders, links and lock files included; nothing outside is touched."""
    registry = Registry(layout)
    done = registry.get(RUN).remove()
    view = registry.empty_trash()

    assert view.emptied
    assert [each.run_id for each in view.items] == [RUN]
    assert lies(layout) == []
    assert [name for name in os.listdir(layout.trash) if name != ".lock"] == []
    (receipt,) = events(layout, RunRemoved)
    assert isinstance(receipt, RunRemoved)
    assert (receipt.files, receipt.bytes) == (done.files, done.bytes)
    assert os.path.exists("/etc/passwd")
    assert registry.trash().items == []
    assert registry.empty_trash().items == []


def test_past_the_trash_it_is_gone_at_once(layout: Layout) -> None:
    """`now`; asked again, nothing more happens and nothing more is recorded."""
    run = Registry(layout).get(RUN)
    assert run.remove(now=True).done == "freed"
    run.remove(now=True)

    assert lies(layout) == []
    assert len(events(layout, RunRemoved)) == len(events(layout, RunExpired)) == 1


def test_a_run_comes_back_from_the_trash_as_it_was(layout: Layout) -> None:
    """Byte for byte, with its lock; it can be owned, pinned and removed again."""
    run = Registry(layout).get(RUN)
    before = {name: data for name, data in files(layout).items() if name.startswith("runs/")}
    run.remove()
    run.restore("it is cited")

    assert {name: data for name, data in files(layout).items() if name.startswith("runs/")} == before
    assert run.view().retention.removal is None
    assert run.view().retention.reason == "somebody took it back from the trash"
    with owned(layout):
        pass
    run.pin()
    run.unpin()
    run.remove()
    assert lies(layout) == ["trash"]


def test_what_is_not_in_the_trash_cannot_come_back(layout: Layout) -> None:
    """Never removed: not found. Gone for good: a conflict that says so."""
    run = Registry(layout).get(RUN)
    with pytest.raises(NotFound, match="not in the trash"):
        run.restore()
    run.remove(now=True)
    with pytest.raises(Removed, match="removed for good"):
        run.restore()
    assert events(layout, RunRestored) == []


def test_a_pin_that_comes_too_late_is_refused(layout: Layout) -> None:
    """Until the run is restored; so nobody is told that something is kept which is not."""
    run = Registry(layout).get(RUN)
    run.remove()
    with pytest.raises(Removed, match=f"`runlore restore {RUN}` first"):
        run.pin()
    assert events(layout, RunPinned) == []
    run.restore()
    run.pin()
    with pytest.raises(Conflict, match="it is pinned; `runlore unpin"):
        run.remove()


def test_whoever_owns_the_run_keeps_it(layout: Layout) -> None:
    """A lock that is held, and one that is missing: then nobody can tell."""
    run = Registry(layout).get(RUN)
    with owned(layout), pytest.raises(Conflict, match="somebody owns it"):
        run.remove()
    os.unlink(layout.owner_lock(RUN))
    with pytest.raises(Conflict, match="its owner lock is missing"):
        run.remove(force=True)
    assert lies(layout) == ["runs"]
    assert events(layout, RunExpired) == []


def test_a_run_that_goes_on_stays(layout: Layout) -> None:
    """Without force; and one that was made from this one keeps it, too."""
    other = new_run_id(2)
    with OwnerLock.create(REAL, layout, other):
        writer = Writer.create(REAL, layout, other, queued(other, parent=RUN))
        writer.append(booting())
        writer.close()
        with pytest.raises(Conflict, match="`--force` stops it first"):
            Registry(layout).get(other).remove()
        with pytest.raises(Conflict, match=f"run {other} goes back to it and has not ended"):
            Registry(layout).get(RUN).remove(force=True)
    assert lies(layout) == ["runs"]


def test_what_is_not_as_we_make_it_stays(layout: Layout) -> None:
    """A file of the user's in the run's folder, or something in its place in the trash."""
    run = Registry(layout).get(RUN)
    mine = Path(layout.run_dir(RUN), "mine.txt")
    mine.write_text("")
    with pytest.raises(Conflict, match=r"'mine\.txt' in its folder is nothing that runlore makes"):
        run.remove()
    mine.unlink()
    os.mkdir(layout.in_trash(RUN))
    with pytest.raises(Conflict, match="the trash has something in its place"):
        run.remove()
    assert lies(layout) == ["runs", "trash"]
    assert events(layout, RunExpired) == []


def test_a_damaged_journal_keeps_its_run(layout: Layout) -> None:
    """What it would say behind the damage nobody knows."""
    path = Path(layout.journal(RUN))
    path.write_bytes(path.read_bytes().replace(b"run.started", b"run.stXrted"))
    with pytest.raises(RunloreError):
        Registry(layout).get(RUN).remove()
    assert lies(layout) == ["runs"]


def test_a_dry_run_tells_the_same_and_changes_nothing(layout: Layout) -> None:
    """The files and bytes that removing then takes."""
    before = files(layout)
    told = removable(Registry(layout), RUN)
    assert files(layout) == before
    done = Registry(layout).get(RUN).remove()
    assert (told.files, told.bytes) == (done.files, done.bytes)


def test_one_at_a_time(layout: Layout) -> None:
    """Whoever removes holds a lock; the kernel lets go of a dead one's."""
    with cleanup_lock(REAL, layout), pytest.raises(Busy, match="somebody else removes runs"):
        Registry(layout).prune(apply=True)
    Registry(layout).prune(apply=True)


class Synced(RealDisk):
    """A disk that remembers which folders were synced."""

    def __init__(self) -> None:
        self.folders: list[str] = []

    def sync_dir(self, path: str) -> None:
        super().sync_dir(path)
        self.folders.append(path)


def test_a_new_trash_is_on_the_disk_before_anything_moves_there(layout: Layout) -> None:
    """Somebody emptied it by hand, folder and all; whoever made it anew may have been killed right then."""
    Path(layout.trash).rmdir()
    for _ in range(2):
        disk = Synced()
        with cleanup_lock(disk, layout):
            assert disk.folders == [layout.root]


def test_a_packed_run_is_removed_and_restored_too(layout: Layout) -> None:
    """Its tombstone goes on behind the pack, and into the next one."""
    Packing(REAL, layout, older_than_s=0).apply()
    run = Registry(layout).get(RUN)
    run.remove()
    Packing(REAL, layout, older_than_s=0).apply()
    run.restore()
    run.remove(now=True)
    Packing(REAL, layout, older_than_s=0).apply()

    assert len(pack_names(REAL, layout)) == 3
    assert os.listdir(layout.journals) == []
    gone = run.view().retention.removal
    assert gone is not None
    assert gone.removed_at is not None
    assert verify(REAL, layout, RUN).integrity == "sealed"


def test_lists_are_right_after_each_step(layout: Layout) -> None:
    """The index says what a fresh fold says: a removed run stays in the list."""
    registry = Registry(layout)

    def listed() -> list[bool]:
        (found,) = registry.runs("status = succeeded")
        (asked,) = [each for each in registry.page().items if each.run_id == RUN]
        assert found == asked
        return [found.retention.removal is not None]

    assert listed() == [False]
    registry.get(RUN).remove()
    assert listed() == [True]
    registry.get(RUN).restore()
    assert listed() == [False]
    registry.get(RUN).remove(now=True)
    assert listed() == [True]
    assert [each.run_id for each in registry.runs("retention.removal.rule = asked")] == [RUN]


def removed_for_good(layout: Layout) -> None:
    """What has to hold in the end, whatever happened before."""
    assert lies(layout) == []
    assert len(events(layout, RunExpired)) == 1
    assert len(events(layout, RunRemoved)) == 1
    assert verify(REAL, layout, RUN).integrity == "sealed"


@pytest.mark.parametrize(("first", "number"), [(1, errno.EBUSY), (2, errno.EACCES), (3, errno.ENOSPC)])
def test_a_disk_that_refuses_any_call_once(
    tmp_path: Path, first: int, number: int, sized: Callable[[int, int], int]
) -> None:
    """The error is one of ours; asked again, the removal goes on to its end, with one receipt.

    Every third call with each error, and every call with each at full size.
    """
    at, refused, step = sized(first, 1), 0, sized(3, 1)
    while True:
        layout = new_registry(tmp_path / f"registry-{at}")
        leave_run(layout)
        disk, controls = failing(REAL, at, number, "once")
        try:
            Registry(layout, disk=disk).get(RUN).remove(now=True)
        except RunloreError:
            refused += 1
        Registry(layout).get(RUN).remove(now=True)
        removed_for_good(layout)
        if not controls.failed:
            break
        at += step

    assert at > 40
    assert refused > sized(3, 10)


@pytest.mark.parametrize("name", ["unlink", "rmdir", "listdir"])
def test_a_folder_that_refuses_to_be_emptied_once(
    layout: Layout, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """At every single removal: what is left is visible in the trash, and goes with the next."""
    real = getattr(os, name)
    calls = 0

    def refusing(*arguments: object, **options: object) -> object:
        nonlocal calls
        calls += 1
        if calls == at:
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
        return real(*arguments, **options)

    at = 0
    Registry(layout).get(RUN).remove()
    while not at or calls >= at:
        at, calls = at + 1, 0
        with monkeypatch.context() as patched:
            patched.setattr(os, name, refusing)
            try:
                Registry(layout).get(RUN).remove(now=True)
            except RunloreError:
                assert lies(layout) == ["going"]
                (left,) = Registry(layout).trash().items
                assert left.state == "going"
                continue
    removed_for_good(layout)
    assert at > 1


@pytest.mark.parametrize("step", ["_move", "sync", "_append", "_remove"])
def test_whoever_is_stopped_between_two_steps_leaves_a_removal_that_goes_on(
    layout: Layout, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """A run whose end was decided cannot be pinned meanwhile, and comes back only whole."""

    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(removal.Remover, step, stopped)
        with pytest.raises(KeyboardInterrupt):
            Registry(layout).get(RUN).remove(now=True)
    if events(layout, RunExpired):
        with pytest.raises(Removed):
            Registry(layout).get(RUN).pin()
    Registry(layout).get(RUN).remove(now=True)
    removed_for_good(layout)


def test_a_return_that_was_cut_short_goes_on(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    """Recorded and not moved: pruning, emptying and restoring bring it back, and none removes it."""
    Registry(layout).get(RUN).remove()
    with monkeypatch.context() as patched:
        patched.setattr(removal.Remover, "_come_back", lambda *_: None)
        Registry(layout).get(RUN).restore()
    assert lies(layout) == ["trash"]
    assert [each.state for each in Registry(layout).trash().items] == ["coming_back"]
    assert Registry(layout).empty_trash().items == []
    assert lies(layout) == ["runs"]
    assert len(events(layout, RunRestored)) == 1


def test_a_restore_of_what_is_already_going_is_refused(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a run would be shown as a whole one."""
    Registry(layout).get(RUN).remove()

    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(deletion, "empty", stopped)
        with pytest.raises(KeyboardInterrupt):
            Registry(layout).empty_trash()
    with pytest.raises(Removed, match="for good"):
        Registry(layout).get(RUN).restore()
    assert [each.state for each in Registry(layout).trash().items] == ["going"]
    Registry(layout).empty_trash()
    removed_for_good(layout)
