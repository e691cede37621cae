"""Another process that holds a lock, for tests of who waits for it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from tests.runtimes.keeping import until

HOLD: Final = """
import fcntl, os, signal, struct, sys
fd = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT, 0o600)
fcntl.fcntl(fd, fcntl.F_OFD_SETLK, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, int(sys.argv[2]), 1, 0))
print("held", flush=True)
signal.pause()
"""


@contextmanager
def holder(path: str, at: int = 0, *, stopped: bool = False) -> Iterator[int]:
    """Another process that holds the lock of a byte of a file, and was perhaps stopped since; its pid."""
    words = (sys.executable, "-I", "-S", "-c", HOLD, path, str(at))
    with subprocess.Popen(words, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        if stopped:
            process.send_signal(signal.SIGSTOP)
            until(lambda: os.waitpid(process.pid, os.WUNTRACED | os.WNOHANG) != (0, 0), "it is stopped")
        try:
            yield process.pid
        finally:
            process.kill()
