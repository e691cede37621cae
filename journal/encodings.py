"""Every form in which programs print a value: encoded, quoted, escaped. Pure.

A form is exact bytes, so that finding one needs no context. `wrapped` ones are long runs without
blanks that programs break into lines or groups (base64, hex); all others are printed in one piece.
What is not here is not found: compression, encryption, reversal, escapes mixed in uncommon ways.
"""

import binascii
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from runlore.journal.escapes import OF_BYTES, OF_TEXT, written

_URL_SAFE: Final = bytes.maketrans(b"+/", b"-_")
_LEVELS: Final = 3
"""How often a text that is escaped may be put into another one as a JSON string."""


class Forms(Struct, frozen=True):
    """The forms of one value."""

    whole: frozenset[bytes]
    """Printed in one piece."""
    wrapped: frozenset[bytes]
    """May be broken by blanks, line ends or colons; contain none of them."""


def forms(value: bytes) -> Forms:
    """Return every known form of the value; the same line ends in another style are the same value."""
    lines = value.replace(b"\r\n", b"\n")
    whole, wrapped = set[bytes](), set[bytes]()
    for each in {value, lines, lines.replace(b"\n", b"\r\n")}:
        whole.update(_whole(each))
        wrapped.update(_wrapped(each))
    for form in wrapped:
        whole.update(_of_base64(form))
    return Forms(frozenset(whole), frozenset(wrapped))


def _wrapped(value: bytes) -> Iterator[bytes]:
    """Yield hex, and base64 at its three alignments: what no neighbour of the value can change."""
    yield value.hex().encode()
    yield value.hex().upper().encode()
    for before, changed in enumerate((0, 2, 3)):
        encoded = _base64(bytes(before) + value)[changed:]
        yield from {encoded, encoded.translate(_URL_SAFE)}
        if (before + len(value)) % 3:
            yield from {encoded[:-1], encoded[:-1].translate(_URL_SAFE)}


def _base64(data: bytes) -> bytes:
    return binascii.b2a_base64(data, newline=False).rstrip(b"=")


def _of_base64(form: bytes) -> Iterator[bytes]:
    """Yield what base64 becomes in a URL, and in PHP's JSON."""
    if b"+" in form or b"/" in form:
        for plus, slash in ((b"%2B", b"%2F"), (b"%2b", b"%2f"), (b"+", b"\\/")):
            yield form.replace(b"+", plus).replace(b"/", slash)


def _whole(value: bytes) -> Iterator[bytes]:
    yield value
    yield from _numbers(value)
    for form in written(value.decode("latin-1"), OF_BYTES):
        yield form.encode("latin-1")
        yield form.replace("%", "%25").encode("latin-1")  # in a URL that is a parameter itself
        yield from (level.encode("latin-1") for level in _deeper(form))
    text = value.decode("utf-8", "surrogateescape")
    for form in written(text, OF_TEXT):
        yield form.encode("utf-8", "surrogateescape")
        yield from (level.encode("utf-8", "surrogateescape") for level in _deeper(form))
    yield from _units(text)


def _deeper(form: str) -> Iterator[str]:
    """Yield the form as it stands inside a JSON string, and inside one inside another one."""
    for _level in range(1, _LEVELS):
        if "\\" not in form and '"' not in form:
            return
        form = form.replace("\\", "\\\\").replace('"', '\\"')
        yield form


def _numbers(value: bytes) -> Iterator[bytes]:
    r"""Yield lists of byte values, as languages print arrays: `\x61\x62`, `0x61, 0x62`, `[97 98`."""
    for case in ("%02x", "%02X"):
        digits = [case % byte for byte in value]
        yield "".join(f"\\x{each}" for each in digits).encode()
        yield ", ".join(f"0x{each}" for each in digits).encode()
        yield "".join(f"%{each}" for each in digits).encode()
    decimal = [f"{byte}" for byte in value]
    yield from (f"[{between.join(decimal)}".encode() for between in (" ", ",", ", "))
    yield "".join(f"\\{byte:03o}" for byte in value).encode()


def _units(text: str) -> Iterator[bytes]:
    """Yield UTF-16, as bytes and as escapes of every character, and references to every character."""
    units = text.encode("utf-16-be", "surrogatepass")
    for case in ("\\u%04x", "\\u%04X"):
        yield "".join(case % int.from_bytes(units[at : at + 2]) for at in range(0, len(units), 2)).encode()
    for case in ("&#%d;", "&#x%x;", "&#x%X;", "&#X%X;", "&#%03d;", "&#x%04x;", "&#x%04X;"):
        yield "".join(case % ord(sign) for sign in text).encode()
    yield units
    yield text.encode("utf-16-le", "surrogatepass")
