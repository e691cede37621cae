"""Which records a stream hands out: by type, time, and run. Pure.

A run is judged as it was once the record had happened, so that the same stream read again hands out the
same records.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from msgspec import Struct

from runlore.journal.errors import BadInput
from runlore.journal.events import TAGS, tag_of
from runlore.journal.scan import Record
from runlore.projections import filters
from runlore.projections.filters import Filter, Filterable
from runlore.projections.index.times import microseconds

_GLOB: Final = "*"


class Wanted(Struct, frozen=True, kw_only=True):
    """What was asked for; nothing asked is everything."""

    types: frozenset[str] = frozenset()
    """Tags, or patterns in which `*` stands for anything."""
    since: datetime | None = None
    until: datetime | None = None
    runs: Filter | None = None
    """By status, name and tags of the run."""

    def takes(self, record: Record, run: Filterable | None) -> bool:
        """Say whether a record is handed out; run: as of the record, where `runs` asks for it."""
        at = record.event.at
        return (
            (not self.types or self._has_type(tag_of(record.event)))
            and (self.since is None or at >= self.since)
            and (self.until is None or at < self.until)
            and (self.runs is None or (run is not None and filters.matches(self.runs, run)))
        )

    def may_take(self, low_us: int, high_us: int, kinds: Iterable[str]) -> bool:
        """Say whether a record may be handed out of those from this time to that one, of these types.

        Only what is asked of records by themselves counts. `*` among the types: any.
        """
        return (
            (self.since is None or microseconds(self.since) <= high_us)
            and (self.until is None or low_us < microseconds(self.until))
            and (not self.types or any(kind == _GLOB or self._has_type(kind) for kind in kinds))
        )

    def _has_type(self, tag: str) -> bool:
        return tag in self.types or any(matches_glob(pattern, tag) for pattern in self.types)


def parse_types(words: Iterable[str]) -> frozenset[str]:
    """Return the types that are meant; several may stand in one word, with commas between.

    Raises:
        BadInput: there is no event type of that name; a pattern may also mean types of later releases.
    """
    found = frozenset(part.strip() for word in words for part in word.split(","))
    for each in sorted(found):
        if _GLOB not in each and each not in TAGS:
            from difflib import get_close_matches  # noqa: PLC0415 - only for a typing error

            near = get_close_matches(each, TAGS, 1, 0.5)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(TAGS))}"
            raise BadInput(f"no event type {each[:60]!a}; {hint} (a pattern such as 'run.*' is one, too)")
    return found


def matches_glob(pattern: str, text: str) -> bool:
    """Say whether a text has the form of a pattern, in which `*` alone stands for anything."""
    first, *rest = pattern.split(_GLOB)
    if not rest:
        return pattern == text
    *middle, last = rest
    if not text.startswith(first) or not text.endswith(last) or len(text) < len(first) + len(last):
        return False
    place, end = len(first), len(text) - len(last)
    for part in middle:
        found = text.find(part, place, end)
        if found < 0:
            return False
        place = found + len(part)
    return True
