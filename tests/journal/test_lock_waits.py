"""Who waits for a lock learns who holds it, and does not wait for somebody who was stopped."""

import os
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from threading import Thread

import pytest

from runlore.journal import keys, lock_waits
from runlore.journal.disk import REAL
from runlore.journal.errors import Busy
from runlore.journal.ids import mint
from runlore.journal.lock_waits import Holder, holders, take_or_refuse, tell_of_waits
from runlore.journal.packing import pack_lock
from runlore.runtimes.cleanup_lock import cleanup_lock
from runlore.runtimes.import_staging import import_lock
from tests.journal.journals import registry
from tests.journal.lock_holder import holder
from tests.runtimes.keeping import until


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "lock")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for long before he asks."""
    monkeypatch.setattr(lock_waits, "TELL_AFTER_S", 0.05)


@pytest.fixture
def told() -> Iterator[list[str]]:
    """What this process is told while it waits."""
    lines: list[str] = []
    tell_of_waits(lines.append)
    yield lines
    tell_of_waits(None)


def attempt(fd: int) -> Callable[[], bool]:
    """What tries to take the lock of a file."""
    return partial(REAL.lock, fd, wait=False)


@contextmanager
def opened(path: str) -> Iterator[int]:
    """The file, open."""
    fd = REAL.open(path, os.O_RDWR | os.O_CREAT)
    yield fd
    REAL.close(fd)


def test_holders_are_found_by_the_file_and_the_place(path: str) -> None:
    """Whoever has it open by another name too; not who holds another byte, or only has it open."""
    with opened(path) as fd, holder(path, 7), holder(path) as pid:
        (found,) = holders(fd)
        assert (found.pid, found.is_stopped) == (pid, False)
        os.unlink(path)
        assert [each.pid for each in holders(fd)] == [pid]
    with opened(path) as fd:
        assert holders(fd) == []
    assert holders(fd) == []


@pytest.mark.usefixtures("quick")
def test_who_was_stopped_is_not_waited_for(path: str) -> None:
    """He is named, with what lets him go on, and what came of it."""
    with opened(path) as fd, holder(path, stopped=True) as pid:
        with pytest.raises(Busy) as error:
            take_or_refuse(attempt(fd), fd, "nothing was submitted")
        assert re.fullmatch(
            rf"process {pid} \('.*'\) holds the lock of {re.escape(path)} and is stopped; "
            rf"let it go on: `kill -CONT {pid}`; nothing was submitted",
            str(error.value),
        )


@pytest.mark.usefixtures("quick")
def test_who_goes_on_is_waited_for(path: str) -> None:
    """Much longer than until he is looked at, because he may be done any moment."""
    looks: list[int] = []

    def tried() -> bool:
        looks.append(len(looks))
        if len(looks) == 12:
            os.kill(pid, signal.SIGKILL)
        return REAL.lock(fd, wait=False)

    with opened(path) as fd, holder(path) as pid:
        take_or_refuse(tried, fd, "")
        assert len(looks) >= 12
        assert holders(fd) == [Holder(os.getpid(), holders(fd)[0].name, is_stopped=False)]


@pytest.mark.usefixtures("quick")
def test_but_not_for_ever(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """He may be frozen, or of another user, of whom nobody here sees what he does."""
    monkeypatch.setattr(lock_waits, "PATIENCE_S", 0.1)
    with opened(path) as fd, holder(path) as pid:
        with pytest.raises(Busy, match=rf"process {pid} .* holds the lock of .*; so what"):
            take_or_refuse(attempt(fd), fd, "so what")
        monkeypatch.setattr(lock_waits, "holders", lambda _: [])
        with pytest.raises(Busy, match="somebody whom this user cannot see holds the lock"):
            take_or_refuse(attempt(fd), fd, "")


@pytest.mark.usefixtures("quick")
def test_a_command_that_waits_says_for_whom(path: str, told: list[str]) -> None:
    """Once; and it has the lock as soon as the other one is gone."""
    with opened(path) as fd, holder(path, stopped=True) as pid:
        waiting = Thread(target=REAL.lock, args=(fd,))
        waiting.start()
        until(lambda: told, "a word")
        assert f"`kill -CONT {pid}`" in told[0]
        os.kill(pid, signal.SIGKILL)
        waiting.join(30)
        assert not waiting.is_alive()
    assert len(told) == 1


def test_who_is_not_in_the_way_for_long_is_not_spoken_of(path: str, told: list[str]) -> None:
    """A lock that is held for a moment is what locks are for."""
    with opened(path) as fd, opened(path) as other:
        REAL.lock(other)
        waiting = Thread(target=REAL.lock, args=(fd,))
        waiting.start()
        REAL.unlock(other)
        waiting.join(30)
        assert not waiting.is_alive()
        assert REAL.is_locked(other)
    assert told == []


def test_who_waits_for_nobody_is_told_who_was_stopped(tmp_path: Path) -> None:
    """Whoever packs, imports or removes holds a lock of its own; others come back later, or never would."""
    layout = registry(tmp_path / "registry")
    takers: dict[str, Callable[[], AbstractContextManager[None]]] = {
        layout.packs: lambda: pack_lock(REAL, layout),
        layout.imports: lambda: import_lock(REAL, layout, patience_s=0),
        layout.trash: lambda: cleanup_lock(REAL, layout),
    }
    for folder, take in takers.items():
        os.makedirs(folder, exist_ok=True)
        for stopped, told in ((False, r"done$"), (True, r"done: process .*: `kill -CONT [0-9]+`$")):
            with holder(f"{folder}/.lock", stopped=stopped), pytest.raises(Busy, match=told), take():
                pass


@pytest.mark.usefixtures("quick")
def test_a_submitter_who_was_stopped_keeps_nobody_with_his_key(tmp_path: Path) -> None:
    """Others are told; once he is gone his claim is taken over."""
    layout = registry(tmp_path / "registry")
    run_id = mint(REAL.now(), os.urandom(5))
    keys.claim(REAL, layout, "once", "spec", lambda: run_id).close()
    with holder(layout.key_claim("once"), stopped=True) as pid, pytest.raises(Busy, match=f"-CONT {pid}"):
        keys.claim(REAL, layout, "once", "spec", lambda: mint(REAL.now(), os.urandom(5)))
    with keys.claim(REAL, layout, "once", "spec", lambda: mint(REAL.now(), os.urandom(5))) as claim:
        assert claim.run_id == run_id
