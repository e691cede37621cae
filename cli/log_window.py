"""Which part of a run's output is wanted, and that part: as the chunks that were read, or as lines."""

from collections.abc import Iterator
from datetime import datetime

from msgspec import Struct

from runlore.journal.values import Stream
from runlore.runtimes.run import Run
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


def lines(run: Run, window: Window) -> Iterator[Line]:
    """Yield the lines wanted, each whole or in pieces; see `Run.logs`."""
    for line in run.logs(window.stream, last=window.last, since=window.since, follow=window.follow):
        if window.until is not None and line.at >= window.until:
            return
        yield line


def chunks(run: Run, window: Window) -> Iterator[Chunk]:
    """Yield the output wanted as it was read, which is many times faster than line by line.

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
            waiting.sleep(None)
