"""Corpus J: journals that nobody should have written, each with the verdict it must get.

`CASES` is meant to be parametrized over, by id: the pure scan is tested with it, and so is every
command that reads a journal. All cases are files of run `RUN`. Numbers up to J36 are those of the list
that the corpus began with.
"""

from typing import Final

from tests.corpus.journal import hurt_files, hurt_lines, unusual
from tests.corpus.journal.case import Case, Verdict
from tests.journal.forge import RUN

__all__ = ["CASES", "RUN", "Case", "Verdict"]

CASES: Final[tuple[Case, ...]] = (
    *hurt_files.files(),
    *hurt_lines.lines(),
    *hurt_lines.torn(),
    *hurt_files.nuls(),
    *hurt_files.behind_damage(),
    *unusual.newer(),
    *unusual.unusual(),
    *hurt_files.long(),
)
