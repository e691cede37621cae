"""Encode whatever is shown as JSON: one encoder, the same for every door. Pure."""

from typing import Final, cast

import msgspec

from runlore.projections.printable import printable

_DEL: Final = b"\x7f"
_encoder: Final = msgspec.json.Encoder()


def encode_view(view: object) -> bytes:
    """Return a view as one JSON object on one line, without a newline.

    What is no Unicode text (a path in another encoding) comes out as visible escapes, never as a failure.
    Characters that a terminal or a reader's eye could fall for (C1, DEL, bidi) are escaped as JSON has it,
    so the text means the same and may be printed anywhere.
    """
    try:
        data = _encoder.encode(view)
    except UnicodeEncodeError:
        data = _encoder.encode(_clean(msgspec.to_builtins(view)))
    return data if data.isascii() and _DEL not in data else _escaped(data)


def _escaped(data: bytes) -> bytes:
    text = data.decode("utf-8")
    return data if text.isprintable() else "".join(map(_escape, text)).encode("utf-8")


def _escape(character: str) -> str:
    if printable(character) == character:
        return character
    units = character.encode("utf-16-be")
    return "".join(f"\\u{high:02x}{low:02x}" for high, low in zip(units[::2], units[1::2], strict=True))


def _clean(value: object) -> object:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, dict):
        return {_clean(key): _clean(item) for key, item in cast("dict[str, object]", value).items()}
    if isinstance(value, list):
        return [_clean(item) for item in cast("list[object]", value)]
    return value
