"""Start a keeper: by fork from our own command line, by exec from anybody else's process.

This module imports nothing that costs time, because the command line forks its keeper first of all: the
child then loads what it alone needs while the parent reads its options.
"""

import os
import sys
from typing import TYPE_CHECKING, Final, NoReturn

from runlore.runtimes.pipes import LAST_STANDARD, pipe

if TYPE_CHECKING:
    from socket import socket

    from runlore.runtimes.link import KeeperLink
    from runlore.runtimes.nursery_link import Nursery

_ALONE: Final = ("-I", "-X", "no_debug_ranges")
"""Nothing from outside chooses its code, and 0.3 MiB of column numbers stay unloaded."""
_WITH_PATH: Final = (
    "import sys; sys.path[:] = sys.argv[3:]; del sys.argv[3:]; "
    "from runlore.runtimes.{module} import main; main()"
)


def fork_keeper() -> "KeeperLink":
    """Return the link to a keeper that waits for a spec; only for our own single-threaded command.

    If the link is closed without a spec, the keeper ends without a trace.
    """
    from runlore.journal.lean import load_msgspec  # noqa: PLC0415 - once, before the fork: both need it

    load_msgspec()
    from runlore.runtimes.link import KeeperLink  # noqa: PLC0415 - and most of what this loads

    spec_end, spec_start = pipe()
    message_end, message_start = pipe()
    if os.fork() == 0:
        _be_keeper(spec_end, message_start)
    os.close(spec_end)
    os.close(message_start)
    return KeeperLink(spec_start, message_end)


def exec_keeper(*, stdin: bool = False) -> "KeeperLink":
    """Return the link to a keeper in a fresh interpreter; nothing of this process's state goes with it.

    Safe in threaded programs: every descriptor but the link's is closed, and standard input unless
    `stdin` asks to pass it on. The keeper leaves this process's children at once.
    """
    import subprocess  # noqa: PLC0415 - hosts that submit can afford it; our own commands fork instead

    from runlore.runtimes.link import KeeperLink  # noqa: PLC0415 - see fork_keeper

    spec_end, spec_start = pipe()
    message_end, message_start = pipe()
    try:
        launcher = subprocess.Popen(
            _command("keeper", str(spec_end), str(message_start)),
            stdin=None if stdin else subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(spec_end, message_start),
            start_new_session=True,
        )
    except BaseException:
        os.close(spec_start)
        os.close(message_end)
        raise
    finally:
        os.close(spec_end)
        os.close(message_start)
    return KeeperLink(spec_start, message_end, launcher=launcher)


def fork_nursery() -> "Nursery":
    """Return what forks keepers for our own single-threaded command; it gets ready while that reads on."""
    from runlore.journal.lean import load_msgspec  # noqa: PLC0415 - see fork_keeper

    load_msgspec()
    from runlore.runtimes.nursery_link import Nursery  # noqa: PLC0415 - only for many runs

    return Nursery.at(_forked_nursery(), _forked_nursery)


def exec_nursery() -> "Nursery":
    """Return what forks keepers for anybody else's process, in a fresh interpreter: see exec_keeper."""
    from runlore.runtimes.nursery_link import Nursery  # noqa: PLC0415 - only for many runs

    return Nursery(_executed_nursery)


def _forked_nursery() -> "socket":
    from socket import AF_UNIX, SOCK_SEQPACKET, socketpair  # noqa: PLC0415 - only for many runs

    ours, its = socketpair(AF_UNIX, SOCK_SEQPACKET)
    if os.fork():
        its.close()
        return ours
    try:
        os.setsid()
        ours.close()
        from runlore.runtimes.nursery import serve  # noqa: PLC0415 - after the fork

        serve(its.detach())
    finally:
        os._exit(0)


def _executed_nursery() -> "socket":
    import subprocess  # noqa: PLC0415 - see exec_keeper
    from socket import AF_UNIX, SOCK_SEQPACKET, socketpair  # noqa: PLC0415 - only for many runs

    ours, its = socketpair(AF_UNIX, SOCK_SEQPACKET)
    try:
        subprocess.Popen(
            _command("nursery", str(its.fileno()), "-"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(its.fileno(),),
            start_new_session=True,
        ).wait()  # it forks at once
    except BaseException:
        ours.close()
        raise
    finally:
        its.close()
    return ours


def exec_adopter(root: bytes, run_id: str) -> None:
    """Start a keeper for a run that has lost both of its own; it needs nobody, and tells nobody.

    Raises:
        OSError: no process could be started.
    """
    _exec_alone(_command("adopter", root, run_id))


def exec_pruner(root: bytes) -> None:
    """Start a process that applies the registry's retention policy; it needs nobody, and tells nobody.

    Raises:
        OSError: no process could be started.
    """
    _exec_alone(_command("autoprune", root))


def _exec_alone(argv: list[str | bytes]) -> None:
    dark = [(os.POSIX_SPAWN_OPEN, place, os.devnull, os.O_RDWR, 0) for place in range(LAST_STANDARD + 1)]
    environ = {name: value for name, value in os.environb.items() if not name.startswith(b"RUNLORE_")}
    pid = os.posix_spawn(argv[0], argv, environ, file_actions=dark, setsid=True)
    try:
        os.waitpid(pid, 0)  # it forks at once
    except ChildProcessError:
        return  # a program that ignores SIGCHLD has no children to wait for


def _command(module: str, *words: str | bytes) -> list[str | bytes]:
    """Return the command line of a keeper; `-I` lets no variable and no current folder choose its code.

    Where an isolated interpreter would not find this package (`PYTHONPATH`, user site, a zip), it is
    given this process's own search path.
    """
    installed = "/site-packages/" in __file__ or "/dist-packages/" in __file__
    if installed and __file__.startswith(f"{sys.prefix}/"):
        return [sys.executable, *_ALONE, "-m", f"runlore.runtimes.{module}", *words]
    path = [os.path.abspath(entry) for entry in sys.path]
    return [sys.executable, *_ALONE, "-c", _WITH_PATH.format(module=module), *words, *path]


def _be_keeper(spec_end: int, message_start: int) -> NoReturn:
    """Keep a run in this forked child, and never come back to the caller's code."""
    try:
        os.setsid()  # first: from here on no terminal sends it signals
        from runlore.runtimes.keeper import keep_forked  # noqa: PLC0415 - after the fork

        keep_forked(spec_end, message_start)
    finally:
        os._exit(0)
