"""`runlore wait`: wait until runs have ended, or have got somewhere."""

from collections.abc import Iterator, Sequence
from typing import Final

import click

from runlore.cli import exit_codes, phrases, run_text
from runlore.cli.arguments import RUN_IDS
from runlore.cli.errors import Failed
from runlore.cli.following import Following
from runlore.cli.meant import WHERE, meant
from runlore.cli.options import verb
from runlore.cli.session import Session
from runlore.cli.stopped_owners import StoppedOwners
from runlore.cli.waiting_line import WaitingLine
from runlore.journal.values import RunId
from runlore.projections import awaiting, durations
from runlore.projections.awaiting import Awaited, Verdict
from runlore.projections.counts import counted
from runlore.projections.run_view import RunView
from runlore.projections.wait_view import WaitView
from runlore.runtimes.waiting import Waiting, wait_over, waiting_for

FAILED: Final = 1


@verb(
    "wait",
    "runlore wait",
    "runlore wait k3f9x2ab m2p8w4cd --timeout 10m",
    "runlore wait --any $(runlore ps -q --status running)",
    "runlore wait --filter \"status = running and name ~ 'train'\"",
    "runlore wait server --for ready --timeout 30s",
)
@RUN_IDS
@WHERE
@click.option("--any/--all", "any_one", help="Until the first of them is there, or all of them (default).")
@click.option(
    "--for", "awaited", metavar="STATUS", help="Until it is `running`, `ready`, `terminal`, `succeeded` …"
)
@click.option("--timeout", metavar="TIME", help="At most so long: 90, 5m, 1h30m; 0 only looks.")
def wait(
    session: Session,
    *,
    run_ids: tuple[str, ...],
    where: str | None,
    any_one: bool,
    awaited: str | None,
    timeout: str | None,
) -> None:
    """Wait until runs have ended; without an ID, the only live one, else the latest.

    A run whose keeper died has ended, too. Exits with 0 if all of them succeeded, 1 if one did not, and
    124 if time ran out. With --any, what has ended by then decides.

    With --for it is enough that a run has been there, and `terminal` is content with any end. A run that
    never will get there ends the wait with 1 at once; with --any, when none is left that could.
    """
    limit = durations.parse(timeout, zero=True) if timeout is not None else None
    goal = awaiting.parse(awaited) if awaited is not None else "terminal"
    wanted = meant(session, run_ids, where) if where is not None else session.some_or_one(run_ids)
    verdicts = _wait(session, wanted, goal, limit, any_one=any_one)
    over = _is_over(verdicts, any_one=any_one)
    items = [session.registry.view(run_id) for run_id in verdicts]
    view = WaitView(
        items=items,
        counts=counted(each.status for each in items),
        timed_out=not over,
        awaited=goal,
        verdicts=verdicts,
    )
    decided = [each for each in items if verdicts[each.run_id] != "pending"]
    session.output.answer(view, lambda: _lines(session, items), [each.run_id for each in decided])
    session.registry.reconcile_in_passing()
    if not over:
        left = len(items) - len(decided)
        session.output.say(f"timed out; {phrases.counted(left, 'run')} {_going(awaited)}")
        raise Failed(exit_codes.TIMED_OUT)
    missed = [each for each in items if verdicts[each.run_id] == "missed"]
    _explain(session, missed, goal)
    if awaited is None:
        failed = any(each.status != "succeeded" for each in decided)
    else:
        failed = bool(missed) and not (any_one and len(missed) < len(decided))
    if failed:
        raise Failed(FAILED)


def _wait(
    session: Session, wanted: Sequence[RunId], goal: Awaited, limit: float | None, *, any_one: bool
) -> dict[RunId, Verdict]:
    """Return what became of each run by the time the wait was over, those first that were decided first."""
    with (
        waiting_for(session.registry, wanted, goal) as waiting,
        Following(session, lambda: _left(waiting)),
        WaitingLine(session.output, len(wanted)) as line,
    ):
        owners = StoppedOwners(session, waiting)

        def looked() -> None:
            owners.look()
            line.show(len(waiting.pending), goal)

        wait_over(waiting, timeout_s=limit, any_one=any_one, looked=looked)
        verdicts: dict[RunId, Verdict] = {
            run_id: "met" if run_id in waiting.met else "missed" for run_id in waiting.decided
        }
        for run_id in verdicts:
            session.registry.settle(run_id)
        for run_id in waiting.pending:
            verdicts[run_id] = "pending"
        return verdicts


def _left(waiting: Waiting) -> str:
    return f"{phrases.counted(len(waiting.pending), 'run')} not waited for any longer; nothing was stopped"


def _is_over(verdicts: dict[RunId, Verdict], *, any_one: bool) -> bool:
    """Say whether that was what was waited for, or time ran out before."""
    found = set(verdicts.values())
    return "pending" not in found or ("met" if any_one else "missed") in found


def _going(awaited: str | None) -> str:
    return "still going" if awaited is None else f"not {awaited} yet"


def _explain(session: Session, missed: Sequence[RunView], goal: Awaited) -> None:
    """Say of each run that never will get there why not."""
    for view in missed:
        session.output.say(
            f"run {view.run_id} will never be {goal}: {run_text.outcome(view)}; "
            f"see `runlore show {view.short_id}`"
        )


def _lines(session: Session, items: Sequence[RunView]) -> Iterator[str]:
    for view in items:
        color = run_text.tint(view)
        tint = session.output.tint(color) if color else str
        took = phrases.took(view.duration_s)
        yield f"{view.short_id}  {tint(run_text.outcome(view))}" + (f"  {took}" if took else "")
