"""Lists in another order: by any field of a filter, runs without it last, pages that fit together."""

import base64
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from runlore.journal.errors import BadInput
from runlore.journal.values import RunId, Status
from runlore.projections import filters
from runlore.projections.filters import parse, select
from runlore.projections.run_fields import fields
from tests.doubles.drafts import new_run_id

NOW = datetime(2026, 12, 1, tzinfo=UTC)


class Facts(Struct):
    """What an order asks."""

    told: Mapping[str, object]

    def fact(self, path: str) -> object:
        return self.told.get(path)


class Run(Struct):
    """A run of which only a few fields are known."""

    run_id: RunId
    told: Mapping[str, object]
    status: Status | None = None
    name: str | None = None
    tags: Mapping[str, str] = {}
    created_at: datetime | None = None

    @property
    def facts(self) -> Facts:
        return Facts(self.told)


def sorted_ids(sort: str, *runs: Run) -> list[str]:
    """Return the ids in order."""
    return [run.run_id for run in select(parse(now=NOW, sort=sort), runs).items]


def runs_with(path: str, *values: object) -> list[Run]:
    """Return a run for each value of a field; None: it has none."""
    return [
        Run(new_run_id(number), {} if value is None else {path: value}) for number, value in enumerate(values)
    ]


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("exit_code", (1, 2, 127)),
        ("name", ("B", "a", "ä")),
        ("paused", (False, True)),
        ("created_at", (NOW, NOW + timedelta(microseconds=1))),
        ("metadata.x", (-1, 2.5, 10**400, "a", {"b": 1})),
        ("secrets.masked", (["A"], ["B"])),
    ],
)
def test_runs_without_the_field_come_last_both_ways(path: str, values: tuple[object, ...]) -> None:
    """Ascending and descending turn around the others only."""
    runs = runs_with(path, *values, None)
    ids = [run.run_id for run in runs]

    assert sorted_ids(path, *reversed(runs)) == ids
    assert sorted_ids(f"-{path}", *runs) == [*reversed(ids[:-1]), ids[-1]]


def test_of_runs_that_are_alike_the_newer_id_comes_first() -> None:
    """As it is in a list that is not sorted."""
    runs = runs_with("exit_code", 1, 1, 0)

    assert sorted_ids("exit_code", *runs) == [runs[2].run_id, runs[1].run_id, runs[0].run_id]
    assert sorted_ids("-exit_code", *runs) == [runs[1].run_id, runs[0].run_id, runs[2].run_id]


def test_a_run_that_goes_on_has_lasted_until_now() -> None:
    """And an age counts from the creation."""
    hour = timedelta(hours=1)
    ended = Run(new_run_id(1), {"started_at": NOW - 3 * hour, "ended_at": NOW - 2 * hour, "created_at": NOW})
    going = Run(new_run_id(2), {"started_at": NOW - 2 * hour, "created_at": NOW - hour})

    assert sorted_ids("duration", ended, going) == [ended.run_id, going.run_id]
    assert sorted_ids("age", going, ended) == [ended.run_id, going.run_id]
    assert sorted_ids("-age", going, ended) == [going.run_id, ended.run_id]


@pytest.mark.parametrize("path", [each.path for each in fields().values() if each.bare])
def test_every_field_can_be_sorted_by(path: str) -> None:
    """Those of the grammar of filters, all of them."""
    assert str(parse(now=NOW, sort=f"-{path}").order) == f"-{path}"


@pytest.mark.parametrize(
    ("sort", "told"),
    [
        ("stauts", "did you mean status?"),
        ("", "no field ''"),
        ("name,", "no field ''"),
        ("--name", "no field '-name'"),
        ("tags", "no field 'tags'"),
        ("name,-name", "twice"),
        ("reason,reason.code", "twice"),
    ],
)
def test_what_is_no_field_is_refused(sort: str, told: str) -> None:
    """With the word, and the nearest field."""
    with pytest.raises(BadInput, match="sort") as caught:
        parse(now=NOW, sort=sort)
    assert told in str(caught.value)


def test_a_cursor_of_another_order_is_refused() -> None:
    """In every direction; it says how that page was sorted."""
    runs = [
        Run(new_run_id(number), {"exit_code": number, "name": "n"}, created_at=NOW) for number in range(3)
    ]
    by_code = select(parse(now=NOW, sort="exit_code", limit=1), runs).next
    plain = select(parse(now=NOW, limit=1), runs).next

    for sort in ("-exit_code", "name", "exit_code,name"):
        with pytest.raises(BadInput, match="sorted by 'exit_code', not by"):
            parse(now=NOW, sort=sort, after=by_code)
    with pytest.raises(BadInput, match="sorted by 'exit_code'; sort as before"):
        parse(now=NOW, after=by_code)
    with pytest.raises(BadInput, match="was not sorted"):
        parse(now=NOW, sort="exit_code", after=plain)


@pytest.mark.parametrize(
    "inside",
    [
        "",
        "[]",
        '["exit_code",[],"x"]',
        '["exit_code",[[0,"a"]],"ID"]',
        '["exit_code",[[1,1]],"ID"]',
        '["exit_code",[[2,1]],"ID"]',
        '["exit_code",[],"ID"]',
        '["exit_code",[null,null],"ID"]',
        '["exit_code",[[0,9223372036854775808]],"ID"]',
    ],
)
def test_what_was_edited_is_no_cursor(inside: str) -> None:
    """Nothing in one is believed."""
    data = base64.urlsafe_b64encode(inside.replace("ID", new_run_id(1)).encode()).decode().rstrip("=")
    for text in (f"sorted.{data}", f"sorted.{data}!", "sorted.é"):
        with pytest.raises(BadInput, match="no cursor"):
            parse(now=NOW, sort="exit_code", after=text)


_VALUES: st.SearchStrategy[object] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text("aäz\0"),
)


@given(
    st.lists(st.tuples(_VALUES, st.sampled_from(["a", "b", None]), st.sampled_from(get_args(Status)))),
    st.lists(st.tuples(_VALUES, st.sampled_from(["a", "b", None]), st.sampled_from(get_args(Status)))),
    st.lists(st.sampled_from(["metadata.x", "-metadata.x", "name", "-status"]), min_size=1, max_size=3),
    st.integers(1, 4),
)
def test_pages_neither_repeat_nor_skip_while_runs_are_added(
    first: list[tuple[object, str | None, Status]],
    added: list[tuple[object, str | None, Status]],
    sort: list[str],
    limit: int,
) -> None:
    """Every run that was there from the beginning comes once, in order."""
    if len({word.lstrip("-") for word in sort}) < len(sort):
        sort = sort[:1]
    runs = [
        Run(new_run_id(number), {"metadata.x": x, "name": name, "status": status})
        for number, (x, name, status) in enumerate([*first, *added])
    ]
    there, coming = runs[: len(first)], runs[len(first) :]
    seen: list[Run] = []
    page = select(parse(now=NOW, sort=sort, limit=limit), there)
    while True:
        seen += page.items
        if page.next is None:
            break
        there.append(coming.pop()) if coming else None
        page = select(parse(now=NOW, sort=sort, limit=limit, after=page.next), there)

    ids = [run.run_id for run in seen]
    assert len(set(ids)) == len(ids)
    assert {run.run_id for run in runs[: len(first)]} <= set(ids)
    assert seen == filters.ordered(seen, parse(now=NOW, sort=sort).order)
