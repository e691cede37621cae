"""`runlore history`: show what happened to a run, for people."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Final

from runlore.cli import cells, phrases
from runlore.cli.arguments import ONE_RUN
from runlore.cli.options import verb
from runlore.cli.session import Session
from runlore.journal.errors import CorruptJournal
from runlore.projections.printable import printable
from runlore.projections.timeline import TIMELINE, HistoryLine, HistoryView
from runlore.runtimes.run import Run

if TYPE_CHECKING:
    from runlore.journal.events import AnyEvent

_SEAL: Final = "run.sealed"
_AT_ONCE: Final = 50_000
"""Events in memory; a row of progress reports becomes one line, however long it is."""


@verb("history", "runlore history", "runlore history nightly --utc", "runlore history k3f9x2ab --json")
@ONE_RUN
def history(session: Session, *, run_id: str | None) -> None:
    """Show what happened to a run, oldest first; without an ID the only live one, else the latest.

    Times count from the run's creation; --utc shows them absolute. `events` shows the same for programs.
    """
    run = session.registry.get(session.one(run_id))
    lines, damage = _told(run)
    view = HistoryView(run_id=run.id, items=list(lines))
    session.output.answer(view, lambda: _lines(session, lines), [run.id])
    if damage is not None:
        raise damage


def _told(run: Run) -> tuple[Sequence[HistoryLine], CorruptJournal | None]:
    """Return the lines up to the journal's damage, and the damage; events are not kept, lines are few."""
    lines, records = TIMELINE.initial(), run.events()
    while True:
        some: list[AnyEvent] = []
        damage: CorruptJournal | None = None
        try:
            some.extend(record.event for record in islice(records, _AT_ONCE))
        except CorruptJournal as error:
            damage = error
        lines = TIMELINE.fold(some, lines)
        if damage is not None or not some:
            return lines, damage


def _lines(session: Session, lines: Sequence[HistoryLine]) -> Iterator[str]:
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
