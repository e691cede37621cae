"""Whether a journal ends in a seal, asked of its last bytes alone."""

import os
from typing import Final

from runlore.journal.disk import Disk

_SEAL: Final = b'{"type":"run.sealed"'
_SEAL_LENGTH: Final = 4096


def is_sealed(disk: Disk, path: str) -> bool:
    """Say whether a journal's last line is a seal, so that its run has ended; cheap, for many."""
    try:
        fd = disk.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        size, _links = disk.size_and_links(fd)
        end = disk.pread(fd, _SEAL_LENGTH, max(0, size - _SEAL_LENGTH))
    except OSError:
        return False
    finally:
        disk.close(fd)
    return ends_in_seal(end)


def ends_in_seal(end: bytes) -> bool:
    """Say whether the last of these lines is a seal."""
    return end.endswith(b"}\n") and end.startswith(_SEAL, end.rfind(b"\n", 0, -1) + 1)
