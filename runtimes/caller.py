"""The keeper's end of the pipe to its caller: messages arrive, nudges coalesce, nobody is waited for."""

import fcntl
import os
import termios

from runlore.runtimes import messages
from runlore.runtimes.messages import Message
from runlore.runtimes.pipes import write_all


class Caller:
    """Whoever started this keeper; it may be gone, stopped or slow, and none of that matters here."""

    def __init__(self, fd: int) -> None:
        os.set_blocking(fd, False)
        os.set_inheritable(fd, False)  # noqa: FBT003 - the wrapper, which starts the command, holds it too
        self._fd = fd

    @property
    def fd(self) -> int:
        """The pipe; -1 once nobody listens any more."""
        return self._fd

    def tell(self, message: Message) -> None:
        """Send a message; there is always room, because nudges never pile up."""
        self._write(messages.encode(message))

    def nudge(self) -> None:
        """Say that the transcript has grown, unless an unread nudge says so already."""
        if self._fd >= 0 and not self._unread():
            self._write(b"\n")

    def close(self) -> None:
        """Hang up."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            os.close(fd)

    def _unread(self) -> int:
        try:
            answer = fcntl.ioctl(self._fd, termios.FIONREAD, b"\0\0\0\0")
        except OSError:
            return 0
        return int.from_bytes(answer, "little")

    def _write(self, data: bytes) -> None:
        try:
            if self._fd >= 0 and not write_all(self._fd, data):
                self.close()
        except BlockingIOError:
            return
