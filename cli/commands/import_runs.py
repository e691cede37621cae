"""`runlore import`: bring in runs that were exported, or that other tools recorded."""

import os
from collections.abc import Iterator
from importlib import import_module
from typing import TYPE_CHECKING

import click

from runlore.cli.options import verb
from runlore.cli.session import Session
from runlore.journal import ids
from runlore.journal.disk import REAL
from runlore.journal.errors import BadInput
from runlore.journal.values import RunId
from runlore.projections import sizes
from runlore.projections.imported import ImportedView, ImportView
from runlore.runtimes.import_bundle import MOST_BYTES, import_bundle
from runlore.runtimes.import_source import STANDARD_INPUT, opened

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from runlore.projections.bundle_file import BundledFile


@verb("import", "runlore import nightly.tar", "ssh elsewhere runlore export latest -o - | runlore import -")
@click.argument("source", metavar="FILE|DIR|-")
@click.option(
    "--max-bytes",
    metavar="SIZE",
    default=sizes.spelled(MOST_BYTES),
    show_default=True,
    help="Refuse a bundle that makes more.",
)
def import_runs(session: Session, *, source: str, max_bytes: str) -> None:
    """Bring in runs that were exported; `-` is standard input.

    All of a bundle is checked before anything of it counts: every digest, every journal's chain, and that
    nothing is missing or too much. All its runs come in, or none. What is here already stays as it is, so
    importing twice changes nothing.

    A folder, or JSON records, are runs that other tools recorded.

    Exits with 5 if a run is here with another history, with 65 if the bundle is damaged, and with 2 if it is
    none.
    """
    most = sizes.parse(max_bytes)
    items = _imported(session, source, most)
    view = ImportView(items=items)
    session.output.answer(view, lambda: _lines(view), [each.run_id for each in items])


def _imported(session: Session, source: str, most: int) -> list[ImportedView]:
    if source != STANDARD_INPUT and os.path.isdir(source):
        return _foreign(session, source)
    with opened(source) as found:
        if found.is_json:
            return _foreign(session, source)
        session.see_to_registry()

        def watch(files: "Sequence[BundledFile]") -> "Iterable[BundledFile]":
            return session.output.progress("imported", len(files), "file").over(files)

        layout = session.writing()
        return import_bundle(REAL, layout, found.read, found.name, max_bytes=most, watch=watch)


def _foreign(session: Session, source: str) -> list[ImportedView]:
    """Return the runs that another tool recorded in a folder, or in JSON.

    Raises:
        BadInput: this release cannot read such records.
    """
    try:
        foreign = import_module("runlore.runtimes.foreign")
    except ModuleNotFoundError:
        raise BadInput(
            f"{source} is no bundle, and runs of other tools are not read by this release"
        ) from None
    session.see_to_registry()
    items: list[ImportedView] = foreign.import_foreign(session.registry, source)
    return items


def _lines(view: ImportView) -> Iterator[str]:
    for each in view.items:
        yield f"{ids.short(RunId(each.run_id))}  {each.outcome}"
