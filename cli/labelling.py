"""What `tag` and `note` have in common: each run in turn, and one answer about all of them."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from runlore.cli.errors import Failed
from runlore.cli.refusals import refused
from runlore.journal.errors import RunloreError
from runlore.projections.acting_views import LabelledView, RefusedView
from runlore.projections.run_view import RunView

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
    failed: list[RefusedView] = []
    for run_id in run_ids:
        try:
            run = session.registry.get(run_id)
            if not dry_run:
                act(run)
            items.append(run.view())
        except RunloreError as error:
            failed.append(refused(session, run_id, error))

    def lines() -> Iterator[str]:
        for view in items:
            what = session.output.text(view.name or view.command or "")
            yield f"{view.short_id}  {what}" if dry_run else line(view)

    answer = LabelledView(items=items, dry_run=dry_run, refused=failed)
    session.output.answer(answer, lines, [view.run_id for view in items])
    if failed:
        raise Failed(failed[0].exit_code)
