"""Make a process of ours nobody else's business: no terminal, no inherited descriptors, no stray signals."""

import os
import signal
from collections.abc import Collection
from typing import Final

from runlore.runtimes.pipes import LAST_STANDARD

_IGNORED: Final = (
    signal.SIGHUP,
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGPIPE,
    signal.SIGALRM,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGTSTP,
    signal.SIGTTIN,
    signal.SIGTTOU,
    signal.SIGVTALRM,
    signal.SIGPROF,
    signal.SIGXCPU,
    signal.SIGXFSZ,
)
"""Whatever ends or stops a process by default and is not meant for ours."""
_DARK: Final = "/dev/null"


def silence() -> None:
    """Put /dev/null in the place of the standard streams: a pipe of the caller must not stay open here."""
    dark = os.open(_DARK, os.O_RDWR)
    for place in (0, 1, 2):
        os.dup2(dark, place)
    if dark > LAST_STANDARD:
        os.close(dark)


def close_all_but(keep: Collection[int]) -> None:
    """Close every descriptor above the standard streams that is not in `keep`."""
    for name in os.listdir("/proc/self/fd"):
        fd = int(name)
        if fd > LAST_STANDARD and fd not in keep:
            try:
                os.close(fd)
            except OSError:  # the one that listed the folder
                continue


def wake_on(*wanted: signal.Signals) -> int:
    """Return a pipe that reads one byte, the signal's number, for each of these; ignore other signals.

    Handlers do nothing: what a signal means is decided where the pipe is read.
    """
    wake_end, wake_start = os.pipe()
    os.set_blocking(wake_end, False)
    os.set_blocking(wake_start, False)
    signal.set_wakeup_fd(wake_start, warn_on_full_buffer=False)
    for number in _IGNORED:
        signal.signal(number, signal.SIG_IGN)
    for number in (signal.SIGTERM, signal.SIGCHLD):
        signal.signal(number, _nothing if number in wanted else signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    return wake_end


def woken_by(wake_end: int) -> set[int]:
    """Return the numbers of the signals that came since the last look."""
    try:
        return set(os.read(wake_end, 65536))
    except BlockingIOError:
        return set()


def _nothing(_number: int, _frame: object) -> None:
    return
