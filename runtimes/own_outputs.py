"""The outputs of a tracked run: declared by its program, and collected by it when its block is over."""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from runlore.journal import events
from runlore.journal.errors import BadInput, JournalIO, RunloreError
from runlore.journal.reader import JournalReader
from runlore.journal.values import RunId
from runlore.projections.run_state import RunState
from runlore.runtimes import heartbeat
from runlore.runtimes.collecting import OUTPUTS, collect_surely, has_outputs, limits_in
from runlore.runtimes.heartbeat import EVERY_S
from runlore.runtimes.spec import RunSpec

if TYPE_CHECKING:
    from runlore.runtimes.record_outputs import Append
    from runlore.runtimes.registry import Registry

_GLANCE_S: Final = 0.25
_BETWEEN_S: Final = 1.0


class OwnOutputs:
    """What one tracked run leaves. spec: what was declared when it began, and the folder it began in."""

    def __init__(self, registry: "Registry", run_id: RunId, spec: RunSpec) -> None:
        self._registry, self._run_id, self._spec = registry, run_id, spec
        self.folder: Final = registry.layout.in_run(run_id, OUTPUTS)

    def make_folder(self) -> None:
        """Make the folder in which everything is declared, if it is not there.

        Raises JournalIO: the disk refused.
        """
        try:
            self._registry.disk.mkdir(self.folder)
        except FileExistsError:
            return
        except OSError as error:
            raise JournalIO(f"{self.folder}: {error.strerror or error}") from error

    def require_ours(self, path: str) -> None:
        """Return if an absolute path lies where outputs are collected from.

        Raises BadInput: it does not.
        """
        if not path.startswith((f"{self._spec.cwd.rstrip('/')}/", f"{self.folder}/")):
            raise BadInput(
                f"{path!a} lies outside the run's folders; only what is below the folder that it began in, "
                "or in its own `outputs`, is collected. Copy it there"
            )

    def are_declared(self, state: RunState) -> bool:
        """Say whether there may be anything to collect."""
        return state.declares or has_outputs(self._registry.disk, self._registry.layout, self._run_id)

    def collect(self, append: "Append", is_urgent: Callable[[], bool]) -> str:
        """Collect them; return which are not durable, if any. Whatever goes wrong is on record.

        is_urgent: asked now and then; True ends it, and what is left out is on record.
        """
        from runlore.runtimes.collect import Wanted  # noqa: PLC0415 - most runs have no outputs

        registry, spec = self._registry, self._spec
        wanted = Wanted(
            disk=registry.disk,
            layout=registry.layout,
            run_id=self._run_id,
            cwd=spec.cwd,
            artifacts=spec.artifacts,
            reports=spec.reports,
            required=spec.required,
            redactor=registry.secrets.found.redactor,
            limits=limits_in(registry.root),
        )
        with JournalReader(registry.disk, registry.layout, self._run_id) as reader:
            care = _Care(registry, self._run_id, reader, is_urgent)
            return collect_surely(wanted, append, care.tick, care.pause)


class _Care:
    """Gives signs of life while outputs are collected, and notices that nobody wants to wait for them."""

    def __init__(
        self, registry: "Registry", run_id: RunId, reader: JournalReader, is_urgent: Callable[[], bool]
    ) -> None:
        self._registry, self._reader, self._is_urgent = registry, reader, is_urgent
        self._path = registry.layout.in_run(run_id, "heartbeat")
        self._beats, self._next_beat, self._next_glance = 0, 0.0, 0.0

    def tick(self) -> None:
        now = time.monotonic()
        if now >= self._next_beat:
            self._beats, self._next_beat = self._beats + 1, now + EVERY_S
            heartbeat.beat_once(self._registry.disk, self._path, self._beats)
        if now >= self._next_glance:
            self._next_glance = now + _GLANCE_S
            if self._is_urgent() or self._is_forced():
                from runlore.runtimes.collect import GiveUp  # noqa: PLC0415 - loaded by now

                raise GiveUp

    def pause(self) -> None:
        """Wait a moment for a disk that refuses."""
        time.sleep(_BETWEEN_S)

    def _is_forced(self) -> bool:
        """Say whether somebody has asked the run to stop by force."""
        with suppress(RunloreError):
            for record in self._reader.read_available():
                if isinstance(record.event, events.RunStopRequested) and record.event.force:
                    return True
        return False
