"""Open files below a folder that is held open, and nothing else: no name is looked at twice.

A path that is checked and opened afterwards can be swapped in between. Here the kernel resolves it and
refuses to leave the folder or to follow a link (openat2, Linux 5.6); where it cannot, each name is opened
by itself from the folder before it, links refused.
"""

import errno
import os
import struct
from collections.abc import Callable
from functools import lru_cache
from typing import Final

_OPENAT2: Final = 437
"""The same on every architecture: system calls that are newer than 2019 share their numbers."""
_NO_MAGIC_LINKS, _NO_LINKS, _BENEATH = 0x02, 0x04, 0x08
_HOW: Final = struct.Struct("=QQQ")
_MISSING: Final = frozenset({errno.ENOSYS, errno.EPERM, errno.EINVAL, errno.E2BIG})
"""How an older kernel, or a sandbox that does not know the call, refuses it."""
_TRIES: Final = 128
FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
"""How a folder is opened from the one before it."""
FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
"""How a file is opened for reading: neither a pipe nor a terminal can make anybody wait."""
NO_FOLDER: Final = "a link, or something else that is no folder, stands in its place"


def open_folder(path: str) -> int:
    """Return a descriptor of the folder that everything is looked for in; its own path may have links."""
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NONBLOCK)


def open_ours(path: str) -> int:
    """Return a descriptor of a folder that we made; never of what a link in its place leads to.

    Raises OSError: ENOTDIR for whatever else is there, a link as well; else as open(2).
    """
    try:
        return os.open(path, FOLDER)
    except OSError as error:
        if error.errno not in {errno.ENOTDIR, errno.ELOOP}:
            raise
        raise NotADirectoryError(errno.ENOTDIR, NO_FOLDER, path) from error


def open_beneath(folder: int, path: str, flags: int = FILE) -> int:
    """Return a descriptor of the file at `path` below the folder; never of anything outside.

    Raises OSError: ELOOP for a link on the way, EXDEV for a path that leads outside, else as open(2).
    """
    if "/" not in path and not flags & os.O_DIRECTORY:
        return walk_beneath(folder, path, flags)  # one name has no way on which a link could stand
    call = _openat2()
    if call is not None:
        number, fd = _EAGAIN, -1
        for _ in range(_TRIES):  # a rename anywhere on the way makes the kernel ask to try again
            number, fd = call(folder, os.fsencode(path), flags)
            if number != _EAGAIN:
                break
        if fd >= 0:
            return fd
        if number not in _MISSING:
            raise OSError(number, os.strerror(number), path)
    return walk_beneath(folder, path, flags)


def walk_beneath(folder: int, path: str, flags: int = FILE) -> int:
    """Do the same, one name at a time: for kernels and sandboxes without openat2."""
    names = path.split("/")
    if not path or path.startswith("/") or not {"", ".", ".."}.isdisjoint(names):
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), path)
    at = folder
    try:
        for name in names[:-1]:
            deeper = os.open(name, FOLDER, dir_fd=at)
            if at != folder:
                os.close(at)
            at = deeper
        return os.open(names[-1], flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=at)
    except NotADirectoryError as error:  # O_DIRECTORY on a link says this instead of ELOOP
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path) from error
    finally:
        if at != folder:
            os.close(at)


_EAGAIN: Final = errno.EAGAIN
Call = Callable[[int, bytes, int], tuple[int, int]]
"""Takes (folder, path, flags); returns (errno or 0, descriptor or -1)."""


@lru_cache(maxsize=1)
def _openat2() -> Call | None:
    """Return openat2(2) as a function; None where there is none."""
    import ctypes  # noqa: PLC0415 - 5 ms that only those need who look at outputs

    function = ctypes.CDLL(None, use_errno=True).syscall
    function.restype = ctypes.c_long
    resolve = _BENEATH | _NO_LINKS | _NO_MAGIC_LINKS

    def call(folder: int, path: bytes, flags: int) -> tuple[int, int]:
        mode = 0o600 if flags & os.O_CREAT else 0
        how = ctypes.create_string_buffer(_HOW.pack(flags | os.O_CLOEXEC, mode, resolve), _HOW.size)
        fd = int(
            function(
                ctypes.c_long(_OPENAT2), ctypes.c_int(folder), ctypes.c_char_p(path), how, ctypes.c_size_t(24)
            )
        )
        return (0, fd) if fd >= 0 else (ctypes.get_errno(), -1)

    here = os.open("/", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        number, fd = call(here, b".", os.O_RDONLY | os.O_DIRECTORY)
    finally:
        os.close(here)
    if fd >= 0:
        os.close(fd)
    return None if number in _MISSING else call
