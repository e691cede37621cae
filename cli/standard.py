"""The three standard descriptors, made safe to use; and the ways in which writing to them fails.

Nothing here imports more than the interpreter has loaded already.
"""

import errno
import os
import signal
import sys
from typing import Final, NoReturn

PIECE: Final = 4096
"""PIPE_BUF: what a pipe that can be written to takes without waiting, pipe(7)."""
_GONE: Final = frozenset({errno.EPIPE, errno.ECONNRESET})
_HUNG_UP: Final = frozenset({errno.EIO, errno.ENXIO})


class OutputFailed(Exception):
    """Standard output, or standard error, did not take what was written."""

    def __init__(self, error: OSError, fd: int) -> None:
        name = "output" if fd == 1 else "error"
        super().__init__(f"standard {name}: {error.strerror or error}")
        self.reader_gone = error.errno in _GONE
        """Whoever read the pipe has closed it, as `| head -1` does."""
        self.hung_up = error.errno in _HUNG_UP
        """The terminal is gone."""


def keep_open() -> None:
    """Return with descriptors 0, 1 and 2 taken, so that no file opened later becomes one of them.

    A closed one is put in place by something that fails in the same way: reading finds the end,
    writing is refused with EBADF.
    """
    for fd in range(3):
        try:
            os.fstat(fd)
        except OSError:
            null = os.open(os.devnull, os.O_RDONLY)
            if null != fd:
                os.dup2(null, fd)
                os.close(null)
            os.set_inheritable(fd, True)  # noqa: FBT003 - the standard library's own form


def write(data: bytes | memoryview, fd: int = 1) -> None:
    """Return once standard output (or standard error, 2) has taken all of `data`.

    Raises:
        OutputFailed: it did not; whatever is written there later is thrown away.
    """
    view = memoryview(data)
    try:
        while view:
            try:
                view = view[os.write(fd, view) :]
            except BlockingIOError:
                _wait_writable(fd)
    except OSError as error:
        discard(fd)
        raise OutputFailed(error, fd) from error


def require_reader(fd: int = 1) -> None:
    """Return if somebody may still read what is written there; asked by who has nothing to write for long.

    Raises:
        OutputFailed: the pipe's reader, or the terminal, is gone.
    """
    import select  # noqa: PLC0415 - only for those who stay

    poll = select.poll()
    poll.register(fd, 0)  # errors are told all the same
    if any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0)):
        gone = errno.EIO if os.isatty(fd) else errno.EPIPE
        discard(fd)
        raise OutputFailed(OSError(gone, os.strerror(gone)), fd)


def complain(data: bytes) -> None:
    """Write to standard error; that it cannot be told to anybody is no error."""
    try:
        os.write(2, data)
    except OSError:
        return


def discard(fd: int = 1) -> None:
    """Let everything that is still written there go nowhere."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, fd)
    os.close(null)


def encoding() -> str:
    """Return how text for people is to be encoded."""
    stream = sys.stdout or sys.__stdout__
    return (stream.encoding if stream else None) or "utf-8"


def leave_interrupts_to_the_kernel() -> None:
    """Let Ctrl-C end this process at once and without a word, unless the caller ignores it."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def end_by(number: int) -> NoReturn:
    """End this process by a signal, as a shell expects of a program that one has interrupted.

    A loop in a shell script ends with the program only if a signal ended that too; `$?` is 128 + n.
    """
    discard()
    signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})
    os.kill(os.getpid(), number)
    os._exit(128 + number)


def _wait_writable(fd: int) -> None:
    from runlore.cli.ready import writable  # noqa: PLC0415 - few pipes are left non-blocking

    writable(fd)
