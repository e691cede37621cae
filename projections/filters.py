"""Choose runs by status, name, tags and time; filter first, limit afterwards, newest first.

Works on anything with the fields of a run view, so that what is filtered is what is shown: a run found
lost is found under `failed`, written down or not. Pure.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeVar, cast, get_args

import msgspec
from msgspec import Struct

from runlore.journal.errors import BadInput
from runlore.journal.ids import is_run_id
from runlore.journal.lifecycle import TERMINAL
from runlore.journal.values import RunId, Status, UtcTime
from runlore.projections import durations, labels
from runlore.projections.index import version

if TYPE_CHECKING:
    from runlore.projections.expression import Expression, Facts
    from runlore.projections.order import Order

STATUSES: Final[tuple[str, ...]] = get_args(Status)
RECENT: Final = version.RECENT
"""Finished runs that a listing shows beside the live ones, unless asked for more."""
_BEGINNING: Final = datetime.min.replace(tzinfo=UTC)
_WHEN: Final = "write a duration (2h: two hours ago), a date (2026-11-20) or a time (2026-11-20T20:14:00Z)"
_MARK: Final = "~"


class Filterable(Protocol):
    """What a filter asks a run."""

    @property
    def run_id(self) -> RunId: ...
    @property
    def status(self) -> Status | None: ...
    @property
    def name(self) -> str | None: ...
    @property
    def tags(self) -> Mapping[str, str]: ...
    @property
    def created_at(self) -> datetime | None: ...
    @property
    def facts(self) -> "Facts":
        """What an expression asks about; made when one is."""
        ...


Run = TypeVar("Run", bound=Filterable)
Place = tuple[datetime, RunId]
"""Where a run stands among all: by creation, then by id."""


class Filter(Struct, frozen=True, kw_only=True):
    """What was asked for; nothing asked matches every run."""

    statuses: frozenset[str] = frozenset()
    name: str | None = None
    tags: tuple[tuple[str, str | None], ...] = ()
    """(name, value); None for any value. All of them have to match."""
    since: datetime | None = None
    """Created at this time or later."""
    until: datetime | None = None
    """Created before this time."""
    after: Place | None = None
    """Older than this run: the next page."""
    limit: int | None = None
    where: "Expression | None" = None
    """What was asked for in words."""
    order: "Order | None" = None
    """Another order than newest first, and where in it the next page begins; then `after` is None."""


class Selected(Struct, Generic[Run], frozen=True, kw_only=True):
    """The runs that match, in order, and how many there were before the limit."""

    items: list[Run]
    matched: list[Run]
    """All that match, whether beyond the limit or not: what `counts` counts."""
    next: str | None = None
    """The cursor of the next page, if there is one."""

    @property
    def truncated(self) -> bool:
        """More match than are shown."""
        return len(self.items) < len(self.matched)


def parse(
    *,
    now: datetime,
    status: str | Iterable[str] = (),
    name: str | None = None,
    tags: Iterable[str] | Mapping[str, str] = (),
    since: str | datetime | None = None,
    until: str | datetime | None = None,
    after: str | None = None,
    limit: int | None = None,
    where: str | None = None,
    sort: str | Iterable[str] = (),
) -> Filter:
    """Return a filter from what was typed or passed; texts of time count back from `now`.

    where: an expression, such as `status = failed and name ~ 'nightly'`; one more thing to match.
    Its grammar: docs/reference/filters.md. sort: fields such as `-duration_s,name`, else newest first.

    Raises:
        BadInput: something in it is none of the things it could be.
    """
    if limit is not None and limit < 1:
        raise BadInput(f"limit {limit}: at least 1 run, or no limit")
    order = _order(sort, now, after) if sort or sort == "" else None
    return Filter(
        statuses=frozenset(map(_status, [status] if isinstance(status, str) else status)),
        name=None if name is None else labels.name(name),
        tags=_tags(tags),
        since=None if since is None else when(since, now),
        until=None if until is None else when(until, now),
        after=None if after is None or order else _place_of(after),
        limit=limit,
        where=None if where is None else _expression(where, now),
        order=order,
    )


def select(filter_: Filter, runs: Iterable[Run]) -> Selected[Run]:
    """Return the runs that match, in order; the same ones in the same order whatever came in."""
    matched = ordered((run for run in runs if matches(filter_, run)), filter_.order)
    items = matched[: filter_.limit]
    more = len(items) < len(matched)
    return Selected(items=items, matched=matched, next=cursor(items[-1], filter_.order) if more else None)


def recent(runs: Iterable[Run], finished: int = RECENT, order: "Order | None" = None) -> Selected[Run]:
    """Return the live runs and the last few finished ones, newest first or in another order."""
    everything = newest_first(runs)
    shown: list[Run] = []
    for run in everything:
        live = run.status is not None and run.status not in TERMINAL
        if live or finished > 0:
            shown.append(run)
            finished -= not live
    return Selected(items=ordered(shown, order), matched=everything)


def ordered(runs: Iterable[Run], order: "Order | None") -> list[Run]:
    """Return the runs in an order; without one, newest first."""
    return newest_first(runs) if order is None else order.sorted(runs)


def newest_first(runs: Iterable[Run]) -> list[Run]:
    """Return the runs by creation, newest first; those of one moment by id."""
    return sorted(runs, key=_place, reverse=True)


def matches(filter_: Filter, run: Filterable) -> bool:
    """Say whether a run is what was asked for."""
    created = run.created_at or _BEGINNING
    return (
        (not filter_.statuses or run.status in filter_.statuses)
        and (filter_.name is None or run.name == filter_.name)
        and (filter_.since is None or created >= filter_.since)
        and (filter_.until is None or created < filter_.until)
        and (filter_.after is None or _place(run) < filter_.after)
        and all(_has_tag(run.tags, name, value) for name, value in filter_.tags)
        and (filter_.where is None or _holds(filter_.where, run))
        and (filter_.order is None or filter_.order.is_wanted(run))
    )


def when(text: str | datetime, now: datetime) -> datetime:
    """Return the time that is meant: a duration counts back from `now`, a date begins at midnight UTC.

    Raises:
        BadInput: it is none of these, or has no time zone.
    """
    if isinstance(text, datetime):
        if text.tzinfo is None:
            raise BadInput(f"{text.isoformat()} has no time zone; give an aware time")
        return text.astimezone(UTC)
    word = text.strip()
    try:
        if len(word) == len("2026-11-20") and word[4] == word[7] == "-":
            day = msgspec.convert(word, date)
            return datetime(day.year, day.month, day.day, tzinfo=UTC)
        if "t" in word.lower() and ":" in word:
            return msgspec.convert(word, UtcTime).astimezone(UTC)
        if not word.isdigit():  # seconds, or a date without its dashes? Nobody can tell
            ago = timedelta(seconds=durations.parse(word, zero=True))
            return now - ago if now - _BEGINNING > ago else _BEGINNING
    except (msgspec.ValidationError, OverflowError, BadInput):
        pass
    raise BadInput(f"{text[:40]!a} is no time; {_WHEN}")


def cursor(run: Filterable, order: "Order | None" = None) -> str:
    """Return what the next page begins after; opaque to whoever gets it."""
    if order is not None:
        from runlore.projections.order import spelled  # noqa: PLC0415 - few sort

        return spelled(order.mark(run))
    created, run_id = _place(run)
    return f"{created.isoformat()}{_MARK}{run_id}"


def _place_of(text: str) -> Place:
    at, _, run_id = text.partition(_MARK)
    try:
        place = msgspec.convert(at, UtcTime), RunId(run_id)
    except msgspec.ValidationError:
        place = None
    if place is None or not is_run_id(run_id):
        from runlore.projections.order import order_of  # noqa: PLC0415 - it is wrong, and perhaps of a sorted list

        if (sorted_by := order_of(text)) is not None:
            raise BadInput(f"cursor: that page was sorted by {sorted_by[:200]!a}; sort as before")
        raise BadInput(f"{text[:60]!a} is no cursor; take `next` of the page before")
    return place


def _place(run: Filterable) -> Place:
    return run.created_at or _BEGINNING, run.run_id


def _status(word: str) -> str:
    status = word.strip().lower().replace("-", "_")
    if status not in STATUSES:
        raise BadInput(f"no status {word[:40]!a}; there are {', '.join(STATUSES)}")
    return status


def _tags(given: Iterable[str] | Mapping[str, str]) -> tuple[tuple[str, str | None], ...]:
    if isinstance(given, Mapping):
        return tuple(labels.tags(cast("Mapping[str, str]", given)).items())
    return tuple(labels.tag(word) if "=" in word else (labels.tag_name(word), None) for word in given)


def _order(sort: str | Iterable[str], now: datetime, after: str | None) -> "Order | None":
    from runlore.projections.order import parse_order  # noqa: PLC0415 - few sort

    return parse_order(sort, now, after)


def _expression(text: str, now: datetime) -> "Expression":
    from runlore.projections.expression_parser import parse_expression  # noqa: PLC0415 - few filter by words

    return parse_expression(text, now)


def _holds(where: "Expression", run: Filterable) -> bool:
    from runlore.projections.expression import holds  # noqa: PLC0415 - see _expression

    return holds(where, run.facts)


def _has_tag(tags: Mapping[str, str], name: str, value: str | None) -> bool:
    return name in tags if value is None else tags.get(name) == value
