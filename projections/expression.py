"""Which runs are wanted, as one line of text: `status = failed and name ~ 'nightly'`.

Comparisons of a field with a value, joined by `and`, `or`, `not` and parentheses. A field that a run
has not is equal to nothing and differs from everything; it is neither before nor behind any value.
Here is what an expression means; `expression_parser` reads one. Grammar: docs/reference/filters.md. Pure.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Final, Protocol, assert_never, cast

from msgspec import Struct

from runlore.projections.numbers import number
from runlore.projections.run_fields import Operator

DURATION: Final = "duration_s"
"""The one field that grows while nobody writes: it is told apart by its times."""


class Lasting(Struct, frozen=True):
    """A length of time, and the moment up to which a run that goes on has lasted so far."""

    seconds: float
    now: datetime


class Word(Struct, frozen=True):
    """A value for a field that may hold anything: a text, a number, true or false."""

    text: str


Value = str | bool | int | float | datetime | Lasting | Word


class Facts(Protocol):
    """What an expression asks a run."""

    def fact(self, path: str) -> object:
        """Return what the run's view has at a path of `run_fields`; None if it has nothing there."""
        ...


class Comparison(Struct, frozen=True):
    """A field, compared with a value; an age has become a time of creation."""

    field: str
    operator: Operator
    value: Value


class Not(Struct, frozen=True):
    """What its part is not."""

    part: "Expression"


class Every(Struct, frozen=True):
    """All of its parts hold."""

    parts: "tuple[Expression, ...]"


class Some(Struct, frozen=True):
    """One of its parts holds, at least."""

    parts: "tuple[Expression, ...]"


Expression = Comparison | Not | Every | Some


def holds(expression: Expression, run: Facts) -> bool:
    """Say whether a run is what the expression asks for."""
    match expression:
        case Comparison(field, operator, Lasting() as value):
            return _lasted(run.fact("started_at"), run.fact("ended_at"), operator, value)
        case Comparison(field, operator, value):
            return _compared(run.fact(field), operator, value)
        case Not(part):
            return not holds(part, run)
        case Every(parts):
            return all(holds(part, run) for part in parts)
        case Some(parts):
            return any(holds(part, run) for part in parts)
        case _:
            assert_never(expression)


def comparisons(expression: Expression) -> Iterator[Comparison]:
    """Yield every comparison in an expression, from left to right."""
    match expression:
        case Comparison():
            yield expression
        case Not(part):
            yield from comparisons(part)
        case Every(parts) | Some(parts):
            for part in parts:
                yield from comparisons(part)
        case _:
            assert_never(expression)


def _lasted(started: object, ended: object, operator: Operator, value: Lasting) -> bool:
    if not isinstance(started, datetime):
        return False
    end = ended if isinstance(ended, datetime) else value.now
    lasted = max(0.0, (end - started).total_seconds())
    return _ordered((lasted > value.seconds) - (lasted < value.seconds), operator)


def _compared(fact: object, operator: Operator, value: Value) -> bool:
    if operator == "!=":
        return not _compared(fact, "=", value)
    if isinstance(fact, list):
        return any(_compared(each, operator, value) for each in cast("list[object]", fact))
    if isinstance(value, Word):
        return _loosely(fact, operator, value.text)
    if operator == "=":
        return fact == value
    if isinstance(fact, str) and isinstance(value, str):
        return operator == "~" and value in fact
    return _in_order(fact, operator, value)


def _loosely(fact: object, operator: Operator, text: str) -> bool:
    """Compare what may be of any kind: as a text if it is one, else as what it is."""
    if isinstance(fact, str):
        return fact == text if operator == "=" else operator == "~" and text in fact
    if isinstance(fact, bool):
        return operator == "=" and text.lower() == str(fact).lower()
    value = number(text)
    if value is None or not isinstance(fact, int | float):
        return False
    return fact == value if operator == "=" else _in_order(fact, operator, value)


def _in_order(fact: object, operator: Operator, value: object) -> bool:
    if isinstance(fact, datetime) and isinstance(value, datetime):
        return _ordered((fact > value) - (fact < value), operator)
    if isinstance(fact, int | float) and isinstance(value, int | float):
        return _ordered((fact > value) - (fact < value), operator)
    return False


def _ordered(sign: int, operator: Operator) -> bool:
    """Say whether two values of which the first is lower (-1), the same (0) or higher (1) are in order."""
    if operator == "~":
        return False
    return sign == 0 if operator.endswith("=") and sign == 0 else sign == (-1 if operator[0] == "<" else 1)
