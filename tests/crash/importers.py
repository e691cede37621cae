"""Processes that import a run of another tool, on their way to be killed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from runlore.journal.disk import REAL
from runlore.journal.journal_ids import journal_ids
from runlore.journal.values import RunId
from runlore.journal.verify import verify
from runlore.projections.index.care import differences
from runlore.runtimes import run_folder
from runlore.runtimes.check_outputs import check_outputs
from runlore.runtimes.foreign import import_directory
from runlore.runtimes.registry import Registry
from tests.crash.victims import Victim
from tests.runtimes.foreign_folders import homeboy


class Imports(Victim):
    """Imports the run folder of another tool, with outputs and a transcript."""

    def prepare(self) -> None:
        super().prepare()
        Registry(self.layout).runs()  # makes an index, which is to be brought up to date
        if not self._source.exists():
            homeboy(self._source)

    def act(self) -> None:
        import_directory(Registry(self.layout, disk=self.disk), str(self._source))

    def mend(self) -> Iterator[str]:
        for run_id in journal_ids(REAL, self.layout):
            yield from self._wrong_with(run_id)
        self.act()
        runs = journal_ids(REAL, self.layout)
        if len(runs) != 1:
            yield f"after importing again there are {runs}"
        for run_id in runs:
            yield from self._wrong_with(run_id)
        if [each.outcome for each in import_directory(Registry(self.layout), str(self._source))] != [
            "existing"
        ]:
            yield "a third import made another run"

    @property
    def _source(self) -> Path:
        return Path(f"{self.root}-source")

    def _wrong_with(self, run_id: RunId) -> Iterator[str]:
        """Yield what of a run that can be seen is not whole."""
        found = verify(REAL, self.layout, run_id)
        if found.integrity != "sealed":
            yield f"{run_id}: {found}"
        outputs = check_outputs(REAL, self.layout, run_id)
        if outputs.findings or outputs.files != _FILES:
            yield f"{run_id}: {outputs}"
        folder = run_folder.look(self.layout.run_dir(run_id))
        if folder is None or folder.problem:
            yield f"{run_id}: {folder}"
        if b"".join(line.data for line in Registry(self.layout).get(run_id).logs()).count(b"failed") != 1:
            yield f"{run_id}: its transcript is not whole"
        if different := list(differences(REAL, self.layout, iter)):
            yield f"the index says {different}"


_FILES: Final = 3
IMPORTERS: Final[dict[str, type[Victim]]] = {"import folder": Imports}
