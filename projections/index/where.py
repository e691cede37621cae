"""A filter as SQL over the settled rows; it means exactly what `filters.matches` means. Pure."""

from datetime import datetime
from typing import Final, assert_never

from runlore.projections.expression import Comparison, Every, Expression, Not, Some
from runlore.projections.filters import Filter
from runlore.projections.index.times import microseconds

Values = list[str | int]
_TAG: Final = "tags."
_COLUMNS: Final = {
    "status": "status",
    "name": "name",
    "key": "key",
    "exit_code": "exit_code",
    "age": "created_us",
    "created_at": "created_us",
}
_VALUE_OF_TAG: Final = "(SELECT value FROM tags WHERE run = runs.id AND name = ?)"
_ORDERS: Final = frozenset({"<", "<=", ">", ">="})


def where(filter_: Filter) -> tuple[str, Values]:
    """Return the condition that a settled row has to meet, and the values in it."""
    parts, values = ["settled = 1"], Values()
    if filter_.statuses:
        parts.append(f"status IN ({', '.join('?' * len(filter_.statuses))})")
        values += sorted(filter_.statuses)
    if filter_.name is not None:
        parts.append("name = ?")
        values.append(filter_.name)
    if filter_.since is not None:
        parts.append("created_us >= ?")
        values.append(microseconds(filter_.since))
    if filter_.until is not None:
        parts.append("created_us < ?")
        values.append(microseconds(filter_.until))
    if filter_.after is not None:
        parts.append("(created_us, run_id) < (?, ?)")
        values += [microseconds(filter_.after[0]), filter_.after[1]]
    for name, value in filter_.tags:
        parts.append(f"{_VALUE_OF_TAG} IS NOT NULL" if value is None else f"{_VALUE_OF_TAG} = ?")
        values += [name] if value is None else [name, value]
    if filter_.where is not None:
        parts.append(_holds(filter_.where, values))
    return " AND ".join(parts), values


def _holds(expression: Expression, values: Values) -> str:
    """Return an expression that is 1 or 0, never NULL, so that `NOT` means what it says."""
    match expression:
        case Comparison():
            return _compared(expression, values)
        case Not(part):
            return f"NOT ({_holds(part, values)})"
        case Every(parts):
            return f"({' AND '.join([_holds(part, values) for part in parts])})"
        case Some(parts):
            return f"({' OR '.join([_holds(part, values) for part in parts])})"
        case _:
            assert_never(expression)


def _compared(comparison: Comparison, values: Values) -> str:
    field, operator, value = comparison.field, comparison.operator, comparison.value
    if field.startswith(_TAG):
        column = _VALUE_OF_TAG
        values.append(field.removeprefix(_TAG))
    else:
        column = _COLUMNS[field]
    values.append(microseconds(value) if isinstance(value, datetime) else value)
    if operator == "=":
        return f"{column} IS ?"
    if operator == "!=":
        return f"{column} IS NOT ?"
    if operator in _ORDERS:
        return f"coalesce({column} {operator} ?, 0)"
    return f"coalesce(instr({column}, ?) > 0, 0)"
