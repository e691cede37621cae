"""`runlore artifacts`: the outputs of a run that were collected."""

from collections.abc import Iterator
from typing import Final

import click

from runlore.cli import phrases, run_text
from runlore.cli.arguments import ONE_RUN, RUN_ID
from runlore.cli.errors import Failed
from runlore.cli.options import verb
from runlore.cli.session import Session
from runlore.cli.table import Cell, Column, render
from runlore.cli.verb_group import verb_group
from runlore.journal.disk import REAL
from runlore.projections.artifact_findings import ArtifactsVerifiedView
from runlore.projections.artifact_views import ArtifactsGotView, ArtifactsListView, ArtifactView, list_view
from runlore.projections.artifact_views import manifest as manifest_of
from runlore.projections.artifacts import Artifacts, checksum_list, selected
from runlore.projections.printable import printable
from runlore.runtimes.check_outputs import check_outputs
from runlore.runtimes.get_outputs import get_outputs
from runlore.runtimes.stored import artifacts_of, open_stored, pieces, stored_of

DAMAGED: Final = 65
_MEGABYTE: Final = 1_000_000
_GLOBS: Final = click.argument("globs", metavar="[GLOB]...", nargs=-1)
_COLUMNS: Final = (
    Column("PATH", shrinks=True),
    Column("SIZE", right=True),
    Column("KIND", 3),
    Column("TYPE", 1, shrinks=True),
    Column("SHA256", 2),
    Column("NOTE", 4, shrinks=True),
)


@verb(
    "ls",
    "runlore artifacts ls latest",
    "runlore artifacts ls nightly --kind report",
    "runlore artifacts ls k3f9x2ab 'out/**' '!**/*.tmp' --json",
)
@ONE_RUN
@_GLOBS
@click.option("--kind", metavar="WORD", help="Only those of this kind: file, report, or what `emit` said.")
def ls(session: Session, *, run_id: str | None, globs: tuple[str, ...], kind: str | None) -> None:
    """List the outputs of a run, and what was declared and is not stored, with the reason."""
    state = _state(session, run_id)
    entries = selected(state.entries, globs)
    view = list_view(state, [each for each in entries if kind is None or each.kind == kind])
    session.output.answer(view, lambda: _table(session, view), [item.path for item in view.items])
    for remark in _remarks(view, len(state.entries)):
        session.output.say(remark)


@verb("get", "runlore artifacts get latest --to results", "runlore artifacts get nightly 'out/*.csv' --to .")
@RUN_ID
@_GLOBS
@click.option("--to", metavar="DIR", required=True, help="The folder they are written to; made if need be.")
def get(session: Session, *, run_id: str, globs: tuple[str, ...], to: str) -> None:
    """Write outputs into a folder, under their paths; nothing that is there is written over.

    Each is checked on the way, and appears whole or not at all. Exits with 65 if bytes are damaged, and
    with 2, writing nothing, if something is there already.
    """
    state = _state(session, run_id)
    entries = stored_of(state, globs)
    progress = session.output.progress("wrote", len(entries), "file")
    items = get_outputs(session.reading(), state.run_id, entries, to, progress.over)
    view = ArtifactsGotView(run_id=state.run_id, items=items, bytes=sum(item.bytes for item in items))
    session.output.answer(view, lambda: (printable(item.to) for item in items), [item.to for item in items])


@verb("cat", "runlore artifacts cat latest report.html > report.html")
@RUN_ID
@click.argument("path", metavar="PATH")
def cat(session: Session, *, run_id: str, path: str) -> None:
    """Write the bytes of one output to standard output, as they are.

    Exits with 65 if they turn out not to be those on record: what was written then is not to be used.
    """
    state = _state(session, run_id)
    (entry,) = stored_of(state, (path,), exact=True)
    fd = open_stored(session.reading(), state.run_id, entry)
    with open(fd, "rb", buffering=0):
        for piece in pieces(fd, entry):
            session.output.put(piece)
            session.output.flush()


@verb(
    "manifest", "runlore artifacts manifest latest > SHA256SUMS", "runlore artifacts manifest latest --json"
)
@ONE_RUN
def manifest(session: Session, *, run_id: str | None) -> None:
    """Print what `sha256sum -c` takes: a line per stored output; with --json the whole manifest.

    The SHA-256 of these lines is the bundle id, which names exactly this set of outputs.
    """
    state = _state(session, run_id)
    view = manifest_of(state)
    if session.output.is_for_programs:
        session.output.answer(view, list)
        return
    listed = checksum_list((item.path, item.sha256) for item in view.items)
    session.output.put(listed.encode("utf-8", "surrogatepass"))


@verb("verify", "runlore artifacts verify latest", "runlore artifacts verify nightly --json")
@ONE_RUN
def verify(session: Session, *, run_id: str | None) -> None:
    """Check every stored byte of a run's outputs against journal and manifest, and evidence as well.

    Each kind of damage has a code of its own: see the reference. Of a run whose outputs were removed only
    the evidence is checked. Exits with 65 for any finding.
    """
    chosen = session.one(run_id)
    with session.output.progress("verified", 0, "megabyte") as progress:
        view = check_outputs(
            REAL, session.reading(), chosen, lambda done, of: progress.at(done // _MEGABYTE, of // _MEGABYTE)
        )
    session.output.answer(view, lambda: _found(session, view), [each.path for each in view.findings])
    if view.findings:
        raise Failed(DAMAGED)


artifacts = verb_group(
    "artifacts",
    """The outputs of a run that were collected, and what was left out.

    `runlore run --artifact GLOB` declares them, $RUNLORE_OUTPUTS takes them, `runlore emit artifact` names
    them.""",
    ls,
    get,
    cat,
    manifest,
    verify,
)


def _state(session: Session, run_id: str | None) -> Artifacts:
    return artifacts_of(REAL, session.reading(), session.one(run_id))


def _table(session: Session, view: ArtifactsListView) -> Iterator[str]:
    output = session.output
    rows = [_row(session, item) for item in view.items]
    if rows:
        yield from render(
            _COLUMNS, rows, limit=output.width, ellipsis=output.ellipsis, header=output.tint("dim")
        )


def _row(session: Session, item: ArtifactView) -> list[Cell]:
    text = session.output.text
    path = item.path if item.files == 1 else f"({item.files:,} more)"
    said = "" if item.outcome == "stored" else f"{item.outcome}: {item.reason}"
    if item.promoted is not None:
        said = f"evidence {run_text.decided(item.promoted, session.now, utc=session.utc)}"
    elif item.redaction:
        said = item.redaction
    tint = session.output.tint("red" if item.outcome == "failed" else "dim")
    return [
        Cell(text(path)),
        Cell(phrases.size(item.bytes)),
        Cell(text(item.kind)),
        Cell(text(item.media_type or "")),
        Cell((item.sha256 or "")[:12]),
        Cell(text(said), tint),
    ]


def _remarks(view: ArtifactsListView, known: int) -> Iterator[str]:
    """Yield what the table does not say."""
    if known and view.removed:
        yield f"the outputs of run {view.run_id} were removed; `runlore show {view.run_id}` tells when"
    if not view.items:
        yield "no outputs" if not known else f"none of {phrases.counted(known, 'record')} matches"
    if not view.collected:
        yield f"run {view.run_id} has not ended; its outputs are collected then"


def _found(session: Session, view: ArtifactsVerifiedView) -> Iterator[str]:
    red, text = session.output.tint("red"), session.output.text
    for each in view.findings:
        yield f"{red(each.kind)}  {text(each.path) or '-'}  {text(each.detail)}"
    read = f"{phrases.counted(view.files, 'file')}, {phrases.size(view.bytes)} read"
    removed = "; its outputs were removed, see `runlore show`" if view.removed else ""
    found = phrases.counted(len(view.findings), "finding")
    yield f"{view.run_id}  {found}; {read}; bundle {view.bundle_id}{removed}"
