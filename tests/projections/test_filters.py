"""Filters: which runs are listed, in which order, and how one page follows another."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from runlore.journal.errors import BadInput
from runlore.journal.values import RunId, Status
from runlore.projections import filters, run_fields
from runlore.projections.filters import Filter, Selected, newest_first, parse, recent, select, when
from tests.journal.forge import AT

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


class Listed(Struct, frozen=True, kw_only=True):
    """The least that can be filtered."""

    run_id: RunId
    status: Status | None = "succeeded"
    name: str | None = None
    tags: dict[str, str] = {}
    created_at: datetime | None = None

    @property
    def facts(self) -> "Listed":
        """What an expression asks about."""
        return self

    def fact(self, path: str) -> object:
        """Return what stands at a path."""
        return run_fields.fact(self, path)


def listed(number: int, **fields: Any) -> Listed:  # noqa: ANN401 - any of its fields
    """A run created so many hours into the story."""
    return Listed(
        run_id=RunId(f"20261120-201400-{number:08d}"), created_at=AT + timedelta(hours=number), **fields
    )


RUNS = [
    listed(0, status="failed", name="nightly", tags={"env": "prod"}),
    listed(1, status="running", tags={"env": "dev", "gpu": ""}),
    listed(2, name="nightly"),
    listed(3, status="timed_out", tags={"env": "prod"}),
]


def found(**asked: Any) -> list[int]:  # noqa: ANN401 - any of the options
    """Numbers of the runs that match, newest first."""
    return [int(run.run_id[-8:]) for run in select(parse(now=NOW, **asked), RUNS).items]


@pytest.mark.parametrize(
    ("asked", "numbers"),
    [
        ({}, [3, 2, 1, 0]),
        ({"status": "failed"}, [0]),
        ({"status": ["failed", "TIMED-OUT"]}, [3, 0]),
        ({"name": "nightly"}, [2, 0]),
        ({"tags": ["env=prod"]}, [3, 0]),
        ({"tags": ["env"]}, [3, 1, 0]),
        ({"tags": ["env", "gpu="]}, [1]),
        ({"tags": {"env": "prod"}}, [3, 0]),
        ({"since": "2026-11-20T22:14:00Z"}, [3, 2]),
        ({"until": "2026-11-20T22:14:00Z"}, [1, 0]),
        ({"since": AT + timedelta(hours=1), "until": AT + timedelta(hours=3)}, [2, 1]),
        ({"limit": 2}, [3, 2]),
        ({"status": "failed", "limit": 1}, [0]),
        ({"name": "nobody"}, []),
        ({"where": "status = failed or tags.env = prod"}, [3, 0]),
        ({"where": "name = nightly", "status": "failed", "limit": 1}, [0]),
    ],
)
def test_runs_are_chosen_by_what_was_asked(asked: dict[str, Any], numbers: list[int]) -> None:
    """Every criterion narrows, all of them together, and the limit comes last."""
    assert found(**asked) == numbers


def test_the_limit_never_hides_a_match() -> None:
    """Filtering comes first: a match behind many others is found, and how many there are is said."""
    chosen = select(parse(now=NOW, status="failed", limit=1), [*RUNS, *(listed(n) for n in range(4, 99))])

    assert [run.run_id[-8:] for run in chosen.items] == ["00000000"]
    assert not chosen.truncated
    assert len(select(parse(now=NOW, limit=2), RUNS).matched) == 4


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2h", NOW - timedelta(hours=2)),
        ("1h30m", NOW - timedelta(minutes=90)),
        ("0s", NOW),
        ("2026-11-20", datetime(2026, 11, 20, tzinfo=UTC)),
        ("2026-11-20T20:14:00Z", AT),
        ("2026-11-20T21:14:00+01:00", AT),
        ("2026-11-20t20:14:00.5z", AT + timedelta(seconds=0.5)),
        (AT.astimezone(timezone(timedelta(hours=5))), AT),
        ("1200w", NOW - timedelta(weeks=1200)),
    ],
)
def test_times_are_read_as_people_write_them(text: str | datetime, expected: datetime) -> None:
    """A length of time counts back from now, a date begins at midnight UTC, a time is a time."""
    assert when(text, NOW) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "-2h",
        "2026-13-01",
        "2026-02-30",
        "2026-11-20T20:14:00",
        "20261120",
        "12:00",
        "T",
        "2026-11-20T25:00:00Z",
        AT.replace(tzinfo=None),
    ],
)
def test_what_is_no_time_is_refused(text: str | datetime) -> None:
    """A time without a zone, or none at all, is not guessed at."""
    with pytest.raises(BadInput, match="no time"):
        when(text, NOW)


def test_before_the_beginning_of_time_is_the_beginning() -> None:
    """A span longer than history asks for all of it."""
    early = datetime(1, 1, 2, tzinfo=UTC)

    assert when("100w", early) == datetime(1, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "asked",
    [
        {"status": "done"},
        {"status": [""]},
        {"name": ""},
        {"name": "a\x1b"},
        {"tags": ["=x"]},
        {"tags": ["a b=x"]},
        {"limit": 0},
        {"limit": -1},
        {"after": "junk"},
        {"after": "2026-11-20T20:14:00Z~../x"},
        {"since": "5 parsecs"},
    ],
)
def test_a_filter_that_means_nothing_is_refused(asked: dict[str, Any]) -> None:
    """What can match no run by mistake is a mistake."""
    with pytest.raises(BadInput):
        parse(now=NOW, **asked)


def test_the_message_lists_the_statuses() -> None:
    """Who mistypes a status sees those there are."""
    with pytest.raises(BadInput, match="there are queued, booting, running, collecting_artifacts, succeeded"):
        parse(now=NOW, status="done")


def test_names_are_found_however_they_were_typed() -> None:
    """Composed and decomposed accents are one name."""
    assert parse(now=NOW, name="cafe\u0301").name == "café"


created = st.none() | st.datetimes(
    min_value=datetime(2026, 1, 1),  # noqa: DTZ001 - hypothesis wants it so
    max_value=datetime(2026, 1, 1, 0, 0, 3),  # noqa: DTZ001
    timezones=st.just(UTC),
)
runs = st.lists(
    st.builds(
        Listed,
        run_id=st.integers(0, 99).map(lambda number: RunId(f"20260101-000000-{number:08d}")),
        created_at=created,
        status=st.sampled_from(["running", "failed", "succeeded", None]),
    ),
    unique_by=lambda run: run.run_id,
    max_size=20,
)


@given(runs=runs, limit=st.integers(1, 5))
def test_pages_cover_everything_once(runs: list[Listed], limit: int) -> None:
    """Following `next` to the end gives every run exactly once, in the order of one long page."""
    seen: list[Listed] = []
    after: str | None = None
    while True:
        page: Selected[Listed] = select(parse(now=NOW, limit=limit, after=after), runs)
        seen += page.items
        if page.next is None:
            break
        after = page.next

    assert seen == newest_first(runs)


@given(runs=runs, added=runs, limit=st.integers(1, 5))
def test_pages_neither_repeat_nor_skip_when_runs_are_added(
    runs: list[Listed], added: list[Listed], limit: int
) -> None:
    """The second page begins behind the last run of the first, whatever came in between."""
    first = select(Filter(limit=limit), runs)
    known = {run.run_id for run in runs}
    grown = [*runs, *(run for run in added if run.run_id not in known)]

    second = select(parse(now=NOW, after=first.next), grown) if first.next else Selected(items=[], matched=[])

    assert {run.run_id for run in first.items}.isdisjoint(run.run_id for run in second.items)
    assert known <= {run.run_id for run in [*first.items, *second.items]}


@given(runs=runs, data=st.data())
def test_the_order_does_not_depend_on_what_came_in(runs: list[Listed], data: st.DataObject) -> None:
    """The same runs are listed the same way, in whatever order they were found."""
    assert newest_first(data.draw(st.permutations(runs))) == newest_first(runs)


@given(runs=runs)
def test_recent_shows_all_that_live_and_the_last_finished(runs: list[Listed]) -> None:
    """However old, a live run is shown; of the finished ones the newest few; the rest is counted."""
    shown = recent(runs, finished=2)

    live = [run for run in runs if run.status == "running"]
    finished = [run for run in newest_first(runs) if run.status != "running"]
    assert shown.items == newest_first([*live, *finished[:2]])
    assert shown.truncated == (len(finished) > 2)
    assert len(shown.matched) == len(runs)
    assert shown.next is None


def test_five_finished_runs_are_recent() -> None:
    """That is what a listing shows unless asked for more."""
    assert filters.RECENT == 5
    assert len(recent([listed(number) for number in range(9)]).items) == 5
