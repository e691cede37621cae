"""Control groups of a test's own, to limit what runs inside them; needs root."""

import os
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.runtimes.keeping import until

ROOT = Path("/sys/fs/cgroup")
"""As systemd and container engines mount it, in both versions."""


@contextmanager
def group(controller: str, limits: dict[str, str], limits_v2: dict[str, str]) -> Iterator[Path]:
    """Give the folder of a new group with these limits; whatever is left in it is killed afterwards."""
    first = (ROOT / controller).is_dir()
    folder = Path(tempfile.mkdtemp(prefix="runlore-test-", dir=ROOT / controller if first else ROOT))
    try:
        for name, value in (limits if first else limits_v2).items():
            (folder / name).write_text(value)
        yield folder
    finally:
        until(lambda: _emptied(folder))
        folder.rmdir()


def members(folder: Path) -> list[int]:
    """The processes in a group."""
    return [int(word) for word in (folder / "cgroup.procs").read_text().split()]


def _emptied(folder: Path) -> bool:
    for number in (signal.SIGSTOP, signal.SIGKILL):
        for pid in members(folder):
            with suppress(ProcessLookupError):
                os.kill(pid, number)
    return not members(folder)
