"""The output of several runs in one stream of lines, by the time at which each was read; also live.

Within a run lines keep their order. Between runs they are in the order of time as far as they are there
at one look: what comes later is behind it, whatever its time.
"""

import heapq
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from runlore.journal.errors import NotFound
from runlore.journal.values import RunId, Stream
from runlore.runtimes.transcript_lines import Line, TranscriptLines
from runlore.runtimes.transcript_reader import TranscriptReader
from runlore.runtimes.waiting import Waiting

if TYPE_CHECKING:
    from runlore.runtimes.registry import Registry

_BEFORE_OUTPUT: Final = frozenset({"queued", "booting"})
"""A run of such a status may get a transcript yet."""


class Window(Struct, frozen=True, kw_only=True):
    """Which part of the output is wanted; `last` counts lines of each run."""

    stream: Stream | None = None
    last: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    follow: bool = False


class Tail:
    """One run's output within a window; the last lines are counted from where it ends at first."""

    def __init__(self, registry: "Registry", run_id: RunId, window: Window) -> None:
        self.reader: Final = TranscriptReader(
            registry.disk, registry.layout, run_id, stream=window.stream, until=window.until
        )
        self._lines = TranscriptLines(self.reader)
        self._last, self._end = window.last, self.reader.count()
        if window.since is not None:
            self.reader.seek_since(window.since)

    def news(self) -> Iterator[Line]:
        """Yield the lines that are whole by now; at first the last ones, if only those are wanted."""
        upto = self.reader.now()
        if self._last is not None:
            count, self._last = self._last, None
            yield from self._lines.last(count, self._end)
        yield from self._lines.read_available(upto)

    def rest(self, *, final: bool) -> Iterator[Line]:
        """Yield what waits for its newline; see TranscriptLines.flush."""
        return self._lines.flush(final=final)


class Tails:
    """Several runs' output. Close it: it holds their files.

    whole: lines are given out whole, as far as they are not too long; otherwise what waits for its
    newline comes as well, once nothing else does.
    """

    def __init__(
        self, registry: "Registry", run_ids: Iterable[RunId], window: Window, *, whole: bool = False
    ) -> None:
        self._registry, self._window, self._whole = registry, window, whole
        self._run_ids = list(run_ids)
        self._tails: dict[RunId, Tail] = {}
        self.missing: dict[RunId, NotFound] = {}
        """The runs that have no transcript, and what is to be said about it."""
        self.ended: set[RunId] = set()
        """The runs that were over when they were last looked at; all they wrote has come."""
        for run_id in self._run_ids:
            with suppress(NotFound):  # whether one may come yet is to be seen
                self._tails[run_id] = Tail(registry, run_id, window)

    @property
    def shrunk(self) -> list[RunId]:
        """The runs whose transcript somebody cut while it was read here."""
        return [run_id for run_id, tail in self._tails.items() if tail.reader.shrunk]

    def read(self) -> Iterator[tuple[RunId, Line] | None]:
        """Yield (run, line), and None for each look after which more is awaited.

        Following ends with the last of the runs, or once nothing that comes could be in the window.

        Raises:
            NotFound: a run has no journal.
        """
        registry, several = self._registry, len(self._run_ids) > 1
        with Waiting(registry.disk, registry.layout, registry.observer, self._run_ids) as waiting:
            while True:
                waiting.check()  # before reading: what was written before the end is read after it
                past = self._is_past()
                self._open(waiting)
                some = False
                for item in self._merged(past=past, over=set(waiting.decided)):
                    some = True
                    yield item
                if past or not self._window.follow or not self._is_awaited(waiting):
                    return
                if some:
                    waiting.hurry()
                elif not self._whole and (waiting.calm or not several):
                    yield from self._rest(self._tails, final=False)
                yield None
                waiting.sleep(None)

    def close(self) -> None:
        """Let go of the files."""
        for tail in self._tails.values():
            tail.reader.close()

    def _open(self, waiting: Waiting) -> None:
        """Open the transcripts that were not there before; a run that has not begun may get one yet."""
        for run_id in self._run_ids:
            if run_id in self._tails or run_id in self.missing:
                continue
            try:
                self._tails[run_id] = Tail(self._registry, run_id, self._window)
            except NotFound as error:
                pending = self._window.follow and run_id in waiting.pending
                if not (pending and self._registry.view(run_id).status in _BEFORE_OUTPUT):
                    self.missing[run_id] = error

    def _is_awaited(self, waiting: Waiting) -> bool:
        """Say whether output may come of any run."""
        return any(run_id not in self.missing for run_id in waiting.pending)

    def _is_past(self) -> bool:
        until = self._window.until
        return until is not None and self._registry.disk.now() >= until

    def _merged(self, *, past: bool, over: set[RunId]) -> Iterator[tuple[RunId, Line]]:
        """Yield what is there now, by time; of runs that are over also what has no newline."""
        left = {run_id: tail for run_id, tail in self._tails.items() if run_id not in self.ended}
        news = [_named(run_id, tail.news()) for run_id, tail in left.items()]
        yield from news[0] if len(news) == 1 else heapq.merge(*news, key=lambda item: item[1].at)
        done = {run_id: tail for run_id, tail in left.items() if run_id in over or past}
        self.ended |= over
        if self._window.follow:
            yield from self._rest(done, final=True)
        else:
            yield from self._rest(left, final=False)

    def _rest(self, tails: dict[RunId, Tail], *, final: bool) -> Iterator[tuple[RunId, Line]]:
        for run_id, tail in tails.items():
            yield from _named(run_id, tail.rest(final=final))


def _named(run_id: RunId, lines: Iterator[Line]) -> Iterator[tuple[RunId, Line]]:
    return ((run_id, line) for line in lines)
