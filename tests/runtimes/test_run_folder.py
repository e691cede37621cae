"""What lies in a run's folder: counted whole, and never followed out of it."""

import os
from pathlib import Path

import pytest

from runlore.runtimes.run_folder import look, sizes


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a run that wrote some output."""
    made = tmp_path / "run"
    (made / "artifacts" / "deep").mkdir(parents=True)
    (made / "owner.lock").touch()
    (made / "transcript").write_bytes(b"x" * 5000)
    (made / "artifacts" / "deep" / "model").write_bytes(b"y" * 10_000)
    for path in (made / "transcript", made / "artifacts/deep/model"):
        os.utime(path, (1_000_000, 1_000_000))
    return made


def allocated(*paths: Path) -> int:
    """Bytes of disk behind files."""
    return sum(path.lstat().st_blocks * 512 for path in paths)


def test_files_and_bytes_are_counted(folder: Path) -> None:
    """Of disk, folders included: that is what removing them gives back."""
    found = look(str(folder))

    assert found is not None
    assert found.files == 3
    assert found.bytes == allocated(*folder.rglob("*"))
    assert found.problem == ""
    assert (found.device, found.inode) == (folder.stat().st_dev, folder.stat().st_ino)


def test_the_newest_byte_is_that_of_any_file_below(folder: Path) -> None:
    """Locks say nothing; they are made and never written."""
    os.utime(folder / "artifacts/deep/model", (2_000_000, 2_000_000))
    found = look(str(folder))

    assert found is not None
    assert found.newest is not None
    assert found.newest.timestamp() == 2_000_000


def test_nothing_there_is_nothing(tmp_path: Path) -> None:
    """As opposed to an empty folder."""
    assert look(str(tmp_path / "run")) is None


def test_links_of_the_command_are_names_and_nothing_more(folder: Path, tmp_path: Path) -> None:
    """What they lead to is neither counted nor looked at."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "big").write_bytes(b"z" * 100_000)
    (folder / "artifacts" / "link").symlink_to(tmp_path / "elsewhere")
    found = look(str(folder))

    assert found is not None
    assert (found.files, found.problem) == (4, "")
    assert found.bytes < 100_000


def test_a_file_with_a_name_elsewhere_frees_nothing(folder: Path, tmp_path: Path) -> None:
    """Its bytes stay; one whose names are all here is counted once."""
    before = look(str(folder))
    os.link(folder / "artifacts/deep/model", tmp_path / "kept")
    outside = look(str(folder))
    os.unlink(tmp_path / "kept")
    os.link(folder / "artifacts/deep/model", folder / "artifacts/again")
    inside = look(str(folder))

    assert before is not None
    assert outside is not None
    assert inside is not None
    assert before.bytes - outside.bytes == allocated(folder / "artifacts/deep/model")
    assert inside.bytes == before.bytes


def make_link(folder: Path) -> None:
    """In the place of a file of ours."""
    (folder / "transcript").unlink()
    (folder / "transcript").symlink_to("/etc/passwd")


def replace_folder(folder: Path) -> None:
    """By a link to it."""
    folder.rename(folder.with_name("moved"))
    folder.symlink_to(folder.with_name("moved"))


def replace_by_file(folder: Path) -> None:
    """In the place of the whole folder."""
    folder.rename(folder.with_name("moved"))
    folder.write_text("")


def artifacts_is_a_link(folder: Path) -> None:
    """Out of the registry."""
    (folder / "artifacts").rename(folder.parent / "outputs")
    (folder / "artifacts").symlink_to(folder.parent / "outputs")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (make_link, "'transcript' in its folder is a symbolic link"),
        (replace_folder, "is none"),
        (replace_by_file, "is none"),
        (artifacts_is_a_link, "'artifacts' in its folder is a symbolic link"),
        (lambda folder: (folder / "mine.txt").write_text(""), "'mine.txt' in its folder is nothing that"),
        (lambda folder: (folder / "exit").mkdir(), "'exit' in its folder is not what it should be"),
        (lambda folder: os.link(folder / "transcript", folder.parent / "x"), "has another name elsewhere"),
    ],
)
def test_what_is_not_as_we_make_it_is_said(folder: Path, spoil: object, said: str) -> None:
    """Whoever put it there may want it."""
    spoil(folder)  # type: ignore[operator]
    found = look(str(folder))

    assert found is not None
    assert said in found.problem


def test_bytes_by_what_they_belong_to(folder: Path) -> None:
    """For `df`."""
    found = sizes(str(folder))

    assert found["transcripts"] == allocated(folder / "transcript")
    assert found["artifacts"] == allocated(
        folder / "artifacts", folder / "artifacts/deep", folder / "artifacts/deep/model"
    )
