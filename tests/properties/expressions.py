"""Expressions at random, over every field there is, as somebody could type them."""

from random import Random
from typing import Final

from runlore.projections.run_fields import OPERATORS, SHORT, Field, Kind, fields

NAMES: Final = ("env", "größe", "k", "a.b")
_TEXTS: Final = (
    "prod",
    "test",
    "nightly",
    "'etl'",
    "''",
    "'ö'",
    "true",
    "k1",
    "0",
    '"a b"',
    "'it, or (not)'",
)
_VALUES: Final[dict[Kind, tuple[str, ...]]] = {
    "text": _TEXTS,
    "flag": ("true", "FALSE"),
    "whole": ("0", "1", "3", "9"),
    "number": ("0.4", "-1", "1e3", "0.5"),
    "duration": ("0s", "90", "1h30m", "1.5s"),
    "size": ("0", "10K", "1500"),
    "time": ("2026-11-20", "2026-11-20T02:00:00Z", "11d"),
    "age": ("11d", "264h", "1w"),
    "any": (*_TEXTS, "3", "1.5", "false"),
}
_OFTEN: Final = ("name", "tags", "status", "exit_code", "age", "key", "reason.code", "duration_s", "command")


def spell(draw: Random, depth: int = 3) -> str:
    """Return an expression that is one."""
    joined = draw.choice(("and", "or", "AND", "Or"))
    how = draw.random()
    if not depth or how < 0.4:
        return _comparison(draw)
    if how < 0.5:
        return f"not {_part(draw, depth)}"
    return f"{_part(draw, depth)} {joined} {_part(draw, depth)}"


def _part(draw: Random, depth: int) -> str:
    inner = spell(draw, depth - 1)
    return f"({inner})" if draw.random() < 0.7 else inner


def _comparison(draw: Random) -> str:
    known = fields()
    field = known[draw.choice(_OFTEN)] if draw.random() < 0.5 else draw.choice(list(known.values()))
    blank = draw.choice((" ", "", "  "))
    choice = [*sorted(OPERATORS[field.kind]), *(["in", "not in"] if "=" in OPERATORS[field.kind] else [])]
    operator = draw.choice(choice)
    if operator.endswith("in"):
        some = [_value(draw, field) for _ in range(draw.choice((1, 2, 3)))]
        return f"{_name(draw, field)} {operator} ({f'{blank},{blank}'.join(some)})"
    return f"{_name(draw, field)}{blank}{operator}{blank}{_value(draw, field)}"


def _name(draw: Random, field: Field) -> str:
    if field.opens and (not field.bare or draw.random() < 0.8):
        return f"{field.path}.{draw.choice(NAMES)}"
    shorter = [short for short, path in SHORT.items() if path == field.path]
    return draw.choice([field.path, *shorter])


def _value(draw: Random, field: Field) -> str:
    value = draw.choice(field.choices or _VALUES[field.kind])
    return value if value[0] in "'\"" or draw.random() < 0.7 else f"'{value}'"
