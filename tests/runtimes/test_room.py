"""How many runs may be kept at once: counted by the kernel, whatever dies, and never one too many."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing import get_context
from pathlib import Path

import pytest

from runlore.journal.errors import Conflict, JournalIO, NoRoom, NotPermitted
from runlore.journal.events import OwnerAdopted
from runlore.journal.layout import Layout
from runlore.journal.settings import Limits
from runlore.runtimes import memory, room, slots_file
from runlore.runtimes.memory_cgroup import MemoryCgroup
from runlore.runtimes.registry import Registry
from runlore.runtimes.room import LEAST, NO_SLOT, Room, Slot, cap_of, live_keepers, take_anyhow
from tests.runtimes.keeping import Keeping, until

FORK = get_context("fork")


@pytest.fixture
def layout(registry_root: Path) -> Layout:
    """A registry with nothing in it."""
    return Layout(str(registry_root))


@contextmanager
def taken(layout: Layout, count: int, most: int) -> Iterator[list[Slot]]:
    """Some places that are taken, of so many."""
    slots = [Room(layout, Limits(keepers=most)).take() for _ in range(count)]
    yield slots
    for slot in slots:
        slot.drop()


def test_places_are_counted_and_run_out(layout: Layout) -> None:
    """The one behind the last is refused, with the counts and what to do; and nothing changes by that."""
    with taken(layout, 5, most=5):
        for _ in range(3):
            with pytest.raises(
                NoRoom, match=r"5 runs of .*, of at most 5; nothing was submitted\..* keepers in"
            ):
                Room(layout, Limits(keepers=5)).take()
        assert live_keepers(layout) == 5
    assert live_keepers(layout) == 0
    assert issubclass(NoRoom, Conflict)


def test_every_place_can_be_had(layout: Layout) -> None:
    """Guessing where a free one is never ends before the last one is found."""
    for most in (1, 2, 3, 40):
        with taken(layout, most, most):
            assert live_keepers(layout) == most


def test_a_gap_is_found(layout: Layout) -> None:
    """Whoever leaves makes room for one, wherever its place was."""
    with taken(layout, 30, most=30) as slots:
        slots[7].drop()
        again = Room(layout, Limits(keepers=30)).take()
        with pytest.raises(NoRoom):
            Room(layout, Limits(keepers=30)).take()
        slots[7] = again


def test_a_lower_cap_counts_those_above_it_too(layout: Layout) -> None:
    """Fifty live runs are fifty, also for who may have ten; and one below is room again."""
    with taken(layout, 50, most=50) as slots:
        with pytest.raises(NoRoom, match="50 runs"):
            Room(layout, Limits(keepers=10)).take()
        for slot in slots[9:]:
            slot.leave()
        assert live_keepers(layout) == 9
        slots.append(Room(layout, Limits(keepers=10)).take())
        with pytest.raises(NoRoom, match="10 runs"):
            Room(layout, Limits(keepers=10)).take()


def test_who_leaves_takes_its_copies_along(layout: Layout) -> None:
    """A wrapper still holds the descriptor for a moment; the place is free all the same."""
    slot = Room(layout, Limits(keepers=1)).take()
    copy = os.dup(slot.fd)
    slot.leave()
    assert live_keepers(layout) == 0
    os.close(copy)
    slot.drop()


def test_a_copy_holds_the_place_of_a_process_that_died(layout: Layout) -> None:
    """So the place stays taken while keeper or wrapper lives, and is free when both are gone."""
    slot = Room(layout, Limits(keepers=1)).take()
    child = os.fork()
    if child == 0:
        signal.pause()
    slot.drop()
    assert live_keepers(layout) == 1
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert live_keepers(layout) == 0


def _grab(root: str, go: object, most: int) -> int:
    """Take places until there are none; say how many, and hold them to the end of the process."""
    go.wait()  # type: ignore[attr-defined]
    got = 0
    try:
        while True:
            Room(Layout(root), Limits(keepers=most)).take()
            got += 1
    except NoRoom:
        return got


def test_launchers_at_once_never_take_one_too_many(layout: Layout) -> None:
    """Eight processes grab what they can: together exactly as many as there may be."""
    most = 50
    with FORK.Manager() as manager, FORK.Pool(8) as pool:
        go = manager.Event()
        results = [pool.apply_async(_grab, (layout.root, go, most)) for _ in range(8)]
        go.set()
        assert sum(result.get(30) for result in results) == most


def test_an_adopted_run_is_counted_however_many_there_are(layout: Layout) -> None:
    """Its command lives: it is kept in any case, and the next new one is refused."""
    with taken(layout, 2, most=2) as slots:
        slots.append(take_anyhow(layout))
        assert live_keepers(layout) == 3
        with pytest.raises(NoRoom, match="3 runs"):
            Room(layout, Limits(keepers=3)).take()


def test_a_file_that_cannot_be_made_refuses(layout: Layout) -> None:
    """Nothing is guessed about room that cannot be counted; an adopter goes on without."""
    Path(layout.keepers).symlink_to("/dev/null")
    with pytest.raises(JournalIO, match="nothing was submitted"):
        Room(layout, Limits()).take()
    assert take_anyhow(layout).fd == -1
    assert live_keepers(layout) == 0


def test_a_registry_of_somebody_else_is_not_permitted(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same error as everything else there."""

    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("runlore.runtimes.slots_file.os.open", refuse)
    with pytest.raises(NotPermitted):
        Room(layout, Limits()).take()


def test_memory_decides_where_nobody_else_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of it, run by run; never fewer than a few, and what is set goes before."""
    for have, cap in ((0, LEAST), (64 << 20, LEAST), (240 * room.PER_RUN, 120)):
        monkeypatch.setattr(room, "memory_bytes", lambda have=have: have)
        assert cap_of(Limits()) == room.Cap(cap, by_settings=False)
    assert cap_of(Limits(keepers=3)) == room.Cap(3, by_settings=True)


@pytest.mark.parametrize(("kind", "name"), [("cgroup2", "memory.max"), ("cgroup", "memory.limit_in_bytes")])
def test_the_least_limit_of_a_container_counts(
    kind: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cgroup's own, or that of one it is in; `max` is none."""
    inner = tmp_path / "outer" / "inner"
    inner.mkdir(parents=True)
    (inner / name).write_text("max\n")
    (inner.parent / name).write_text("33554432\n")
    found = MemoryCgroup(kind, str(inner), str(tmp_path))
    monkeypatch.setattr(memory, "memory_cgroup", lambda _: found)
    assert memory.memory_bytes() == 32 << 20
    (inner / name).write_text("1048576\n")
    assert memory.memory_bytes() == 1 << 20
    monkeypatch.setattr(memory, "memory_cgroup", lambda _: None)
    assert memory.memory_bytes() > 32 << 20


def test_a_run_has_its_place_until_it_ends(keeping: Keeping) -> None:
    """Also when its keeper is killed, when both of its processes are, and not a moment longer."""
    kept = keeping.submit("sleep", "60")
    kept.started()
    assert live_keepers(keeping.layout) == 1
    kept.kill(kept.keeper())
    until(lambda: "OwnerAdopted" in kept.tags(), "the next keeper")
    assert live_keepers(keeping.layout) == 1

    both = (kept.wrapper(), kept.event(OwnerAdopted).owner.identity)
    for who in both:  # or the one would replace the other
        os.kill(who.pid, signal.SIGSTOP)
    for who in both:
        kept.kill(who)
    assert live_keepers(keeping.layout) == 0
    Registry(keeping.layout).reconcile([kept.run_id])
    until(lambda: live_keepers(keeping.layout) == 1, "the adopter's place")

    kept.stop(force=True)
    until(lambda: "RunSealed" in kept.tags(), "the end")
    assert live_keepers(keeping.layout) == 0


def test_an_adopter_names_the_file_in_which_it_counts(keeping: Keeping) -> None:
    """The one of which its run had a name is gone for good: nobody lived who counted by it."""
    kept = keeping.submit("sleep", "60")
    kept.started()
    both = (kept.wrapper(), kept.keeper())
    for who in both:  # or the one would replace the other
        os.kill(who.pid, signal.SIGSTOP)
    for who in both:
        kept.kill(who)
    os.unlink(keeping.layout.keepers)
    before = kept.path("slots").stat().st_ino
    Registry(keeping.layout).reconcile([kept.run_id])
    until(lambda: kept.path("slots").exists() and kept.path("slots").stat().st_ino != before, "its new name")
    os.unlink(keeping.layout.keepers)
    assert live_keepers(keeping.layout) == 1


def kept_by_name(layout: Layout, run: str, slot: Slot, most: int) -> Slot:
    """Give the file that a place is in its second name, as a run does before anybody hears of it."""
    os.makedirs(f"{layout.root}/runs/{run}", exist_ok=True)
    slot.name_again(f"{layout.root}/runs/{run}/slots", Room(layout, Limits(keepers=most)).take)
    return slot


def test_a_file_that_was_deleted_comes_back_with_its_counts(layout: Layout) -> None:
    """Reading makes nothing; taking gives the name back to the very file."""
    with taken(layout, 3, most=4) as slots:
        for number, slot in enumerate(slots):
            kept_by_name(layout, f"{number}", slot, 4)
        before = os.stat(layout.keepers).st_ino
        os.unlink(layout.keepers)
        assert live_keepers(layout) == 3
        assert not os.path.exists(layout.keepers)
        slots.append(Room(layout, Limits(keepers=4)).take())
        with pytest.raises(NoRoom, match="4 runs"):
            Room(layout, Limits(keepers=4)).take()
        assert os.stat(layout.keepers).st_ino == before
        os.unlink(layout.keepers)
        slots.append(take_anyhow(layout))
        assert live_keepers(layout) == 5


def test_a_run_that_is_about_to_be_made_takes_its_place_again(layout: Layout) -> None:
    """The file was deleted and made anew before this run had a name for it; so it counts in the other one."""
    with taken(layout, 1, most=2) as (early,):
        os.unlink(layout.keepers)
        with taken(layout, 1, most=2):
            assert live_keepers(layout) == 1
            kept_by_name(layout, "early", early, 2)
            assert live_keepers(layout) == 2
            assert os.path.samestat(os.stat(f"{layout.root}/runs/early/slots"), os.stat(layout.keepers))
            with pytest.raises(NoRoom):
                Room(layout, Limits(keepers=2)).take()


def test_and_is_refused_if_there_is_none(layout: Layout) -> None:
    """Never one too many: this one has nothing running yet."""
    with taken(layout, 1, most=1) as (early,):
        os.unlink(layout.keepers)
        with taken(layout, 1, most=1):
            with pytest.raises(NoRoom):
                kept_by_name(layout, "early", early, 1)
            assert not os.path.exists(f"{layout.root}/runs/early/slots")


def test_names_that_dead_runs_left_do_not_count(layout: Layout) -> None:
    """A file in which nobody has a place is made anew, and an adopted run's old name is replaced."""
    with taken(layout, 1, most=9) as (lost,):
        kept_by_name(layout, "lost", lost, 9)
        before = os.stat(layout.keepers).st_ino
    os.unlink(layout.keepers)
    assert live_keepers(layout) == 0
    with taken(layout, 1, most=9) as (adopter,):
        assert os.stat(layout.keepers).st_ino != before
        kept_by_name(layout, "lost", adopter, 9)
        assert os.path.samestat(os.stat(f"{layout.root}/runs/lost/slots"), os.stat(layout.keepers))


def test_somebody_who_lost_the_race_to_make_the_file_counts_in_the_other(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """He looked for another name before there was one; the file he makes goes again."""
    looks: list[str | None] = []
    look = slots_file.second_name
    others: list[Slot] = []

    def late(layout: Layout) -> str | None:
        if not looks:
            looks.append(None)
            others.append(Room(layout, Limits(keepers=2)).take())
            kept_by_name(layout, "other", others[0], 2)
            os.unlink(layout.keepers)
            return None
        return look(layout)

    monkeypatch.setattr(slots_file, "second_name", late)
    others.append(Room(layout, Limits(keepers=2)).take())
    assert live_keepers(layout) == 2
    with pytest.raises(NoRoom):
        Room(layout, Limits(keepers=2)).take()
    assert [name for name in os.listdir(layout.root) if name.startswith(".keepers")] == []
    for slot in others:
        slot.drop()


def test_where_files_have_no_second_names_one_is_made_all_the_same(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then its places count for as long as nobody deletes it."""

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("runlore.runtimes.slots_file.os.link", refuse)
    with taken(layout, 2, most=2) as slots:
        kept_by_name(layout, "run", slots[0], 2)
        assert live_keepers(layout) == 2
        assert os.listdir(f"{layout.root}/runs/run") == []


def _grab_and_keep(root: str, go: object, most: int, who: int) -> int:
    """Take places until there are none, each with its second name; say how many, and hold them to the end."""
    layout, got = Layout(root), 0
    go.wait()  # type: ignore[attr-defined]
    slot = NO_SLOT
    try:
        while True:
            slot = NO_SLOT
            slot = Room(layout, Limits(keepers=most)).take()
            kept_by_name(layout, f"{who}-{got}", slot, most)
            got += 1
    except NoRoom:
        slot.drop()
        return got


def test_launchers_at_once_never_take_one_too_many_while_the_file_is_deleted(layout: Layout) -> None:
    """Again and again, while eight processes take what they can beside one that has its place."""
    most = 40
    with taken(layout, 1, most) as (early,), FORK.Manager() as manager, FORK.Pool(8) as pool:
        kept_by_name(layout, "early", early, most)
        go = manager.Event()
        results = [pool.apply_async(_grab_and_keep, (layout.root, go, most, who)) for who in range(8)]
        go.set()
        deleted = 0
        while deleted == 0 or not all(result.ready() for result in results):
            with suppress(FileNotFoundError):
                os.unlink(layout.keepers)
                deleted += 1
            results[deleted % 8].wait(0.002)
        got = sum(result.get(30) for result in results)
        assert 0 < got < most
        assert live_keepers(layout) == got + 1


def test_the_cap_holds_though_the_file_is_deleted(keeping: Keeping) -> None:
    """With real keepers, before and after one run is killed with all that keeps it."""
    runs = [keeping.submit("sleep", "60") for _ in range(2)]
    for kept in runs:
        kept.started()
    (Path(keeping.layout.root) / "config.toml").write_text("[limits]\nkeepers = 2\n")
    for _ in range(2):
        os.unlink(keeping.layout.keepers)
        with pytest.raises(NoRoom):
            keeping.submit("sleep", "60")
        assert live_keepers(keeping.layout) == 2

    lost = runs[0]
    both = (lost.wrapper(), lost.keeper())
    for who in both:  # or the one would replace the other
        os.kill(who.pid, signal.SIGSTOP)
    for who in both:
        lost.kill(who)
    os.unlink(keeping.layout.keepers)
    assert live_keepers(keeping.layout) == 1
    third = keeping.submit("sleep", "60")
    third.started()
    os.unlink(keeping.layout.keepers)
    with pytest.raises(NoRoom):
        keeping.submit("sleep", "60")
    assert live_keepers(keeping.layout) == 2

    Registry(keeping.layout).reconcile([lost.run_id])
    until(lambda: live_keepers(keeping.layout) == 3, "the adopter's place, though there is no room")
    for kept in (lost, *runs[1:], third):
        kept.stop(force=True)
    until(lambda: live_keepers(keeping.layout) == 0, "all places are free")
    for kept in (lost, *runs[1:], third):
        until(lambda kept=kept: not kept.path("slots").exists(), "its second name is gone")  # type: ignore[misc]


def test_a_refused_run_leaves_nothing(keeping: Keeping) -> None:
    """No journal, no folder, and its key is free; a key that is known is answered though it is full."""
    first = keeping.submit("sleep", "60", key="first")
    first.started()
    (Path(keeping.layout.root) / "config.toml").write_text("[limits]\nkeepers = 1\n")

    for key in ("", "second"):
        with pytest.raises(NoRoom):
            keeping.submit("sleep", "60", key=key)

    assert [path.stem for path in Path(keeping.layout.journals).iterdir()] == [first.run_id]
    assert os.listdir(f"{keeping.layout.root}/runs") == [first.run_id]
    assert not os.path.exists(keeping.layout.key_claim("second"))
    link = keeping.submit("sleep", "60", key="first")
    assert link.run_id == first.run_id
    first.stop(force=True)
    first.end()
    assert keeping.run("true", key="second").tags()[-1] == "RunSealed"
