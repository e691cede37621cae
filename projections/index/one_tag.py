"""The part of a filter that asks for one tag, stated so that the index of tags can answer it. Pure."""

from typing import Final

from msgspec import Struct

from runlore.projections.expression import Comparison, Every, Expression, Not, Some, Word

Tags = tuple[tuple[str, str | None], ...]
"""(name, value), as filters have them; None for any value."""
TAG: Final = "tags."
_VALUE: Final = {"=": "value = ?", "!=": "value = ?", "~": "instr(value, ?) > 0"}


class OneTag(Struct, frozen=True):
    """A condition on rows of the table `tags`; at most one row of a run meets it."""

    text: str
    values: tuple[str, ...]
    without: bool = False
    """The runs that are meant are those without such a row."""


class Parted(Struct, frozen=True):
    """A filter in two parts that both have to hold."""

    tag: OneTag | None
    tags: Tags
    rest: Expression | None


def parted(tags: Tags, expression: Expression | None) -> Parted:
    """Return one tag that is asked for, if there is one, and what is asked besides.

    One with a value is chosen before one with any: fewer runs have it.
    """
    for name, value in sorted(tags, key=lambda each: each[1] is None):
        text, values = ("name = ?", (name,)) if value is None else ("name = ? AND value = ?", (name, value))
        return Parted(OneTag(text, values), tuple(each for each in tags if each != (name, value)), expression)
    parts = expression.parts if isinstance(expression, Every) else (expression,) if expression else ()
    told = [(found, part) for part in parts if (found := _told(part)) is not None]
    for found, part in sorted(told, key=lambda each: each[0].without):
        rest = tuple(each for each in parts if each is not part)
        return Parted(found, tags, Every(rest) if len(rest) > 1 else rest[0] if rest else None)
    return Parted(None, tags, expression)


def _told(part: Expression) -> OneTag | None:
    match part:
        case Comparison():
            return _compared(part)
        case Not(negated):
            found = _told(negated)
            return None if found is None else OneTag(found.text, found.values, not found.without)
        case Some(parts):
            return _one_of(parts)
        case _:
            return None


def _one_of(parts: tuple[Expression, ...]) -> OneTag | None:
    """Return what is asked of one tag by comparing it with one value after the other."""
    told = [_compared(part) for part in parts if isinstance(part, Comparison) and part.operator == "="]
    pairs = [each.values for each in told if each is not None]
    if len(pairs) != len(parts) or len({name for name, _ in pairs}) != 1:
        return None
    values = tuple(value for _, value in pairs)
    return OneTag(f"name = ? AND value IN ({', '.join('?' * len(values))})", (pairs[0][0], *values))


def _compared(comparison: Comparison) -> OneTag | None:
    field, operator, value = comparison.field, comparison.operator, comparison.value
    text = value.text if isinstance(value, Word) else value
    if not field.startswith(TAG) or not isinstance(text, str) or operator not in _VALUE:
        return None
    return OneTag(f"name = ? AND {_VALUE[operator]}", (field.removeprefix(TAG), text), operator == "!=")
