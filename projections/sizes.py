"""Read and write numbers of bytes as GNU tools do: `500`, `10K`, `1.5M`, `10MiB`, `10MB`. Pure."""

from typing import Final

from runlore.journal.errors import BadInput
from runlore.journal.values import MAX_INT

_PREFIXES: Final = "KMGTP"
_BINARY, _DECIMAL = 1024, 1000
_HOW: Final = "write bytes (5000), or a number with a unit: 64K, 10M, 1.5G (1024), 10MB (1000)"
_DIGITS: Final = frozenset("0123456789.")


def parse(text: str) -> int:
    """Return the bytes that `text` means: `K` and `KiB` are 1024, `KB` is 1000; a bare number is bytes.

    Raises:
        BadInput: it is no size, none at all, or more than any file can have.
    """
    word = text.strip()
    number = word[: next((at for at, letter in enumerate(word) if letter not in _DIGITS), len(word))]
    unit = _unit(word[len(number) :].strip().upper())
    if unit is None or number.count(".") > 1 or not number.strip("."):
        raise BadInput(f"{text[:40]!a} is not a size; {_HOW}")
    whole, _, part = number.partition(".")
    count = (int(whole[:20] or "0") * unit) + int(float(f"0.{part[:20] or 0}") * unit)
    if len(whole) > len(str(MAX_INT)) or count > MAX_INT:
        raise BadInput(f"{text[:40]!a} is too large; no file can be")
    if not count:
        raise BadInput(f"{text[:40]!a} is no size at all; {_HOW}")
    return count


def spelled(count: int) -> str:
    """Return a number of bytes so that `parse` gives it back: `10M`, `1500`."""
    unit = ""
    for prefix in _PREFIXES:
        if not count or count % _BINARY:
            break
        count, unit = count // _BINARY, prefix
    return f"{count}{unit}"


def _unit(text: str) -> int | None:
    """Return how many bytes a unit is; None if it is none."""
    if text in {"", "B"}:
        return 1
    if text[0] not in _PREFIXES or text[1:] not in {"", "IB", "B"}:
        return None
    return int((_DECIMAL if text[1:] == "B" else _BINARY) ** (_PREFIXES.index(text[0]) + 1))
