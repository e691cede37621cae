"""No path leads out of the folder it is opened in, whatever is swapped meanwhile (faults M8, row 68)."""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from runlore.runtimes.beneath import FILE, open_beneath, open_folder, walk_beneath
from tests.crash.swaps import are_enough, both_met, swapping
from tests.proof import SIZE

Open = Callable[[int, str], int]
TRIES = 150_000 if SIZE == "full" else 3_000
"""Of each of the two ways."""


@pytest.fixture(params=[open_beneath, walk_beneath], ids=["openat2", "walk"])
def opens(request: pytest.FixtureRequest) -> Open:
    """Both ways: what the kernel resolves, and what kernels without that do."""
    way: Open = request.param
    return way


@pytest.fixture
def world(tmp_path: Path) -> Iterator[tuple[Path, int]]:
    """A folder with some files, and a secret beside it."""
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "in-evil").mkdir()
    (tmp_path / "in-evil" / "x").write_text("secret")
    inside = tmp_path / "in"
    (inside / "sub").mkdir(parents=True)
    (inside / "sub" / "x").write_text("mine")
    fd = open_folder(str(inside))
    yield inside, fd
    os.close(fd)


def read(fd: int) -> bytes:
    """Read what was opened, and close it."""
    try:
        return os.read(fd, 100)
    finally:
        os.close(fd)


def test_what_is_below_can_be_opened(opens: Open, world: tuple[Path, int]) -> None:
    """A path of any depth, and a descriptor that programs do not inherit."""
    fd = opens(world[1], "sub/x")

    assert not os.get_inheritable(fd)
    assert read(fd) == b"mine"


@pytest.mark.parametrize(
    "path",
    [
        "../secret",
        "sub/../../secret",
        "/etc/passwd",
        "//etc/passwd",
        "..",
        "",
        "../in-evil/x",
        "sub/../../in/x",
    ],
)
def test_a_path_that_leads_out(opens: Open, world: tuple[Path, int], path: str) -> None:
    """It is refused, though some of them lead back in."""
    with pytest.raises(OSError, match=r"\[Errno"):
        opens(world[1], path)


@pytest.mark.parametrize(
    "target",
    ["../secret", "/etc/passwd", "here", "nowhere", "/proc/self/fd/0", "/proc/self/root/etc/passwd", "sub/x"],
)
def test_a_link_is_not_followed(opens: Open, world: tuple[Path, int], target: str) -> None:
    """Wherever it leads, itself and the folder included: what it is today it need not be tomorrow."""
    inside, fd = world
    (inside / "here").symlink_to(target)
    (inside / "door").symlink_to("../in-evil")
    for path in ("here", "here/x", "door/x"):
        with pytest.raises(OSError, match=r"\[Errno"):
            opens(fd, path)


def test_a_chain_of_links(opens: Open, world: tuple[Path, int]) -> None:
    """41 of them, one more than the kernel follows."""
    inside, fd = world
    for number in range(41):
        (inside / f"l{number}").symlink_to(f"l{number + 1}")
    with pytest.raises(OSError, match="symbolic links"):
        opens(fd, "l0")


def test_a_named_pipe_makes_nobody_wait(opens: Open, world: tuple[Path, int]) -> None:
    """Nobody writes into it, and it opens all the same."""
    inside, fd = world
    os.mkfifo(inside / "fifo")

    assert read(opens(fd, "fifo")) == b""


def test_a_folder_is_swapped_for_a_link_all_the_time(opens: Open, world: tuple[Path, int]) -> None:
    """Thousands of tries against somebody who does nothing else: mine or nothing, never the secret."""
    inside, fd = world
    (inside / "link").symlink_to("../in-evil")
    tries = mine = 0
    with swapping([(inside / "sub", inside / "link")]):
        while not are_enough(tries, mine, TRIES):
            tries += 1
            with suppress(OSError):
                assert read(opens(fd, "sub/x")) == b"mine"
                mine += 1

    assert both_met(tries, mine)


def test_a_sandbox_that_refuses_the_call(monkeypatch: pytest.MonkeyPatch, world: tuple[Path, int]) -> None:
    """EPERM, as seccomp says it, or ENOSYS of an old kernel: then each name is opened by itself."""
    for number in (1, 38):
        monkeypatch.setattr("runlore.runtimes.beneath._openat2", lambda it=number: lambda *_: (it, -1))
        assert read(open_beneath(world[1], "sub/x", FILE)) == b"mine"
        with pytest.raises(OSError, match=r"\[Errno"):
            open_beneath(world[1], "../secret", FILE)
