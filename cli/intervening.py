"""What `signal`, `pause` and `unpause` have in common: each run in turn, and one answer about all of them."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from runlore.cli import run_text
from runlore.cli.errors import Failed
from runlore.journal.errors import RunloreError
from runlore.projections.acting_views import InterventionView, SignalView, UntouchedView
from runlore.projections.run_view import RunView

if TYPE_CHECKING:
    from runlore.cli.session import Session
    from runlore.runtimes.intervene import Intervention
    from runlore.runtimes.run import Run


def intervene(
    session: "Session", run_ids: Sequence[str], name: str, act: "Callable[[Run], Intervention]"
) -> None:
    """Answer with what `act` did to the runs, each on its own.

    Raises:
        Failed: with the code of the first run that could not be acted on; all have been tried.
    """
    done: list[tuple[RunView, Intervention]] = []
    refused: list[RunloreError] = []
    for run_id in session.some(run_ids, destructive=True, live=True):
        run = session.registry.get(run_id)
        try:
            done.append((run.view(), act(run)))
        except RunloreError as error:
            refused.append(error)
            session.output.warn(f"error: {error}")
    items = [_item(session, view, what) for view, what in done]
    answer = SignalView(signal=name, items=items)
    session.output.answer(answer, lambda: _lines(session, name, items), [item.run_id for item in items])
    for item in items:
        for left in item.left:
            session.output.say(f"left alone: {left.command} ({left.why})")
    session.registry.reconcile_in_passing()
    if refused:
        raise Failed(refused[0].exit_code)


def _item(session: "Session", before: RunView, done: "Intervention") -> InterventionView:
    view = session.registry.view(before.run_id)
    return InterventionView(
        run_id=view.run_id,
        status=view.status or "running",
        paused=view.paused,
        changed=bool(done.pids),
        pids=list(done.pids),
        left=[UntouchedView(pid=each.pid, command=each.command, why=each.why) for each in done.left],
    )


def _lines(session: "Session", name: str, items: Sequence[InterventionView]) -> Iterator[str]:
    for item in items:
        outcome = run_text.outcome(session.registry.view(item.run_id))
        count = len(item.pids)
        did = f"{name} to {count:,} {'process' if count == 1 else 'processes'}"
        yield f"{item.run_id[-8:]}  {outcome}  {did if item.changed else 'nothing to do'}"
