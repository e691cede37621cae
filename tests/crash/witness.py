"""What really happened, noted at the port: every line that was ever written, and what was promised.

The check of a crash state asks this witness, never the code under test.
"""

import json
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from runlore.journal.disk import Disk
from runlore.journal.values import RunId
from tests.doubles.recorder import CALLS

STATUS: Final = {
    "run.queued": "queued",
    "run.booting": "booting",
    "run.started": "running",
    "run.collecting": "collecting_artifacts",
    "run.succeeded": "succeeded",
    "run.failed": "failed",
    "run.timed_out": "timed_out",
    "run.cancelled": "cancelled",
}
"""The lifecycle as the design states it; deliberately not the table of the code."""


@dataclass(frozen=True)
class Line:
    """A line that somebody wrote, whether it reached the disk or not."""

    seq: int
    kind: str
    head: str
    status: str | None


@dataclass
class Witness:
    """Every line ever written, by head, and the heads that were promised."""

    lines: dict[str, Line] = field(default_factory=dict)
    promised: dict[RunId, Line] = field(default_factory=dict)
    """Per run the newest line that must survive whatever happens."""

    def promise(self, run_id: RunId, head: str) -> None:
        """Note that everything up to `head` was acknowledged as durable."""
        self.promised[run_id] = self.lines[head]

    def watched(self, disk: Disk) -> Disk:
        """Return a disk whose writes are seen here."""
        return _Watched(disk, self)  # type: ignore[return-value]  # the calls are put in at run time

    def see(self, data: bytes) -> None:
        """Note the lines that are being written."""
        for line in data.split(b"\n"):
            if len(line) > 73 and line[-72:-66] == b',"h":"':
                self._note(line)

    def _note(self, line: bytes) -> None:
        head = line[-66:-2].decode()
        if head in self.lines:
            return
        event = json.loads(line)
        parent = self._parent(event, line)
        status = STATUS.get(event["type"], parent.status if parent else None)
        self.lines[head] = Line(event["seq"], event["type"], head, status)

    def _parent(self, event: dict[str, object], line: bytes) -> Line | None:
        """Return the line that this one's `h` continues; None for a first line."""
        for other in self.lines.values():
            follows = sha256(bytes.fromhex(other.head) + line[:-72]).hexdigest() == line[-66:-2].decode()
            if follows and other.seq + 1 == event["seq"]:
                return other
        assert event["seq"] == 1, f"a line that continues nothing was written: {line[:80]!r}"
        return None


class _Watched:
    def __init__(self, disk: Disk, witness: Witness) -> None:
        for name in CALLS:
            setattr(self, name, getattr(disk, name))

        def write(fd: int, data: bytes) -> int:
            witness.see(bytes(data))
            return disk.write(fd, data)

        self.write = write
