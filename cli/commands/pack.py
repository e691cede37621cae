"""`runlore pack`: move the journals of runs that ended a while ago into a few files."""

from collections.abc import Iterator
from typing import Final

import click

from runlore.cli import phrases
from runlore.cli.options import verb
from runlore.cli.session import Session
from runlore.journal.disk import REAL
from runlore.projections import durations
from runlore.projections.pack_views import PackView
from runlore.runtimes.packing import OLDER_THAN_S, Packing

_WHY: Final = {
    "unsealed": "not sealed",
    "young": "too young",
    "too_big": "too big for a pack",
    "owned": "owned by somebody",
    "changed": "changed meanwhile, or not whole (`runlore verify`)",
    "unreadable": "not readable",
}


@verb("pack", "runlore pack --dry-run", "runlore pack", "runlore pack --older-than 12h")
@click.option(
    "--older-than",
    metavar="AGE",
    default=durations.spelled(OLDER_THAN_S),
    show_default=True,
    help="Only runs whose last event is older.",
)
@click.option("--dry-run", is_flag=True, help="Show what would be packed; change nothing.")
def pack(session: Session, *, older_than: str, dry_run: bool) -> None:
    """Move the journals of runs that ended a while ago into a few files.

    Thousands of small journals become one file in packs/, byte for byte, which frees inodes and disk and
    makes cold reads fast. Everything works on packed runs as before: they are listed, shown, verified,
    redacted, and can be tagged.
    """
    age_s = durations.parse(older_than, zero=True)
    packing = Packing(REAL, session.reading() if dry_run else session.writing(), older_than_s=age_s)
    view = packing.plan() if dry_run else packing.apply()
    session.output.answer(view, lambda: _lines(view), [each.path for each in view.packs])
    if not view.runs:
        session.output.say("nothing to pack")


def _lines(view: PackView) -> Iterator[str]:
    for each in view.packs:
        yield f"{each.path}  {phrases.counted(each.runs, 'run')}, {phrases.size(each.bytes)}"
    would = "would free" if view.dry_run else "freed"
    if view.runs:
        yield (
            f"{phrases.counted(view.runs, 'run')}: {would} {phrases.counted(view.freed_inodes, 'inode')} "
            f"and {phrases.size(view.freed_bytes)}"
        )
    for reason, count in view.kept.items():
        yield f"stays: {phrases.counted(count, 'journal')} {_WHY[reason]}"
