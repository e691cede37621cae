r"""Quote arguments so that a shell reads them back: what people copy has to mean what was run.

What a terminal could act on is written as `$'\x1b'` (ANSI-C quoting: bash, zsh, ksh and, since 2024,
POSIX sh), so the line is printable and still exact. Pure.
"""

from collections.abc import Iterable
from typing import Final

_SAFE: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%+=:,./-_")
_NAMED: Final = {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def join(argv: Iterable[str]) -> str:
    """Return the arguments as one line of shell."""
    return " ".join(map(quote, argv))


def quote(argument: str) -> str:
    """Return one argument as one shell word; surrogate-escaped bytes come back as those bytes."""
    if argument and _SAFE.issuperset(argument):
        return argument
    if argument.isprintable():
        return "'" + argument.replace("'", "'\"'\"'") + "'"
    return "$'" + "".join(map(_escaped, argument)) + "'"


def _escaped(character: str) -> str:
    if character in _NAMED:
        return _NAMED[character]
    if character.isprintable():
        return character
    data = character.encode(
        "utf-8", "surrogateescape" if "\udc80" <= character <= "\udcff" else "surrogatepass"
    )
    return "".join(f"\\x{byte:02x}" for byte in data)
