"""How many runs may be kept at once: counted by the kernel, whatever dies, and never one too many."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path

import pytest

from runlore.journal.errors import Conflict, JournalIO, NoRoom, NotPermitted
from runlore.journal.events import OwnerAdopted
from runlore.journal.layout import Layout
from runlore.journal.settings import Limits
from runlore.runtimes import memory, room
from runlore.runtimes.memory_cgroup import MemoryCgroup
from runlore.runtimes.registry import Registry
from runlore.runtimes.room import LEAST, Room, Slot, cap_of, live_keepers, take_anyhow
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

    monkeypatch.setattr("runlore.runtimes.room.os.open", refuse)
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
