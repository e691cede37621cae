"""A consumer of a named subscription, on the real disk, that is killed at any of its system calls."""

import os
from collections.abc import Iterator
from pathlib import Path

from runlore.journal.disk import REAL
from runlore.journal.reader import read
from tests.crash.victims import RUN, Victim
from tests.doubles.drafts import LIFE
from tests.watcher.consumers import create, drained, subscription

EVERY = 2
"""Records that are dealt with between two acks."""


class Consumes(Victim):
    """Takes records, writes down which, and acks every other one."""

    def prepare(self) -> None:
        super().prepare()
        writer = self.create()
        self.append(writer, *(draft() for draft in LIFE[:2]))
        writer.close()
        create(self.disk, self.layout)

    def act(self) -> None:
        outbox = os.open(self._outbox, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        with subscription(self.disk, self.layout) as records:
            for record in records:
                os.write(outbox, f"{record.run_id} {record.seq}\n".encode())
                if record.seq % EVERY == 0:
                    records.ack(record)
            records.ack()
        os.close(outbox)

    def mend(self) -> Iterator[str]:
        """Consume again: from the last ack on, nothing skipped and nothing more than that repeated."""
        outbox = Path(self._outbox)
        before = len(outbox.read_text().splitlines()) if outbox.exists() else 0
        again = drained(REAL, self.layout)
        seqs = [seq for run_id, seq, _ in again.records if run_id == RUN]
        count = len(list(read(REAL, self.layout, RUN)))
        begun = seqs[0] if seqs else count + 1
        if seqs != list(range(begun, count + 1)):
            yield f"out of order: {seqs}"
        if begun > before + 1:
            yield f"skipped: {before} came, then {seqs}"
        if begun <= before - EVERY:
            yield f"acked, and came again: {before} came, then {seqs}"
        if again.told:
            yield f"told {again.told}"

    @property
    def _outbox(self) -> str:
        return f"{self.root}.outbox"
