"""Export and import on a disk that fills up: `python -m tests.crash.full_move STEP FOLDER`.

Wants a mount namespace of its own. A neighbour leaves so many pages of a small tmpfs, from none on, STEP more
each time, until everything fits. Prints one JSON line.
"""

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from runlore.journal.disk import REAL
from runlore.journal.errors import JournalIO
from runlore.journal.journal_ids import journal_ids
from runlore.journal.layout import Layout
from runlore.journal.root import open_for_writing
from runlore.journal.verify import verify
from runlore.runtimes import free_space, import_bundle
from runlore.runtimes.check_outputs import check_outputs
from runlore.runtimes.export import export_to_file
from tests.runtimes.bundles import leave_outputs

SIZE_KIB: Final = 1024
_PAGE: Final = 4096


def main(step: str, folder: str) -> None:
    """Mount, fill, move, look."""
    setattr(free_space, "SPARE", -(1 << 40))  # noqa: B010 - else it is refused before anything is tried
    source = open_for_writing(REAL, f"{folder}/source")
    leave_outputs(source, {"a": os.urandom(50_000), "b": os.urandom(30_000)}, promoted=["a"])
    bundle = f"{folder}/runs.tar"
    export_to_file(REAL, source, journal_ids(REAL, source), bundle)
    disk = Path(folder, "disk")
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_KIB}k,mode=700", "tmpfs", str(disk)]
    subprocess.run(mount, check=True)
    found: dict[str, int] = {"refused exports": 0, "refused imports": 0}
    broken: list[str] = []
    for pages in range(0, SIZE_KIB // 4, int(step)):
        broken += _exported(source, disk, pages, found)
        broken += _imported(disk, pages, Path(bundle).read_bytes(), found)
    print(json.dumps({**found, "broken": broken}))


def _exported(source: Layout, disk: Path, pages: int, found: dict[str, int]) -> Iterator[str]:
    _leave(disk, pages)
    target = disk / "runs.tar"
    try:
        export_to_file(REAL, source, journal_ids(REAL, source), str(target))
    except JournalIO:
        found["refused exports"] += 1
        if os.listdir(disk) != ["neighbour"]:
            yield f"export with {pages} pages left {os.listdir(disk)}"
    (disk / "neighbour").unlink()
    target.unlink(missing_ok=True)


def _imported(disk: Path, pages: int, bundle: bytes, found: dict[str, int]) -> Iterator[str]:
    layout = open_for_writing(REAL, f"{disk}/registry")
    _leave(disk, pages)
    try:
        import_bundle.import_bundle(REAL, layout, io.BytesIO(bundle).read, "it")
    except JournalIO:
        found["refused imports"] += 1
        left = (
            [name for name in os.listdir(layout.imports) if name != ".lock"] if _has_imports(layout) else []
        )
        if len(left) > 1 or (left and not os.path.exists(f"{layout.imports}/{left[0]}/decided.json")):
            yield f"import with {pages} pages left {left}"
    for run_id in journal_ids(REAL, layout):
        if verify(REAL, layout, run_id).findings or check_outputs(REAL, layout, run_id).findings:
            yield f"import with {pages} pages left half a run"
    (disk / "neighbour").unlink()
    import_bundle.import_bundle(REAL, layout, io.BytesIO(bundle).read, "it")
    if len(journal_ids(REAL, layout)) != 1 or os.listdir(layout.imports) != [".lock"]:
        yield f"imported again after {pages} pages: {os.listdir(layout.imports)}"
    subprocess.run(["rm", "-rf", layout.root], check=True)


def _has_imports(layout: Layout) -> bool:
    return os.path.isdir(layout.imports)


def _leave(disk: Path, pages: int) -> None:
    """Let a neighbour take all but so many pages."""
    free = os.statvfs(disk).f_bavail - pages
    (disk / "neighbour").write_bytes(bytes(max(0, free) * _PAGE))


if __name__ == "__main__":
    main(*sys.argv[1:])
