"""Runs that go on, as the fast path of `ps` sees them: owned, with a heartbeat, and nothing new but progress.

Each was folded by an earlier listing, which left a row and the size of the journal at that moment. The
owner's lock is asked first and the journal looked at afterwards, as `observe` does. A journal that has
grown by anything else than progress, a run that stands still or is not owned: then the whole command looks.
"""

from __future__ import annotations

import _json
import os
import struct
import time
from zlib import crc32

TYPE_CHECKING = False  # type checkers take it for True; importing it from typing costs 3 ms
if TYPE_CHECKING:
    from typing import Any, Final

COLUMNS: Final = (
    "run_id, inode, size, mtime_ns, short_id, name, status, created_us, started_us, tags, command, pid,"
    " fraction, step, message"
)
_CHATTER: Final = b'{"type":"run.progressed",'
_MOST: Final = 64 << 10
"""Bytes of new progress that are read; a listing that folds leaves less to read for the next one."""
_BEAT: Final = 96
_LATE_NS: Final = 15_000_000_000
"""As `health.STALLED_AFTER_S`; a test compares."""


class Doubt(ValueError):
    """The index may not be what the journals say, or this is no place for short cuts."""


class _Context:
    """What the scanner of the json module wants to know; importing that module costs 2 ms."""

    strict = True
    object_hook = object_pairs_hook = None
    parse_float, parse_int, parse_constant = float, int, float
    memo: dict[str, str] = {}  # noqa: RUF012 - the scanner's own


class Live:
    """One run that goes on, as its owner and its journal tell it now."""

    def __init__(self, root: str, row: Any, boot: str) -> None:  # noqa: ANN401 - as SQLite has it
        self.run_id, inode, size, mtime_ns, self.short_id, self.name, self.status = row[:7]
        self.created_us, self.started_us, self.tags, self.command, pid = row[7:12]
        self.progress = row[12:15]
        _be_owned(f"{root}/runs/{self.run_id}", pid, boot)
        path = f"{root}/journals/{self.run_id}.jsonl"
        found = os.lstat(path)
        if (found.st_ino - inode) % (1 << 64) or found.st_size < size:
            raise Doubt
        if found.st_size > size:
            self.progress = _progress(path, size, found.st_size - size)
        elif found.st_mtime_ns != mtime_ns:
            raise Doubt


def _be_owned(folder: str, pid: int | None, boot: str) -> None:
    """Return if an owner holds the run, gets on, and its command does not stand still.

    Raises:
        Doubt, OSError: none does, or it cannot be told.
    """
    import fcntl  # noqa: PLC0415 - only where runs go on

    fd = os.open(f"{folder}/owner.lock", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        asked = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        answer = fcntl.fcntl(fd, fcntl.F_OFD_GETLK, asked)
    finally:
        os.close(fd)
    if int.from_bytes(answer[:2], "little") == fcntl.F_UNLCK:
        raise Doubt
    line = _read(f"{folder}/heartbeat", 0, _BEAT)
    text, _, check = line.rstrip().rpartition(b" ")
    _counter, beat_ns, of = text.split(b" ")
    age = time.monotonic_ns() - int(beat_ns)
    if len(line) != _BEAT or b"%08x" % crc32(text) != check or of.decode() != boot or not 0 <= age < _LATE_NS:
        raise Doubt
    if pid is not None and _stands_still(pid):
        raise Doubt


def _stands_still(pid: int) -> bool:
    try:
        return _read(f"/proc/{pid}/stat", 0, 512).rpartition(b")")[2].split()[0] == b"T"
    except FileNotFoundError:
        return False


def _progress(path: str, start: int, length: int) -> tuple[float | None, str, str]:
    """Return what the last of the new lines says; all of them are progress.

    Raises:
        Doubt: they are not.
    """
    new = _read(path, start, length) if length <= _MOST else b""
    lines = new.split(b"\n")
    if len(new) != length or lines.pop() or not all(line.startswith(_CHATTER) for line in lines):
        raise Doubt
    scanner: Any = _json.make_scanner
    said, _end = scanner(_Context)(lines[-1].decode(), 0)
    return said.get("fraction"), said.get("step", ""), said.get("message", "")


def _read(path: str, start: int, length: int) -> bytes:
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        return os.pread(fd, length, start)
    finally:
        os.close(fd)
