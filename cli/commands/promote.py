"""`runlore promote`: make outputs of runs evidence."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from runlore.cli import phrases
from runlore.cli.arguments import ONE_RUN
from runlore.cli.errors import Failed
from runlore.cli.meant import DRY_RUN, WHERE, meant, no_id
from runlore.cli.options import verb
from runlore.cli.refusals import refused
from runlore.cli.session import Session
from runlore.journal.errors import RunloreError
from runlore.journal.ids import short
from runlore.projections.promote_views import PromoteView, PromotionView
from runlore.runtimes.promoting import Promotion, settle_end

if TYPE_CHECKING:
    from runlore.journal.values import RunId
    from runlore.projections.acting_views import RefusedView


@verb(
    "promote",
    "runlore promote k3f9x2ab --reason 'the model that went live'",
    "runlore promote nightly out/model.bin '**/*.html'",
    "runlore promote --filter \"tags.release = v2\" 'out/**' --dry-run",
)
@ONE_RUN
@click.argument("globs", metavar="[PATH|GLOB]...", nargs=-1)
@WHERE
@click.option("--reason", metavar="TEXT", default="", help="Why; it goes on record.")
@DRY_RUN
def promote(
    session: Session,
    *,
    run_id: str | None,
    globs: tuple[str, ...],
    where: str | None,
    reason: str,
    dry_run: bool,
) -> None:
    """Make stored outputs evidence: no rule and no `rm` takes them, or the run, from then on.

    Their bytes are checked and copied to evidence/ in the registry; who did it, when and why goes on record.
    Without a PATH all stored outputs of the run are meant. What is evidence already stays as it is, and is
    mended if its bytes were lost or damaged.

    With --filter there is no ID: all runs that match are meant, and each is tried.

    Exits with 3 if an output is not stored, with 5 if the run goes on, is removed or in the trash, with 65
    if bytes are damaged, and with 74 if the disk refused. Whatever could be promoted is.
    """
    ids = [run_id] if run_id is not None else []
    if where is not None:  # then the first word is no ID
        ids, globs = [], (*ids, *globs)
        no_id(session, globs, "./{}")
    promoting = _Promoting(session, reason, dry_run=dry_run)
    for each in meant(session, ids, where):
        promoting.add(each, globs)
    view = PromoteView(dry_run=dry_run, items=promoting.items, refused=promoting.refused)
    session.output.answer(view, lambda: _lines(session, view), [item.path for item in view.items])
    if view.refused:
        raise Failed(view.refused[0].exit_code)


class _Promoting:
    """Promotes run after run, and remembers what came of it."""

    def __init__(self, session: Session, reason: str, *, dry_run: bool) -> None:
        self._session, self._reason, self._dry_run = session, reason, dry_run
        self.items: list[PromotionView] = []
        self.refused: list[RefusedView] = []

    def add(self, run_id: "RunId", globs: tuple[str, ...]) -> None:
        """Promote what is meant of one run."""
        try:
            made, failures = self._promoted(run_id, globs)
        except RunloreError as error:
            self.refused.append(refused(self._session, run_id, error))
            return
        self.items += made
        self.refused += [refused(self._session, run_id, error) for error in failures]

    def _promoted(
        self, run_id: "RunId", globs: tuple[str, ...]
    ) -> tuple[list[PromotionView], list[RunloreError]]:
        registry = self._session.registry
        if self._dry_run:
            return Promotion(registry, run_id, globs).plan(), []
        registry.require_writable()
        settle_end(registry, run_id)
        promotion = Promotion(registry, run_id, globs)
        progress = self._session.output.progress("checked", promotion.total, "output")
        return promotion.apply(self._reason, progress.over), promotion.failures


def _lines(session: Session, view: PromoteView) -> Iterator[str]:
    for item in view.items:
        what = f"{session.output.text(item.path)}  {phrases.size(item.bytes)}"
        yield f"{short(item.run_id)}  {what}  {_told(item, dry_run=view.dry_run)}"


def _told(item: PromotionView, *, dry_run: bool) -> str:
    if item.done == "already":
        return "is evidence already"
    if item.done == "mended":
        return "was evidence, and is mended"
    return "would be promoted" if dry_run else "promoted"
