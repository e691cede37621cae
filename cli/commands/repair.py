"""`runlore repair`: cut what is damaged out of a journal, into quarantine, if asked to."""

from collections.abc import Iterator

import click

from runlore.cli import phrases
from runlore.cli.arguments import RUN_ID
from runlore.cli.errors import Failed
from runlore.cli.options import verb
from runlore.cli.session import Session
from runlore.journal import repair as journal
from runlore.journal.disk import REAL
from runlore.journal.repair import RepairPlan
from runlore.journal.values import Offset
from runlore.projections.integrity_views import RepairView


@verb(
    "repair",
    "runlore repair k3f9x2ab          # says what it would cut",
    "runlore repair k3f9x2ab --yes",
)
@RUN_ID
@click.option("--yes", is_flag=True, help="Do it.")
def repair(session: Session, *, run_id: str, yes: bool) -> None:
    """Cut a damaged journal behind its last whole record.

    What is cut is kept in quarantine, and the journal says so. Without --yes nothing is changed, and
    the exit code is 1 if there is something to repair.
    """
    (wanted,) = session.some([run_id], destructive=True)
    if yes:
        done = journal.repair(REAL, session.writing(), wanted)
    else:
        done = journal.plan(REAL, session.reading(), wanted)
    applied = yes and done.damage is not None
    session.output.answer(
        _view(done, applied=applied), lambda: _lines(session, done, applied=applied), [wanted]
    )
    if done.damage is not None and not applied:
        session.output.say(f"nothing was changed; to do it: `runlore repair {wanted} --yes`")
        raise Failed(1)


def _view(done: RepairPlan, *, applied: bool) -> RepairView:
    damage = done.damage
    return RepairView(
        run_id=done.run_id,
        applied=applied,
        cause=None if damage is None else "crash_tail" if done.is_crash_tail else "corruption",
        offset=damage.offset if damage else Offset(0),
        bytes=done.cut_bytes,
        records_kept=done.kept_records,
        quarantine=done.quarantine or None,
        detail=damage.detail if damage else "",
    )


def _lines(session: Session, done: RepairPlan, *, applied: bool) -> Iterator[str]:
    damage = done.damage
    if damage is None:
        yield f"run {done.run_id}: nothing to repair, {phrases.counted(done.kept_records, 'record')}"
        return
    what = "a crash tail" if done.is_crash_tail else "corruption"
    where = f"at seq {damage.seq}, byte {damage.offset}"
    yield f"run {done.run_id}: {what} {where}: {session.output.text(damage.detail)}"
    cut = "cut" if applied else "would cut"
    kept = phrases.counted(done.kept_records, "record")
    yield f"{cut} {phrases.size(done.cut_bytes)}, keeping {kept} before it"
    if not done.is_crash_tail:
        yield "what is cut may hold records that were acknowledged once"
    if done.quarantine:
        yield f"what was cut is in quarantine/{done.quarantine}"
