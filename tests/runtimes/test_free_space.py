"""What is left of a disk: copies leave something to the journals."""

import os
from pathlib import Path

import pytest

from runlore.runtimes.free_space import SPARE, free_bytes, has_room


def a_disk_with(free: int) -> os.statvfs_result:
    """What the kernel says of a disk with so many blocks of a byte that may be taken, and as many more."""
    return os.statvfs_result((4096, 1, 0, 2 * free, free, 0, 0, 0, 0, 255))


def test_some_of_the_disk_is_left_to_the_journals(monkeypatch: pytest.MonkeyPatch) -> None:
    """What fits to the last byte does not fit; what only the administrator may take is not there."""
    monkeypatch.setattr(os, "statvfs", lambda _: a_disk_with(SPARE + 10))

    assert free_bytes("/anywhere") == SPARE + 10
    assert has_room("/anywhere", 10)
    assert not has_room("/anywhere", 11)


def test_an_open_file_tells_as_its_path_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever holds a file open need not know where it lies."""
    asked: list[str | int] = []
    real = os.statvfs

    def told(place: str | int) -> os.statvfs_result:
        asked.append(place)
        return real(place)

    monkeypatch.setattr(os, "statvfs", told)
    with (tmp_path / "file").open("w") as file:
        assert has_room(file.fileno(), 0) == has_room(file.name, 0)
        assert asked == [file.fileno(), file.name]


def test_where_nobody_can_tell_there_is_room(tmp_path: Path) -> None:
    """A disk that does not say how full it is refuses what is too much when it is written."""
    assert has_room(str(tmp_path / "gone"), 1 << 62)
    with pytest.raises(FileNotFoundError):
        free_bytes(str(tmp_path / "gone"))
