"""What has moved since an index was last brought up to date: asked of the feed, of a folder's time, of files.

The order of the looks is what makes it right. The folder's time and the feed's end are read first, so that
whatever happens later moves one of them behind what is noted here.
"""

import os
from typing import Final

from msgspec import Struct

from runlore.journal import machine
from runlore.journal.disk import Disk
from runlore.journal.feed_position import FeedPosition
from runlore.journal.feed_reader import FeedReader
from runlore.journal.ids import is_run_id
from runlore.journal.layout import SUFFIX, Layout
from runlore.journal.values import RunId
from runlore.projections.index.entry import Signature

NEVER: Final = 0
"""Stands for a time that proves nothing."""
_NO_FOLDER: Final = 1
"""Stands for the time of a folder that is not there."""
_UNSURE_NS: Final = 50_000_000
"""Kernels tick at least so often: who looks at a folder sooner after its time may miss a later change."""


class Place(Struct, frozen=True, kw_only=True):
    """Up to where everything has been seen."""

    boot: str = ""
    feed: FeedPosition | None = None
    journals_ns: int = NEVER
    """Time of change of the journals' folder."""
    packs_ns: int = NEVER
    """The same of the packs' folder."""


class Survey(Struct, frozen=True, kw_only=True):
    """What has to be looked at, and from where to go on next time."""

    place: Place
    announced: frozenset[RunId] = frozenset()
    """Runs that the feed names."""
    listed: bool = False
    """The names in the folders have to be compared, with their inodes: one of them has changed since."""
    packs_listed: bool = False
    """That of the packs has; else the index knows which runs lie there."""
    doubted: bool = False
    """The feed cannot vouch for anything: every journal has to be looked at."""


def survey(disk: Disk, layout: Layout, before: Place) -> Survey:
    """Return what may have changed since `before`."""
    journals_ns, packs_ns = _changed_ns(disk, layout.journals), _packs_ns(disk, layout)
    boot, reader = machine.boot_id(), FeedReader(disk, layout)
    if before.feed is None or not boot or boot != before.boot:
        end = reader.end() if boot else None
        place = Place(boot=boot, feed=end, journals_ns=journals_ns, packs_ns=packs_ns)
        return Survey(place=place, listed=True, packs_listed=True, doubted=True)
    read = reader.read(before.feed)
    doubted = read.state != "continued"
    packs_listed = doubted or packs_ns == NEVER or packs_ns != before.packs_ns
    return Survey(
        place=Place(boot=boot, feed=read.position, journals_ns=journals_ns, packs_ns=packs_ns),
        announced=frozenset(each.run_id for each in read.announcements),
        listed=packs_listed or journals_ns == NEVER or journals_ns != before.journals_ns,
        packs_listed=packs_listed,
        doubted=doubted,
    )


def journals(layout: Layout) -> dict[RunId, int]:
    """Return every journal there is, with its inode; a file of another name is not a journal.

    The inode comes with the name: nothing is opened or asked for it.
    """
    cut = -len(SUFFIX)
    with os.scandir(layout.journals) as entries:
        return {
            RunId(each.name[:cut]): signed(each.inode())
            for each in entries
            if each.name.endswith(SUFFIX) and is_run_id(each.name[:cut])
        }


def signature_of(path: str) -> Signature | None:
    """Return what a journal looks like from outside; None if there is none."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return None
    return signed(found.st_ino), found.st_size, found.st_mtime_ns


def signed(number: int) -> int:
    """Return an unsigned number of 64 bits, as an inode is, as SQLite keeps integers."""
    return number - (1 << 64) if number >= 1 << 63 else number


def is_appended_to(disk: Disk, path: str) -> bool:
    """Say whether somebody holds the append lock of a journal, or whether that cannot be told."""
    try:
        fd = disk.open(path, os.O_RDONLY | os.O_NONBLOCK)
        try:
            return disk.is_locked(fd)
        finally:
            disk.close(fd)
    except OSError:
        return True


def _packs_ns(disk: Disk, layout: Layout) -> int:
    try:
        return _changed_ns(disk, layout.packs)
    except FileNotFoundError:
        return _NO_FOLDER


def _changed_ns(disk: Disk, folder: str) -> int:
    """Return when names in a folder changed last; NEVER if that was only just now."""
    changed = disk.stat_path(folder).mtime_ns
    now = disk.now().timestamp() * 1e9
    return NEVER if changed > now - _UNSURE_NS else changed
