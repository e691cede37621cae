"""Auditing: what looks cut may be a write under way."""

import os
from pathlib import Path

from runlore.journal.audit import settled
from runlore.journal.disk import REAL
from runlore.journal.events import Event, RunNoted, RunQueued
from runlore.journal.layout import Layout
from runlore.journal.root import open_for_writing
from runlore.journal.values import Recipe, RunId
from runlore.journal.writer import Writer

RUN = RunId("20261120-201400-k3f9x2ab")


def journal(root: Path) -> tuple[Layout, bytes, bytes]:
    """Return a registry with one journal, its first half and the rest."""
    layout = open_for_writing(REAL, str(root))
    os.mkdir(layout.run_dir(RUN))

    def queued(seq: int, at: object) -> Event:
        return RunQueued(seq=seq, at=at, format=1, run_id=RUN, recipe=Recipe(argv=("true",), cwd="/"))  # type: ignore[arg-type]

    def noted(seq: int, at: object) -> Event:
        return RunNoted(seq=seq, at=at, text="x" * 100)  # type: ignore[arg-type]

    writer = Writer.create(REAL, layout, RUN, queued)
    whole = Path(layout.journal(RUN))
    first = len(whole.read_bytes())
    writer.append(noted)
    writer.close()
    data = whole.read_bytes()
    whole.write_bytes(data[: first + 50])
    return layout, data[: first + 50], data[first + 50 :]


def test_half_a_line_under_a_writers_lock_is_waited_for(registry_root: Path) -> None:
    """Once the append is done there is nothing to find."""
    layout, _, rest = journal(registry_root)
    fd = REAL.open(layout.journal(RUN), os.O_RDWR | os.O_APPEND)
    REAL.lock(fd)
    slept: list[float] = []

    def finish(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            os.write(fd, rest)
            REAL.unlock(fd)

    found = settled(REAL, layout, RUN, sleep=finish)
    os.close(fd)

    assert (found.integrity, found.findings, len(slept)) == ("unsealed", [], 3)


def test_half_a_line_that_nobody_writes_is_a_finding_at_once(registry_root: Path) -> None:
    """A crash left it; there is nothing to wait for."""
    layout, _, _ = journal(registry_root)
    slept: list[float] = []

    found = settled(REAL, layout, RUN, sleep=slept.append)

    assert (found.integrity, found.crash_tail, slept) == ("damaged", True, [])


def test_a_writer_that_never_ends_is_not_waited_for_for_ever(registry_root: Path) -> None:
    """After a second of looking, what is there is told."""
    layout, _, _ = journal(registry_root)
    fd = REAL.open(layout.journal(RUN), os.O_RDWR)
    REAL.lock(fd)
    slept: list[float] = []

    found = settled(REAL, layout, RUN, sleep=slept.append)
    os.close(fd)

    assert found.crash_tail
    assert 0.5 < sum(slept) < 2
