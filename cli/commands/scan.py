"""`runlore scan`: look for likely secrets in what runs recorded."""

from collections import Counter
from collections.abc import Iterator
from typing import Final

import click

from runlore.cli import phrases
from runlore.cli.arguments import RUN_IDS
from runlore.cli.errors import Failed
from runlore.cli.options import verb
from runlore.cli.session import Session
from runlore.journal.disk import REAL
from runlore.projections.secret_views import ScanView, SecretFoundView

MOST: Final = 1_000
"""Findings that are listed; the others are counted."""


@verb("scan", "runlore scan", "runlore scan latest", "runlore scan --json | jq -r '.items[].kind'")
@RUN_IDS
@click.option("--all", "everything", is_flag=True, help="Every run; what happens without an ID anyway.")
def scan(session: Session, *, run_ids: tuple[str, ...], everything: bool) -> None:
    """Look for likely secrets in what runs recorded; without an ID, in all of them.

    In journals, transcripts, recipes, outputs, and what was cut out of journals. Places and kinds are
    told, never a secret or a part of one: tokens that say themselves what they are, what stands behind a
    name that announces a secret, passwords in URLs, and the values of such variables of your own
    environment, in all their encodings. What was redacted is no finding. Reads only.

    Exits with 1 if something was found.
    """
    if everything and run_ids:
        raise click.UsageError("give run IDs or --all, not both", click.get_current_context())
    view = _scanned(session, run_ids)
    found = list(dict.fromkeys(item.run_id for item in view.items))
    session.output.answer(view, lambda: _lines(session, view), found)
    if found:
        session.output.say(f"to take one out: `runlore redact {found[0]} --value-from -`")
        raise Failed(1)


def _scanned(session: Session, run_ids: tuple[str, ...]) -> ScanView:
    from runlore.runtimes.secret_scan import SecretScan  # noqa: PLC0415 - only when there is something to do

    wanted = session.journals(run_ids)
    scanner = SecretScan(REAL, session.reading(), session.environ)
    items: list[SecretFoundView] = []
    counts: Counter[str] = Counter()
    for run_id in session.output.progress("scanned", len(wanted), "run").over(wanted):
        for item in scanner.scan(run_id):
            counts[item.kind] += 1
            if len(items) < MOST:
                items.append(item)
    return ScanView(
        items=items,
        counts=dict(counts.most_common()),
        runs=len(wanted),
        truncated=counts.total() > len(items),
    )


def _lines(session: Session, view: ScanView) -> Iterator[str]:
    red, text = session.output.tint("red"), session.output.text
    for item in view.items:
        name = f" {text(item.name)}" if item.name else ""
        yield f"{item.run_id}  {text(_where(item))}: {red(text(item.kind))}{name}"
    total = sum(view.counts.values())
    if view.truncated:
        yield f"and {total - len(view.items):,} more; scan fewer runs to see them"
    found = phrases.counted(total, "likely secret") if total else "no likely secret"
    yield f"{found} in {phrases.counted(view.runs, 'run')}"


def _where(item: SecretFoundView) -> str:
    """Return the place in words."""
    if item.place == "journal":
        return f"journal, seq {item.seq}" + (f", {item.field}" if item.field else "")
    where = item.stream or item.field
    line = f", line {item.line:,}" if item.line else ""
    return item.path + (f", {where}" if where else "") + line
