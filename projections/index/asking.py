"""What is asked of the index about many runs, as SQL: how many match, and which come first. Pure.

SQLite keeps no statistics here. What they would tell is known before runs are listed: how many match. Few
are found by what they have in common and then sorted; many are met soon on a walk from the newest on.
"""

from math import isqrt
from typing import Final

from runlore.projections.filters import Filter
from runlore.projections.index.one_tag import OneTag
from runlore.projections.index.where import KINDS, Condition, Values, order_by, where

Question = tuple[str, Values]
"""A query, and the values in it."""
_ALL: Final = "SELECT status, runs FROM counts WHERE runs > 0"
_OF_ALL_BUT: Final = (
    "SELECT status, sum(runs) FROM (SELECT status, runs FROM counts UNION ALL "
    "SELECT status, -1 FROM tags WHERE {text}) GROUP BY status HAVING sum(runs) > 0"
)
_OF_EACH: Final = (
    "SELECT status, n FROM (SELECT counts.status AS status, (SELECT count(*) FROM runs "
    "WHERE runs.settled = 1 AND runs.status = counts.status AND {text}) AS n FROM counts) WHERE n > 0"
)
_TIMES: Final = frozenset({"created_at", "ended_at", "duration_s"})
"""Fields that are in an index behind the status."""
_LATER: Final = _TIMES - {"created_at"}
_FOUND: Final = "SELECT run_id, created_us, inode, size, mtime_ns FROM runs"
_SORTED: Final = "+created_us DESC, +run_id DESC"
"""With `+`, SQLite does not walk the index by time: it finds the rows that match first."""
_DEARER: Final = 4
"""How much dearer it is to find a row by what it has than to meet it on a walk, squared."""


def counting(filter_: Filter) -> Question:
    """Return the question how many settled runs match, by status."""
    condition = where(filter_)
    fields, tag = condition.fields, condition.tag
    if tag is not None and not fields and tag.without:
        return _OF_ALL_BUT.format(text=tag.text), [*tag.values]
    if tag is not None and fields <= {"status"} and not tag.without:
        text = " AND ".join([tag.text, *_given(condition)])
        query = f"SELECT status, count(*) FROM tags WHERE {text} GROUP BY status"
        return query, [*tag.values, *condition.values]
    if tag is None and not fields:
        return _ALL, []
    if tag is None and fields <= KINDS:
        return (
            f"SELECT status, sum(runs) FROM kinds WHERE {condition.text} GROUP BY +status",
            condition.values,
        )
    if tag is None and fields & _TIMES and fields <= _TIMES | {"status"}:
        return _OF_EACH.format(text=condition.text), condition.values
    text, values = _of_rows(condition, few=True)
    return f"SELECT status, count(*) FROM runs WHERE {text} GROUP BY +status", values


def finding(filter_: Filter, limit: int | None, matching: int, total: int) -> Question:
    """Return the question for the settled runs that match, in order, up to the limit.

    matching: how many do, of `total` settled runs; without a limit that does not matter.
    """
    condition = where(filter_)
    order, given = order_by(filter_.order)
    few = limit is None or matching < isqrt(total * limit // _DEARER)
    text, values = _of_rows(condition, few=few)
    source = _FOUND
    if filter_.order is None and few:
        order = _SORTED
        if condition.fields & _LATER:
            text += " AND status IN (SELECT status FROM counts)"
    elif filter_.order is None:
        source += " INDEXED BY runs_by_place"
    return f"{source} WHERE {text} ORDER BY {order} LIMIT ?", [
        *values,
        *given,
        -1 if limit is None else limit,
    ]


def _of_rows(condition: Condition, *, few: bool) -> Question:
    tag, values = condition.tag, Values()
    parts = ["settled = 1"]
    if tag is not None:
        parts.append(_found(tag) if few else _asked_of_each(tag))
        values += tag.values
    return " AND ".join([*parts, *_given(condition)]), [*values, *condition.values]


def _found(tag: OneTag) -> str:
    return f"id {'NOT ' if tag.without else ''}IN (SELECT run FROM tags WHERE {tag.text})"


def _asked_of_each(tag: OneTag) -> str:
    return f"{'NOT ' if tag.without else ''}EXISTS (SELECT 1 FROM tags WHERE run = runs.id AND {tag.text})"


def _given(condition: Condition) -> list[str]:
    return [condition.text] if condition.text else []
