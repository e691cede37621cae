"""How many there are of each kind, as answers tell it. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping


def counted(names: Iterable[str | None]) -> dict[str, int]:
    """Return how often each name comes, in alphabetical order; None counts as `unreadable`."""
    return tallied(Counter(names))


def tallied(counts: Mapping[str | None, int]) -> dict[str, int]:
    """Return counts by name in alphabetical order; None counts as `unreadable`."""
    named = {name or "unreadable": count for name, count in counts.items()}
    return {name: named[name] for name in sorted(named)}
