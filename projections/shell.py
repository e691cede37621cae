r"""Quote arguments so that a shell reads them back: what people copy has to mean what was run.

What a terminal could act on is written as `$'\x1b'` (ANSI-C quoting: bash, zsh, ksh and, since 2024,
POSIX sh), so the line is printable and still exact. Pure.
"""

from collections.abc import Sequence
from typing import Final

_SAFE: Final = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%+=:,./-_"
_NAMED: Final = {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def join(argv: Sequence[str]) -> str:
    """Return the arguments as one line of shell."""
    line = " ".join(argv)
    if all(argv) and _unsafe(line) == b" " * (len(argv) - 1):
        return line
    return " ".join(map(quote, argv))


def quote(argument: str) -> str:
    """Return one argument as one shell word; surrogate-escaped bytes come back as those bytes."""
    if argument and not _unsafe(argument):
        return argument
    if argument.isprintable():
        return "'" + argument.replace("'", "'\"'\"'") + "'"
    return "$'" + "".join(map(_escaped, argument)) + "'"


def _unsafe(text: str) -> bytes:
    """Return what of a text does not mean itself everywhere in shell, as bytes."""
    return text.encode("utf-8", "surrogatepass").translate(None, _SAFE)


def _escaped(character: str) -> str:
    if character in _NAMED:
        return _NAMED[character]
    if character.isprintable():
        return character
    data = character.encode(
        "utf-8", "surrogateescape" if "\udc80" <= character <= "\udcff" else "surrogatepass"
    )
    return "".join(f"\\x{byte:02x}" for byte in data)
