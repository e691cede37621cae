"""`runlore.current()`: the run this code belongs to, for saying how it is getting on.

That is the tracked run around the calling code, else the run whose command started this process.
"""

import os
from collections.abc import Mapping
from datetime import timedelta
from typing import Final, Protocol

from runlore.journal import machine
from runlore.journal.disk import REAL
from runlore.journal.errors import BadInput
from runlore.journal.events import Event, RunProgressed
from runlore.journal.scan import Record
from runlore.journal.values import RunId
from runlore.runtimes import saying
from runlore.runtimes.inside import Inside, find_inside
from runlore.runtimes.saying import PreviewState
from runlore.runtimes.surroundings import INSIDE, ROOT
from runlore.runtimes.track import current_run


class Voice(Protocol):
    """Who may speak for a run: the process that is it, or one inside of it."""

    @property
    def id(self) -> RunId:
        """The run."""
        ...

    @property
    def root(self) -> str:
        """The registry's folder."""
        ...

    def tell(self, event: Event) -> Record:
        """Return the record of what the run says, durable."""
        ...

    def tell_now(self, said: RunProgressed) -> Record | None:
        """Return the record of progress; None if it is kept back for a moment."""
        ...


class CurrentRun:
    """The run this code belongs to. Whatever is said is durable on return, but for progress.

    Everything raises AlreadyEnded once the run has ended, and NotPermitted, CorruptJournal, NewerFormat
    or JournalIO if it could not be recorded.
    """

    def __init__(self, voice: Voice) -> None:
        self._voice = voice

    def __repr__(self) -> str:
        return f"<runlore.CurrentRun {self.id}>"

    @property
    def id(self) -> RunId:
        """The run's id."""
        return self._voice.id

    @property
    def root(self) -> str:
        """The registry's folder."""
        return self._voice.root

    def ready(self) -> None:
        """Say that the run is ready for what it is for: `--await-ready` waits for it."""
        self._voice.tell(saying.readied())

    def progress(
        self,
        fraction: float | None = None,
        message: str = "",
        *,
        step: str = "",
        metrics: Mapping[str, float] | None = None,
    ) -> None:
        """Say how far the work is; the last word counts, so saying it often costs nothing.

        At most ten a second are recorded, and the last one when the interpreter ends at the latest.
        `fraction` is cut to 0…1; metrics that are no finite number are left out. A disk that refuses
        costs the progress and a warning, never the work.
        """
        self._voice.tell_now(saying.progressed(fraction, message, step=step, metrics=metrics))

    def result(self, document: object) -> None:
        """Set the run's own result, any JSON of at most 64 KiB; the last one counts, shown once it ended."""
        self._voice.tell(saying.result_set(document))

    def preview(
        self, state: PreviewState, url: str = "", *, lease: float | None = None, detail: str = ""
    ) -> None:
        """Say what became of the run's preview, where it is, and for how many seconds it may be used."""
        until = None
        if lease is not None:
            if not 0 <= lease <= _LONGEST_LEASE_S:
                raise BadInput(
                    f"a lease of {lease} is not a number of seconds from 0 to {_LONGEST_LEASE_S:g}"
                )
            until = REAL.now() + timedelta(seconds=lease)
        self._voice.tell(saying.preview_changed(state, url, lease_until=until, detail=detail))

    def checkpoint(self, name: str, path: str | os.PathLike[str], *, sha256: str | None = None) -> None:
        """Say that something was saved to resume from; a relative path is made absolute."""
        self._voice.tell(
            saying.checkpointed(name, saying.saved_at(os.fspath(path), os.path.abspath), sha256=sha256)
        )

    def note(self, text: str) -> None:
        """Leave a note for people."""
        self._voice.tell(saying.noted(text))


def current() -> CurrentRun:
    """Return the run this code belongs to.

    Raises:
        OutsideRun: it belongs to none. NotPermitted, JournalIO: its registry may not be written.
    """
    tracked = current_run()
    return CurrentRun(tracked if tracked is not None else _inside())


_LONGEST_LEASE_S: Final = 1e9
_known: Final[dict[tuple[str, str], Inside]] = {}
"""One voice per run, kept until the process ends: the last word must not go with a forgotten handle."""


def _inside() -> Inside:
    named = os.environ.get(INSIDE, ""), os.environ.get(ROOT, "")
    if named not in _known:
        _known[named] = find_inside(REAL, os.environ, None, machine.actor("python"))
    return _known[named]
