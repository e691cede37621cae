r"""Make text from anywhere safe to show: nothing recorded can drive the reader's terminal.

C0, DEL, C1, bidirectional and other invisible controls, line separators, lone surrogates and invalid
bytes come out as visible escapes (`\x1b`, `\u202e`, `\xff`); everything else stays as it is. Making
printable twice changes nothing more. Every output for people passes here; only `--raw` does not. Pure.
"""

from __future__ import annotations

TYPE_CHECKING = False  # type checkers take it for True; importing it from typing costs 3 ms
if TYPE_CHECKING:
    from typing import Final

_SHORT: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_JOINERS: Final = "\u200c\u200d"
"""Invisible, but needed to write Persian, Indic scripts and emoji."""
_VISIBLE_FORMATS: Final = (
    "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"
)
"""Format characters that are drawn: Arabic, Syriac and Kaithi number signs."""
_ESCAPED_CATEGORIES: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_TAGS: Final = range(0xE0000, 0xE1000)
"""Invisible characters that can smuggle text past a reader; most are not assigned yet."""
_TAB: Final = 8


def printable(text: str) -> str:
    """Return the text on one line, with what a terminal could act on escaped."""
    return text if text.isprintable() else "".join(map(_shown, text))


def printable_body(text: str) -> str:
    """Return output of a command: its newlines stay, its tabs become the blanks they stand for."""
    return "\n".join(map(_line, text.split("\n")))


def printable_bytes(data: bytes) -> str:
    """Return bytes as text on one line; what is not UTF-8 comes out as escapes."""
    return printable(data.decode("utf-8", "surrogateescape"))


def _line(text: str) -> str:
    """Return one line; columns are counted in characters, as most output is."""
    if "\t" not in text:
        return printable(text)
    *columns, last = map(printable, text.split("\t"))
    shown = ""
    for column in columns:
        shown += column
        shown += " " * (_TAB - len(shown) % _TAB)
    return shown + last


def _shown(character: str) -> str:
    if character.isprintable() or character in _JOINERS:
        return character
    if character in _SHORT:
        return _SHORT[character]
    number = ord(character)
    if number in _TAGS:
        return f"\\U{number:08x}"
    import unicodedata  # noqa: PLC0415 - half a MiB that plain text never needs

    if unicodedata.category(character) not in _ESCAPED_CATEGORIES or character in _VISIBLE_FORMATS:
        return character
    return _escaped(number)


def _escaped(number: int) -> str:
    if 0xDC80 <= number <= 0xDCFF:  # noqa: PLR2004 - surrogateescape: a byte that is not UTF-8
        return f"\\x{number - 0xDC00:02x}"
    if number <= 0xFF:  # noqa: PLR2004 - the escape of two digits
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number <= 0xFFFF else f"\\U{number:08x}"  # noqa: PLR2004
