"""Processes that a case starts and that must not outlive it: servers, publishers, readers."""

import ctypes
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from typing import IO, Final

_PR_SET_PDEATHSIG: Final = 1
_prctl: Final = ctypes.CDLL(None).prctl


def popen(
    argv: Sequence[str],
    *,
    stdin: int | None = None,
    stdout: int | IO[bytes],
    stderr: int | IO[bytes] | None = None,
    env: Mapping[str, str] | None = None,
) -> "subprocess.Popen[bytes]":
    """Start a process that the kernel kills when the calling thread ends, in whatever way.

    The caller ends it as it should be ended; this is for callers that are killed. Call it in the main thread.
    """
    parent = os.getpid()

    def die_with_parent() -> None:
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it has died meanwhile
            os._exit(1)

    return subprocess.Popen(
        argv,
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        env=env,
        preexec_fn=die_with_parent,  # noqa: PLW1509 - no thread holds a lock that it takes
    )
