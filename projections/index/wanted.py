"""Which rows a selector could mean: the resolver then decides among them, as among all. Pure."""

from collections.abc import Iterator, Sequence
from typing import Final

from runlore.journal import ids
from runlore.projections.filters import STATUSES
from runlore.projections.selectors import composed

Condition = tuple[str, Sequence[str], bool]
"""A condition on settled rows, its values, and whether the last run of it is all that matters."""
_LATEST: Final = "latest"
_AFTER_Z: Final = "{"
"""Comes after every letter of a short id."""


def conditions(word: str | None) -> Iterator[Condition]:
    """Yield what finds every settled run that `word` could mean; without one, the latest run."""
    if word is None:
        yield "1", (), True
        return
    text = word.strip()
    folded = text.lower()
    exact = folded if ids.is_run_id(folded) else ""
    label = composed(text)
    yield "run_id = ? OR name = ? OR external_id = ?", (exact, label, text), False
    if ids.is_suffix_prefix(folded):
        yield "short_id >= ? AND short_id < ?", (folded, folded + _AFTER_Z), False
    kind, colon, rest = text.partition(":")
    if kind.lower() == _LATEST:
        status = rest.lower().replace("-", "_")
        if not colon:
            yield "1", (), True
        elif status in STATUSES:
            yield "status = ?", (status,), True
    if colon and kind.lower() == "key":
        yield "key = ?", (composed(rest),), False
