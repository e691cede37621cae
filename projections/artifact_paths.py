"""Which path an artifact may have: one that every file system and every tool takes for the same file.

Nothing is decoded or normalised: `%2e%2e` is a name of six characters. Pure.
"""

from collections.abc import Mapping
from typing import Final

from runlore.projections.globs import DEEPEST

LONGEST: Final = 4096
"""Bytes of a path, as Linux counts them."""
_LONGEST_NAME: Final = 255


def refusal(path: str) -> str:
    """Return why no artifact can have this path; nothing if it can.

    path: `/` between names; bytes that are not UTF-8 as surrogate escapes.
    """
    if not path:
        return "it is empty"
    if "\0" in path:
        return "it holds a NUL"
    try:
        size = len(path.encode("utf-8"))
    except UnicodeEncodeError:
        return "its name is not UTF-8, so no manifest could name it"
    if size > LONGEST:
        return f"its path is longer than {LONGEST:,} bytes"
    return _shape(path) or _names(path.split("/"), size)


def folded(path: str) -> str:
    """Return what two paths have in common that a file system without upper and lower case confuses."""
    return path.casefold()


def masked_double(names: Mapping[str, str], recorded: str) -> str:
    """Return why an output cannot be recorded under this path; nothing if it can.

    names: the recorded paths of other outputs, which are other ones as they lie there, by `folded`.
    """
    other = names.get(folded(recorded))
    if other is None:
        return ""
    if other == recorded:
        return "another output has the same path once secrets are masked; rename one of them"
    return f"its path differs from {other} in upper and lower case only, once secrets are masked"


def _shape(path: str) -> str:
    if path.startswith("/"):
        return "its path is absolute"
    if "\\" in path:
        return "its path holds a backslash, which other systems take for a slash"
    if "://" in path or path.startswith("file:"):
        return "its path is a URL"
    if len(path) > 1 and path[1] == ":" and path[0].isascii() and path[0].isalpha():
        return "its path begins like one of a drive"
    return ""


def _names(names: list[str], size: int) -> str:
    """Return what is wrong with the names of a path of so many bytes."""
    if ".." in names:
        return "its path leads out of the folder by `..`"
    if "" in names or "." in names:
        return "its path holds a name that is empty or `.`"
    if len(names) > DEEPEST:
        return f"it lies deeper than {DEEPEST} folders"
    if size > _LONGEST_NAME and any(len(name.encode("utf-8")) > _LONGEST_NAME for name in names):
        return f"a name in its path is longer than {_LONGEST_NAME} bytes"
    return ""
