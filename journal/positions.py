"""What named subscriptions have seen: a small file each below positions/, replaced whole.

They are user state. Nothing can rebuild one, so none is ever guessed: a position that cannot be read is
told, and `subscriptions reset` begins anew. The feed keeps its segments for them: see feed_kept.
"""

from collections.abc import Iterator
from typing import Final

import msgspec
from msgspec import Struct

from runlore.journal.disk import Disk, read_whole, write_whole
from runlore.journal.errors import BrokenPosition, JournalIO, NewerFormat, NotFound
from runlore.journal.layout import POSITION_SUFFIX, Layout
from runlore.journal.position import FORMAT, Position, check_name, damage_of, is_name

_LIMIT: Final = 64 << 20


def names(disk: Disk, layout: Layout) -> list[str]:
    """Return the names there are, in order; none where nothing can be listed.

    Raises:
        JournalIO: the disk refused.
    """
    try:
        found = disk.listdir(layout.positions)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise JournalIO(f"{layout.positions}: {error.strerror or error}") from error
    stems = (each.removesuffix(POSITION_SUFFIX) for each in found if each.endswith(POSITION_SUFFIX))
    return sorted(stem for stem in stems if is_name(stem))


def load(disk: Disk, layout: Layout, name: str) -> Position:
    """Return a subscription's position.

    Raises:
        NotFound: there is none of that name. BrokenPosition: its file is damaged.
        NewerFormat: a later release wrote it. JournalIO: the disk refused.
    """
    path = layout.position(check_name(name))
    try:
        data = read_whole(disk, path, _LIMIT)
    except FileNotFoundError:
        raise NotFound(
            f"no subscription {name}; `runlore subscriptions ls` lists them, "
            f"`runlore subscriptions create {name}` makes it"
        ) from None
    except OSError as error:
        raise JournalIO(f"{path}: {error.strerror or error}") from error
    try:
        found = msgspec.json.decode(data, type=Position)
    except (msgspec.MsgspecError, UnicodeError, ValueError, RecursionError) as error:
        if _format_of(data) > FORMAT:
            raise _newer(path) from None
        raise BrokenPosition(path, name, str(error)) from None
    if found.format > FORMAT:
        raise _newer(path)
    if why := damage_of(found, name):
        raise BrokenPosition(path, name, why)
    return found


def store(disk: Disk, layout: Layout, position: Position) -> None:
    """Replace a subscription's position, durably: it is the old one or the new one, whatever happens.

    Raises:
        JournalIO: the disk refused; the old one stands.
    """
    path = layout.position(position.name)
    try:
        write_whole(disk, path, msgspec.json.encode(position) + b"\n")
    except OSError as error:
        raise JournalIO(f"{path}: {error.strerror or error}; the position stays where it was") from error


def remove(disk: Disk, layout: Layout, name: str) -> None:
    """Forget a subscription, durably; one that is not there is no matter.

    Raises:
        JournalIO: the disk refused.
    """
    path = layout.position(check_name(name))
    try:
        disk.unlink(path)
        disk.sync_dir(layout.positions)
    except FileNotFoundError:
        return
    except OSError as error:
        raise JournalIO(f"{path}: {error.strerror or error}") from error


def all_readable(disk: Disk, layout: Layout) -> Iterator[Position | None]:
    """Yield the position of each subscription; None for one that cannot be read."""
    for name in names(disk, layout):
        try:
            yield load(disk, layout, name)
        except NotFound:
            continue  # removed since it was listed
        except (BrokenPosition, NewerFormat, JournalIO):
            yield None


def _format_of(data: bytes) -> int:
    class Head(Struct):
        format: int = 0

    try:
        return msgspec.json.decode(data, type=Head).format
    except (msgspec.MsgspecError, UnicodeError, ValueError, RecursionError):
        return 0


def _newer(path: str) -> NewerFormat:
    return NewerFormat(f"{path} was written by a later release; use the subscription with that one")
