"""A filter as SQL over the settled rows; it means exactly what `filters.matches` means. Pure.

The rows have the fields that are asked for often. What asks for others is left over: the journals of
those runs that may match have to be folded.
"""

from datetime import datetime
from typing import TYPE_CHECKING, Final, assert_never

from msgspec import Struct

from runlore.projections.expression import (
    Comparison,
    Every,
    Expression,
    Lasting,
    Not,
    Some,
    Word,
    comparisons,
)
from runlore.projections.filters import Filter
from runlore.projections.index.one_tag import TAG, OneTag, parted
from runlore.projections.index.times import microseconds

if TYPE_CHECKING:  # few sort
    from runlore.projections.order import Key, Mark, Order

Values = list[str | int | float]
_AGE: Final = "age"
COLUMNS: Final = {
    "run_id": "run_id",
    "short_id": "short_id",
    "name": "name",
    "key": "key",
    "status": "status",
    "exit_code": "exit_code",
    "signal": "signal",
    "reason.code": "reason",
    "created_at": "created_us",
    "started_at": "started_us",
    "ended_at": "ended_us",
    "duration_s": "took_s",
    "command": "command",
    "runtime": "runtime",
    "parent": "parent",
    "origin.external_id": "external_id",
    "journal_head": "head",
    "provisional": "0",
    "paused": "0",
    "sealed": "1",
    "health": "NULL",
    "problem.kind": "NULL",
}
"""Fields that the rows can tell, and how; the last ones are the same for every settled run."""
KINDS: Final = frozenset({"name", "exit_code", "status", "signal", "reason.code", "runtime"})
"""Fields by which runs are counted together, in the table `kinds`."""
_VALUE_OF_TAG: Final = "(SELECT value FROM tags WHERE run = runs.id AND name = ?)"
_SAME: Final = frozenset({"0", "1", "NULL"})
"""What is the same for every settled run."""
_NEWEST: Final = "created_us DESC, run_id DESC"
_ORDERS: Final = frozenset({"<", "<=", ">", ">="})


class Condition(Struct, frozen=True):
    """What a settled row has to meet."""

    text: str
    values: Values
    fields: frozenset[str]
    """What it asks for, the tag apart."""
    tag: OneTag | None = None
    """What has to hold besides."""


class Split(Struct, frozen=True):
    """An expression in two parts that both have to hold; None is no condition."""

    indexed: Expression | None
    left: Expression | None
    """What asks for fields that the rows have not."""


def split(expression: Expression | None) -> Split:
    """Return what the rows can tell of an expression, and what is left over."""
    parts = expression.parts if isinstance(expression, Every) else (expression,) if expression else ()
    told = [part for part in parts if all(map(_is_told, comparisons(part)))]
    left = [part for part in parts if part not in told]
    return Split(_every(told), _every(left))


def can_sort(order: "Order | None") -> bool:
    """Say whether the rows have every field that is sorted by."""
    return order is None or all(_has(key.path) for key in order.keys)


def order_by(order: "Order | None") -> tuple[str, Values]:
    """Return by what settled rows are sorted, and the values in it; see `can_sort`."""
    if order is None or not can_sort(order):
        return _NEWEST, []
    parts, values = list[str](), Values()
    for key in order.keys:
        column, given = _column(key.path)
        if column not in _SAME:
            parts += [f"{column} IS NULL", f"{column} {'DESC' if key.descending != _is_age(key) else 'ASC'}"]
            values += [*given, *given]
    return ", ".join([*parts, "run_id DESC"]), values


def where(filter_: Filter) -> Condition:
    """Return the condition that a settled row has to meet.

    Rows that meet it need not match if `split` leaves something over.
    """
    parts, values, fields = list[str](), Values(), set[str]()
    if filter_.statuses:
        parts.append(f"status IN ({', '.join('?' * len(filter_.statuses))})")
        values += sorted(filter_.statuses)
        fields.add("status")
    if filter_.name is not None:
        parts.append("name = ?")
        values.append(filter_.name)
        fields.add("name")
    if filter_.since is not None:
        parts.append("created_us >= ?")
        values.append(microseconds(filter_.since))
    if filter_.until is not None:
        parts.append("created_us < ?")
        values.append(microseconds(filter_.until))
    if filter_.after is not None:
        parts.append("(created_us, run_id) < (?, ?)")
        values += [microseconds(filter_.after[0]), filter_.after[1]]
    if filter_.since is not None or filter_.until is not None or filter_.after is not None:
        fields.add("created_at")
    asked = parted(filter_.tags, split(filter_.where).indexed)
    indexed = asked.rest
    for name, value in asked.tags:
        parts.append(f"{_VALUE_OF_TAG} IS NOT NULL" if value is None else f"{_VALUE_OF_TAG} = ?")
        values += [name] if value is None else [name, value]
        fields.add(f"{TAG}{name}")
    order = filter_.order
    if order is not None and order.after is not None and can_sort(order):
        parts.append(_behind(order.keys, order.after, values))
        fields |= {"run_id", *(key.path for key in order.keys)}
    if indexed is not None:
        parts.append(_holds(indexed, values, exact=False))
        fields |= {each.field for each in comparisons(indexed)}
    return Condition(" AND ".join(parts), values, frozenset(fields), asked.tag)


def _is_told(comparison: Comparison) -> bool:
    return _has(comparison.field)


def _has(path: str) -> bool:
    return path.startswith(TAG) or path in COLUMNS or path == _AGE


def _is_age(key: "Key") -> bool:
    return key.path == _AGE


def _column(path: str) -> tuple[str, Values]:
    """Return what a row has of a field, and the values in it; of an age, the time that it counts from."""
    if path.startswith(TAG):
        return _VALUE_OF_TAG, [path.removeprefix(TAG)]
    return COLUMNS["created_at" if path == _AGE else path], []


def _behind(keys: "tuple[Key, ...]", mark: "Mark", values: Values) -> str:
    """Return what holds for the rows behind a place of an order."""
    condition, needed = "run_id < ?", Values([mark.run_id])
    for key, rank in reversed(list(zip(keys, mark.ranks, strict=True))):
        column, given = _column(key.path)
        if rank is None:
            condition, needed = f"({column} IS NULL AND {condition})", [*given, *needed]
            continue
        value, descending = rank[1], key.descending
        if _is_age(key):
            value, descending = (-value if isinstance(value, int | float) else value), not descending
        further = f"{column} {'<' if descending else '>'} ? OR {column} IS NULL"
        condition = f"({further} OR ({column} IS ? AND {condition}))"
        needed = [*given, value, *given, *given, value, *needed]
    values += needed
    return condition


def _every(parts: list[Expression]) -> Expression | None:
    if len(parts) == 1:
        return parts[0]
    return Every(tuple(parts)) if parts else None


def _holds(expression: Expression, values: Values, *, exact: bool) -> str:
    """Return an expression that is true exactly where this one holds.

    exact: it is 1 or 0, never NULL, so that `NOT` means what it says; without, indexes can serve it.
    """
    match expression:
        case Comparison():
            return _compared(expression, values, exact=exact)
        case Not(part):
            return f"NOT ({_holds(part, values, exact=True)})"
        case Every(parts):
            return f"({' AND '.join([_holds(part, values, exact=exact) for part in parts])})"
        case Some(parts):
            if (column := _listed(parts)) is not None:
                values += [_kept(part) for part in comparisons(expression)]
                return _sure(f"{column} IN ({', '.join('?' * len(parts))})", exact=exact)
            return f"({' OR '.join([_holds(part, values, exact=exact) for part in parts])})"
        case _:
            assert_never(expression)


def _listed(parts: tuple[Expression, ...]) -> str | None:
    """Return the column that is compared with one value after the other, if nothing else is asked."""
    fields = {each.field if isinstance(each, Comparison) and each.operator == "=" else "" for each in parts}
    return COLUMNS.get(fields.pop()) if len(fields) == 1 else None


def _compared(comparison: Comparison, values: Values, *, exact: bool) -> str:
    field, operator = comparison.field, comparison.operator
    if field.startswith(TAG):
        column = _VALUE_OF_TAG
        values.append(field.removeprefix(TAG))
    else:
        column = COLUMNS[field]
    values.append(_kept(comparison))
    if operator == "=":
        return f"{column} IS ?" if exact else f"{column} = ?"  # the latter implies that it is not NULL
    if operator == "!=":
        return f"{column} IS NOT ?"
    if operator in _ORDERS:
        return _sure(f"{column} {operator} ?", exact=exact)
    if column == "name" and not exact:
        return "name IN (SELECT kinds.name FROM kinds WHERE instr(kinds.name, ?) > 0)"
    return _sure(f"instr({column}, ?) > 0", exact=exact)


def _sure(condition: str, *, exact: bool) -> str:
    return f"coalesce({condition}, 0)" if exact else condition


def _kept(comparison: Comparison) -> str | int | float:
    """Return a value as the columns have it."""
    match comparison.value:
        case datetime() as at:
            return microseconds(at)
        case Lasting(seconds):
            return seconds
        case Word(text):
            return text
        case plain:
            return plain
