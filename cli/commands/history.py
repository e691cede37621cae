"""`runlore history`: show what happened to a run, for people."""

from collections.abc import Iterator
from typing import Final

from runlore.cli import cells, phrases
from runlore.cli.arguments import ONE_RUN
from runlore.cli.options import verb
from runlore.cli.session import Session
from runlore.journal.errors import CorruptJournal
from runlore.journal.events import AnyEvent
from runlore.projections.printable import printable
from runlore.projections.timeline import TIMELINE, HistoryLine
from runlore.projections.views import HistoryView
from runlore.runtimes.run import Run

_SEAL: Final = "run.sealed"


@verb("history", "runlore history", "runlore history nightly --utc", "runlore history k3f9x2ab --json")
@ONE_RUN
def history(session: Session, *, run_id: str | None) -> None:
    """Show what happened to a run, oldest first; without an ID the only live one, else the latest.

    Times count from the run's creation; --utc shows them absolute. `events` shows the same for programs.
    """
    run = session.registry.get(session.one(run_id))
    events, damage = _readable(run)
    lines = list(TIMELINE.fold(events, TIMELINE.initial()))
    view = HistoryView(run_id=run.id, items=lines)
    session.output.answer(view, lambda: _lines(session, lines), [run.id])
    if damage is not None:
        raise damage


def _readable(run: Run) -> tuple[list[AnyEvent], CorruptJournal | None]:
    """Return the events up to the journal's damage, and the damage, if there is any."""
    events: list[AnyEvent] = []
    try:
        events.extend(record.event for record in run.events())
    except CorruptJournal as damage:
        return events, damage
    return events, None


def _lines(session: Session, lines: list[HistoryLine]) -> Iterator[str]:
    output, limit = session.output, session.output.width
    for place, line in enumerate(lines, 1):
        if line.type == _SEAL and place < len(lines):
            continue  # each label that follows the end is sealed again; the last seal tells it all
        since = (line.at - lines[0].at).total_seconds()
        when = phrases.absolute(line.at) if session.utc else f"+{phrases.took(since)}".rjust(8)
        reports = f" ({line.count} reports)" if line.count > 1 else ""
        by = line.by
        who = f"  [{by.user}@{by.host}]" if by and by.program != "keeper" and line.seq > 1 else ""
        text = printable(f"{line.text}{reports}{who}")
        if limit is not None:
            text = cells.cut(text, limit - len(when) - 2, ellipsis=output.ellipsis)
        yield f"{output.tint('dim')(when)}  {text}"
