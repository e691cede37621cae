"""A part of one run's output as the chunks that were read, which is many times faster than by lines.

A run in the foreground and `logs -f` show output through this one piece; they differ in what wakes them.
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Self

from runlore.journal.values import RunId
from runlore.runtimes.transcript_reader import Chunk, TranscriptReader
from runlore.runtimes.transcript_tails import Window
from runlore.runtimes.waiting import Waiting

if TYPE_CHECKING:
    from runlore.runtimes.registry import Registry


class Chunks:
    """One run's output within a window. Close it."""

    def __init__(self, registry: "Registry", run_id: RunId, window: Window) -> None:
        self._registry, self._run_id, self._window = registry, run_id, window
        self._reader: TranscriptReader | None = None
        self.shrunk: list[RunId] = []
        """The run, if somebody cut its transcript while it was read here."""
        self.ended: set[RunId] = set()
        """The run, once it is over and all it wrote has come."""

    def news(self) -> Iterator[Chunk]:
        """Yield the chunks that were wanted and not yielded before, as far as they are there now.

        Raises:
            NotFound: the run has no transcript.
        """
        reader = self._reader = self._reader or self._opened()
        yield from reader.read_available(reader.now())
        self.shrunk = [self._run_id] if reader.shrunk else []

    def read(self, look: Callable[[], None]) -> Iterator[Chunk]:
        """Yield the chunks wanted until no more will come; look: called while more is awaited.

        Raises:
            NotFound: the run has no transcript.
        """
        registry = self._registry
        reader = self._reader = self._reader or self._opened()
        with Waiting(registry.disk, registry.layout, registry.observer, [self._run_id]) as waiting:
            while True:
                past = reader.is_past()
                waiting.check()  # before reading: what was written before the end is read after it
                for chunk in self.news():
                    waiting.hurry()
                    yield chunk
                self.ended = set(waiting.decided)
                if past or not self._window.follow or not waiting.pending:
                    return
                look()
                waiting.sleep(None)

    def close(self) -> None:
        """Let go of the transcript."""
        if self._reader is not None:
            self._reader.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _opened(self) -> TranscriptReader:
        registry, window = self._registry, self._window
        reader = TranscriptReader(
            registry.disk, registry.layout, self._run_id, stream=window.stream, until=window.until
        )
        if window.since is not None:
            reader.seek_since(window.since)
        return reader
