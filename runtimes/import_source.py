"""Open what is to be imported: a file, a pipe, standard input, or what a program has open already."""

import os
import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import BinaryIO, Final

from msgspec import Struct

from runlore.journal.errors import BadInput, JournalIO, NotFound
from runlore.runtimes.bundle_reader import Read

STANDARD_INPUT: Final = "-"
_LOOK: Final = 512


class Opened(Struct, frozen=True):
    """Something that is to be imported, at its beginning."""

    read: Read
    name: str
    """What messages call it."""
    beginning: bytes = b""
    """Some of its first bytes, which `read` gives as well."""

    @property
    def is_json(self) -> bool:
        """It begins as JSON does, and no bundle can."""
        return self.beginning.lstrip()[:1] in {b"{", b"["}


@contextmanager
def opened(source: str | os.PathLike[str] | BinaryIO) -> Generator[Opened]:
    """Give what reads the source; what was open before stays open.

    source: a path, `-` for standard input, or what is open for reading bytes.

    Raises:
        NotFound: there is no such file. BadInput: it is a folder. JournalIO: it cannot be read.
    """
    if not isinstance(source, str | os.PathLike):
        yield Opened(source.read, str(getattr(source, "name", "the stream")))
        return
    path = os.fspath(source)
    try:
        if path == STANDARD_INPUT:
            # the interpreter's own buffer, because whoever is given `-` next has to find these bytes again
            stream = sys.stdin.buffer if sys.stdin else open(0, "rb", closefd=False)  # noqa: SIM115
            yield Opened(stream.read, "standard input", stream.peek(_LOOK))  # type: ignore[union-attr]
            return
        file = open(path, "rb")  # noqa: SIM115 - closed below
    except FileNotFoundError:
        raise NotFound(f"no file {path}; `runlore export` writes one") from None
    except IsADirectoryError:
        raise BadInput(f"{path} is a folder, and no bundle") from None
    except (OSError, ValueError) as error:
        if isinstance(error, JournalIO | BadInput | NotFound):
            raise
        raise JournalIO(f"{path!a}: {error}; nothing was imported") from error
    with file:
        yield Opened(file.read, path, file.peek(_LOOK))
