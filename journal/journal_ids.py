"""Which runs there are: by the names of their journals, and by the packs that hold some."""

from runlore.journal.disk import Disk
from runlore.journal.errors import JournalIO, NotFound
from runlore.journal.ids import is_run_id
from runlore.journal.layout import SUFFIX, Layout
from runlore.journal.packs import Packs
from runlore.journal.values import RunId


def journal_ids(disk: Disk, layout: Layout) -> list[RunId]:
    """Return the ids of all runs, packed ones too, oldest first; a file of another name is not a journal.

    Raises:
        NotFound: there is no registry. JournalIO: the disk refused.
    """
    return listed(disk, layout)[0]


def listed(disk: Disk, layout: Layout) -> tuple[list[RunId], frozenset[RunId], Packs]:
    """Return (the ids of all runs, oldest first; those that are in packs alone; the packs).

    Raises:
        NotFound: there is no registry. JournalIO: the disk refused.
    """
    loose = loose_ids(disk, layout)  # before the packs: what is packed meanwhile is in them
    try:
        packs = Packs(disk, layout)
        if not packs.names:
            return loose, frozenset(), packs
        packed = frozenset(packs.run_ids()).difference(loose)
    except OSError as error:
        raise JournalIO(f"{layout.packs}: {error.strerror or error}") from error
    return sorted({*loose, *packed}), packed, packs


def loose_ids(disk: Disk, layout: Layout) -> list[RunId]:
    """Return the ids of the runs that have a journal of their own, oldest first.

    Raises:
        NotFound: there is no registry. JournalIO: the disk refused.
    """
    try:
        names = disk.listdir(layout.journals)
    except FileNotFoundError:
        raise NotFound(f"no registry at {layout.root}; `runlore init` makes one") from None
    except OSError as error:
        raise JournalIO(f"{layout.journals}: {error.strerror}") from error
    cut = -len(SUFFIX)
    return sorted(RunId(name[:cut]) for name in names if name.endswith(SUFFIX) and is_run_id(name[:cut]))
