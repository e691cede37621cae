"""A disk that is full at any write of a collection: the run ends as its command did, and all is told."""

import errno
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from runlore.journal.disk import REAL
from runlore.journal.errors import JournalIO
from tests.crash.collectors import FOUND, Collects
from tests.doubles.failer import How, failing
from tests.proof import record

TAKES_ROOM: Final = frozenset(
    {"open", "write", "pwrite", "mkdir", "rename", "truncate", "fallocate", "fdatasync", "sync_dir", "link"}
)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("how", ["once", "for ever"])
def test_a_disk_that_is_full(how: How, tmp_path: Path, sized: Callable[[int, int], int]) -> None:
    """What was kept is listed and sound, what was not is told; with room again the end is on record."""
    count, broken, lost = 0, list[str](), 0
    every = sized(6, 1)
    calls = _one(tmp_path / "rehearsal", None, how, broken)[0]
    for at in range(1, calls + 1, every):
        _, left_out = _one(tmp_path / str(at), at, how, broken)
        count, lost = count + 1, lost + left_out

    assert broken == []
    assert lost > 0 or how == "for ever"  # where nothing of the end was taken, all is collected again
    record(
        f"a full disk while outputs are collected, {how}",
        "the run ends with the exit code of its command, what was kept is sound, and what was not is told",
        {"points": count, "outputs that were not kept": lost},
    )


def _one(folder: Path, at: int | None, how: How, broken: list[str]) -> tuple[int, int]:
    """Let one collection meet a full disk; return its calls, and how many outputs it could not keep."""
    folder.mkdir()
    victim = Collects(str(folder / "registry"), lambda *_: None)
    victim.prepare()
    victim.disk, failer = failing(REAL, at, errno.ENOSPC, how, only=TAKES_ROOM)
    try:
        victim.act()
    except JournalIO:
        pass  # a keeper tries for a while, and leaves it to the exit record then
    calls = failer.count
    failer.repair()
    broken += [f"{failer.failed} {at} {how}: {problem}" for problem in (*victim.ended(), *_untold(victim))]
    return calls, sum(outcome == "failed" for outcome in victim.entries().values())


def _untold(victim: Collects) -> Iterator[str]:
    """Yield outputs of which nothing is on record, neither by name nor by count."""
    told = victim.outputs().entries
    missing = FOUND.keys() - {each.path for each in told}
    counted = sum(each.files for each in told)
    if len(missing) != counted:
        yield f"{counted} are counted of {missing}: {victim.entries()}"
    wrong = {path for path, outcome in victim.entries().items() if outcome not in {"failed", FOUND.get(path)}}
    if wrong:
        yield f"{wrong} are on record as something else"
