"""A process that collects outputs, on its way to be killed, or to meet a disk that is full."""

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from msgspec import structs

from runlore.journal import events, machine
from runlore.journal.disk import REAL, Disk
from runlore.journal.exit_record import ExitRecord
from runlore.journal.feed import Feed
from runlore.journal.redactor import Redactor
from runlore.journal.scan import Record
from runlore.journal.values import Handle, Owner, Recipe
from runlore.journal.writer import Writer
from runlore.projections.artifacts import Artifacts
from runlore.runtimes import exit_file
from runlore.runtimes.check_outputs import check_outputs
from runlore.runtimes.collect import Wanted, collect
from runlore.runtimes.folding import RunFold
from runlore.runtimes.observe import Observer
from runlore.runtimes.owner_lock import OwnerLock
from runlore.runtimes.reconcile import Reconciler
from runlore.runtimes.stored import artifacts_of
from tests.crash.victims import RUN, Victim
from tests.doubles.drafts import queued
from tests.runtimes.kept_runs import NOBODY

EXIT_CODE: Final = 42
FOUND: Final = {
    "own": "stored",
    "out/a": "stored",
    "out/large": "stored",
    "out/link": "skipped",
    "out/same": "stored",
}


class Collects(Victim):
    """Collects what a command left that exited with 42, and puts that end on record."""

    def prepare(self) -> None:
        super().prepare()
        work = self._make_outputs()
        recipe = Recipe(argv=("sh",), cwd=work, artifacts=("out",))
        identity = structs.replace(NOBODY, boot_id=machine.boot_id())
        owner = Owner(host=machine.host(), identity=identity, user="someone")
        handle = Handle(pid=identity.pid, identity=identity, wrapper=identity)
        first = queued(RUN, boot_id=machine.boot_id())
        with OwnerLock.create(REAL, self.layout, RUN):
            os.mkdir(self.layout.in_run(RUN, "artifacts"))
            Path(self.layout.in_run(RUN, "artifacts"), "own").write_text("own")
            self._leave_exit()
            writer = Writer.create(
                self.disk,
                self.layout,
                RUN,
                lambda seq, at: structs.replace(first(seq, at), recipe=recipe),
                feed=Feed(self.disk, self.layout),
            )
            with closing(writer):
                self.promise(RUN, writer.tail.head)
                self.append(
                    writer,
                    lambda seq, at: events.RunBooting(
                        seq=seq, at=at, epoch=1, runtime="background", owner=owner
                    ),
                    lambda seq, at: events.RunStarted(seq=seq, at=at, epoch=1, handle=handle),
                )

    def _make_outputs(self) -> str:
        work = Path(f"{self.root}-work")
        (work / "out").mkdir(parents=True)
        for name in ("a", "same"):
            (work / "out" / name).write_text("the same")
        (work / "out" / "link").symlink_to("/etc/passwd")
        with (work / "out" / "large").open("wb") as file:
            file.write(b"x" * 5000)
            file.truncate(3 << 20)
        return str(work)

    def _leave_exit(self) -> None:
        fd = exit_file.preallocate(REAL, self.layout.in_run(RUN, "exit"))
        exit_file.write(REAL, fd, ExitRecord(at=REAL.now(), exit_code=EXIT_CODE))
        os.close(fd)

    def act(self) -> None:
        with (
            OwnerLock.take(REAL, self.layout, RUN),
            closing(
                Writer(self.disk, self.layout, RUN, owner=True, feed=Feed(self.disk, self.layout))
            ) as writer,
        ):

            def append(kind: type[events.Event], /, **fields: object) -> Record:
                record = writer.append(lambda seq, at: kind(seq=seq, at=at, by=None, epoch=1, **fields))
                self.promise(RUN, record.head)
                return record

            append(events.RunCollecting, exit_code=EXIT_CODE)
            wanted = Wanted(
                disk=self.disk,
                layout=self.layout,
                run_id=RUN,
                cwd=f"{self.root}-work",
                artifacts=("out",),
                redactor=Redactor(),
                may_empty=True,
            )
            collect(wanted, append, lambda: None, lambda: None)
            append(events.RunFailed, exit_code=EXIT_CODE)

    def mend(self) -> Iterator[str]:
        yield from self.ended()
        if self.entries() != FOUND:
            yield f"on record are {self.entries()}"

    def ended(self) -> Iterator[str]:
        """Conclude the run as anybody may, twice; yield what is wrong then."""
        self._conclude(self.disk)
        folded = RunFold(REAL, self.layout, RUN)
        folded.advance()
        if (folded.state.status, folded.state.exit_code) != ("failed", EXIT_CODE):
            yield f"it ended {folded.state.status} with {folded.state.exit_code}"
        before = self.outputs()
        self._conclude(self.disk)
        if self.outputs() != before:
            yield "a second collection changed something"
        paths = [each.path for each in before.entries]
        if len(paths) != len(set(paths)):
            yield f"twice on record: {paths}"
        own = Path(self.layout.in_run(RUN, "artifacts"), "own")
        if self.entries().get("own") != "stored" and not own.exists():
            yield "the only copy of an output is gone"
        yield from (f"{each}" for each in check_outputs(REAL, self.layout, RUN).findings)

    def entries(self) -> dict[str, str]:
        """Return what became of each output."""
        return {each.path: each.outcome for each in self.outputs().entries}

    def outputs(self) -> Artifacts:
        """Return what the journal says of them."""
        return artifacts_of(REAL, self.layout, RUN)

    def _conclude(self, disk: Disk) -> None:
        by = machine.actor("test")
        Reconciler(disk, self.layout, Observer(disk, self.layout), by=by).collect(RUN)


COLLECTORS: Final[dict[str, type[Victim]]] = {"collect": Collects}
