"""Everything a measurement stands on: the installed runlore, the peers, what was made for the cases."""

import os
import tempfile
from collections.abc import Iterable, Mapping
from typing import Final

from benchmarks import corpora, machine, peers
from benchmarks.build import Installed
from benchmarks.declare import Case, Table
from benchmarks.model import Size
from benchmarks.place import Place

_DROPPED: Final = (
    "PYTHONDONTWRITEBYTECODE",
    "PYTHONUNBUFFERED",
    "PYTHONHOME",
    "PYTHONOPTIMIZE",
    "VIRTUAL_ENV",
)
"""What would make a Python slower than a user's, or another one."""


class Workshop:
    """Installed once, used by all tables of one run."""

    def __init__(self, repository: str, scratch: str, size: Size, installed: Installed) -> None:
        self.repository, self.scratch, self.size = repository, scratch, size
        self.tree = machine.tree(repository)
        self._installed = installed
        self._found: Mapping[str, peers.Found] = {}
        self._corpora: dict[str, str] = {}
        os.makedirs(f"{scratch}/cases", exist_ok=True)

    @property
    def python_version(self) -> str:
        """Version of the interpreter that runlore is installed in."""
        return self._installed.version

    def equip(self, tables: Iterable[Table]) -> None:
        """Fetch the peers and make the corpora that these tables need."""
        chosen = [table.of_size(self.size) for table in tables]
        wanted = {name for table in chosen for case in table.cases for name in case.needs}
        self._found = peers.fetch(self.repository, wanted, self._installed)
        for name in {name for table in chosen for name in table.corpora.get(self.size, ())}:
            self._corpora[name] = corpora.made(
                name, self.scratch, self._installed.python, self.repository, self.environment()
            )

    def missing(self, case: Case) -> str:
        """Return why a peer that the case needs is not there, or nothing."""
        reasons = [self._found[name].reason for name in case.needs if self._found[name].reason]
        return "; ".join(reasons)

    def interpreter(self, case: Case) -> str:
        """Return the Python that runs the case."""
        if case.interpreter == "peers":
            return peers.python(self.repository, self._installed)
        return self._installed.python

    def place(self, table: Table, case: Case) -> Place:
        """Return a new place with an empty folder."""
        return Place(
            folder=tempfile.mkdtemp(prefix=f"{table.name}-", dir=f"{self.scratch}/cases"),
            size=self.size,
            python=self._installed.python,
            runlore=self._installed.command,
            tools={name: self._found[name].path for name in case.needs},
            corpora=self._corpora,
            arguments=case.arguments,
        )

    def environment(self) -> dict[str, str]:
        """Return the environment of every case: ours to import, nothing that slows Python down."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if name not in _DROPPED and not name.startswith("RUNLORE")
        }
        return kept | {"PYTHONPATH": self.repository}
