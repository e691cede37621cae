"""Fill a small tmpfs, again and again: `python -m tests.crash.full_disk CYCLES SEED FOLDER`.

Wants a mount namespace of its own (`unshare -m`, or `unshare -Urm` for ordinary users). In each cycle a
run is created, a greedy neighbour takes every page that is free, owner and strangers append until they
are refused, and then the run has to end. Prints one JSON line.
"""

import json
import os
import random
import signal
import subprocess
import sys
from contextlib import suppress
from typing import Final

from runlore.journal.disk import REAL
from runlore.journal.errors import JournalIO
from runlore.journal.events import JournalRepaired
from runlore.journal.feed import Feed
from runlore.journal.layout import Layout
from runlore.journal.reader import read
from runlore.journal.root import open_for_writing
from runlore.journal.values import RunId
from runlore.journal.verify import verify
from runlore.journal.writer import Writer
from tests.doubles.drafts import booting, collecting, failed, new_run_id, noted, progressed, queued, started

SIZE_KIB: Final = 256
_MOST: Final = 2000


class Cycles:
    """Runs that end on a full disk."""

    def __init__(self, layout: Layout, seed: int) -> None:
        self._layout, self._rng = layout, random.Random(seed)
        self.runs = self.acknowledged = self.refused = 0
        self.broken: list[str] = []

    def one(self) -> None:
        """Let one run live and end."""
        run_id = new_run_id(self.runs)
        feed = Feed(REAL, self._layout)
        owner = Writer.create(REAL, self._layout, run_id, queued(run_id), feed=feed)
        heads: list[str] = [owner.append(booting()).head, owner.append(started()).head]
        neighbour = _take_every_page(self._layout.root)
        try:
            heads += self._append_until_refused(owner, run_id)
            heads += [owner.append(collecting()).head, owner.append(failed()).head]
        except JournalIO as error:
            self.broken.append(f"the end of a run did not fit: {error}")
        finally:
            os.kill(neighbour, signal.SIGKILL)
            os.waitpid(neighbour, 0)
            os.unlink(f"{self._layout.root}/neighbour")
        owner.close()
        feed.close()
        self.runs += 1
        self.acknowledged += len(heads)
        self._look(run_id, heads)
        os.unlink(self._layout.journal(run_id))

    def _append_until_refused(self, owner: Writer, run_id: RunId) -> list[str]:
        """Append whatever fits, and go on for a while after the first refusal."""
        heads: list[str] = []
        left = self._rng.randrange(5, 60)
        for _ in range(_MOST):
            stranger = Writer(REAL, self._layout, run_id)
            writer = self._rng.choice((owner, owner, stranger))
            text = "x" * self._rng.choice((3, 30, 300, 3_000, 30_000))
            try:
                heads.append(writer.append(self._rng.choice((noted, progressed))(text)).head)
            except JournalIO:
                self.refused += 1
                left -= 1
            with suppress(JournalIO):
                stranger.close()
            if not left:
                break
        return heads

    def _look(self, run_id: RunId, heads: list[str]) -> None:
        found = verify(REAL, self._layout, run_id)
        if found.findings or found.integrity != "sealed":
            self.broken.append(f"verify says {found.integrity}: {found.findings}")
        records = list(read(REAL, self._layout, run_id, check_chain=True))
        if missing := set(heads) - {record.head for record in records}:
            self.broken.append(f"{len(missing)} acknowledged events are missing")
        if any(isinstance(record.event, JournalRepaired) for record in records):
            self.broken.append("half a record was left for the next appender to mend")


def _take_every_page(folder: str) -> int:
    """Return a child that takes whatever room there is, and whatever somebody gives back, until killed."""
    ready = os.pipe()
    child = os.fork()
    if child:
        os.close(ready[1])
        os.read(ready[0], 1)
        os.close(ready[0])
        return child
    fd = os.open(f"{folder}/neighbour", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    told = False
    while True:
        try:
            os.write(fd, bytes(4096))
        except OSError:
            if not told:
                os.write(ready[1], b"!")
                told = True


def main(cycles: str, seed: str, folder: str) -> None:
    """Mount, and go through the cycles."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE_KIB}k", "tmpfs", folder], check=True)
    all_of_them = Cycles(open_for_writing(REAL, f"{folder}/registry"), int(seed))
    while all_of_them.runs < int(cycles) and not all_of_them.broken:
        all_of_them.one()
    names = "runs", "acknowledged", "refused", "broken"
    print(json.dumps({name: getattr(all_of_them, name) for name in names}))


if __name__ == "__main__":
    main(*sys.argv[1:])
