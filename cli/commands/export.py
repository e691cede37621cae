"""`runlore export`: write whole runs into one file."""

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from runlore.cli import phrases, standard
from runlore.cli.arguments import RUN_IDS
from runlore.cli.meant import WHERE, meant
from runlore.cli.options import verb
from runlore.cli.session import Session
from runlore.journal import ids
from runlore.journal.disk import REAL
from runlore.projections.exported import ExportView
from runlore.runtimes.export import export as export_runs
from runlore.runtimes.export import export_to_file

if TYPE_CHECKING:
    from collections.abc import Iterable

    from runlore.runtimes.export_plan import Item


@verb(
    "export",
    "runlore export latest -o nightly.tar",
    "runlore export --filter 'tags.release = v2' -o release.tar",
    "runlore export k3f9x2ab -o - | ssh elsewhere runlore import -",
)
@RUN_IDS
@WHERE
@click.option("-o", "--output", "to", metavar="FILE", required=True, help="The file; `-` is standard output.")
@click.option("--force", is_flag=True, help="Replace the file if it is there.")
def export(session: Session, *, run_ids: tuple[str, ...], where: str | None, to: str, force: bool) -> None:
    """Write whole runs into one file: their journals byte for byte, outputs, transcripts and evidence.

    It is a plain tar archive with a list for `sha256sum -c`, so anybody can look into it and check it;
    `runlore import` brings it into another registry. The same runs always make the same bytes. Locks, keys
    and values of secrets are not in it. Of a run whose outputs were removed there is the journal.

    Exits with 5 if a run has not ended, and with 65, leaving no file, if something of it is damaged.
    """
    context = click.get_current_context()
    if to == "-" and session.output.is_for_programs:
        raise click.UsageError("with `-o -` standard output is the bundle, and no answer fits", context)
    if to == "-" and os.isatty(1):
        raise click.UsageError(
            "a bundle is not for a terminal; name a file, or a pipe behind `-o -`", context
        )
    chosen = meant(session, run_ids, where)

    def watch(items: "Sequence[Item]") -> "Iterable[Item]":
        return session.output.progress("exported", len(items), "file").over(items)

    layout = session.reading()
    if to == "-":
        view = export_runs(REAL, layout, chosen, standard.write, to=to, watch=watch)
        for line in _lines(view):
            session.output.say(line)
        return
    view = export_to_file(REAL, layout, chosen, to, force=force, watch=watch)
    session.output.answer(view, lambda: _lines(view), [each.run_id for each in view.items])


def _lines(view: ExportView) -> Iterator[str]:
    for each in view.items:
        removed = "; its outputs were removed, see `runlore show`" if each.removed else ""
        records, outputs = phrases.counted(each.records, "record"), phrases.counted(each.outputs, "output")
        yield f"{ids.short(each.run_id)}  {records}, {outputs}{removed}"
    where = "" if view.to == "-" else " to " + _printable(view.to)
    yield f"{phrases.counted(len(view.items), 'run')}, {phrases.size(view.bytes)}{where}"


def _printable(path: str) -> str:
    from runlore.projections.printable import printable  # noqa: PLC0415 - only for people

    return printable(path)
