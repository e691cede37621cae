"""The caller's end of a nursery: ask it for keepers, one after the other."""

import os
import socket
import struct
from collections.abc import Callable
from typing import Final, Self

from runlore.journal.errors import JournalIO
from runlore.runtimes.link import KeeperLink
from runlore.runtimes.pipes import pipe

ANSWER: Final = struct.Struct("i")
"""The number of the error that kept it from forking; 0 for none."""
DESCRIPTORS: Final = 2
_ASK: Final = b"k"


class Nursery:
    """A warm process that forks keepers; started when the first is asked for. Not for several threads."""

    def __init__(self, start: Callable[[], socket.socket]) -> None:
        self._start = start
        self._socket: socket.socket | None = None

    @classmethod
    def at(cls, started: socket.socket, start: Callable[[], socket.socket]) -> Self:
        """Return one that was started already; `start` is for the case that it dies."""
        made = cls(start)
        made._socket = started
        return made

    def keeper(self) -> KeeperLink:
        """Return the link to a new keeper that waits for its spec.

        Raises:
            JournalIO: there can be no more processes, or open files, now.
        """
        try:
            spec_end, spec_start = pipe()
        except OSError as error:
            raise _refused(error.errno) from error
        try:
            message_end, message_start = pipe()
        except OSError as error:
            os.close(spec_end)
            os.close(spec_start)
            raise _refused(error.errno) from error
        link = KeeperLink(spec_start, message_end)
        try:
            failure = self._ask(spec_end, message_start)
        except OSError as error:
            failure = error.errno or 1
        finally:
            os.close(spec_end)
            os.close(message_start)
        if failure:
            link.close()
            raise _refused(failure)
        return link

    def close(self) -> None:
        """Let it end; the keepers it forked need it no more."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ask(self, *fds: int) -> int:
        """Return 0 once it has forked; one that died, before or meanwhile, is replaced once."""
        for again in (False, True):
            if self._socket is None:
                self._socket = self._start()
            try:
                socket.send_fds(self._socket, [_ASK], fds)
                if answer := self._socket.recv(ANSWER.size):
                    failure: int = ANSWER.unpack(answer)[0]
                    return failure
            except (BrokenPipeError, ConnectionResetError):
                pass
            self.close()
            if again:
                break
        return _GONE


_GONE: Final = 3
"""ESRCH: no such process."""


def _refused(number: int | None) -> JournalIO:
    return JournalIO(f"no keeper could be started: {os.strerror(number or 1)}; nothing was submitted")
