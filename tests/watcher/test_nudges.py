"""A nudge says "look again"; without the kernel's help it says so every now and then."""

import os
import select
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from runlore.journal import machine
from runlore.watcher.nudges import Nudge

DEADLINE_MS = 30_000


def nudged(nudge: Nudge) -> bool:
    """Wait for a nudge, and take it."""
    poll = select.poll()
    poll.register(nudge.fd, select.POLLIN)
    ready = bool(poll.poll(DEADLINE_MS))
    nudge.clear()
    return ready


@pytest.fixture
def threads() -> Callable[[], int]:
    """Counts the threads that nudge, but for those that somebody else has begun before."""
    others = set(threading.enumerate())
    return lambda: sum(
        thread.name == "runlore-nudges" for thread in threading.enumerate() if thread not in others
    )


def test_a_change_nudges_everybody(tmp_path: Path, threads: Callable[[], int]) -> None:
    """One thread serves all streams of a feed, and ends with the last of them."""
    one, two = Nudge(str(tmp_path)), Nudge(str(tmp_path))
    one.wait_watching()
    assert threads() == 1
    (tmp_path / "x").write_text("x")

    assert nudged(one)
    assert nudged(two)
    assert one.notice == ""
    one.close()
    assert threads() == 1
    two.close()
    assert threads() == 0


def test_a_folder_that_comes_later(tmp_path: Path) -> None:
    """Nudges come all the same; nothing is wrong, so nothing is said."""
    nudge = Nudge(str(tmp_path / "feed"))
    nudge.wait_watching()
    assert nudged(nudge)
    assert nudge.notice == ""
    nudge.close()


def test_a_folder_that_is_replaced(tmp_path: Path) -> None:
    """The new one is watched soon."""
    folder = tmp_path / "feed"
    folder.mkdir()
    nudge = Nudge(str(folder))
    nudge.wait_watching()
    folder.rename(tmp_path / "old")
    folder.mkdir()
    for number in range(3):
        (folder / str(number)).write_text("x")
        assert nudged(nudge)
    nudge.close()


@pytest.mark.parametrize("error", [OSError("limit"), RuntimeError("no")])
def test_a_kernel_that_does_not_tell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, threads: Callable[[], int]
) -> None:
    """It is looked at again and again instead, and said why."""

    def watch(*_arguments: object, **_options: object) -> object:
        raise error

    monkeypatch.setattr("inotify_simple.INotify", watch)
    nudge = Nudge(str(tmp_path))
    nudge.wait_watching()

    assert nudged(nudge)
    assert nudged(nudge)
    assert str(error) in nudge.notice
    nudge.close()
    assert threads() == 0


def test_a_file_system_of_a_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel does not tell what other machines do, so it is not relied on."""
    monkeypatch.setattr(machine, "file_system", lambda _path: "nfs4")
    nudge = Nudge(str(tmp_path))
    nudge.wait_watching()

    assert nudged(nudge)
    assert "nfs4" in nudge.notice
    nudge.close()


def test_a_name_that_is_no_text(tmp_path: Path) -> None:
    """A file whose name is not UTF-8 stops nothing."""
    nudge = Nudge(str(tmp_path))
    nudge.wait_watching()
    for number in range(3):
        with open(os.fsencode(tmp_path) + b"/x\xff" + str(number).encode(), "wb"):
            pass
        assert nudged(nudge)
    nudge.close()


def test_a_forked_child_has_none_of_it(tmp_path: Path, threads: Callable[[], int]) -> None:
    """Its own stream begins its own thread, and the parent's goes on."""
    nudge = Nudge(str(tmp_path))
    nudge.wait_watching()
    pid = os.fork()
    if pid == 0:
        own = Nudge(str(tmp_path))
        own.wait_watching()
        ok = own.fd != nudge.fd and threads() == 1
        nudge.close()
        own.close()
        os._exit(0 if ok else 1)

    assert os.waitpid(pid, 0)[1] == 0
    (tmp_path / "x").write_text("x")
    assert nudged(nudge)
    nudge.close()
