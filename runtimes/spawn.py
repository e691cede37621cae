"""Start the command: everything that happens in its process before its own code runs.

The process waits at a gate until its parent has said its identity to the keeper, so no command ever
runs that nobody knows of. What goes wrong before the exec is reported by the process itself.
"""

import errno
import os
import signal
from collections.abc import Iterator, Mapping
from typing import Final, NoReturn

from msgspec import Struct

from runlore.runtimes import handover
from runlore.runtimes.handover import SpawnFailed, Stage

_NOT_HERE: Final = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ENODEV, errno.ESTALE, errno.ETIMEDOUT})
"""Errors of execve(2) after which execvp(3) tries the next folder of PATH."""
OUR_FAULT: Final = 125
"""Exit code of a foreground run for whatever is not the command's doing."""
_SHOWN: Final = 300
_LOCK_FD_FROM: Final = 64
"""The tree lock's descriptor goes here or above, out of the way of scripts that use 3 to 9."""


class Plan(Struct, frozen=True, kw_only=True):
    """All that the command's process needs to know."""

    argv: tuple[bytes, ...]
    cwd: bytes
    environ: Mapping[bytes, bytes]
    umask: int
    stdin_fd: int
    """Descriptor to read from; /dev/null where the caller passed none."""
    out: str
    err: str
    """Paths of the FIFOs."""
    tree_lock_fd: int


class Spawned(Struct, frozen=True):
    """The command's process, waiting at its gate."""

    pid: int
    gate_fd: int
    """One byte lets it go on; closing it makes it give up."""
    failure_fd: int
    """Reads a SpawnFailed line, or nothing once the command's own code runs."""


def spawn(plan: Plan, keeper_fd: int) -> Spawned:
    """Return the command's process, which waits; failures are told to the keeper too."""
    gate_end, gate_start = os.pipe()
    failure_end, failure_start = os.pipe()
    pid = os.fork()
    if pid == 0:
        _become(plan, gate_end, gate_start, (failure_start, keeper_fd))
    os.close(gate_end)
    os.close(failure_start)
    return Spawned(pid, gate_start, failure_end)


def open_gate(spawned: Spawned) -> bytes:
    """Let the command begin; return the line that tells why it could not, or nothing."""
    try:
        os.write(spawned.gate_fd, b"!")
    except BrokenPipeError:
        pass  # it gave up before; the line says why
    os.close(spawned.gate_fd)
    pieces: list[bytes] = []
    while piece := os.read(spawned.failure_fd, 4096):
        pieces.append(piece)
    os.close(spawned.failure_fd)
    return b"".join(pieces)


def exit_code_of(failure: SpawnFailed) -> int:
    """Return what a shell would exit with: 127 not found, 126 not executable, 125 not the command's fault."""
    if failure.stage != "exec":
        return OUR_FAULT
    return 127 if failure.errno == errno.ENOENT else 126


def _become(plan: Plan, gate_end: int, gate_start: int, tell: tuple[int, ...]) -> NoReturn:
    """Turn this forked process into the command, or report why not; never returns."""
    stage: Stage = "setup"
    try:
        os.close(gate_start)
        _prepare(plan)
        if not os.read(gate_end, 1):
            raise OSError(errno.EOWNERDEAD, "the wrapper died before the command could start")
        stage = "cwd"
        os.chdir(plan.cwd)
        stage = "exec"
        _execute(plan.argv, plan.environ)
    except OSError as error:
        _report(plan, stage, error, tell)
    except BaseException as error:  # noqa: BLE001 - nothing may escape into the wrapper's code
        _report(plan, stage, OSError(0, f"{type(error).__name__}: {error}"), tell)
    finally:
        os._exit(127)


def _prepare(plan: Plan) -> None:
    os.setsid()
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_DFL)  # Python ignores SIGPIPE; exec(2) keeps what is ignored
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    os.umask(plan.umask)
    out = os.open(plan.out, os.O_RDWR)  # O_RDWR: no reader's death can end the command (fifo(7))
    err = os.open(plan.err, os.O_RDWR)
    for place, fd in enumerate((plan.stdin_fd, out, err)):
        os.dup2(fd, place)
    _pass_lock(plan.tree_lock_fd)


def _pass_lock(fd: int) -> None:
    """Leave the tree lock open in the command: while anything of it lives, the lock is held."""
    import fcntl  # noqa: PLC0415 - loaded long ago; named here where it is used once

    try:
        high = fcntl.fcntl(fd, fcntl.F_DUPFD, _LOCK_FD_FROM)
    except OSError:  # RLIMIT_NOFILE is lower
        high = fd
    os.set_inheritable(high, True)  # noqa: FBT003 - no keyword taken


def _execute(argv: tuple[bytes, ...], environ: Mapping[bytes, bytes]) -> NoReturn:
    """Run the first program found, as execvp(3) searches, but never hand a script to a shell."""
    denied: OSError | None = None
    missing: OSError = FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
    if not argv[0]:
        raise missing
    for path in _candidates(argv[0], environ.get(b"PATH", os.fsencode(os.defpath))):
        try:
            os.execve(path, argv, environ)
        except PermissionError as error:
            denied = error
        except OSError as error:
            if error.errno not in _NOT_HERE:
                raise
            if error.errno == errno.ENOENT and os.path.exists(path):
                raise OSError(errno.ENOEXEC, "its interpreter does not exist") from error
            missing = error
    raise denied or missing


def _candidates(word: bytes, path: bytes) -> Iterator[bytes]:
    if b"/" in word:
        yield word
        return
    for folder in path.split(b":"):
        yield (folder or b".") + b"/" + word


def _report(plan: Plan, stage: Stage, error: OSError, tell: tuple[int, ...]) -> None:
    what = plan.cwd if stage == "cwd" else plan.argv[0]
    shown = what.decode("utf-8", "backslashreplace")[:_SHOWN]
    text = f"{shown}: {error.strerror or error}"[: 2 * _SHOWN]
    line = handover.encode(SpawnFailed(stage, error.errno or 0, text))
    for fd in tell:
        try:
            os.write(fd, line)
        except OSError:
            continue
