"""A list of runs that is kept up: `ps --watch`. On a terminal in place, in a pipe when something changed."""

import os
import signal
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from msgspec import structs

from runlore.cli import frames, run_list, standard
from runlore.cli.errors import Interrupted
from runlore.cli.heard import ASKED_TO_END, Heard
from runlore.journal.errors import NoRegistry, NotFound
from runlore.projections import filters
from runlore.projections.encoding import encode_view
from runlore.projections.list_views import PsRecord, PsView
from runlore.projections.stream_records import ControlRecord

if TYPE_CHECKING:
    from runlore.cli.session import Session
    from runlore.projections.run_view import RunView
    from runlore.runtimes.kept_listing import KeptListing

EVERY_S: Final = 1.0
_REASONS: Final = {
    signal.SIGINT: "interrupted",
    signal.SIGTERM: "terminated",
    signal.SIGHUP: "hung_up",
}


class RunWatch:
    """Shows runs until somebody ends it; it never ends a run."""

    def __init__(self, session: "Session", chosen: Mapping[str, object], *, everything: bool) -> None:
        self._session, self._output = session, session.output
        self._asked = run_list.asked_for(chosen)
        self._tree = bool(chosen.get("tree"))
        self._recent = run_list.is_recent(self._asked, everything=everything)
        self._runs: KeptListing | None = None
        plain = self._output.is_for_programs or self._output.quiet or self._output.is_dumb
        self._in_place = os.isatty(1) and not plain
        self._drawn: list[str] = []
        self._known: object = None
        self._said: list[str] = []

    def show(self) -> None:
        """Show the runs, and again what has changed, until Ctrl-C.

        Raises:
            NotFound: the registry is gone. Interrupted: another signal asked this process to end.
        """
        self._wanted()  # a wrong word is refused before anything is shown
        self._output.control(ControlRecord(type="ready"))
        with Heard((*ASKED_TO_END, signal.SIGWINCH)) as heard:
            while True:
                try:
                    self._show_now()
                except NotFound:
                    self._output.control(ControlRecord(type="end", reason="gone"))
                    raise
                number = self._next(heard)
                if number is not None:
                    self._leave(number)
                    return

    def _next(self, heard: Heard) -> signal.Signals | None:
        """Return the signal that ends this, or None when it is time to look again.

        Raises:
            OutputFailed: whoever read the output has gone, and would never be told by an idle writer.
        """
        ends = [number for number in heard.within(EVERY_S) if number != signal.SIGWINCH]
        standard.require_reader()
        return ends[0] if ends else None

    def _leave(self, number: signal.Signals) -> None:
        """End as asked: Ctrl-C is how one ends this, so it is no failure; by other signals one dies."""
        self._output.control(ControlRecord(type="end", reason=_REASONS[number]))
        if number != signal.SIGINT:
            raise Interrupted(number)
        self._output.say_below("no longer watched; nothing was stopped")

    def _wanted(self) -> filters.Filter:
        """Return what is wanted now: times like `2h` count back from each look."""
        self._session.now = datetime.now(UTC)
        return filters.parse(now=self._session.now, **self._asked)  # type: ignore[arg-type]  # as in run_list

    def _show_now(self) -> None:
        wanted = self._wanted()
        try:
            view = self._kept().page(None if self._recent else wanted, wanted.order)
            filtered = not self._recent and bool(self._asked)
            remarks = list(run_list.remarks(self._session, view, filtered=filtered))
        except NoRegistry:
            view = PsView(as_of=self._session.now, items=[], counts={})
            remarks = [run_list.none_yet(self._session)]
        if self._in_place:
            self._draw(view, remarks)
            return
        known = _lasting(view)
        if known != self._known:
            self._append(view, remarks)
            self._known = known

    def _kept(self) -> "KeptListing":
        """Return the runs; there may be a registry by now where there was none."""
        if self._runs is None:
            from runlore.runtimes.kept_listing import KeptListing  # noqa: PLC0415 - only to watch

            registry = self._session.registry
            self._runs = KeptListing(registry.disk, registry.layout, registry.observer)
        return self._runs

    def _append(self, view: PsView, remarks: Sequence[str]) -> None:
        """Write the list once more."""
        if self._output.json:
            self._output.record(PsRecord(**structs.asdict(view)), live=True)
            return
        if self._known is not None and not (self._output.quiet or self._output.is_for_programs):
            self._output.line("")
        run_list.show(self._session, view, tree=self._tree)
        for remark in remarks:
            if remark not in self._said:
                self._output.say(remark)
        self._said = list(remarks)

    def _draw(self, view: PsView, remarks: Sequence[str]) -> None:
        """Draw the list in the place of the one before, if it differs."""
        size = os.get_terminal_size(1)
        columns, rows = size.columns or 80, size.lines or 24
        said = map(self._output.text, remarks)
        lines = [
            *run_list.table(self._session, view.items, tree=self._tree),
            *map(self._output.tint("dim"), said),
        ]
        lines = frames.fitted(lines, columns, rows)
        if lines != self._drawn:
            self._output.put_text(frames.redrawn(self._drawn, lines, columns, rows))
            self._output.flush()
            self._drawn = lines


def _lasting(view: PsView) -> tuple[object, ...]:
    """Return what of a list is worth telling again: not that time went by, or that output came."""
    counts = tuple(view.counts.items())
    return (counts, view.damaged, view.truncated, *map(_lasting_run, view.items))


def _lasting_run(view: "RunView") -> bytes:
    return encode_view(
        structs.replace(view, duration_s=None, last_activity_at=None, transcript=None, seen=None)
    )
