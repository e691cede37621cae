"""Deleting what a folder holds: all of it, and nothing else."""

import os
from pathlib import Path

import pytest

from runlore.runtimes.deletion import empty


def test_what_is_linked_to_stays(tmp_path: Path) -> None:
    """Links go, what they name does not: files, folders, other names of a file."""
    outside, folder = tmp_path / "outside", tmp_path / "folder"
    (outside / "deep").mkdir(parents=True)
    (outside / "deep/file").write_text("kept")
    folder.mkdir()
    (folder / "to-folder").symlink_to(outside)
    (folder / "to-nothing").symlink_to("/no/such")
    os.link(outside / "deep/file", folder / "other-name")
    os.mkfifo(folder / "fifo")
    empty(str(folder))

    assert list(folder.iterdir()) == []
    assert (outside / "deep/file").read_text() == "kept"


def test_one_name_is_spared_at_the_top_only(tmp_path: Path) -> None:
    """The lock file goes last; one of that name further down is somebody else's."""
    (tmp_path / "deep").mkdir()
    for path in (tmp_path / "owner.lock", tmp_path / "deep/owner.lock"):
        path.touch()
    empty(str(tmp_path), spare="owner.lock")

    assert os.listdir(tmp_path) == ["owner.lock"]


def test_folders_deeper_than_any_path_may_be_long(tmp_path: Path) -> None:
    """Neither recursion nor descriptors end before they do."""
    fd = os.open(tmp_path, os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("folder-in-a-folder", dir_fd=fd)
        inner = os.open("folder-in-a-folder", os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = inner
    os.close(fd)
    empty(str(tmp_path))

    assert os.listdir(tmp_path) == []


def test_a_folder_that_is_a_link_is_not_entered(tmp_path: Path) -> None:
    """Somebody put it in the place of the folder."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/file").touch()
    (tmp_path / "folder").symlink_to(tmp_path / "outside")
    with pytest.raises(OSError, match=r"Not a directory|Too many levels"):
        empty(str(tmp_path / "folder"))

    assert (tmp_path / "outside/file").exists()
