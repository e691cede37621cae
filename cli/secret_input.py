"""Values that must not stand on a command line, where every user sees them: from files, or typed unseen."""

import os
import sys
from typing import Final

from runlore.journal.errors import BadInput, JournalIO, NotFound

_LONGEST: Final = 1 << 20


def read_value(path: str) -> bytes:
    """Return what a file holds, or standard input for `-`, but for one newline at the end.

    Raises:
        NotFound, JournalIO: it cannot be read. BadInput: it is far too long to be a value.
    """
    if path == "-" and os.isatty(0):
        from getpass import getpass  # noqa: PLC0415 - only for people

        return getpass("value: ", stream=sys.stderr).encode("utf-8", "surrogateescape")
    try:
        with open(0 if path == "-" else path, "rb", closefd=path != "-") as file:
            data = file.read(_LONGEST + 1)
    except FileNotFoundError:
        raise NotFound(f"no file {path} to read the value from") from None
    except OSError as error:
        raise JournalIO(f"{path}: {error.strerror or error}") from error
    if len(data) > _LONGEST:
        raise BadInput(f"{path} holds more than a value")
    return data.removesuffix(b"\n")
