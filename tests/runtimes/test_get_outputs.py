"""What is written elsewhere is right and whole, and lands nowhere else."""

import os
from pathlib import Path

import pytest

from runlore.journal.disk import REAL
from runlore.journal.errors import BadInput, DamagedArtifact, JournalIO, NotFound
from runlore.runtimes.get_outputs import get_outputs
from runlore.runtimes.stored import artifacts_of, open_stored, pieces
from tests.runtimes.test_collect import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A run with two stored outputs."""
    made = World(tmp_path)
    made.write("out/a", "bytes of a")
    made.write("b", "bytes of b")
    made.collect("**")
    made.owned.die()
    return made


def get(world: World, to: Path) -> list[str]:
    """Write all outputs below a folder; return where."""
    stored = artifacts_of(REAL, world.layout, world.run_id).stored
    return [item.to for item in get_outputs(world.layout, world.run_id, stored, str(to))]


def test_outputs_come_out_as_they_went_in(world: World, tmp_path: Path) -> None:
    """Under their paths, in a folder that is made, and nothing else beside them."""
    to = tmp_path / "new" / "place"

    assert get(world, to) == [f"{to}/b", f"{to}/out/a"]
    assert {
        path.relative_to(to).as_posix(): path.read_text() for path in to.rglob("*") if path.is_file()
    } == {
        "b": "bytes of b",
        "out/a": "bytes of a",
    }


def test_nothing_is_written_over(world: World, tmp_path: Path) -> None:
    """Not even a dangling link; and then nothing at all is written."""
    to = tmp_path / "to"
    (to / "out").mkdir(parents=True)
    (to / "out" / "a").symlink_to("nowhere")

    with pytest.raises(BadInput, match="is there already; nothing was written"):
        get(world, to)
    assert os.listdir(to) == ["out"]


def test_a_link_in_the_way_is_not_followed(world: World, tmp_path: Path) -> None:
    """Somebody put a link where a folder is to be: nothing is written behind it."""
    to, outside = tmp_path / "to", tmp_path / "outside"
    to.mkdir()
    outside.mkdir()
    (to / "out").symlink_to(outside)

    with pytest.raises((BadInput, JournalIO)):
        get(world, to)
    assert os.listdir(outside) == []


def test_damaged_bytes_do_not_come_out(world: World, tmp_path: Path) -> None:
    """The file does not appear, nor does a half of it."""
    path = world.bundle / str(world.entries["b"].sha256)
    path.chmod(0o600)
    path.write_text("bytes of x")

    with pytest.raises(DamagedArtifact, match="b: its bytes are not those on record"):
        get(world, tmp_path / "to")
    assert os.listdir(tmp_path / "to") == []


def test_a_link_among_the_stored_files(world: World) -> None:
    """It is not followed, whatever it leads to."""
    entry = world.entries["b"]
    path = world.bundle / str(entry.sha256)
    path.unlink()
    path.symlink_to("/etc/passwd")

    with pytest.raises(DamagedArtifact, match="a symbolic link stands in its place"):
        open_stored(world.layout, world.run_id, entry)


def test_bytes_that_are_gone(world: World) -> None:
    """The journal names them, and nothing has them: that is told, with what to type."""
    entry = world.entries["b"]
    (world.bundle / str(entry.sha256)).unlink()

    with pytest.raises(NotFound, match="its bytes are not there any more; see `runlore artifacts verify"):
        open_stored(world.layout, world.run_id, entry)


def test_evidence_outlives_the_bundle(world: World) -> None:
    """What was promoted is read from there once the run's own copy is gone."""
    entry = world.entries["b"]
    evidence = Path(world.layout.root, "evidence", str(entry.sha256))
    evidence.parent.mkdir(exist_ok=True)
    (world.bundle / str(entry.sha256)).rename(evidence)
    fd = open_stored(world.layout, world.run_id, entry)
    try:
        assert b"".join(pieces(fd, entry)) == b"bytes of b"
    finally:
        os.close(fd)
