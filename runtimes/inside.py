"""Speak for the run inside which this process was started: its command, or anything that started.

The run is found by RUNLORE_RUN_ID and RUNLORE_ROOT. Whoever is inside it may say what a workload may
say, and nothing about its status: that is its owner's. Nothing is said of a run that has ended.
"""

import atexit
import os
import sys
import threading
import time
import warnings
import weakref
from collections.abc import Mapping
from typing import Final

from runlore.journal.disk import Disk
from runlore.journal.errors import AlreadyEnded, BadInput, OutsideRun, RunloreError
from runlore.journal.events import Event, RunProgressed, RunQueued, RunReadied, tag_of
from runlore.journal.ids import is_run_id
from runlore.journal.layout import Layout
from runlore.journal.root import find_root, open_for_writing
from runlore.journal.scan import Record
from runlore.journal.values import Actor, RunId
from runlore.journal.writer import Draft, Writer
from runlore.runtimes.bell import ring
from runlore.runtimes.last_word import SYNC_AFTER_S, LastWord
from runlore.runtimes.pulse import pulse
from runlore.runtimes.run_secrets import OwnSecrets
from runlore.runtimes.saying import declared, placed
from runlore.runtimes.shared_feed import shared_feed
from runlore.runtimes.surroundings import INSIDE, ROOT, current_folder


class Inside:
    """This process as the voice of the run it is inside of. May be used by several threads.

    A forked child speaks for itself: what its parent said and did not record yet stays the parent's.
    """

    def __init__(self, disk: Disk, layout: Layout, run_id: RunId, by: Actor) -> None:
        self._disk, self._layout, self._by = disk, layout, by
        self._secrets: Final = OwnSecrets(layout.root)
        self.id: Final = run_id
        self._begin()
        _voices.add(self)

    def _begin(self) -> None:
        self._guard = threading.Lock()
        feed = shared_feed(self._disk, self._layout)
        self._writer = Writer(self._disk, self._layout, self.id, feed=feed, redact=self._secrets.event)
        self._word = LastWord(self.id)
        self._flushes_at_exit = self._warned = False

    @property
    def root(self) -> str:
        """The registry's folder."""
        return self._layout.root

    def tell(self, event: Event) -> Record:
        """Return the record of what the workload says, durable; its keeper is woken if it waits for it.

        Raises:
            AlreadyEnded: the run has ended. NotFound: it has no journal. CorruptJournal, NewerFormat,
                JournalIO: it was not recorded.
        """
        record = self._writer.append(self._draft(event, self._by))
        if isinstance(event, RunReadied):
            ring(self._layout, self.id)
        return record

    def artifact(self, path: str, kind: str = "") -> Record:
        """Return the record that names a file, or a folder, to be collected when the run has ended.

        Raises:
            BadInput: it lies outside the run's folders, or the kind is no word. And as `tell` does.
        """
        where = os.path.abspath(path)
        if not self._is_ours(where):
            raise BadInput(
                f"{path!a} lies outside the run's folders; only what is below the folder that it began in, "
                "or in $RUNLORE_OUTPUTS, is collected. Copy it there"
            )
        return self.tell(declared(where, kind=kind))

    def _is_ours(self, path: str) -> bool:
        from runlore.journal.reader import JournalReader  # noqa: PLC0415 - nothing else that is said reads
        from runlore.journal.redaction import REDACTED  # noqa: PLC0415 - see above
        from runlore.runtimes.collecting import OUTPUTS  # noqa: PLC0415 - see above

        homes = [self._layout.in_run(self.id, OUTPUTS)]
        with JournalReader(self._disk, self._layout, self.id) as reader:
            first = [record.event for record in reader.read_available(most=1)]
        homes += [event.recipe.cwd for event in first if isinstance(event, RunQueued)]
        if any(REDACTED in home for home in homes):
            return True  # whoever collects it knows
        return any(path.startswith(f"{home.rstrip('/')}/") for home in homes)

    def tell_now(self, said: RunProgressed) -> Record | None:
        """Return the record of progress; None if it is kept back, to be recorded 0.1 s later at most.

        What is kept back is recorded when the interpreter ends, whatever comes first.

        Raises:
            AlreadyEnded, NotFound, CorruptJournal, NewerFormat: as `tell` does. A disk that refuses
                costs the progress and a warning.
        """
        self._flush_at_exit()
        pulse().join(self)
        self._word.say(said)
        now, record = time.monotonic(), None
        if now >= self._word.due_at:
            record = self._append_pending(now)
        pulse().flush_at(self, now + SYNC_AFTER_S if record else self._word.due_at)
        return record

    def beat(self) -> None:
        """Do nothing: the run's keeper gives the signs of life."""

    def flush(self) -> None:
        """Append what progress was kept back, and sync it; raises nothing."""
        try:
            self._append_pending(time.monotonic())
            self._writer.sync()
        except RunloreError as error:
            self._warn(error)

    def close(self) -> None:
        """Let go of the journal, everything said in it being durable.

        Raises:
            JournalIO: progress that was said last may not survive power loss.
        """
        pulse().leave(self)
        self._append_pending(time.monotonic())
        self._writer.close()

    def forget_in_child(self) -> None:
        """Begin anew in a forked child: locks may be held by threads that are not there."""
        self._begin()

    def _append_pending(self, now: float) -> Record | None:
        with self._guard:
            said = self._word.take(now)
            try:
                return self._writer.append(self._draft(said, None)) if said is not None else None
            except OSError as error:  # JournalIO among them
                self._warn(error)
                return None

    def _draft(self, event: Event, by: Actor | None) -> Draft:
        writer, run_id = self._writer, self.id

        def draft(seq: int, at: object) -> Event:
            if writer.tail.ended:  # asked under the append lock, so no end can come in between
                raise AlreadyEnded(run_id, tag_of(event))  # type: ignore[arg-type]  # a KnownEvent
            return placed(event, seq, at, by=by)  # type: ignore[arg-type]  # as the writer gave them

        return draft

    def _flush_at_exit(self) -> None:
        """See that the last word is recorded however this interpreter ends, but for a kill."""
        if self._flushes_at_exit:
            return
        self._flushes_at_exit = True
        atexit.register(self.flush)
        util = sys.modules.get("multiprocessing.util")
        if util is not None:  # its workers end without what atexit knows
            util.Finalize(None, self.flush, exitpriority=0)

    def _warn(self, error: Exception) -> None:
        if not self._warned:
            self._warned = True
            warnings.warn(f"run {self.id}: progress is not recorded: {error}", RuntimeWarning, stacklevel=4)


def find_inside(disk: Disk, environ: Mapping[str, str], root: str | None, by: Actor) -> Inside:
    """Return the voice of the run that these variables name.

    Raises:
        OutsideRun: they name none. NotPermitted, NotFound, JournalIO: its registry may not be written.
    """
    run_id = environ.get(INSIDE, "")
    for name, value in ((INSIDE, run_id), (ROOT, root or environ.get(ROOT, ""))):
        if not value:
            raise OutsideRun(
                f"not inside a run: {name} is not set. `runlore run CMD…` sets it for CMD and all it starts"
            )
    if not is_run_id(run_id):
        raise OutsideRun(f"not inside a run: {INSIDE} is {run_id[:80]!a}, which is no run id")
    layout = open_for_writing(disk, find_root(root, environ, current_folder()).path, create=False)
    return Inside(disk, layout, run_id, by)  # type: ignore[arg-type]  # is_run_id has looked


_voices: "weakref.WeakSet[Inside]" = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for voice in list(_voices):
        voice.forget_in_child()


os.register_at_fork(after_in_child=_after_fork_in_child)
