"""Memory that two processes share and neither can change any more: what the next keeper must know.

It is in no file and gone with its last holder. See memfd_create(2), F_ADD_SEALS in fcntl(2).
"""

import fcntl
import os
from typing import Final

from runlore.runtimes.pipes import write_all

_SEALS: Final = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL


def memory(data: bytes) -> int:
    """Return a descriptor of memory that holds `data` for good; no command inherits it."""
    fd = os.memfd_create("runlore-sealed", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        write_all(fd, data)
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, _SEALS)
    except BaseException:
        os.close(fd)
        raise
    return fd


def read(fd: int) -> bytes:
    """Return what the memory holds."""
    return os.pread(fd, os.fstat(fd).st_size, 0)
