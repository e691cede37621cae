"""What only the C library offers: prctl(2) and our own memory. Linux only; imports ctypes (5 ms), so late."""

import ctypes
from typing import Final

_PR_SET_DUMPABLE: Final = 4
_PR_SET_NAME: Final = 15
_PR_SET_CHILD_SUBREAPER: Final = 36


def become_subreaper() -> bool:
    """Make orphans of this process's tree its children; say whether the kernel agreed.

    The setting is not inherited: each process of ours that wants it asks for itself.
    """
    return _prctl(_PR_SET_CHILD_SUBREAPER, ctypes.c_ulong(1))


def set_name(name: str) -> None:
    """Set the 15 bytes that ps and top show; costs nothing if refused."""
    _prctl(_PR_SET_NAME, ctypes.c_char_p(name.encode("ascii")))


def forbid_core_dumps() -> bool:
    """Let nobody but root read this process's memory, and no crash write it down, until it executes another.

    A child begins with the same. What /proc tells only a process's user it tells only root from then on.
    """
    return _prctl(_PR_SET_DUMPABLE, ctypes.c_ulong(0))


def overwrite(address: int, data: bytes) -> None:
    """Put bytes into this process's own memory, at an address that the kernel named."""
    ctypes.memmove(address, data, len(data))


def give_back_memory() -> None:
    """Return to the kernel what was freed inside the heap, so that no child of this process has it either.

    malloc_trim(3); a C library without it keeps what it has.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(ctypes.c_size_t(0))


def _prctl(option: int, value: ctypes.c_ulong | ctypes.c_char_p) -> bool:
    rest = ctypes.c_ulong(0)
    return bool(ctypes.CDLL(None).prctl(ctypes.c_int(option), value, rest, rest, rest) == 0)
