"""Statistics for a machine that does other things too. Pure.

Rounds interleave all cases of a table, so a slow minute hits each alike; a ratio is therefore taken
round by round and its median given, never the ratio of two medians. Spread is the middle half.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Final

NOISY: Final = 0.25
"""A middle half wider than this part of its median is called noisy on the page."""


@dataclass(frozen=True, kw_only=True)
class Spread:
    """What is kept of a series of values."""

    median: float
    low: float
    """A quarter of the values lie below."""
    high: float
    """A quarter of the values lie above."""
    best: float
    """The smallest."""
    count: int

    @property
    def noisy(self) -> bool:
        """Whether the middle half is too wide to trust the second digit."""
        return self.high - self.low > NOISY * self.median


def spread(values: Sequence[float]) -> Spread:
    """Return the spread of at least one value."""
    if len(values) == 1:
        low = high = values[0]
    else:
        low, _, high = quantiles(values, n=4, method="inclusive")
    return Spread(median=median(values), low=low, high=high, best=min(values), count=len(values))


def ratios(over: Mapping[int, float], under: Mapping[int, float]) -> list[float]:
    """Return over / under for each round in which both were measured, in the order of the rounds."""
    return [over[number] / under[number] for number in sorted(over.keys() & under.keys())]
