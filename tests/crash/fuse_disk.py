"""A disk in memory whose writes fail on demand: `python -m tests.crash.fuse_disk FOLDER MARKER`.

Serves one file, `disk.img`, through /dev/fuse, which needs root and nothing else; a loop device makes a
disk of it. After SIGUSR1 the next write that contains MARKER is answered with EIO, once. The numbers are
those of linux/fuse.h, protocol 7.31.
"""

import errno
import mmap
import os
import signal
import struct
import sys
from collections.abc import Callable
from typing import Final

NAME: Final = b"disk.img"
SIZE: Final = 320 << 20
_ROOT, _FILE = 1, 2
_IN: Final = struct.Struct("<IIQQIIII")
_OUT: Final = struct.Struct("<IiQ")
_ATTR: Final = struct.Struct("<6Q10I")
_READ: Final = struct.Struct("<QQI")
_BIGGEST_WRITE: Final = 128 << 10
_BIG_WRITES: Final = 1 << 5
_DIRECT_IO: Final = 1
_NO_REPLY: Final = frozenset({2, 36, 42})
"""FORGET, INTERRUPT, BATCH_FORGET."""


_Answer = Callable[[int, bytes], bytes]
"""Takes the inode and the rest of a question."""


class FuseDisk:
    """Answers the kernel's questions about the disk."""

    def __init__(self, marker: bytes) -> None:
        self._bytes = mmap.mmap(-1, SIZE)
        self._marker = marker
        self._armed = False
        self._answers: dict[int, _Answer] = {
            1: self._look_up,
            3: lambda node, _: struct.pack("<QII", 1, 0, 0) + _attributes(node),
            4: lambda node, _: struct.pack("<QII", 1, 0, 0) + _attributes(node),
            14: lambda _node, _: struct.pack("<QII", 0, _DIRECT_IO, 0),
            15: self._read,
            16: self._write,
            17: lambda _node, _: struct.pack(
                "<5Q10I", 1 << 20, 1 << 19, 1 << 19, 9, 9, 4096, 255, 4096, *[0] * 7
            ),
            18: lambda _node, _: b"",
            20: lambda _node, _: b"",
            25: lambda _node, _: b"",
            26: _initialised,
            27: lambda _node, _: struct.pack("<QII", 0, 0, 0),
            28: lambda _node, _: b"",
            29: lambda _node, _: b"",
            34: lambda _node, _: b"",
        }

    def arm(self, *_: object) -> None:
        """Fail the next write that contains the marker."""
        self._armed = True

    def serve(self, fuse: int) -> None:
        """Answer until the disk is unmounted."""
        while True:
            try:
                asked = os.read(fuse, _BIGGEST_WRITE + 8192)
            except OSError as error:
                if error.errno == errno.ENODEV:
                    return
                if error.errno in {errno.EINTR, errno.ENOENT, errno.EAGAIN}:
                    continue
                raise
            _, call, unique, node, *_ = _IN.unpack_from(asked)
            if call in _NO_REPLY:
                continue
            try:
                answer, error_number = self._answers[call](node, asked[_IN.size :]), 0
            except KeyError:
                answer, error_number = b"", errno.ENOSYS
            except OSError as error:
                answer, error_number = b"", error.errno or errno.EIO
            os.write(fuse, _OUT.pack(_OUT.size + len(answer), -error_number, unique) + answer)

    def _look_up(self, _node: int, name: bytes) -> bytes:
        if name.rstrip(b"\0") != NAME:
            raise OSError(errno.ENOENT, "no such disk")
        return struct.pack("<4QII", _FILE, 0, 1, 1, 0, 0) + _attributes(_FILE)

    def _read(self, _node: int, asked: bytes) -> bytes:
        _, offset, length = _READ.unpack_from(asked)
        return self._bytes[offset : offset + length]

    def _write(self, _node: int, asked: bytes) -> bytes:
        _, offset, length = _READ.unpack_from(asked)
        data = asked[40 : 40 + length]
        if self._armed and self._marker in data:
            self._armed = False
            raise OSError(errno.EIO, "as told")
        self._bytes[offset : offset + length] = data
        return struct.pack("<II", length, 0)


def _initialised(_node: int, _asked: bytes) -> bytes:
    return struct.pack("<4I2H2I2H8I", 7, 31, 65536, _BIG_WRITES, 16, 12, _BIGGEST_WRITE, 1, 0, 0, *[0] * 8)


def _attributes(node: int) -> bytes:
    size, mode = (0, 0o40700) if node == _ROOT else (SIZE, 0o100600)
    return _ATTR.pack(node, size, size // 512, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, 4096, 0)


def main(folder: str, marker: str) -> None:
    """Mount at the folder, say so, and serve."""
    import ctypes

    fuse = os.open("/dev/fuse", os.O_RDWR)
    options = f"fd={fuse},rootmode=40000,user_id=0,group_id=0".encode()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"fuse-disk", folder.encode(), b"fuse", 0, options):
        sys.exit(f"mount: {os.strerror(ctypes.get_errno())}")
    disk = FuseDisk(marker.encode())
    signal.signal(signal.SIGUSR1, disk.arm)
    os.write(1, b"mounted\n")
    disk.serve(fuse)


if __name__ == "__main__":
    main(*sys.argv[1:])
