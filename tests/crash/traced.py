"""Let a victim act under strace, which counts its system calls, kills it, or makes them fail.

The victim is a forked child that waits until strace has attached to it. It tells what it writes and what
it was promised through a socket, because `write` may be the call that is made to fail. For programs of
their own only: a test runner has threads and must not fork.
"""

import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import traceback
from typing import Final

from runlore.journal.errors import RunloreError
from tests.crash.victims import RUN, Victim
from tests.crash.witness import Witness

TRACED: Final = (
    "open,openat,creat,write,pwrite64,pread64,close,fstat,newfstatat,stat,lstat,statx,lseek,fcntl,fallocate,"
    "ftruncate,fdatasync,fsync,rename,renameat,renameat2,link,linkat,unlink,unlinkat,rmdir,mkdir,mkdirat,chmod,"
    "fchmod,fchmodat,getdents64"
)
"""All but `read`, in which the child waits for its tracer, and `sendto`, with which it tells."""
REFUSED: Final = 3
"""Exit code of a victim that was told by an error of ours that something was not done."""
_HEAD: Final = struct.Struct("=3sI")
_ANY_TRACER: Final = -1
_PR_SET_PTRACER: Final = 0x59616D61


def calls_of(kind: type[Victim], folder: str) -> list[str]:
    """Return the names of the system calls of a life that nobody disturbs."""
    root = tempfile.mkdtemp(dir=folder)
    status = traced(kind, f"{root}/registry", Witness(), ["-o", f"{root}/log"])
    if status:
        sys.exit(f"undisturbed, {kind.__name__} ended with {status}")
    with open(f"{root}/log", encoding="ascii", errors="replace") as file:
        names = [line.partition("(")[0] for line in file]
    shutil.rmtree(root)
    return names


def traced(kind: type[Victim], root: str, witness: Witness, options: list[str]) -> int:
    """Return the wait status of a victim that acts under strace with these options."""
    ours, theirs = socket.socketpair()
    go = os.pipe()
    child = os.fork()
    if child == 0:
        ours.close()
        _live(kind, root, theirs, go[0])
    theirs.close()
    os.close(go[0])
    messages = ours.makefile("rb")
    while _hear(messages, witness) != b"rdy":
        pass
    command = ["strace", "--quiet=exit", "-p", str(child), "-e", f"trace={TRACED}", *options]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as tracer:
        _wait_for_tracer(child, tracer)
        os.write(go[1], b"!")
        while _hear(messages, witness):
            pass
        _, status = os.waitpid(child, 0)
    messages.close()
    ours.close()
    os.close(go[1])
    return status


def note(what: bytes, about: bytes, witness: Witness) -> None:
    """Take what a victim tells into the witness."""
    if what == b"see":
        witness.see(about)
    elif what == b"ack":
        witness.promise(RUN, about.split()[1].decode())


def _live(kind: type[Victim], root: str, line: socket.socket, go: int) -> None:
    """Be the victim; never returns."""

    def tell(what: bytes, about: bytes) -> None:
        line.sendall(_HEAD.pack(what, len(about)) + about)

    try:
        _allow_tracing()
        victim = kind(root, tell)
        victim.prepare()
        tell(b"rdy", b"")
        os.read(go, 1)
        victim.act()
    except RunloreError:
        os._exit(REFUSED)
    except BaseException:  # noqa: BLE001 - the child must never return into the parent's code
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def _hear(messages: "socket.SocketIO | object", witness: Witness) -> bytes:
    """Note one message and return its kind; nothing when the line is dead."""
    read = messages.read  # type: ignore[union-attr]
    head = read(_HEAD.size)
    if len(head) < _HEAD.size:
        return b""
    what, length = _HEAD.unpack(head)
    about = read(length)
    if len(about) == length:
        note(what, about, witness)
    return bytes(what)


def _allow_tracing() -> None:
    """Let any process of this user trace us, where Yama would let only ancestors."""
    import ctypes

    ctypes.CDLL(None).prctl(_PR_SET_PTRACER, _ANY_TRACER, 0, 0, 0)


def _wait_for_tracer(child: int, tracer: "subprocess.Popen[bytes]") -> None:
    """Return when strace says that it has attached: before, the child would get away with some calls."""
    assert tracer.stderr is not None
    said = tracer.stderr.readline()
    if b"attached" not in said:
        os.kill(child, 9)
        sys.exit(f"strace could not attach: {said.decode(errors='replace')}")
