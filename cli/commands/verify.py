"""`runlore verify`: check journals against their own chain, and against heads kept elsewhere."""

from collections.abc import Iterator, Sequence
from typing import Final

import click

from runlore.cli import phrases
from runlore.cli.arguments import RUN_IDS
from runlore.cli.errors import Failed
from runlore.cli.options import verb
from runlore.cli.session import Session
from runlore.journal.audit import audit, read_anchors
from runlore.journal.disk import REAL
from runlore.journal.verify import Verification, lost
from runlore.projections.counts import counted
from runlore.projections.integrity_views import FindingView, VerificationView, VerifyView

DAMAGED: Final = 65
ANCHOR: Final = 4
UNSEALED: Final = 1


@verb(
    "verify",
    "runlore verify",
    "runlore verify latest --require-sealed",
    "runlore heads -o heads.txt       # keep that file elsewhere",
    "runlore verify --heads heads.txt",
)
@RUN_IDS
@click.option("--all", "everything", is_flag=True, help="Every journal; what happens without an ID anyway.")
@click.option("--require-sealed", is_flag=True, help="A run that is not sealed is a failure.")
@click.option("--heads", "kept", metavar="FILE", type=click.Path(), help="Compare with what `heads` wrote.")
def verify(
    session: Session, *, run_ids: tuple[str, ...], everything: bool, require_sealed: bool, kept: str | None
) -> None:
    """Check journals against their own chain, packed or not; without an ID, all of them.

    Any edit, insertion, reordering or removal inside a journal is found. A cut end is found once the
    run is sealed; a cut exactly behind an earlier seal, or a whole journal that is gone, only against
    heads kept elsewhere. Reads only; live runs may go on.

    Of one journal at most 1,000 findings are listed; the others are counted.

    Exits with 65 for any finding, 4 if a head disagrees, 1 if --require-sealed is not met.
    """
    if everything and run_ids:
        raise click.UsageError("give run IDs or --all, not both", click.get_current_context())
    anchors = read_anchors(kept) if kept is not None else {}
    wanted = session.journals(run_ids, () if run_ids else anchors)
    progress = session.output.progress("verified", len(wanted), "journal")
    found = list(progress.over(audit(REAL, session.reading(), wanted, anchors)))
    if not run_ids:
        found += lost(REAL, session.reading())
    session.output.answer(
        _view(found), lambda: _lines(session, found), [e.run_id for e in found if e.findings and e.run_id]
    )
    _end(found, require_sealed=require_sealed)


def _view(found: Sequence[Verification]) -> VerifyView:
    items = [
        VerificationView(
            run_id=each.run_id,
            integrity=each.integrity,
            records=each.records,
            journal_head=each.journal_head,
            findings=[
                FindingView(kind=one.kind, seq=one.seq, offset=one.offset, detail=one.detail)
                for one in each.findings
            ],
            untold=each.untold,
            status=each.status,
        )
        for each in found
    ]
    return VerifyView(items=items, counts=counted(each.integrity for each in found))


def _lines(session: Session, found: Sequence[Verification]) -> Iterator[str]:
    """Yield a line per finding, or one for a single sound journal; then what that makes in all."""
    red, text = session.output.tint("red"), session.output.text
    for each in found:
        for finding in each.findings:
            where = f"seq {finding.seq}, byte {finding.offset}"
            yield f"{each.run_id or '(a pack)'}  {red(finding.kind)}  {where}: {text(finding.detail)}"
        if each.untold:
            yield f"{each.run_id}  and {phrases.counted(each.untold, 'more finding')} like those"
    if len(found) == 1 and not found[0].findings:
        one = found[0]
        count = phrases.counted(one.records, "record")
        yield f"{one.run_id}  {one.integrity}  {count}, head {one.journal_head}"
        return
    kinds = [each.integrity.replace("_", " ") for each in found]
    each_kind = ", ".join(f"{kinds.count(kind):,} {kind}" for kind in dict.fromkeys(sorted(kinds)))
    yield phrases.counted(len(found), "journal") + (f": {each_kind}" if each_kind else "")


def _end(found: Sequence[Verification], *, require_sealed: bool) -> None:
    """Leave with the code of the worst that was found."""
    kinds = {each.integrity for each in found}
    if "damaged" in kinds:
        raise Failed(DAMAGED)
    if "anchor_mismatch" in kinds:
        raise Failed(ANCHOR)
    if require_sealed and not all(each.sealed for each in found):
        raise Failed(UNSEALED)
