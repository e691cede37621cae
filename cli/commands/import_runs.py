"""`runlore import`: bring in runs that other tools executed."""

import click

from runlore.cli.errors import Failed
from runlore.cli.options import verb
from runlore.cli.session import Session
from runlore.journal.errors import RunloreError
from runlore.projections.imported import ImportedView, ImportView


@verb(
    "import",
    "runlore import runs.ndjson",
    "runlore import ~/.homeboy/runs/2026-11-20-nightly",
    "export-runs | runlore import -",
)
@click.argument("source", metavar="FILE|DIR|-", type=click.Path(allow_dash=True))
@click.option("--tool", metavar="NAME", help="What runs in a folder are said to come from.")
def import_runs(session: Session, *, source: str, tool: str | None) -> None:
    """Bring in runs that other tools executed, each whole, durable, and once.

    FILE, or standard input, holds records in JSON: an object, an array of them, or one a line;
    `runlore schema import_record` lists the fields. If one is wrong, none comes in. DIR is a run folder
    of another tool, or a folder of such folders; it is only read, and no link in it is followed.

    What was imported before is told as existing. Exits with the code of the first run that could not be
    imported, after all others were: 2 where something in it is wrong, 5 where the same id was imported
    with other content, 65 where a file is not the one that its manifest names.
    """
    from runlore.runtimes import foreign  # noqa: PLC0415 - `--help` needs none of it

    session.see_to_registry()
    first: list[RunloreError] = []

    def refused(where: str, error: RunloreError) -> None:
        first.append(error)
        told = session.registry.secrets.text(f"{where}: {error}")
        session.output.warn(f"error: {session.output.text(told)}")

    def line(item: ImportedView) -> str:
        return f"{item.run_id}  {item.outcome}  {session.output.text(item.source)}"

    if source == "-":
        data = foreign.read_stream(0, "standard input")
        items = foreign.import_bytes(session.registry, data, "-", refused=refused)
    else:
        items = foreign.import_foreign(session.registry, source, tool=tool, refused=refused)
    session.output.answer(ImportView(items=items), lambda: map(line, items), [item.run_id for item in items])
    if first:
        session.output.warn(f"{len(items):,} imported or there before, {len(first):,} refused")
        raise Failed(first[0].exit_code)
