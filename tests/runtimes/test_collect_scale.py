"""Outputs without end: a million files, and a file of holes that is larger than the disk."""

import os
import tracemalloc
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from runlore.runtimes.collect import Limits
from tests.proof import record
from tests.runtimes.test_collect import World

FOLDER_OF = 1_000
MOST_MIB = 16


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A run whose command has ended."""
    made = World(tmp_path)
    yield made
    made.owned.die()


@pytest.mark.timeout(3600)
def test_a_million_files(world: World, sized: Callable[[int, int], int]) -> None:
    """So many are stored as may be, the others counted to the last one, in no more memory than few take."""
    files, most = sized(3_000, 1_000_000), 50
    for number in range(0, files, FOLDER_OF):
        folder = world.cwd / "out" / f"{number:07}"
        folder.mkdir(parents=True)
        for each in range(FOLDER_OF):
            fd = os.open(folder / str(each), os.O_WRONLY | os.O_CREAT | os.O_EXCL)
            os.write(fd, b"12345")
            os.close(fd)
    tracemalloc.start()
    try:
        world.collect("out/**", limits=Limits(files=most))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    more = world.entries[""]

    assert (more.outcome, more.files, more.bytes) == ("skipped", files - most, (files - most) * 5)
    assert more.reason == f"a run has {most} files at most"
    assert len(world.entries) == most + 1
    assert peak < MOST_MIB << 20
    record(
        "outputs beyond the limits",
        "as many as may be are stored, and the others counted exactly, in flat memory",
        {"files": files, "stored": most, "counted": more.files},
    )


@pytest.mark.timeout(3600)
def test_a_file_of_holes(world: World, sized: Callable[[int, int], int]) -> None:
    """It is stored whole, by the digest of all its bytes, and takes no more of the disk than it holds."""
    size = sized(256 << 20, 10 << 30)
    with (world.cwd / "sparse").open("wb") as file:
        for place in (0, size // 2, size - 3):
            file.seek(place)
            file.write(b"end")
    world.collect("sparse")
    entry = world.entries["sparse"]
    kept = (world.bundle / (entry.sha256 or "")).stat()

    assert (entry.outcome, entry.bytes, kept.st_size) == ("stored", size, size)
    assert kept.st_blocks * 512 < 1 << 20
    assert entry.sha256 == _digest_of(world.cwd / "sparse")
    record("sparse outputs", "holes stay holes, and the digest is that of all bytes", {"bytes": size})


def _digest_of(path: Path) -> str:
    digest = sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()
