"""Filters in words: what they mean, and where they are wrong."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from runlore.journal.errors import BadInput
from runlore.journal.values import Status
from runlore.projections.expression import (
    Comparison,
    Every,
    Expression,
    Not,
    Some,
    holds,
    parse_expression,
)

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


class Told(Struct, frozen=True, kw_only=True):
    """The least that an expression asks about."""

    status: Status | None = "succeeded"
    name: str | None = None
    key: str | None = None
    exit_code: int | None = None
    tags: dict[str, str] = {}
    created_at: datetime | None = NOW - timedelta(hours=3)


NIGHTLY = Told(status="failed", name="nightly build", key="n-7", exit_code=3, tags={"env": "prod", "gpu": ""})
KILLED = Told(status="failed", name="é", tags={"env": "a b"}, created_at=NOW - timedelta(days=3))
LIVE = Told(status="running")


def meant(text: str) -> list[str]:
    """Which of the three runs an expression is about."""
    expression = parse_expression(text, NOW)
    runs = {"nightly": NIGHTLY, "killed": KILLED, "live": LIVE}
    return [name for name, run in runs.items() if holds(expression, run)]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("status = failed", ["nightly", "killed"]),
        ("status=failed and name ~ 'nightly'", ["nightly"]),
        ('STATUS = "failed"', None),
        ("status != failed", ["live"]),
        ("name = 'nightly build'", ["nightly"]),
        ('name = "nightly build"', ["nightly"]),
        ("name = nightly", []),
        ("name ~ NIGHT", []),
        ("name = 'e\u0301'", ["killed"]),
        ("key = n-7 or status = running", ["nightly", "live"]),
        ("exit_code = 3", ["nightly"]),
        ("exit_code != 0", ["nightly", "killed", "live"]),
        ("exit_code > 2 and exit_code <= 3", ["nightly"]),
        ("exit_code < 3", []),
        ("tags.env = prod", ["nightly"]),
        ("tags.env = 'a b'", ["killed"]),
        ("tags.env ~ 'a'", ["killed"]),
        ("tags.gpu = ''", ["nightly"]),
        ("tags.env != prod", ["killed", "live"]),
        ("age < 2d", ["nightly", "live"]),
        ("age > 2d", ["killed"]),
        ("age >= 3h and age <= 3h", ["nightly", "live"]),
        ("age < 10000d", ["nightly", "killed", "live"]),
        ("not status = failed", ["live"]),
        ("NOT (status = failed OR status = running)", []),
        ("status = running or status = failed and exit_code = 3", ["nightly", "live"]),
        ("(status = running or status = failed) and exit_code = 3", ["nightly"]),
        ("not not status = timed-out or name ~ build", ["nightly"]),
    ],
)
def test_an_expression_chooses_the_runs_it_describes(text: str, names: list[str] | None) -> None:
    """`and` binds more than `or`, `not` most; a missing value differs from everything and has no order."""
    if names is None:
        with pytest.raises(BadInput, match="no field"):
            meant(text)
    else:
        assert meant(text) == names


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "ends where a field was expected"),
        ("  ", "ends where a field was expected"),
        ("status", "ends where an operator was expected"),
        ("status =", "ends where a value was expected"),
        ("status = failed and", "ends where a field was expected"),
        ("status = odd", "column 10, 'odd': no status; there are queued, "),
        ("nme = x", "column 1, 'nme': no field; there are status, name, "),
        ("'name' = x", "column 1, 'name': no field"),
        ("tags. = x", "column 1, 'tags.': no field"),
        ("status ~ fail", "column 8, '~': status is compared by = !="),
        ("name < x", "column 6, '<': name is compared by = != ~"),
        ("age = 2d", "column 5, '=': age is compared by < <= > >="),
        ("name is x", "column 6, 'is': name is compared by"),
        ("name '=' x", "column 6, '=': name is compared by"),
        ("name = and", "column 8, 'and': expected a value; quote it"),
        ("name = )", "column 8, '\\)': expected a value"),
        ("exit_code = -1", "column 13, '-1': no exit code"),
        ("exit_code = 1e9", "no exit code"),
        ("age < soon", "'soon' is not a duration"),
        ("name = x y", "column 10, 'y': expected `and`, `or` or the end"),
        ("(name = x", "ends where a `\\)` was expected"),
        ("(name = x name = y)", "expected `\\)`"),
        ("name = 'x", "column 8, .*: a quote that is not closed"),
        ("name ! x", "column 6, .*: not understood"),
        ("not " * 40 + "name = x", "at most 32 levels"),
        ("(" * 40 + "name = x", "at most 32 levels"),
        ("name = " + "x" * 5000, "at most 4,096"),
    ],
)
def test_what_is_no_expression_is_refused_with_its_place(text: str, why: str) -> None:
    """The message says where, what, and what there is instead."""
    with pytest.raises(BadInput, match=why):
        parse_expression(text, NOW)


@given(st.text(st.sampled_from("nametagsx.=!~<>()'\" \n\0é0andornot"), max_size=60))
def test_any_text_is_an_expression_or_bad_input(text: str) -> None:
    """Nothing that anybody can type gives another error, and what is understood can be asked."""
    try:
        expression = parse_expression(text, NOW)
    except BadInput:
        return
    assert holds(expression, LIVE) in {True, False}


def expressions() -> st.SearchStrategy[Any]:
    """Expressions as trees."""
    leaves = st.sampled_from(
        [
            Comparison("status", "=", "failed"),
            Comparison("name", "~", "it's"),
            Comparison("exit_code", "<=", 7),
            Comparison("tags.env", "!=", "and"),
        ]
    )
    return st.recursive(
        leaves,
        lambda parts: st.one_of(
            st.builds(Not, parts),
            st.builds(Every, st.tuples(parts, parts)),
            st.builds(Some, st.tuples(parts, parts)),
        ),
        max_leaves=6,
    )


def spelled(expression: Expression) -> str:
    """An expression as somebody could type it."""
    match expression:
        case Comparison(field, operator, value):
            return f'{field} {operator} "{value}"'
        case Not(part):
            return f"not ({spelled(part)})"
        case Every(parts):
            return " and ".join(f"({spelled(part)})" for part in parts)
        case Some(parts):
            return " or ".join(f"({spelled(part)})" for part in parts)


@given(expressions())
def test_what_is_spelled_out_is_read_as_it_was_meant(expression: Expression) -> None:
    """Reading turns the words back into the same tree."""
    assert parse_expression(spelled(expression), NOW) == expression
