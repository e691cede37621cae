"""Delete what a folder holds: no link is followed, no other file system entered, whatever lies there."""

import errno
import os
import stat
from typing import Final

_FLAGS: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_DEEPEST: Final = 64
"""Folders within folders that are held open; what lies deeper is brought up first."""
_OURS: Final = 0o700


def empty(path: str, *, spare: str = "") -> None:
    """Remove everything in a folder but the name `spare`; what is gone already is no matter.

    Raises:
        OSError: something could not be removed, or is on another file system; the rest may be gone.
    """
    top = os.open(path, _FLAGS)
    try:
        device = os.fstat(top).st_dev
        while any(name != spare for name in os.listdir(top)):
            _empty(top, top, device, spare, 0)
    finally:
        os.close(top)


def _empty(folder: int, top: int, device: int, spare: str, depth: int) -> None:
    for name in os.listdir(folder):
        if name == spare and not depth:
            continue
        if _is_folder(name, folder, device):
            if depth == _DEEPEST:
                os.rename(name, f".{os.urandom(8).hex()}", src_dir_fd=folder, dst_dir_fd=top)
                continue
            inner = _opened(name, folder)
            try:
                _empty(inner, top, device, spare, depth + 1)
            finally:
                os.close(inner)
            os.rmdir(name, dir_fd=folder)


def _is_folder(name: str, folder: int, device: int) -> bool:
    """Say whether a name is a folder's; whatever else it is, it is gone then."""
    try:
        os.unlink(name, dir_fd=folder)
    except FileNotFoundError:
        return False
    except OSError as error:
        if error.errno not in {errno.EISDIR, errno.EPERM}:
            raise
    else:
        return False
    found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    if not stat.S_ISDIR(found.st_mode):
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM), name)
    if found.st_dev != device:
        raise OSError(errno.EXDEV, "another file system is mounted there", name)
    return True


def _opened(name: str, folder: int) -> int:
    """Return a folder, open, in which this user can remove names: its command may have forbidden that."""
    try:
        fd = os.open(name, _FLAGS, dir_fd=folder)
    except PermissionError:
        os.chmod(name, _OURS, dir_fd=folder)
        fd = os.open(name, _FLAGS, dir_fd=folder)
    if os.fstat(fd).st_mode & _OURS != _OURS:
        os.fchmod(fd, _OURS)
    return fd
