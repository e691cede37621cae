"""A part of one run's output as the chunks that were read, which is many times faster than by lines."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from runlore.journal.values import RunId
from runlore.runtimes.transcript_reader import Chunk, TranscriptReader
from runlore.runtimes.transcript_tails import Window
from runlore.runtimes.waiting import Waiting

if TYPE_CHECKING:
    from runlore.runtimes.registry import Registry


class Chunks:
    """One run's output within a window."""

    def __init__(self, registry: "Registry", run_id: RunId, window: Window) -> None:
        self._registry, self._run_id, self._window = registry, run_id, window
        self.shrunk: list[RunId] = []
        """The run, if somebody cut its transcript while it was read here."""
        self.ended: set[RunId] = set()
        """The run, once it is over and all it wrote has come."""

    def read(self, look: Callable[[], None]) -> Iterator[Chunk]:
        """Yield the chunks wanted; look: called while more is awaited.

        Raises:
            NotFound: the run has no transcript.
        """
        registry, window = self._registry, self._window
        with (
            TranscriptReader(
                registry.disk, registry.layout, self._run_id, stream=window.stream, until=window.until
            ) as reader,
            Waiting(registry.disk, registry.layout, registry.observer, [self._run_id]) as waiting,
        ):
            if window.since is not None:
                reader.seek_since(window.since)
            while True:
                past = reader.is_past()
                waiting.check()  # before reading: what was written before the end is read after it
                for chunk in reader.read_available(reader.now()):
                    waiting.hurry()
                    yield chunk
                self.shrunk = [self._run_id] if reader.shrunk else []
                self.ended = set(waiting.decided)
                if past or not window.follow or not waiting.pending:
                    return
                look()
                waiting.sleep(None)
