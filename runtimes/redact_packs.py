"""Take a value out of packs: the lines of one run are overwritten in a pack of the same length.

Superseded copies of the run are rewritten, too: nobody reads them, and anybody could. A pack that a
redaction left half written has no name of a pack, and goes with the next packing or redaction.
"""

from collections.abc import Iterator

from runlore.journal.disk import Disk
from runlore.journal.layout import Layout
from runlore.journal.overwrite import Overwriter
from runlore.journal.packs import Copy, Packs
from runlore.journal.values import RunId
from runlore.runtimes import secret_search as search
from runlore.runtimes.redact_places import Place
from runlore.runtimes.secret_search import Overwritten
from runlore.runtimes.stored_lines import packed_lines


def found_in_packs(disk: Disk, layout: Layout, run_id: RunId, edit: Overwriter) -> Iterator[Place]:
    """Yield the packs that hold a value in lines of this run; hold the pack lock to rewrite them.

    Raises:
        BadInput: a line cannot be changed so. OSError: the disk refused.
    """
    by_path: dict[str, list[Overwritten]] = {}
    for copy in Packs.of(disk, layout, run_id).copies(run_id):
        by_path.setdefault(copy.path, []).extend(_edits(disk, copy, edit))
    for path, edits in by_path.items():
        if edits:
            yield _place(disk, path, edits)


def _edits(disk: Disk, copy: Copy, edit: Overwriter) -> Iterator[Overwritten]:
    for stored in packed_lines(disk, copy):
        changed = edit.line(stored.line)
        if changed is not None:
            yield Overwritten(stored.offset, changed)


def _place(disk: Disk, path: str, edits: list[Overwritten]) -> Place:
    return Place("pack", path, len(edits), lambda: search.replace(disk, path, edits))
