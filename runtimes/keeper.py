"""The keeper's process: what it is to the rest of the system, before it knows its run.

Loaded by a process that is still its caller's child, so it loads little; the rest comes after the fork.
"""

import gc
import os
import sys
from typing import Final

from runlore.journal.lean import keep_loaded, load_hashlib, load_msgspec

_PRIVATE: Final = 0o077


def main() -> None:
    """Keep one run, as `python -I -m runlore.runtimes.keeper SPEC_FD MESSAGE_FD`."""
    spec_fd, message_fd = (int(word) for word in sys.argv[1:3])
    if os.fork():  # whoever started us must not have the keeper for a child: it may never wait
        os._exit(0)
    try:
        os.setsid()
        keep_forked(spec_fd, message_fd)
    finally:
        os._exit(0)


def keep_forked(spec_fd: int, message_fd: int) -> None:
    """Keep one run in this process, which leads a session and has nothing else to do."""
    gc.disable()
    import signal  # noqa: PLC0415 - after the fork, like everything below

    from runlore.runtimes import detach  # noqa: PLC0415

    stdin_fd = _kept_stdin()
    detach.silence()
    detach.close_all_but({spec_fd, message_fd, stdin_fd})
    load_msgspec()
    load_hashlib()
    from runlore.runtimes import keeping, prctl  # noqa: PLC0415
    from runlore.runtimes.caller import Caller  # noqa: PLC0415
    from runlore.runtimes.pipes import read_line  # noqa: PLC0415

    keep_loaded()
    wake_fd = detach.wake_on(signal.SIGTERM, signal.SIGCHLD)
    umask = os.umask(_PRIVATE)
    line = read_line(spec_fd)
    os.close(spec_fd)
    os.chdir("/")  # no folder of the caller's stays busy
    if line is None:
        return
    prctl.become_subreaper()
    caller = Caller(message_fd)
    keeping.Keeping(caller, umask=umask, stdin_fd=stdin_fd, wake_fd=wake_fd).serve(line)
    caller.close()


def _kept_stdin() -> int:
    """Return a copy of the caller's standard input, in case the command is to have it; -1 if it has none."""
    try:
        return os.dup(0)
    except OSError:
        return -1


if __name__ == "__main__":
    main()
