"""What the value of a comparison means: a status, a number, a length of time, a size, a moment. Pure."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final
from unicodedata import normalize

from runlore.journal.errors import BadInput
from runlore.projections import durations, sizes
from runlore.projections.expression import DURATION, Comparison, Lasting, Value, Word
from runlore.projections.filters import when
from runlore.projections.numbers import number, whole
from runlore.projections.run_fields import Field, Kind, Operator

_EXIT_CODES: Final = range(256)
_MIRRORED: Final[Mapping[Operator, Operator]] = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
_BEGINNING: Final = datetime.min.replace(tzinfo=UTC)


def meant(field: Field, operator: Operator, text: str, now: datetime) -> Comparison:
    """Return the comparison of a field with what `text` means for it.

    Raises:
        BadInput: it means nothing for that field; the message says what would.
    """
    if field.kind == "age":
        ago = timedelta(seconds=durations.parse(text, zero=True))
        created = now - ago if now - _BEGINNING > ago else _BEGINNING
        return Comparison("created_at", _MIRRORED[operator], created)
    if field.kind == "time":
        return Comparison(field.path, operator, when(text, now))
    if field.path == DURATION:
        return Comparison(DURATION, operator, Lasting(durations.parse(text, zero=True), now))
    return Comparison(field.path, operator, _READERS[field.kind](field, text))


def _choice(field: Field, text: str) -> Value:
    word = text.lower().replace("-", "_")
    if word not in field.choices:
        raise BadInput(f"no {field.path}; there are {', '.join(field.choices)}")
    return word


def _flag(field: Field, text: str) -> Value:
    if text.lower() not in {"true", "false"}:
        raise BadInput(f"{field.path} is true or false")
    return text.lower() == "true"


def _whole(field: Field, text: str) -> Value:
    value = whole(text)
    if field.path == "exit_code" and value not in _EXIT_CODES:
        raise BadInput("no exit code; those are 0 to 255")
    if value is None:
        raise BadInput("no whole number")
    return value


def _number(_field: Field, text: str) -> Value:
    value = number(text)
    if value is None:
        raise BadInput("no number")
    return value


def _size(_field: Field, text: str) -> Value:
    return 0 if whole(text) == 0 else sizes.parse(text)


def _duration(_field: Field, text: str) -> Value:
    return durations.parse(text, zero=True)


def _text(_field: Field, text: str) -> Value:
    return normalize("NFC", text)


def _any(_field: Field, text: str) -> Value:
    return Word(normalize("NFC", text))


_READERS: Final[Mapping[Kind, Callable[[Field, str], Value]]] = {
    "text": _text,
    "choice": _choice,
    "flag": _flag,
    "whole": _whole,
    "number": _number,
    "size": _size,
    "duration": _duration,
    "any": _any,
}
