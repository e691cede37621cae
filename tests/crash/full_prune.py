"""Prune on a disk without a free byte: `python -m tests.crash.full_prune FOLDER`.

Wants a mount namespace of its own. Runs end, a neighbour takes every page that is left, and then the rules
are applied: with room in the last page of each journal; with none there, and something in the trash; and
with none there, and an index. Prints one JSON line.
"""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

from runlore.journal.disk import REAL
from runlore.journal.layout import Layout
from runlore.journal.root import open_for_writing
from runlore.journal.values import RunId
from runlore.journal.verify import verify
from runlore.journal.writer import Writer
from runlore.projections.index.care import rebuild
from runlore.runtimes.registry import Registry
from tests.crash.full_disk import _take_every_page
from tests.doubles.drafts import new_run_id, noted
from tests.runtimes.removable import RULES, Later, leave_run, lies, registry

SIZE_KIB: Final = 1024
RUNS: Final = 8
_PAGE: Final = 4096
_SPARE: Final = 120
"""Bytes of a page that no event fits in."""


def main(folder: str) -> None:
    """Mount, prune, look; three times."""
    found: dict[str, object] = {}
    for scene in ("room in the journals", "something in the trash", "an index"):
        place = f"{folder}/{scene.replace(' ', '-')}"
        os.mkdir(place)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE_KIB}k", "tmpfs", place], check=True)
        found[scene] = list(_broken(open_for_writing(REAL, f"{place}/registry"), scene))
    print(json.dumps({"scenes": found}))


def _broken(layout: Layout, scene: str) -> list[str]:
    run_ids = [leave_run(layout, new_run_id(number)) for number in range(RUNS)]
    later = registry(layout, RULES)
    if scene == "something in the trash":
        later.get(run_ids[0]).remove()
    if scene != "room in the journals":
        for run_id in run_ids:
            _fill_last_page(layout, run_id)
    if scene == "an index":
        rebuild(REAL, layout, iter)
    neighbour = _take_every_page(layout.root)
    try:
        if os.statvfs(layout.root).f_bavail:
            return ["the disk is not full"]
        os.kill(neighbour, signal.SIGSTOP)  # it took everything, and takes no more
        os.waitpid(neighbour, os.WUNTRACED)
        later = Registry(layout, disk=Later())
        view = later.prune(apply=True, now=True)
        again = later.prune(apply=True, now=True)
    finally:
        os.kill(neighbour, signal.SIGKILL)
        os.waitpid(neighbour, 0)
    broken = [
        f"{each.run_id}: {each.code}, {each.done}: {each.reason}"
        for each in view.items
        if each.done != "freed"
    ]
    left = [run_id for run_id in run_ids if lies(layout, run_id)]
    unsound = [run_id for run_id in run_ids if verify(REAL, layout, run_id).findings]
    return [*broken, *left, *unsound, *(f"again: {each.code}" for each in again.items)]


def _fill_last_page(layout: Layout, run_id: RunId) -> None:
    """Append notes until nothing more fits into the page that the journal ends in."""
    size = os.path.getsize(layout.journal(run_id))
    writer = Writer(REAL, layout, run_id)
    before = size
    writer.append(noted(""))
    overhead = os.path.getsize(layout.journal(run_id)) - before
    size = before + overhead
    missing = -(size + overhead) % _PAGE
    writer.append(noted("x" * max(0, missing - 8)))
    writer.close()
    end = Path(layout.journal(run_id)).stat().st_size
    assert -end % _PAGE < _SPARE, end % _PAGE


if __name__ == "__main__":
    main(*sys.argv[1:])
