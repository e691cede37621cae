"""The repository itself holds no secret, made up or real, outside of the tests that need some."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.secrets.oracle import findings

ROOT: Final = Path(__file__).parents[2]
_NOT_OURS: Final = {"tests", "build", "dist", "__pycache__"}


def published() -> Iterator[Path]:
    """Yield the files that we write by hand; tests of redaction need examples, and are left out."""
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in _NOT_OURS and (name[0] != "." or name == ".ci")]
        yield from (Path(folder, name) for name in names if not name.endswith((".pyc", ".so", ".png")))


def test_no_file_of_ours_holds_a_secret() -> None:
    """What we publish gives a scanner of secrets nothing to find."""
    files = list(published())
    found = [
        each
        for path in files
        for each in findings(path.read_text("utf-8", "replace"), str(path.relative_to(ROOT)))
    ]

    assert len(files) > 100
    assert found == []
