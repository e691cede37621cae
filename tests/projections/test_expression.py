"""Filters in words: what they mean, and where they are wrong."""

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from runlore.journal.errors import BadExpression, BadInput
from runlore.projections.expression import Comparison, Every, Expression, Not, Some, holds
from runlore.projections.expression_parser import parse_expression
from runlore.projections.present import run_view
from runlore.projections.run_fields import ViewFacts, fields
from runlore.projections.run_view import OwnerView, ReasonView, ResourcesView, RunView, SecretsView
from runlore.projections.status import STATUS
from tests.properties.expressions import spell

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


BLANK = run_view(STATUS.initial(), as_of=NOW)


def told(**known: Any) -> RunView:  # noqa: ANN401 - any of its fields
    """A run of three hours ago, of which next to nothing is known but these."""
    return structs.replace(BLANK, **({"status": "succeeded", "created_at": NOW - timedelta(hours=3)} | known))


NIGHTLY = told(
    status="failed",
    name="nightly build",
    key="n-7",
    exit_code=3,
    tags={"env": "prod", "gpu": "", "a.b": "c"},
    metadata={"tries": 2, "ok": True, "by": {"host": "x1"}, "list": [1]},
    reason=ReasonView(code="exit_nonzero", text="exit code 3", by=None),
    started_at=NOW - timedelta(hours=3),
    ended_at=NOW - timedelta(hours=2),
    owner=OwnerView(host="x1", pid=7, user="ada", version="1"),
    resources=ResourcesView(cpu_s=1.5, max_rss_bytes=10 << 20),
    secrets=SecretsView(masked=["TOKEN", "PASSWORD"], unmasked={}, output_kept=True),
    sealed=True,
)
KILLED = told(status="failed", name="é", tags={"env": "a b"}, created_at=NOW - timedelta(days=3), signal=9)
LIVE = told(status="running", health="live", started_at=NOW - timedelta(minutes=5))


def meant(text: str) -> list[str]:
    """Which of the three runs an expression is about."""
    expression = parse_expression(text, NOW)
    runs = {"nightly": NIGHTLY, "killed": KILLED, "live": LIVE}
    return [name for name, run in runs.items() if holds(expression, facts(run))]


def facts(view: RunView) -> ViewFacts:
    """What an expression asks."""
    return ViewFacts(lambda: view)


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
        ("status in (failed, running)", ["nightly", "killed", "live"]),
        ("status in (timed-out,running)", ["live"]),
        ("status not in (failed ,'running')", []),
        ("exit_code in (3)", ["nightly"]),
        ("exit_code not in (0, 3)", ["killed", "live"]),
        ("name in ('é', in)", ["killed"]),
        ("tags.a.b = c", ["nightly"]),
        ("tags.env.x = prod", []),
        ("signal = 9", ["killed"]),
        ("reason = exit_nonzero", ["nightly"]),
        ("reason.code != exit_nonzero and reason.text ~ ''", []),
        ("duration > 59m and duration <= 1h", ["nightly"]),
        ("duration < 6m", ["live"]),
        ("not duration < 6m", ["nightly", "killed"]),
        ("created_at < 2026-11-20", ["killed"]),
        ("started_at >= 2026-11-21T09:00:00Z", ["nightly", "live"]),
        ("ended_at < 1h", ["nightly"]),
        ("health = live", ["live"]),
        ("sealed = true", ["nightly"]),
        ("sealed != true", ["killed", "live"]),
        ("owner.user = ada and owner.pid < 8", ["nightly"]),
        ("resources.cpu_s >= 1.5s", ["nightly"]),
        ("resources.max_rss_bytes > 9M", ["nightly"]),
        ("metadata.tries > 1 and metadata.tries < 2.5", ["nightly"]),
        ("metadata.tries = 2.0", ["nightly"]),
        ("metadata.tries ~ 2", []),
        ("metadata.ok = true", ["nightly"]),
        ("metadata.ok > 0", []),
        ("metadata.by.host in (x1, x2)", ["nightly"]),
        ("metadata.by = x1", []),
        ("metadata.list = 1", ["nightly"]),
        ("result = 1", []),
        ("secrets.masked = TOKEN", ["nightly"]),
        ("secrets.masked ~ PASS", ["nightly"]),
        ("secrets.masked != TOKEN", ["killed", "live"]),
        ("secrets.unmasked.TOKEN = x", []),
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
        ("status = odd", "column 10, 'odd': no status; there are booting, "),
        ("nme = x", "column 1, 'nme': no field; did you mean name"),
        ("ß = x", "no field; there are age, run_id, "),
        ("schema = x", "no field"),
        ("retention.eligible = true", "only `runlore show` knows that"),
        ("retention.removal.can_return = true", "only `runlore show` knows that"),
        ("metadata = x", "no field; did you mean metadata.NAME"),
        ("owner = x", "no field"),
        ("owner.pid.x = 1", "no field"),
        ("'name' = x", "column 1, .'name'.: no field"),
        ("tags. = x", "column 1, 'tags.': no field"),
        ("status ~ fail", "column 8, '~': status is compared by = !="),
        ("name < x", "column 6, '<': name is compared by = != ~"),
        ("age = 2d", "column 5, '=': age is compared by < <= > >="),
        ("name is x", "column 6, 'is': name is compared by"),
        ("name '=' x", "column 6, .'='.: name is compared by"),
        ("name = and", "column 8, 'and': expected a value; quote it"),
        ("name = )", "column 8, '\\)': expected a value"),
        ("exit_code = -1", "column 13, '-1': no exit code"),
        ("exit_code = 1e9", "no exit code"),
        ("age < soon", "'soon' is not a duration"),
        ("status in failed", "column 11, 'failed': expected a list in parentheses"),
        ("status in ()", "column 12, '\\)': expected a value"),
        ("status in (failed,)", "column 19, '\\)': expected a value"),
        ("status in (,failed)", "column 12, ',': expected a value"),
        ("status in (failed running)", "column 19, 'running': expected `,` or `\\)`"),
        ("status in (failed,odd)", "column 19, 'odd': no status"),
        ("status in (failed", "ends where a value or `\\)` was expected"),
        ("status not failed", "column 8, 'not': status is compared by"),
        ("age in (2d)", "column 5, 'in': age is compared by"),
        ("sealed = 1", "column 10, '1': sealed is true or false"),
        ("signal = KILL", "column 10, 'KILL': no whole number"),
        ("seq > 9999999999999999999", "no whole number"),
        ("progress > much", "no number"),
        ("artifacts.bytes > big", "'big' is not a size"),
        ("created_at < then", "'then' is no time"),
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


@given(st.randoms(use_true_random=False))
def test_every_field_can_be_asked_for(draw: Random) -> None:
    """Whatever the view shows can be compared with what it may be; nothing is evaluated but comparisons."""
    expression = parse_expression(spell(draw), NOW)

    assert [holds(expression, facts(view)) for view in (NIGHTLY, KILLED, LIVE)] == [
        holds(Not(Not(expression)), facts(view)) for view in (NIGHTLY, KILLED, LIVE)
    ]


@given(st.randoms(use_true_random=False), st.data())
def test_a_wrong_place_is_inside_the_text(draw: Random, data: st.DataObject) -> None:
    """However one is mutilated, it is still an expression, or the error points at what is there."""
    text = spell(draw)
    place = data.draw(st.integers(0, len(text)))
    broken = text[:place] + data.draw(st.text("()'\",=<~! \0é", max_size=3)) + text[place + 1 :]
    error = refusal(broken)
    if error is not None:
        assert error.text == broken
        assert 1 <= error.column <= len(broken) + 1
        assert error.column - 1 + error.length <= len(broken)


def refusal(text: str) -> BadExpression | None:
    """Why a text is no expression; None if it is one."""
    try:
        parse_expression(text, NOW)
    except BadExpression as error:
        return error
    return None


def test_the_fields_are_those_of_the_view() -> None:
    """Nothing that `show --json` prints is left out: a new field of the view can be asked for at once."""
    inner = {path.partition(".")[0] for path in fields()}

    assert inner == {*RunView.__struct_fields__, "age"} - {"schema"}


@given(st.text(st.sampled_from("nametagsx.=!~<>()'\" \n\0é0andornot"), max_size=60))
def test_any_text_is_an_expression_or_bad_input(text: str) -> None:
    """Nothing that anybody can type gives another error, and what is understood can be asked."""
    try:
        expression = parse_expression(text, NOW)
    except BadInput:
        return
    assert holds(expression, facts(LIVE)) in {True, False}


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
