"""What the command of a foreign run printed: redacted as a keeper would, and stored as its transcript.

Files of a log say nothing about when a line came, so all of it has the time of the run's end.
"""

import os
from collections.abc import Iterator, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Final

from runlore.journal.disk import Disk, write_fully
from runlore.journal.errors import JournalIO
from runlore.journal.redactor import Redactor
from runlore.journal.values import Stream
from runlore.projections.import_record import LogRecord
from runlore.runtimes import transcript_index
from runlore.runtimes.foreign_files import ForeignFiles, Tick, changed
from runlore.runtimes.transcript_index import IndexRecord

_PIECE: Final = 1 << 20
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL


class ForeignLogs:
    """The logs of one run, in the order in which they are put into the transcript."""

    def __init__(
        self, logs: Sequence[LogRecord], files: ForeignFiles | None, redactor: Redactor, tick: Tick
    ) -> None:
        self._logs, self._files, self._redactor, self._tick = logs, files, redactor, tick
        self.size = 0
        """Bytes of transcript; known once they were measured."""
        self.digest = ""

    def measure(self) -> None:
        """Read all of them, and know how much is to be stored.

        Raises:
            BadInput: one is no plain file. JournalIO: one cannot be read.
        """
        digest, self.size = sha256(), 0
        for stream, piece in self._clean():
            digest.update(b"%d:%s:" % (len(piece), stream.encode()) + piece)
            self.size += len(piece)
        self.digest = digest.hexdigest()

    def store(self, disk: Disk, data_path: str, index_path: str, at: datetime) -> None:
        """Write transcript and index, durable when this returns; nothing if there are no logs.

        Raises:
            Conflict: a log has changed since it was measured. OSError, JournalIO: the disk refused.
        """
        if not self.size:
            return
        digest = sha256()
        data_fd = disk.open(data_path, _NEW)
        try:
            index_fd = disk.open(index_path, _NEW)
            try:
                offset = 0
                for number, (stream, piece) in enumerate(self._clean(), 1):
                    digest.update(b"%d:%s:" % (len(piece), stream.encode()) + piece)
                    record = IndexRecord(
                        number, offset, transcript_index.microseconds(at), len(piece), stream
                    )
                    write_fully(disk, data_fd, piece)
                    write_fully(disk, index_fd, transcript_index.encode(record))
                    offset += len(piece)
                disk.fdatasync(index_fd)
            finally:
                disk.close(index_fd)
            disk.fdatasync(data_fd)
        finally:
            disk.close(data_fd)
        if digest.hexdigest() != self.digest:
            raise changed(next((log.path for log in self._logs if log.path), "a log"))

    def _clean(self) -> Iterator[tuple[Stream, bytes]]:
        """Yield what may be stored, in pieces that are the same each time."""
        for log in self._logs:
            held = b""
            for raw in self._raw(log):
                self._tick()
                clean, used = self._redactor.stream(held + raw, False)  # noqa: FBT003 - more follows
                held = (held + raw)[used:]
                if clean:
                    yield log.stream, clean
            clean, _ = self._redactor.stream(held, True)  # noqa: FBT003 - nothing follows
            if clean:
                yield log.stream, clean

    def _raw(self, log: LogRecord) -> Iterator[bytes]:
        if log.path is None:
            text = (log.text or "").encode("utf-8", "backslashreplace")
            yield from (text[start : start + _PIECE] for start in range(0, len(text), _PIECE))
            return
        assert self._files is not None  # noqa: S101 - a record without a folder names no file
        fd = self._files.opened(log.path)
        try:
            while piece := os.read(fd, _PIECE):
                yield piece
        except OSError as error:
            raise JournalIO(f"{log.path}: {error.strerror or error}") from error
        finally:
            os.close(fd)
