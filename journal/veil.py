r"""Put colour codes out of the way of the rules: `ESC[31m` stands as one character while they look. Pure.

The character is a private one of Unicode: no letter, no blank, and no sign that any rule asks for. Rules
say where such characters may stand; afterwards each becomes the code again that it stood for. A private
character that is there already is treated like a code, so that nothing is mistaken for one.
"""

import re
from typing import Final

VEIL: Final = "[\U000f0000-\U000ffffd]"
"""The pattern of a character that stands for a code."""
CODE: Final = re.compile(rb"\x1b\[[0-9;:]{0,20}m")
_FIRST, _LAST = 0xF0000, 0xFFFFD
_VEILED: Final = re.compile(VEIL)
_SHOWN: Final = re.compile(rf"\x1b\[[0-9;:]{{0,20}}m|{VEIL}")
_CUT: Final = re.compile(rb"\x1b(?:\[[0-9;:]{0,20})?\Z")
_LONGEST: Final = len("\x1b[") + 20
_FEW: Final = 8
"""So many different codes are put away faster one by one."""


class Veil:
    """What stands for what in one text."""

    def __init__(self) -> None:
        self._signs: Final[dict[str, str]] = {}

    def over(self, text: str) -> str:
        """Return the text with one character for each code; as it is if it has too many different ones."""
        if "\x1b" not in text and (text.isascii() or not _VEILED.search(text)):
            return text
        signs = {code: chr(_FIRST + place) for place, code in enumerate(dict.fromkeys(_SHOWN.findall(text)))}
        if len(signs) > _LAST - _FIRST:
            return text
        self._signs.update((sign, code) for code, sign in signs.items())
        return _SHOWN.sub(lambda found: signs[found.group()], text)

    def off(self, text: str) -> str:
        """Return what was covered."""
        return _VEILED.sub(lambda found: self._signs[found.group()], text) if self._signs else text


def without(text: str) -> str:
    """Return a covered text without its codes."""
    return text if text.isascii() else _VEILED.sub("", text)


def signs_in(text: str) -> str:
    """Return the characters of a covered text that stand for codes."""
    return "" if text.isascii() else "".join(set(_VEILED.findall(text)))


def cut_code(data: bytes) -> int:
    """Return how many bytes at the end are the beginning of a code."""
    found = _CUT.search(data, max(0, len(data) - _LONGEST))
    return len(data) - found.start() if found else 0


def blanked(data: bytes) -> bytes:
    """Return the data with something in place of each code that is as long, and may be part of anything."""
    if b"\x1b" not in data:
        return data
    codes = set(CODE.findall(data))
    if len(codes) > _FEW:
        return CODE.sub(lambda found: b"\x80" * (found.end() - found.start()), data)
    for code in codes:  # no code is part of another
        data = data.replace(code, b"\x80" * len(code))
    return data
