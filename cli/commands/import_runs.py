"""`runlore import`: bring in runs that were exported, or that other tools executed."""

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from runlore.cli import phrases
from runlore.cli.errors import Failed
from runlore.cli.options import verb
from runlore.cli.session import Session
from runlore.journal.disk import REAL
from runlore.journal.errors import BadInput, RunloreError
from runlore.projections import sizes
from runlore.projections.imported import ImportedView, ImportRefusedView, ImportView
from runlore.runtimes.import_bundle import MOST_BYTES, import_bundle
from runlore.runtimes.import_source import STANDARD_INPUT, Opened, opened

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from runlore.projections.bundle_file import BundledFile


@verb(
    "import",
    "runlore import nightly.tar",
    "ssh elsewhere runlore export latest -o - | runlore import -",
    "runlore import runs.ndjson",
    "runlore import ~/.homeboy/runs/2026-11-20-nightly",
)
@click.argument("source", metavar="FILE|DIR|-", type=click.Path(allow_dash=True))
@click.option(
    "--max-bytes",
    metavar="SIZE",
    default=sizes.spelled(MOST_BYTES),
    show_default=True,
    help="Refuse a bundle that makes more.",
)
@click.option("--tool", metavar="NAME", help="What runs in a folder are said to come from.")
def import_runs(session: Session, *, source: str, max_bytes: str, tool: str | None) -> None:
    """Bring in runs: a bundle that was exported, or runs that other tools executed; `-` is standard input.

    All of a bundle is checked before anything of it counts: every digest, every journal's chain, and that
    nothing is missing or too much. All its runs come in, or none. What is here already stays as it is, so
    importing twice changes nothing.

    A file of JSON holds records of runs: an object, an array of them, or one a line; `runlore schema
    import_record` lists the fields. If one is wrong, none comes in. DIR is a run folder of another tool, or
    a folder of such folders; it is only read, and no link in it is followed.

    Exits with 5 if a run is here with another history, with 65 if a bundle is damaged or a file is not the
    one that its manifest names, and with 2 where something is wrong in what was given. Of several runs of
    other tools each that can be imported is, and the code is that of the first one that could not.
    """
    most, refusals = sizes.parse(max_bytes), _Refusals(session)
    if os.path.isdir(source):
        items = _foreign(session, source, None, tool, refusals)
    else:
        with opened(source) as found:
            if found.is_json:
                items = _foreign(session, source, found, tool, refusals)
            elif tool is not None:
                raise BadInput("only folders can be given a tool; a bundle has runs of runlore's own")
            else:
                items = _bundle(session, found, most)
    view = ImportView(items=items, refused=refusals.items)
    session.output.answer(view, lambda: _lines(session, items), [each.run_id for each in items])
    if gone := [each.run_id for each in items if each.removed]:
        session.output.say(
            f"removed here: {phrases.counted(len(gone), 'run')}, and an import brings no outputs back; "
            f"`runlore restore {gone[0]}` does while they are in the trash, or import into another --root"
        )
    refusals.tell(len(items))


class _Refusals:
    """Tells of each run that could not be imported, while the others are."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.items: list[ImportRefusedView] = []

    def __call__(self, where: str, error: RunloreError) -> None:
        """Take note of one."""
        output, clean = self._session.output, self._session.registry.secrets.text
        output.warn(f"error: {output.text(clean(f'{where}: {error}'))}")
        self.items.append(
            ImportRefusedView(source=clean(where), exit_code=error.exit_code, text=clean(str(error)))
        )

    def tell(self, imported: int) -> None:
        """Say how many there were, and end as the first of them demands."""
        if self.items:
            self._session.output.warn(f"{imported:,} imported or there before, {len(self.items):,} refused")
            raise Failed(self.items[0].exit_code)


def _bundle(session: Session, found: Opened, most: int) -> list[ImportedView]:
    session.see_to_registry()

    def watch(files: "Sequence[BundledFile]") -> "Iterable[BundledFile]":
        return session.output.progress("imported", len(files), "file").over(files)

    return import_bundle(REAL, session.writing(), found.read, found.name, max_bytes=most, watch=watch)


def _foreign(
    session: Session, source: str, found: Opened | None, tool: str | None, refused: _Refusals
) -> list[ImportedView]:
    """Return the runs that another tool recorded in a folder, or in JSON."""
    from runlore.runtimes import foreign  # noqa: PLC0415 - bundles need none of it

    session.see_to_registry()
    if found is not None and source == STANDARD_INPUT:
        if tool is not None:
            raise BadInput("only folders can be given a tool; records name theirs in `source`")
        data = foreign.read_stream(found.read, found.name)
        return foreign.import_bytes(session.registry, data, source, refused=refused)
    return foreign.import_foreign(session.registry, source, tool=tool, refused=refused)


def _lines(session: Session, items: list[ImportedView]) -> Iterator[str]:
    for each in items:
        outcome = f"{each.outcome}, removed here" if each.removed else each.outcome
        yield f"{each.run_id}  {outcome}  {session.output.text(each.source)}"
