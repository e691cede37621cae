"""The paths of a registry for whoever looks at one run's files, also if the run was removed.

A removed run keeps everything it recorded in the trash, until that is emptied; `restore` brings it back.
"""

from runlore.journal.disk import Disk
from runlore.journal.errors import Conflict
from runlore.journal.layout import Layout
from runlore.journal.values import RunId


class _InTrash(Layout):
    """The paths of a registry, but for the folder of one run, which lies elsewhere."""

    def __init__(self, root: str, run_id: RunId, folder: str) -> None:
        super().__init__(root)
        self._run_id, self._folder = run_id, folder

    def run_dir(self, run_id: RunId) -> str:
        """Everything of the run but its journal."""
        return self._folder if run_id == self._run_id else super().run_dir(run_id)


def where_it_lies(disk: Disk, layout: Layout, run_id: RunId) -> Layout:
    """Return the paths by which a run's folder is found; hold the cleanup lock, or it may be moved.

    Raises:
        Conflict: it lies in more than one place. OSError: the disk refused.
    """
    places = (layout.run_dir(run_id), layout.in_trash(run_id), layout.going(run_id))
    found = [folder for folder in places if _is_there(disk, folder)]
    if len(found) > 1:
        raise Conflict(
            f"run {run_id} lies in {' and in '.join(found)}: nobody can tell which of them it is; "
            "move the other one elsewhere"
        )
    if not found or found[0] == layout.run_dir(run_id):
        return layout
    return _InTrash(layout.root, run_id, found[0])


def _is_there(disk: Disk, folder: str) -> bool:
    try:
        disk.stat_path(folder)
    except FileNotFoundError:
        return False
    return True
