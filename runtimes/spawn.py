"""Start the command: with streams, session, signals and folder of its own, and nothing of ours.

posix_spawn(3) shares our memory until the exec instead of copying it, and tells the exec's error.
"""

import errno
import fcntl
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from typing import Final, Literal

from msgspec import Struct

OUR_FAULT: Final = 125
"""Exit code of a foreground run for whatever is not the command's doing."""
_NOT_FOUND: Final = 127
_NOT_EXECUTABLE: Final = 126
_NOT_HERE: Final = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ENODEV, errno.ESTALE, errno.ETIMEDOUT})
"""Errors of execve(2) after which execvp(3) tries the next folder of PATH."""
_TO_DEFAULT: Final = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}
"""Python ignores SIGPIPE, nohup SIGHUP, a shell's background SIGINT; exec(2) would keep that."""
_LOCK_FD_FROM: Final = 64
"""The tree lock's descriptor goes here or above, out of the way of scripts that use 3 to 9."""
_SHOWN: Final = 300

Stage = Literal["setup", "cwd", "exec"]


class Plan(Struct, frozen=True, kw_only=True):
    """All that starting the command takes."""

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


class SpawnFailed(Exception):
    """The command's own code never ran."""

    def __init__(self, stage: Stage, what: bytes, error: OSError) -> None:
        super().__init__(f"{stage}: {error.strerror or error}")
        self.stage: Final[Stage] = stage
        self.errno: Final = error.errno or 0
        self._what, self._why = what, error.strerror or str(error)

    def told(self, clean: Callable[[str], str]) -> str:
        """Return what could not be done and why; `clean` takes the secrets out before anything is cut."""
        shown = clean(os.fsdecode(self._what)).encode("utf-8", "backslashreplace").decode()[:_SHOWN] or "''"
        return f"{shown}: {self._why}"[: 2 * _SHOWN]

    @property
    def exit_code(self) -> int:
        """What a shell would exit with: 127 not found, 126 not executable; 125 if it got nowhere near."""
        if self.stage != "exec":
            return OUR_FAULT
        return _NOT_FOUND if self.errno == errno.ENOENT else _NOT_EXECUTABLE


def spawn(plan: Plan) -> int:
    """Return the pid of the command, whose own code runs by then.

    This process passes through the command's folder and umask on the way.

    Raises:
        SpawnFailed: it could not be started.
    """
    opened: list[int] = []
    try:
        opened += _open_streams(plan)
        opened.append(_passable(plan.tree_lock_fd))
        umask = os.umask(plan.umask)
        try:
            return _spawn_in_folder(plan, opened)
        finally:
            os.umask(umask)
    except OSError as error:
        raise SpawnFailed("setup", plan.argv[0], error) from error
    finally:
        for fd in opened:
            os.close(fd)


def _open_streams(plan: Plan) -> Iterator[int]:
    for path in (plan.out, plan.err):
        yield os.open(path, os.O_RDWR | os.O_CLOEXEC)  # so no reader's death can end it (fifo(7))


def _passable(fd: int) -> int:
    """Return a copy of the tree lock that the command inherits: held while anything of it lives."""
    try:
        copy = fcntl.fcntl(fd, fcntl.F_DUPFD, _LOCK_FD_FROM)
    except OSError:  # RLIMIT_NOFILE is lower
        copy = fcntl.fcntl(fd, fcntl.F_DUPFD, 3)
    return copy


def _spawn_in_folder(plan: Plan, opened: list[int]) -> int:
    try:
        os.chdir(plan.cwd)
    except OSError as error:
        raise SpawnFailed("cwd", plan.cwd, error) from error
    try:
        return _spawn_first_found(plan, (plan.stdin_fd, *opened[:2]))
    except OSError as error:
        raise SpawnFailed("exec", plan.argv[0], error) from error
    finally:
        os.chdir("/")


def _spawn_first_found(plan: Plan, streams: tuple[int, ...]) -> int:
    """Run the first program found, as execvp(3) searches, but never hand a script to a shell."""
    denied: OSError | None = None
    missing: OSError = FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
    actions = [(os.POSIX_SPAWN_DUP2, fd, place) for place, fd in enumerate(streams)]
    for path in _candidates(plan.argv[0], plan.environ.get(b"PATH", os.fsencode(os.defpath))):
        try:
            os.stat(path)  # a system call instead of a process for each folder of PATH
            return _spawn_program(path, plan, actions)
        except PermissionError as error:
            denied = error
        except OSError as error:
            if error.errno not in _NOT_HERE:
                raise
            missing = error
    raise denied or missing


def _spawn_program(path: bytes, plan: Plan, actions: list[tuple[int, int, int]]) -> int:
    try:
        return os.posix_spawn(
            path,
            plan.argv,
            plan.environ,
            file_actions=actions,
            setsid=True,
            setsigdef=_TO_DEFAULT,  # and nothing is blocked in our own processes
        )
    except FileNotFoundError as error:
        raise OSError(errno.ENOEXEC, "its interpreter does not exist") from error


def _candidates(word: bytes, path: bytes) -> Iterator[bytes]:
    if b"/" in word:
        yield word
    elif word:
        for folder in path.split(b":"):
            yield (folder or b".") + b"/" + word
