"""A root that is open: where it is, who acts there, and whether that may write.

Opening reads. The first act that writes has the root checked (private, local, of no newer format); reading
a root that may not be written goes on as before.
"""

import os
from functools import cached_property
from typing import TYPE_CHECKING, Final, Self

from runlore.journal import machine
from runlore.journal.disk import REAL, Disk
from runlore.journal.errors import NotPermitted
from runlore.journal.layout import Layout
from runlore.journal.root import find_root, open_for_reading, open_for_writing
from runlore.journal.values import Actor, Durability
from runlore.runtimes.observe import Observer
from runlore.runtimes.surroundings import current_folder

if TYPE_CHECKING:  # whoever looks loads nothing that writes
    from runlore.runtimes.run_secrets import OwnSecrets


class OpenRoot:
    """One root. Holds nothing open; may be shared by threads and kept for ever.

    writable: False refuses every act that would write, whatever the file system allows.
    """

    def __init__(
        self,
        layout: Layout,
        *,
        writable: bool = True,
        disk: Disk = REAL,
        by: Actor | None = None,
        durability: Durability = "power",
    ) -> None:
        self.layout: Final = layout
        self.disk: Final = disk
        self.observer: Final = Observer(disk, layout)
        self.durability: Final[Durability] = durability
        self._by, self._writable, self._checked = by, writable, False

    @classmethod
    def open(cls, root: str | os.PathLike[str] | None = None, *, create: bool = True) -> Self:
        """Return the registry at `root`, or the one that the command line would use.

        That is `RUNLORE_ROOT`, else the nearest `.runlore/` upwards from the current folder, else the
        user's own. If there is none yet it is made, unless `create` is off. One that exists is not
        written to by being opened.

        Raises:
            NotFound: there is none, and `create` is off. NotPermitted: it may not be made there.
            BadInput: the root is none. JournalIO: the disk refused.
        """
        found = find_root(None if root is None else os.fspath(root), os.environ, current_folder())
        if create and not os.path.isdir(f"{found.path}/journals"):
            return cls(open_for_writing(REAL, found.path))
        return cls(open_for_reading(found.path))

    @property
    def root(self) -> str:
        """The registry's folder."""
        return self.layout.root

    @property
    def by(self) -> Actor:
        """Who acts here, as events name it; asked anew, because a fork changes it."""
        return self._by or machine.actor("python")

    @cached_property
    def secrets(self) -> "OwnSecrets":
        """What this process's own environment holds of secrets; looked for when something is recorded."""
        from runlore.runtimes.run_secrets import OwnSecrets  # noqa: PLC0415 - see above

        return OwnSecrets(self.root)

    def require_writable(self) -> None:
        """Return if this registry may be written; asked of the file system once.

        Raises:
            NotPermitted, NotFound, NewerFormat, JournalIO: it may not; the message says what to do.
        """
        if not self._writable:
            raise NotPermitted(f"{self.root} was opened for reading only")
        if not self._checked:
            open_for_writing(self.disk, self.root, create=False)
            self._checked = True
