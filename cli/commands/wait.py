"""`runlore wait`: wait until runs have ended."""

from collections.abc import Iterator, Sequence
from typing import Final

import click

from runlore.cli import exit_codes, phrases, run_text
from runlore.cli.arguments import RUN_IDS
from runlore.cli.errors import Failed
from runlore.cli.following import Following
from runlore.cli.options import verb
from runlore.cli.session import Session
from runlore.projections import durations
from runlore.projections.run_view import RunView
from runlore.projections.views import WaitView, counted

FAILED: Final = 1


@verb(
    "wait",
    "runlore wait",
    "runlore wait k3f9x2ab m2p8w4cd --timeout 10m",
    "runlore wait --any $(runlore ps -q --status running)",
)
@RUN_IDS
@click.option("--any", "any_one", is_flag=True, help="Until the first of them has ended.")
@click.option("--timeout", metavar="TIME", help="At most so long: 90, 5m, 1h30m; 0 only looks.")
def wait(session: Session, *, run_ids: tuple[str, ...], any_one: bool, timeout: str | None) -> None:
    """Wait until runs have ended; without an ID, the only live one, else the latest.

    A run whose keeper died has ended, too. Exits with 0 if all of them succeeded, 1 if one did not, and
    124 if time ran out. With --any, what has ended by then decides.
    """
    limit = durations.parse(timeout, zero=True) if timeout is not None else None
    wanted = session.some_or_one(run_ids)
    registry = session.registry
    with Following(
        session, f"{phrases.counted(len(wanted), 'run')} not waited for any longer; nothing was stopped"
    ):
        ended = registry.wait(wanted, timeout=limit, any_one=any_one)
    left = [registry.view(run_id) for run_id in wanted if run_id not in {view.run_id for view in ended}]
    timed_out = bool(left) and not (any_one and ended)
    items = [*ended, *left]
    view = WaitView(items=items, counts=counted(each.status for each in items), timed_out=timed_out)
    session.output.answer(view, lambda: _lines(session, items), [each.run_id for each in ended])
    registry.reconcile_in_passing()
    if timed_out:
        session.output.say(f"timed out; {phrases.counted(len(left), 'run')} still going")
        raise Failed(exit_codes.TIMED_OUT)
    if any(each.status != "succeeded" for each in ended):
        raise Failed(FAILED)


def _lines(session: Session, items: Sequence[RunView]) -> Iterator[str]:
    for view in items:
        color = run_text.tint(view)
        tint = session.output.tint(color) if color else str
        took = phrases.took(view.duration_s)
        yield f"{view.short_id}  {tint(run_text.outcome(view))}" + (f"  {took}" if took else "")
