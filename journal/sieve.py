"""Sift out, in a few passes over a block of bytes, what could open a secret: plain Python's way. Pure.

Python looks at single bytes slowly, and a search for each of forty words walks over all bytes forty
times. So one pass tells of many words here, and says too often rather than too seldom that there is one:

- Names before `:` or `=`. What may stand between a name and its separator is left out of a copy, so
  that its last three letters and the separator are neighbours there. Each byte of the copy is a set of
  bits: the places it can take in two groups of endings. As one large number the copy is shifted over
  itself; what is left are the places where all four bytes fit.
- Tokens: whatever they look like, they have `RUN` letters, digits, `_` or `-` in a row.
- Options, private keys and URLs with a user contain a sign that is rare.

What is found is compared with the words themselves, so that few places are left for the rules.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Final

from runlore.journal.secret_names import ENDINGS
from runlore.journal.secret_text import RUN

if TYPE_CHECKING:
    from collections.abc import Iterator

BLOCK: Final = 32 * 1024
"""Bytes that are best looked at together: what is made of them stays in the processor's cache."""
NAMES: Final = tuple(name.encode() for name in (*ENDINGS, "sig", "signature", "session", "sessionid"))
"""The ends of all names before a separator that announce a secret; the last four do in URLs only."""
BEARER: Final = b"bearer"
_GROUP: Final = frozenset(b"ase ret ken key ial als ion jwt ing ass pat".split())
"""The last letters of some names. With the others apart, least of ordinary output fits either group."""
_LAST: Final = 3
_LONGEST: Final = max(map(len, NAMES))
_LETTERS: Final = bytes(each for each in range(0x80) if chr(each).isalpha())
_GAPS: Final = bytes(set(range(256)) - {*_LETTERS, *b":=\r\n"})


def _bits() -> bytes:
    bits = bytearray(256)
    for name in NAMES:
        for place, letter in enumerate(name[-_LAST:]):
            bit = 1 << (2 * place + (name[-_LAST:] in _GROUP))
            for each in (letter, letter - 0x20):  # the capital
                bits[each] |= bit
    for each in b":=":
        bits[each] = 3 << (2 * _LAST)
    return bytes(bits)


_BITS: Final = _bits()
_BEARER_BITS: Final = BEARER.translate(_BITS)
_NAME_BITS: Final = tuple(name.translate(_BITS) for name in NAMES)
_FITTING: Final = int.from_bytes(b"\3" * BLOCK, "little")
_FITS: Final = (b"\1", b"\2", b"\3")
"""What is left of a byte where the letters fit the one group, the other, or both."""
_IN_TOKEN: Final = bytes(each in _LETTERS or each in b"0123456789_-" for each in range(256))
_RUN: Final = b"\1" * RUN
_ENDS: Final = b"".join({name[-1:] + name[-1:].upper() for name in NAMES})
_OPTION: Final = (
    rb"-(?=----BEGIN[A-Z0-9 ]{0,40}PRIVATE KEY|(?<![A-Za-z_-]-)-?([A-Za-z][\w-]{0,100}+)(?:[\x80-\xff]"
    rb"|[\s\x1c-\x1f](?:(?<=[%b].)|(?<=[%b][_-].)|(?<=[%b][_-][_-].)|(?<=[_-][_-][_-].))))"
    % (_ENDS, _ENDS, _ENDS)
)
"""A private key, or an option before a blank, which may be one beyond ASCII."""
_USER: Final = rb"://[^\s/?#\"'<>]*@"


def names(block: bytes) -> set[bytes]:
    """Return what announces a secret and may stand before a separator in the block; `bearer`, too."""
    copy = block.translate(_BITS, _GAPS)
    found = {BEARER} if _BEARER_BITS in copy else set[bytes]()
    number = int.from_bytes(copy, "little")
    mask = _FITTING if len(copy) <= BLOCK else int.from_bytes(b"\3" * len(copy), "little")
    fitting = number & (number >> 10) & (number >> 20) & (number >> 30) & mask
    if fitting:
        places = fitting.to_bytes(len(copy), "little")
        ends = [at + _LAST for fit in _FITS for at in found_all(fit, places)]
        said = {copy[max(0, end - _LONGEST) : end] for end in ends}
        for each in said:
            if each.endswith(_NAME_BITS):
                found.update(
                    name for name, bits in zip(NAMES, _NAME_BITS, strict=True) if each.endswith(bits)
                )
    return found


def options(block: bytes) -> Iterator[int]:
    """Yield where an option that announces a secret stands, or a private key begins."""
    for found in _compiled(_OPTION).finditer(block):
        name = found[1]
        if name is None or name.rstrip(b"_-").lower().endswith(NAMES) or block[found.end(1)] >= 0x80:  # noqa: PLR2004
            yield found.start()


def runs(block: bytes) -> Iterator[tuple[int, int]]:
    """Yield (start, end) of each row of letters, digits, `_` and `-` that is long enough for a token."""
    marked = block.translate(_IN_TOKEN)
    start = marked.find(_RUN)
    while start >= 0:
        end = marked.find(b"\0", start + RUN)
        end = end if end >= 0 else len(block)
        yield start, end
        start = marked.find(_RUN, end)


def users(block: bytes) -> Iterator[int]:
    """Yield where a URL may have a user."""
    if b"@" in block:
        yield from (found.start() for found in _compiled(_USER).finditer(block))


def found_all(word: bytes, block: bytes) -> Iterator[int]:
    """Yield each place where the word stands."""
    at = block.find(word)
    while at >= 0:
        yield at
        at = block.find(word, at + 1)


@cache
def _compiled(pattern: bytes) -> re.Pattern[bytes]:
    """Return the pattern, compiled when first needed."""
    return re.compile(pattern)
