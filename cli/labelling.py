"""What `tag` and `note` have in common: each run in turn, and one answer about all of them."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from runlore.cli.errors import Failed
from runlore.journal.errors import RunloreError
from runlore.projections.run_view import RunView
from runlore.projections.views import LabelledView

if TYPE_CHECKING:
    from runlore.cli.session import Session
    from runlore.journal.values import RunId
    from runlore.runtimes.run import Run


def label(
    session: "Session",
    run_ids: "Sequence[RunId]",
    act: "Callable[[Run], None]",
    line: Callable[[RunView], str],
    *,
    dry_run: bool,
) -> None:
    """Answer with the runs after `act` was done to each of them, or, in a dry run, with those it would be.

    Raises:
        Failed: with the code of the first run that could not be acted on; all have been tried.
    """
    items: list[RunView] = []
    refused: list[RunloreError] = []
    for run_id in run_ids:
        run = session.registry.get(run_id)
        try:
            if not dry_run:
                act(run)
            items.append(run.view())
        except RunloreError as error:
            refused.append(error)
            session.output.warn(f"error: run {run_id}: {error}")

    def lines() -> Iterator[str]:
        for view in items:
            what = session.output.text(view.name or view.command or "")
            yield f"{view.short_id}  {what}" if dry_run else line(view)

    answer = LabelledView(items=items, dry_run=dry_run)
    session.output.answer(answer, lines, [view.run_id for view in items])
    if refused:
        raise Failed(refused[0].exit_code)
