"""Kill a process at each of its system calls in turn: `python -m tests.crash.kill_points VICTIM FOLDER`.

A forked child waits until strace has attached to it and then acts; strace delivers SIGKILL when the
child enters its n-th call of a kind (it counts each kind by itself). Afterwards the registry must recover. Prints one JSON line.
A process of its own, because a test runner has threads and must not fork.
"""

import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from collections import Counter
from typing import Final

from runlore.journal.disk import REAL
from runlore.journal.layout import Layout

from tests.crash.recovery import broken_registry, in_words
from tests.crash.victims import RUN, VICTIMS, Victim
from tests.crash.witness import Witness

TRACED: Final = (
    "open,openat,creat,write,pwrite64,pread64,close,fstat,newfstatat,stat,lstat,statx,lseek,fcntl,fallocate,"
    "ftruncate,fdatasync,fsync,rename,renameat,renameat2,link,linkat,unlink,unlinkat,mkdir,mkdirat,chmod,"
    "fchmod,fchmodat,getdents64"
)
"""All but `read`, in which the child waits for its tracer."""
_HEAD: Final = struct.Struct("=3sI")
_ANY_TRACER: Final = -1
_PR_SET_PTRACER: Final = 0x59616D61
_ATTACH_S: Final = 20.0


def main(name: str, folder: str) -> None:
    """Count the calls of an undisturbed life, then kill at each of them."""
    VICTIMS[name](f"{folder}/rehearsal", lambda *_: None).rehearse()
    calls = Counter(_calls(VICTIMS[name], folder))
    broken: list[str] = []
    for call, times in sorted(calls.items()):
        for number in range(1, times + 1):
            root = tempfile.mkdtemp(dir=folder)
            ended, problems = kill_at(call, number, VICTIMS[name], f"{root}/registry")
            shutil.rmtree(root)
            if ended:
                problems.append("nothing was killed")
            broken += [f"{call} {number}: {problem}" for problem in problems]
    print(json.dumps({"points": calls.total(), "calls": len(calls), "broken": broken}))


def kill_at(call: str, number: int, kind: type[Victim], root: str) -> tuple[bool, list[str]]:
    """Return whether the victim outlived its n-th `call`, and what is broken then."""
    witness = Witness()
    inject = ["-o", "/dev/null", "-e", f"inject={call}:signal=SIGKILL:when={number}"]
    status = _traced(kind, root, witness, inject)
    if not os.path.exists(f"{root}/registry.json"):
        return os.WIFEXITED(status), ["the registry is gone"] if witness.promised else []
    problems = in_words(kind(root, lambda what, about: _note(what, about, witness)).mend)
    problems += in_words(lambda: broken_registry(REAL, Layout(root), witness, owner=number % 2 == 0))
    return os.WIFEXITED(status), problems


def _calls(kind: type[Victim], folder: str) -> list[str]:
    """Return the names of the system calls of a life that nobody ends."""
    root = tempfile.mkdtemp(dir=folder)
    log, witness = f"{root}/log", Witness()
    status = _traced(kind, f"{root}/registry", witness, ["-o", log])
    if status:
        sys.exit(f"undisturbed, {kind.__name__} ended with {status}")
    with open(log, encoding="ascii", errors="replace") as file:
        names = [line.partition("(")[0] for line in file]
    shutil.rmtree(root)
    return names


def _traced(kind: type[Victim], root: str, witness: Witness, options: list[str]) -> int:
    """Return the exit status of a victim that acts under strace."""
    prepared, acted, go = os.pipe(), os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        _live(kind, root, prepared[1], acted[1], go[0])
    for fd in (prepared[1], acted[1], go[0]):
        os.close(fd)
    _hear(prepared[0], witness)
    command = ["strace", "-qq", "-p", str(child), "-e", f"trace={TRACED}", *options]
    with subprocess.Popen(command) as tracer:
        _wait_for_tracer(child, tracer)
        os.write(go[1], b"!")
        _hear(acted[0], witness)
        _, status = os.waitpid(child, 0)
    for fd in (prepared[0], acted[0], go[1]):
        os.close(fd)
    return status


def _live(kind: type[Victim], root: str, prepared: int, acted: int, go: int) -> None:
    """Be the victim; never returns."""
    out = [prepared]

    def tell(what: bytes, about: bytes) -> None:
        os.write(out[0], _HEAD.pack(what, len(about)) + about)

    try:
        _allow_tracing()
        victim = kind(root, tell)
        victim.prepare()
        os.close(prepared)
        out[0] = acted
        os.read(go, 1)
        victim.act()
    except BaseException:  # noqa: BLE001 - the child must never return into the parent's code
        import traceback

        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def _hear(fd: int, witness: Witness) -> None:
    """Note what a child tells, until it says no more."""
    data = bytearray()
    while piece := os.read(fd, 1 << 20):
        data += piece
    offset = 0
    while offset < len(data):
        what, length = _HEAD.unpack_from(data, offset)
        about = bytes(data[offset + _HEAD.size : offset + _HEAD.size + length])
        offset += _HEAD.size + length
        _note(what, about, witness)


def _note(what: bytes, about: bytes, witness: Witness) -> None:
    if what == b"see":
        witness.see(about)
    else:
        witness.promise(RUN, about.split()[1].decode())


def _allow_tracing() -> None:
    """Let any process of this user trace us, where Yama would let only ancestors."""
    import ctypes

    ctypes.CDLL(None).prctl(_PR_SET_PTRACER, _ANY_TRACER, 0, 0, 0)


def _wait_for_tracer(child: int, tracer: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + _ATTACH_S
    while "TracerPid:\t0\n" in _status(child):
        if tracer.poll() is not None or time.monotonic() > deadline:
            os.kill(child, 9)
            sys.exit("strace could not attach")
        time.sleep(0.0005)


def _status(pid: int) -> str:
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
        return file.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
