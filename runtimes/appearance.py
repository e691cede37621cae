"""What others see of our own processes: a name and a title of ours, and nothing that the caller had.

A keeper begins as a fork or a child of whoever asked for a run, and lives for hours: the arguments and
the environment that it was started with would stand in /proc as long. Linux only; see proc(5).
"""

import os
from collections.abc import Iterator
from typing import Final

from runlore.journal.ids import is_run_id
from runlore.journal.values import RunId

KEEPER: Final = "runlore-keeper"
WRAPPER: Final = "runlore-wrapper"
OURS: Final = frozenset({KEEPER, WRAPPER})
"""What our processes are called in ps; at most 15 characters."""
_INSIDE: Final = " inside "
_ARGUMENTS: Final = 45
"""Place of arg_start in /proc/self/stat, counted from the field behind the name; proc(5) says 48."""
_LONGEST: Final = 4096
"""The kernel shows a page of a title."""
_UNUSED: Final = b"\1"


def appear_as(name: str, run_id: RunId, *, inside: str = "") -> None:
    """Take a name and a title, cover what this process was started with, and leave no core dump.

    `os.environ` and getenv(3) go on with copies. Only this process changes, not the one that it was forked
    from.

    inside: the run in which this one was started. Its keeper finds ours by that, so it is in the title.
    """
    from runlore.runtimes import prctl  # noqa: PLC0415 - loads ctypes; who only looks needs nothing of it

    prctl.set_name(name)
    for variable, value in os.environb.items():
        os.putenv(variable, value)  # the C library keeps a copy of it, and no longer what the kernel laid out
    title = f"{name} {run_id}{_INSIDE + inside if is_run_id(inside) else ''}"
    for address, data in _cover(title.encode("ascii")):
        prctl.overwrite(address, data)
    prctl.forbid_core_dumps()


def outer_run(pid: int) -> str:
    """Return the run inside which a keeper or wrapper of our user works; empty if it says none."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            title = file.read(_LONGEST).rstrip(b"\0").decode("ascii")
        uid = os.stat(f"/proc/{pid}").st_uid
    except (OSError, UnicodeDecodeError):
        return ""
    name, _, runs = title.partition(" ")
    _, inside, outer = runs.partition(_INSIDE)
    is_ours = name in OURS and uid == os.geteuid()
    return outer if is_ours and inside and is_run_id(outer) else ""


def _cover(title: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield what goes to which address: a title over the arguments, NULs over their rest and the environment.

    A last byte of the arguments that is no NUL tells the kernel that this is a title: it shows as much as
    there is before the first NUL, which may reach into where the environment was.
    """
    with open("/proc/self/stat", "rb") as file:
        fields = file.read().rpartition(b")")[2].split()
    start, end, environ, environ_end = map(int, fields[_ARGUMENTS : _ARGUMENTS + 4])
    if not 0 < start < end:
        return  # the kernel does not say where they are
    if environ != end:  # somebody moved them apart
        yield environ, bytes(environ_end - environ)
        environ_end = end
    room, last = environ_end - start, end - start - 1
    title = title[: min(room, _LONGEST) - 1]
    yield start, title.ljust(room, b"\0")
    if len(title) < last:
        yield start + last, _UNUSED
