"""In which order runs are listed: `--sort=-duration_s,name`, by the fields that filters know.

A run that has not the field comes last, whichever way it is sorted; of two that are alike the newer id comes
first. So an order is total, and a page can go on behind a place that no run stands at any more. Pure.
"""

import base64
import binascii
from collections.abc import Iterable
from datetime import datetime
from functools import cmp_to_key
from typing import Final, Protocol, TypeVar, cast

import msgspec
from msgspec import Struct

from runlore.journal.errors import BadInput
from runlore.journal.ids import is_run_id
from runlore.journal.values import RunId
from runlore.projections.expression import DURATION, Facts
from runlore.projections.index.times import microseconds
from runlore.projections.run_fields import field_of

_DOWN: Final = "-"
_PREFIX: Final = "sorted."
_NO_CURSOR: Final = "is no cursor; take `next` of the page before"
_NUMBER, _TEXT = 0, 1
_HUGE: Final = 1 << 63
_LARGEST: Final = 1 << 1023
Rank = tuple[int, int | float | str]
"""A value that can be compared with every other: numbers come before texts."""
Ranks = tuple[Rank | None, ...]


class Sortable(Protocol):
    """What an order asks a run."""

    @property
    def run_id(self) -> RunId: ...
    @property
    def facts(self) -> Facts: ...


Run = TypeVar("Run", bound=Sortable)


class Key(Struct, frozen=True):
    """One field to sort by."""

    path: str
    descending: bool = False

    def __str__(self) -> str:
        return _DOWN * self.descending + self.path


class Mark(Struct, frozen=True, array_like=True):
    """Where a page ended: which order it is of, and what stood there."""

    order: str
    ranks: Ranks
    run_id: RunId


class Order(Struct, frozen=True):
    """Fields to sort by, the first one first, and the place behind which the runs are wanted."""

    keys: tuple[Key, ...]
    now: datetime
    """Up to when runs that go on have lasted so far."""
    after: Mark | None = None

    def __str__(self) -> str:
        return ",".join(map(str, self.keys))

    def mark(self, run: Sortable) -> Mark:
        """Return the place of a run."""
        return Mark(str(self), tuple(self._rank(key, run.facts) for key in self.keys), run.run_id)

    def sorted(self, runs: Iterable[Run]) -> list[Run]:
        """Return runs in this order."""
        place = cmp_to_key(self._compared)
        placed = [(self.mark(run), run) for run in runs]
        return [run for _, run in sorted(placed, key=lambda each: place(each[0]))]

    def is_wanted(self, run: Sortable) -> bool:
        """Say whether a run stands behind the place where the page before ended."""
        return self.after is None or self._compared(self.mark(run), self.after) > 0

    def _compared(self, one: Mark, other: Mark) -> int:
        for key, mine, its in zip(self.keys, one.ranks, other.ranks, strict=True):
            if mine == its:
                continue
            if mine is None or its is None:
                return 1 if mine is None else -1
            return 1 if (mine > its) != key.descending else -1
        return (one.run_id < other.run_id) - (one.run_id > other.run_id)

    def _rank(self, key: Key, facts: Facts) -> Rank | None:
        if key.path == "age":
            created = _ranked(facts.fact("created_at"))
            return None if created is None else (_NUMBER, -cast("int", created[1]))
        if key.path == DURATION:
            return self._lasted(facts.fact("started_at"), facts.fact("ended_at"))
        return _ranked(facts.fact(key.path))

    def _lasted(self, started: object, ended: object) -> Rank | None:
        if not isinstance(started, datetime):
            return None
        end = ended if isinstance(ended, datetime) else self.now
        return _NUMBER, max(0.0, (end - started).total_seconds())


def parse_order(sort: str | Iterable[str], now: datetime, after: str | None = None) -> Order | None:
    """Return the order that words ask for, such as `-duration_s,name`; None if they ask for none.

    after: the cursor of a page of the same order.

    Raises:
        BadInput: there is no such field, or the cursor is of another order, or none.
    """
    given = [sort] if isinstance(sort, str) else list(sort)
    keys = tuple(_key(part) for words in given for part in words.split(","))
    if not keys:
        return None
    for key in keys:
        if sum(each.path == key.path for each in keys) > 1:
            raise BadInput(f"sort: {key.path} is named twice; once is enough")
    order = Order(keys, now)
    return order if after is None else msgspec.structs.replace(order, after=_mark(after, order))


def spelled(mark: Mark) -> str:
    """Return a place as a cursor, opaque to whoever gets it."""
    return _PREFIX + base64.urlsafe_b64encode(msgspec.json.encode(mark)).decode().rstrip("=")


def order_of(cursor: str) -> str | None:
    """Return which order a cursor is of; None if it is of the usual one, or is none."""
    try:
        return _read(cursor).order
    except ValueError:
        return None


def _mark(text: str, order: Order) -> Mark:
    try:
        mark = _read(text)
    except ValueError:
        if text.startswith(_PREFIX) or "~" not in text:
            raise BadInput(f"{text[:60]!a} {_NO_CURSOR}") from None
        raise BadInput(
            "cursor: that page was not sorted; leave out `sort`, or begin at the first page"
        ) from None
    if mark.order != str(order):
        raise BadInput(
            f"cursor: that page was sorted by {mark.order[:200]!a}, not by {str(order)!a}; sort as before, "
            "or begin at the first page"
        )
    if len(mark.ranks) != len(order.keys):
        raise BadInput(f"{text[:60]!a} {_NO_CURSOR}")
    return mark


def _read(text: str) -> Mark:
    """Return what a cursor says.

    Raises:
        ValueError: it is no cursor of a sorted list.
    """
    if not text.startswith(_PREFIX):
        raise ValueError(text)
    data = text.removeprefix(_PREFIX)
    try:
        raw = base64.b64decode(data + "=" * (-len(data) % 4), altchars=b"-_", validate=True)
        mark = msgspec.json.decode(raw, type=Mark)
    except (msgspec.MsgspecError, binascii.Error) as error:
        raise ValueError(text) from error
    if not is_run_id(mark.run_id) or not all(map(_is_rank, mark.ranks)):
        raise ValueError(text)
    return mark


def _is_rank(rank: Rank | None) -> bool:
    if rank is None or isinstance(rank[1], str):
        return rank is None or rank[0] == _TEXT
    return rank[0] == _NUMBER and type(_bounded(rank[1])) is type(rank[1])


def _key(word: str) -> Key:
    text = word.strip()
    descending = text.startswith(_DOWN)
    name = text.removeprefix(_DOWN)
    field = field_of(name)
    if field is None:
        from runlore.projections.expression_parser import near_field  # noqa: PLC0415 - only when it is wrong

        raise BadInput(f"sort: no field {name[:40]!a}; {near_field(name)}")
    return Key(field.path, descending)


def _bounded(value: float) -> int | float:
    """Return a number as SQLite and JSON can have it."""
    if isinstance(value, int) and not -_HUGE <= value < _HUGE:
        return float(max(-_LARGEST, min(value, _LARGEST)))
    return value + 0  # true is 1


def _ranked(value: object) -> Rank | None:
    """Return a value as one that can be compared with every other; objects and lists by their JSON."""
    match value:
        case None:
            return None
        case bool() | int() | float():
            return _NUMBER, _bounded(value)
        case datetime():
            return _NUMBER, microseconds(value)
        case str():
            return _TEXT, value
        case _:
            return _TEXT, msgspec.json.encode(value, order="sorted").decode()
