"""Where this process stands: its folder, its environment, and the run inside which it was started."""

import os
from typing import Final

from runlore.journal.errors import BadInput
from runlore.journal.ids import is_run_id

_COERCED: Final = b"LC_CTYPE"
_COERCED_TO: Final = frozenset({b"C.UTF-8", b"C.utf8", b"UTF-8"})
INSIDE: Final = "RUNLORE_RUN_ID"
"""Set for every command that runs here: what it submits names it as its parent."""


ROOT: Final = "RUNLORE_ROOT"
"""The registry; set for every command that runs here."""


def current_folder() -> str:
    """Return the current folder, or the root folder if ours was removed."""
    try:
        return os.getcwd()
    except OSError:
        return "/"


def folder_of(cwd: str | None) -> str:
    """Return the working folder that was given, else the current one, as an absolute path.

    Raises:
        BadInput: it is empty, or it would be relative to a folder that is gone.
    """
    if cwd == "":
        raise BadInput("cwd is empty; name a folder")
    try:
        here = os.getcwd()
    except OSError:
        if cwd is None or not cwd.startswith("/"):
            raise BadInput(
                "the current folder does not exist any more; give one with --cwd DIR, or as cwd"
            ) from None
        here = "/"
    folder = os.path.join(here, cwd or "")
    if ".." in folder.split("/"):
        return folder  # what `..` means behind a link is for the kernel to say
    if "://" in folder:
        return folder  # with one slash less, a password in it would not look like one
    return os.path.normpath(folder)


def environment() -> dict[bytes, bytes]:
    """Return this process's environment, without what the interpreter put there by itself.

    Where the locale is C, CPython sets LC_CTYPE before anything of ours runs (PEP 538); what the caller
    had is still in /proc.
    """
    given = dict(os.environb)
    if given.get(_COERCED) in _COERCED_TO:
        try:
            with open("/proc/self/environ", "rb") as file:
                began = file.read().split(b"\0")
        except OSError:
            return given
        del given[_COERCED]
        for entry in began:
            name, _, value = entry.partition(b"=")
            if name == _COERCED:
                given[name] = value
    return given


def parent_in(root: str) -> str:
    """Return the run of the same registry inside which this process runs; empty if there is none."""
    parent = os.environ.get(INSIDE, "")
    return parent if is_run_id(parent) and os.environ.get(ROOT) == root else ""
