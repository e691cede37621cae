"""Which part of a run's output is wanted, and that part: as the chunks that were read, or as lines."""

from collections.abc import Callable, Iterator
from datetime import datetime

from msgspec import Struct

from runlore.journal.values import Stream
from runlore.runtimes.run import Run, lines_of
from runlore.runtimes.transcript_lines import Line
from runlore.runtimes.transcript_reader import Chunk, TranscriptReader
from runlore.runtimes.waiting import Waiting


class Window(Struct, frozen=True, kw_only=True):
    """What was asked for."""

    stream: Stream | None
    last: int | None
    since: datetime | None
    until: datetime | None
    follow: bool


def lines(run: Run, window: Window, look: Callable[[], None]) -> Iterator[Line]:
    """Yield the lines wanted, each whole or in pieces; see `Run.logs`. look: called while it waits."""

    def has_ended() -> bool:
        look()
        return run.has_ended()

    reader = run.open_transcript(window.stream, last=window.last, since=window.since)
    for line in lines_of(reader, window.last, has_ended if window.follow else None):
        if window.until is not None and line.at >= window.until:
            return
        yield line


def chunks(run: Run, window: Window, look: Callable[[], None]) -> Iterator[Chunk]:
    """Yield the output wanted as it was read, which is many times faster than line by line.

    look: called while it waits.

    Raises:
        NotFound: the run has no transcript.
    """
    registry = run.registry
    with (
        TranscriptReader(registry.disk, registry.layout, run.id, stream=window.stream) as reader,
        Waiting(registry.disk, registry.layout, registry.observer, [run.id]) as waiting,
    ):
        if window.since is not None:
            reader.seek_since(window.since)
        while True:
            waiting.check()  # before reading: what was written before the end is read after it
            for chunk in reader.read_available():
                if window.until is not None and chunk.at >= window.until:
                    return
                yield chunk
            if not window.follow or not waiting.pending:
                return
            look()
            waiting.sleep(None)
