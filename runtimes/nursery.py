"""A process that has loaded what a keeper needs, and forks one whenever it is asked: see nursery_link.

Each keeper costs a fork instead of an interpreter's start, and shares with the others what was loaded
before. The nursery itself keeps nothing, and ends when whoever asks has gone.
"""

import gc
import os
import signal
import socket
import sys
from importlib import import_module
from typing import Final

from runlore.journal.lean import keep_loaded, load_hashlib, load_msgspec
from runlore.runtimes import detach
from runlore.runtimes.nursery_link import ANSWER, DESCRIPTORS

_NEEDED: Final = (
    "pwd",
    "runlore.runtimes.caller",
    "runlore.runtimes.keeper",
    "runlore.runtimes.keeping",
    "runlore.runtimes.launch",
    "runlore.runtimes.pipes",
    "runlore.runtimes.prctl",
)


def main() -> None:
    """Fork keepers, as `python -I -m runlore.runtimes.nursery SOCKET_FD -`."""
    socket_fd = int(sys.argv[1])
    if os.fork():  # whoever started us must not have the nursery for a child: it may never wait
        os._exit(0)
    try:
        os.setsid()
        serve(socket_fd)
    finally:
        os._exit(0)


def serve(socket_fd: int) -> None:
    """Fork a keeper for each pair of pipes that comes, until nobody is left to ask.

    No terminal's signals come here, because this process leads a session. Its standard streams are none
    of the caller's: a keeper of many has no standard input.
    """
    gc.disable()
    detach.silence()
    detach.close_all_but({socket_fd})
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps the keepers
    load_msgspec()
    load_hashlib()
    _load()
    keep_loaded()
    with socket.socket(fileno=socket_fd) as asked:
        while True:
            word, given, _, _ = socket.recv_fds(asked, 1, DESCRIPTORS)
            if not word:
                return
            if len(given) == DESCRIPTORS:
                asked.send(ANSWER.pack(_fork(given[0], given[1])))
            for fd in given:
                os.close(fd)


def _load() -> None:
    """Load what keepers load before their command runs, and compile what finds secrets in its output."""
    for name in _NEEDED:
        import_module(name)
    from runlore.journal.redactor import STRUCTURAL  # noqa: PLC0415 - not before msgspec

    STRUCTURAL.stream(b"", final=False)


def _fork(spec_end: int, message_start: int) -> int:
    """Return 0 once a keeper was forked, or the number of the error."""
    try:
        child = os.fork()
    except OSError as error:
        return error.errno or 1
    if child:
        return 0
    try:
        os.setsid()
        from runlore.runtimes.keeper import keep_forked  # noqa: PLC0415 - loaded by now

        keep_forked(spec_end, message_start)
    finally:
        os._exit(0)


if __name__ == "__main__":
    main()
