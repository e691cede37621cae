"""Read `config.toml`: the settings of a registry's user. Without one everything is as it comes.

Whoever writes refuses to go on with a file that cannot be read or understood, because a setting that is
passed over could cost a secret; whoever only reads does not look at it.
"""

import os
import stat
from collections.abc import Callable
from typing import Final

from runlore.journal.errors import BadInput, BadSettings
from runlore.journal.settings import Problem, Settings, understood

NAME: Final = "config.toml"
MOST: Final = 1 << 20
"""Bytes of the file."""
_KINDS: Final[tuple[tuple[Callable[[int], bool], str], ...]] = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a FIFO"),
    (stat.S_ISSOCK, "a socket"),
)


def read_settings(root: str) -> Settings:
    """Return the settings of the registry at `root`.

    Raises:
        BadSettings: the file is there, and is none that can be obeyed.
    """
    found = examine_settings(root)
    if found is None:
        return Settings()
    if found.problems:
        raise BadSettings(path_of(root), [(each.line, each.text) for each in found.problems])
    return found


def examine_settings(root: str) -> Settings | None:
    """Return the settings with everything that is wrong with them; None if there is no file."""
    try:
        fd = os.open(path_of(root), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        if not os.path.isdir(root):
            return None  # whoever opens the registry says what is wrong with that
        return _refused(0, f"cannot be read: {error.strerror or error}")
    try:
        mode = os.fstat(fd).st_mode
        if not stat.S_ISREG(mode):
            kind = next((name for is_kind, name in _KINDS if is_kind(mode)), "a device")
            return _refused(0, f"is {kind}; it has to be a file")
        data = _read(fd)
    except OSError as error:
        return _refused(0, f"cannot be read: {error.strerror or error}")
    finally:
        os.close(fd)
    return _parsed(data)


def path_of(root: str) -> str:
    """Return where the settings of a registry lie."""
    return f"{root}/{NAME}"


def _read(fd: int) -> bytes:
    """Return the file, or one byte too much of it."""
    pieces: list[bytes] = []
    size = 0
    while size <= MOST and (piece := os.read(fd, MOST + 1 - size)):
        pieces.append(piece)
        size += len(piece)
    return b"".join(pieces)


def _parsed(data: bytes) -> Settings:
    if len(data) > MOST:
        return _refused(0, f"is larger than {MOST:,} bytes")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return _refused(line, "is not UTF-8 here; TOML has to be")
    import tomllib  # noqa: PLC0415 - only where somebody has settings

    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return _refused(_line_of(str(error), text), f"is not TOML: {error}")
    except RecursionError:
        return _refused(1, "nests too deep")
    return understood(document, text.split("\n"), _wrong_with)


def _line_of(message: str, text: str) -> int:
    """Return the line that the parser names; the last one where the file ends too early."""
    _, found, rest = message.rpartition("at line ")
    number = rest.partition(",")[0]
    return int(number) if found and number.isdigit() else text.count("\n") + 1


def _wrong_with(pattern: str) -> str:
    """Say what is wrong with a pattern."""
    from runlore.journal.patterns import Patterns  # noqa: PLC0415 - only where somebody has patterns

    try:
        Patterns([pattern])
    except BadInput as error:
        return str(error)
    return ""


def _refused(line: int, text: str) -> Settings:
    return Settings(problems=(Problem(line, text),))
