"""The Disk port: what the kernel does and what the simulated disk does are the same thing."""

import errno
import os
import stat
from collections.abc import Iterator
from datetime import UTC
from pathlib import Path
from typing import NamedTuple

import pytest

from runlore.journal.disk import REAL, Disk, RealDisk, read_whole, write_whole
from tests.doubles.crash_states import Image
from tests.doubles.failer import Failer
from tests.doubles.recorder import CALLS, Recorder
from tests.doubles.simulated import SimulatedDisk

NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL


class Place(NamedTuple):
    disk: Disk
    folder: str
    """An empty folder."""

    def file(self, content: bytes = b"", name: str = "file", flags: int = NEW) -> int:
        """Return the descriptor of a file with this content."""
        fd = self.disk.open(f"{self.folder}/{name}", flags)
        if content:
            self.disk.write(fd, content)
        return fd

    def path(self, name: str = "file") -> str:
        return f"{self.folder}/{name}"


@pytest.fixture(params=["real", "simulated"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    if request.param == "real":
        yield Place(REAL, str(tmp_path))
    else:
        yield Place(SimulatedDisk(Image({}, frozenset({"/here"})).boot()), "/here")


def _errno(call: object, *arguments: object) -> str:
    """Return the name of the error a call gives."""
    with pytest.raises(OSError) as raised:  # noqa: PT011 - its errno is what is looked at
        call(*arguments)  # type: ignore[operator]
    assert raised.value.errno is not None
    return errno.errorcode[raised.value.errno]


# -- opening


def test_a_file_that_is_not_there(place: Place) -> None:
    """It is not made by asking for it."""
    assert _errno(place.disk.open, place.path(), os.O_RDONLY) == "ENOENT"
    assert place.disk.listdir(place.folder) == []


def test_a_file_that_must_be_new(place: Place) -> None:
    """The second one to make it is told."""
    place.disk.close(place.file())

    assert _errno(place.disk.open, place.path(), NEW) == "EEXIST"


def test_a_folder_opened_for_writing(place: Place) -> None:
    """A folder is no file."""
    place.disk.mkdir(place.path("folder"))

    assert _errno(place.disk.open, place.path("folder"), os.O_RDWR) == "EISDIR"


def test_a_missing_folder(place: Place) -> None:
    """Nothing is made in a folder that is not there."""
    assert _errno(place.disk.open, place.path("missing/file"), NEW) == "ENOENT"


@pytest.mark.parametrize("umask", [0o000, 0o077, 0o777])
def test_modes_whatever_the_umask(place: Place, umask: int) -> None:
    """What we make is for its owner alone, and the owner can use it."""
    before = os.umask(umask)
    try:
        fd = place.file()
        place.disk.mkdir(place.path("folder"))
    finally:
        os.umask(before)

    assert stat.S_IMODE(place.disk.stat(fd).mode) == 0o600
    assert stat.S_IMODE(place.disk.stat_path(place.path("folder")).mode) == 0o700


def test_a_closed_descriptor(place: Place) -> None:
    """It is no descriptor any more."""
    fd = place.file()
    place.disk.close(fd)

    assert _errno(place.disk.write, fd, b"x") == "EBADF"
    assert _errno(place.disk.close, fd) == "EBADF"


def test_writing_to_what_was_opened_for_reading(place: Place) -> None:
    """It is refused."""
    place.disk.close(place.file(b"abc"))
    fd = place.disk.open(place.path(), os.O_RDONLY)

    assert _errno(place.disk.write, fd, b"x") == "EBADF"
    assert place.disk.pread(fd, 9, 0) == b"abc"


# -- bytes


def test_appending(place: Place) -> None:
    """O_APPEND writes at the end, wherever another descriptor has put it, and says where that was."""
    one = place.file(flags=NEW | os.O_APPEND)
    other = place.disk.open(place.path(), os.O_WRONLY | os.O_APPEND)

    assert place.disk.write(one, b"abc") == 3
    assert place.disk.write(other, b"de") == 2
    assert place.disk.write(one, b"f") == 1

    assert place.disk.pread(one, 99, 0) == b"abcdef"
    assert (place.disk.position(one), place.disk.position(other)) == (6, 5)


def test_writing_without_append(place: Place) -> None:
    """Each descriptor goes on where it was."""
    fd = place.file(b"abc")
    place.disk.write(fd, b"de")

    assert place.disk.pread(fd, 99, 0) == b"abcde"


def test_writing_at_a_place(place: Place) -> None:
    """Bytes are replaced there; a gap reads as NULs."""
    fd = place.file(b"abcdef")

    assert place.disk.pwrite(fd, b"XY", 1) == 2
    assert place.disk.pwrite(fd, b"Z", 8) == 1

    assert place.disk.pread(fd, 99, 0) == b"aXYdef\0\0Z"


def test_reading_at_the_end(place: Place) -> None:
    """There is nothing, which is no error."""
    fd = place.file(b"abc")

    assert place.disk.pread(fd, 9, 3) == b""
    assert place.disk.pread(fd, 9, 300) == b""
    assert place.disk.pread(fd, 2, 0) == b"ab"


@pytest.mark.parametrize(("size", "left"), [(2, b"ab"), (3, b"abc"), (5, b"abc\0\0"), (0, b"")])
def test_truncating(place: Place, size: int, left: bytes) -> None:
    """The file ends there, with NULs if it was shorter."""
    fd = place.file(b"abc")

    place.disk.truncate(fd, size)

    assert place.disk.pread(fd, 9, 0) == left


def test_cloning(place: Place) -> None:
    """The other file has the same bytes then, and both go their own ways; or nothing has happened."""
    source, target = place.file(b"abc" * 5000), place.file(name="other")

    if place.disk.clone(source, target):
        place.disk.pwrite(source, b"X", 0)
        assert place.disk.pread(target, 4, 0) == b"abca"
    else:
        assert place.disk.stat(target).size == 0


def test_making_a_file_read_only(place: Place) -> None:
    """Its owner may read it, and nobody else; who has it open goes on."""
    fd = place.file(b"abc")

    place.disk.make_read_only(fd)

    assert stat.S_IMODE(place.disk.stat(fd).mode) == 0o400
    assert place.disk.write(fd, b"d") == 1


def test_preallocating(place: Place) -> None:
    """The size stays, the disk behind it is ours, and truncating gives it back."""
    fd = place.file(b"abc")

    assert place.disk.preallocate(fd, 3, 32 << 10)
    assert place.disk.stat(fd).size == 3
    assert place.disk.stat(fd).allocated >= 32 << 10
    assert place.disk.pread(fd, 9, 0) == b"abc"

    place.disk.truncate(fd, 3)
    assert place.disk.stat(fd).allocated <= 8 << 10


def test_punching(place: Place) -> None:
    """NULs stand in the middle, the size stays; behind the end there is nothing to give back."""
    fd = place.file(b"a" * 9000)

    assert place.disk.punch(fd, 1, 8000)
    assert place.disk.pread(fd, 9000, 0) == b"a" + bytes(8000) + b"a" * 999
    assert place.disk.punch(fd, 8999, 50)
    assert place.disk.stat(fd).size == 9000
    assert place.disk.pread(fd, 9, 8998) == b"a\0"


def test_syncing(place: Place) -> None:
    """A file and a folder can be synced, by whoever can open them."""
    place.disk.close(place.file(b"abc"))
    fd = place.disk.open(place.path(), os.O_RDONLY)

    place.disk.fdatasync(fd)
    place.disk.sync_dir(place.folder)

    assert _errno(place.disk.sync_dir, place.path("missing")) == "ENOENT"
    assert _errno(place.disk.sync_dir, place.path()) == "ENOTDIR"


# -- names


def test_renaming_over_a_file(place: Place) -> None:
    """The old file loses its name, and keeps its bytes for those who have it open."""
    old = place.file(b"old")
    new = place.file(b"new", "other")

    place.disk.rename(place.path("other"), place.path())

    assert read_whole(place.disk, place.path(), 9) == b"new"
    assert place.disk.size_and_links(old) == (3, 0)
    assert place.disk.size_and_links(new) == (3, 1)
    assert place.disk.pread(old, 9, 0) == b"old"
    assert place.disk.listdir(place.folder) == ["file"]


def test_renaming_into_another_folder(place: Place) -> None:
    """A file, or a folder with all that is in it, is in one place afterwards, and the same as before."""
    for name in ("from", "to"):
        place.disk.mkdir(place.path(name))
    fd = place.file(b"abc", "from/file")
    place.disk.mkdir(place.path("from/folder"))
    place.disk.close(place.file(b"in it", "from/folder/inner"))

    place.disk.rename(place.path("from/file"), place.path("to/other"))
    place.disk.rename(place.path("from/folder"), place.path("to/folder"))

    assert place.disk.listdir(place.path("from")) == []
    assert sorted(place.disk.listdir(place.path("to"))) == ["folder", "other"]
    assert place.disk.stat_path(place.path("to/other")).inode == place.disk.stat(fd).inode
    assert read_whole(place.disk, place.path("to/folder/inner"), 9) == b"in it"


def test_a_second_name(place: Place) -> None:
    """Both names lead to one file; a name that is taken stays as it is."""
    fd = place.file(b"abc")
    place.disk.link(place.path(), place.path("second"))

    assert place.disk.stat_path(place.path("second")).inode == place.disk.stat(fd).inode
    assert place.disk.stat(fd).links == 2
    assert _errno(place.disk.link, place.path(), place.path("second")) == "EEXIST"
    assert _errno(place.disk.link, place.path("missing"), place.path("third")) == "ENOENT"


def test_removing_a_name(place: Place) -> None:
    """It is gone once."""
    fd = place.file()
    place.disk.unlink(place.path())

    assert place.disk.size_and_links(fd) == (0, 0)
    assert _errno(place.disk.unlink, place.path()) == "ENOENT"
    assert _errno(place.disk.stat_path, place.path()) == "ENOENT"


def test_folders(place: Place) -> None:
    """A folder is made once, and lists what is in it."""
    place.disk.mkdir(place.path("folder"))
    place.disk.close(place.disk.open(place.path("folder/file"), NEW))

    assert place.disk.listdir(place.path("folder")) == ["file"]
    assert stat.S_ISDIR(place.disk.stat_path(place.path("folder")).mode)
    assert _errno(place.disk.mkdir, place.path("folder")) == "EEXIST"
    assert _errno(place.disk.listdir, place.path("missing")) == "ENOENT"


def test_describing(place: Place) -> None:
    """By descriptor and by path it is the same file."""
    fd = place.file(b"abc")
    by_path, by_fd = place.disk.stat_path(place.path()), place.disk.stat(fd)

    assert (by_path.inode, by_path.size, by_path.links) == (by_fd.inode, 3, 1)
    assert by_fd.uid == os.geteuid()
    assert stat.S_ISREG(by_fd.mode)


# -- locks


def test_a_lock_excludes_others(place: Place) -> None:
    """Another open file description is told no, and asks without leaving a trace."""
    one = place.file()
    other = place.disk.open(place.path(), os.O_RDWR)

    assert place.disk.lock(one)
    assert place.disk.lock(one), "whoever has it may ask again"
    assert not place.disk.lock(other, wait=False)
    assert place.disk.is_locked(other)
    assert not place.disk.is_locked(one), "one's own lock is no obstacle"


def test_a_lock_given_back(place: Place) -> None:
    """By unlocking or by closing, it is free."""
    one = place.file()
    other = place.disk.open(place.path(), os.O_RDWR)
    place.disk.lock(one)
    place.disk.unlock(one)
    assert not place.disk.is_locked(other)

    assert place.disk.lock(other, wait=False)
    place.disk.close(other)

    assert place.disk.lock(one, wait=False)


def test_asking_with_a_descriptor_for_reading(place: Place) -> None:
    """Observers need not be able to write."""
    one = place.file()
    place.disk.lock(one)
    reader = place.disk.open(place.path(), os.O_RDONLY)

    assert place.disk.is_locked(reader)


# -- clocks


def test_clocks(place: Place) -> None:
    """The wall clock is aware and UTC; the other one never steps back."""
    assert place.disk.now().tzinfo is UTC
    looks = [place.disk.monotonic() for _ in range(5)]
    assert looks == sorted(looks)


# -- files replaced whole


def test_a_file_replaced_whole(place: Place) -> None:
    """The new bytes stand under the name, private, and nothing lies around."""
    path = place.path("settings")
    write_whole(place.disk, path, b"old")
    write_whole(place.disk, path, b"new" * 100_000)

    assert read_whole(place.disk, path, 1 << 20) == b"new" * 100_000
    assert read_whole(place.disk, path, 4) == b"newn"
    assert place.disk.listdir(place.folder) == ["settings"]


# -- what only the kernel has


def test_a_symbolic_link_is_not_followed(tmp_path: Path) -> None:
    """Nobody lets us write where a link leads."""
    (tmp_path / "target").write_bytes(b"")
    (tmp_path / "link").symlink_to(tmp_path / "target")

    assert _errno(REAL.open, str(tmp_path / "link"), os.O_RDWR) == "ELOOP"


def test_descriptors_are_not_inherited(tmp_path: Path) -> None:
    """A command that is started has none of ours."""
    fd = REAL.open(str(tmp_path / "file"), NEW)

    assert not os.get_inheritable(fd)
    REAL.close(fd)


@pytest.mark.parametrize("double", [SimulatedDisk, Recorder, Failer, RealDisk])
def test_the_doubles_have_every_call(double: type) -> None:
    """A call added to the port is missed here, not in the middle of a crash test."""
    made: object = {
        SimulatedDisk: lambda: SimulatedDisk(Image({}, frozenset()).boot()),
        Recorder: lambda: Recorder(REAL),
        Failer: lambda: Failer(REAL, None, errno.EIO, "once"),
        RealDisk: RealDisk,
    }[double]()

    assert [name for name in CALLS if not callable(getattr(made, name, None))] == []
