"""Journals of runs in every state of life, made in this process: what keepers leave behind, without one."""

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from msgspec import structs

from runlore.journal import ids, machine, root
from runlore.journal.disk import REAL
from runlore.journal.events import (
    FORMAT,
    PROTOCOL,
    Event,
    RunBooting,
    RunCollecting,
    RunQueued,
    RunStarted,
    RunSucceeded,
)
from runlore.journal.exit_record import ExitRecord
from runlore.journal.feed import Feed
from runlore.journal.layout import Layout
from runlore.journal.values import Handle, Identity, Owner, Recipe, RunId, Seq
from runlore.journal.writer import Writer
from runlore.runtimes import exit_file
from runlore.runtimes.identity import identify
from runlore.runtimes.owner_lock import OwnerLock

Draft = Callable[[Seq, datetime], Event]
NOBODY = Identity(boot_id=machine.boot_id(), pid_ns=machine.pid_namespace(), pid=2**22 - 1, start_ticks=1)
"""A process of this boot that has ended: no pid is as high as the kernel's limit."""


def registry_at(path: object) -> Layout:
    """A new registry."""
    return root.open_for_writing(REAL, str(path))


def myself() -> Identity:
    """The process that runs this test."""
    found = identify(os.getpid())
    assert found is not None
    return found


def program(code: str, *words: str) -> list[str]:
    """The command line of a process that runs `code` and can import what this one can."""
    path = [str(Path(__file__).parents[2]), *sys.path]
    return [sys.executable, "-W", "ignore", "-c", f"import sys; sys.path[:0] = {path!r}\n{code}", *words]


def said_by(code: str, *words: str) -> str:
    """What a process prints that runs `code` to its end."""
    done = subprocess.run(program(code, *words), capture_output=True, text=True, check=False, timeout=50)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


class Owned:
    """A run of which this process is the owner, as far as the kernel can tell."""

    def __init__(
        self, layout: Layout, *, boot_id: str | None = None, queue: str = "", artifacts: tuple[str, ...] = ()
    ) -> None:
        self.layout = layout
        self.boot_id = machine.boot_id() if boot_id is None else boot_id
        self.run_id: RunId = ids.mint(datetime.now(UTC), os.urandom(5))
        self.lock = OwnerLock.create(REAL, layout, self.run_id, durability="process")
        self._feed = Feed(REAL, layout)
        self.writer = Writer.create(
            REAL,
            layout,
            self.run_id,
            lambda seq, at: RunQueued(
                seq=seq,
                at=at,
                format=FORMAT,
                run_id=self.run_id,
                recipe=Recipe(argv=("true",), cwd="/", artifacts=artifacts),
                queue=queue,
                durability="process",
                boot_id=self.boot_id,
            ),
            feed=self._feed,
        )

    def boot(
        self, *, runtime: str = "background", by: Identity = NOBODY, protocol: int = PROTOCOL
    ) -> "Owned":
        """Say that the process `by` is the owner that booted it; the lock is this process's."""
        identity = structs.replace(by, boot_id=self.boot_id)
        owner = Owner(host=machine.host(), identity=identity, user="someone")
        self.append(
            lambda seq, at: RunBooting(
                seq=seq, at=at, epoch=1, runtime=runtime, owner=owner, protocol=protocol
            )
        )
        return self

    def start(self, command: Identity = NOBODY, wrapper: Identity | None = NOBODY) -> "Owned":
        """Say that the command runs as the process `command`."""
        handle = Handle(pid=command.pid, identity=command, wrapper=wrapper)
        self.append(lambda seq, at: RunStarted(seq=seq, at=at, epoch=1, handle=handle))
        return self

    def append(self, draft: Draft) -> None:
        """Write one more event."""
        self.writer.append(draft)

    def succeed(self) -> "Owned":
        """End it well, seal included."""
        self.append(lambda seq, at: RunCollecting(seq=seq, at=at, epoch=1, exit_code=0, exited_at=at))
        self.append(lambda seq, at: RunSucceeded(seq=seq, at=at, epoch=1, exit_code=0, ended_at=at))
        return self

    def leave_exit(self, exit_code: int = 0) -> "Owned":
        """Leave the record that the command ended, as a wrapper does."""
        fd = exit_file.preallocate(REAL, self.layout.in_run(self.run_id, "exit"))
        exit_file.write(REAL, fd, ExitRecord(at=datetime.now(UTC), exit_code=exit_code))
        os.close(fd)
        return self

    def claim(self) -> "Owned":
        """Own it again, as a worker does with a queue entry."""
        self.lock = OwnerLock.take(REAL, self.layout, self.run_id)
        self.writer = Writer(REAL, self.layout, self.run_id, owner=True)
        return self

    def die(self) -> RunId:
        """Let go of everything without a word, as a killed owner does."""
        self.writer.close()
        self._feed.close()
        self.lock.release()
        return self.run_id
