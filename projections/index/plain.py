"""A plain journal as a row: one file that is not large, right in every respect, sealed, and left alone.

So are nearly all of them. One is opened once and asked for everything: its append lock, what it looks
like, its bytes, and by its name whether it looks so still. What is unusual in any way gives no row here:
`refresh` looks closely then.
"""

import os
from typing import Final

from runlore.journal import chain, codec
from runlore.journal.disk import Disk
from runlore.journal.pack_index import OPENINGS
from runlore.journal.sealed_end import ends_in_seal
from runlore.journal.tailing import PIECE
from runlore.journal.values import RunId
from runlore.projections.index.entry import Entry, Signature, settled
from runlore.projections.index.survey import signature_of, signed
from runlore.projections.status import STATUS

_FLAGS: Final = os.O_RDONLY | os.O_NONBLOCK
_WHOLE: Final = OPENINGS[0]


def plain_entry(disk: Disk, run_id: RunId, path: str) -> Entry | None:
    """Return the row of a settled run whose journal is plain; None if it is not, or if that is in doubt.

    Raises:
        FileNotFoundError: there is no journal.
    """
    try:
        fd = disk.open(path, _FLAGS)
        try:
            if disk.is_locked(fd):
                return None
            seen = disk.stat(fd)
            data = disk.pread(fd, PIECE + 1, 0)
        finally:
            disk.close(fd)
        signature = signed(seen.inode), seen.size, seen.mtime_ns
        made = plain_row(run_id, data, signature) if len(data) == seen.size else None
        return made if made is None or signature_of(path) == signature else None
    except FileNotFoundError:
        raise
    except OSError:
        return None


def plain_row(run_id: RunId, data: bytes, signature: Signature) -> Entry | None:
    """Return the row of a run whose whole history these bytes are; None if it is not plain."""
    if len(data) > PIECE or not data.startswith(_WHOLE) or not ends_in_seal(data):
        return None
    found = codec.decode_whole_lines(data, after=0)
    if found is None:
        return None
    events, last = found
    state = STATUS.fold(events, STATUS.initial())
    return settled(run_id, state, chain.stated_head(last[:-1]), signature) if state.run_id == run_id else None
