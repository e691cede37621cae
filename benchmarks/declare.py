"""The words in which a table says what it compares: cases, a unit, goals. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from benchmarks.model import Clock, Role, Size


@dataclass(frozen=True, kw_only=True)
class Unit:
    """How a table writes its values; cases measure in seconds, or in what `scale` makes of them."""

    label: str
    scale: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Case:
    """One thing to measure, in a process of its own."""

    name: str
    code: str
    """`module:function` below benchmarks.cases: a context manager from a Place to a round."""
    role: Role
    needs: tuple[str, ...] = ()
    """Peers (see peers.PEERS) without which it is absent."""
    interpreter: Literal["runlore", "peers"] = "runlore"
    """Whose packages it may import."""
    arguments: Mapping[str, str | int] = field(default_factory=dict[str, str | int])
    every: int = 1
    """Slow cases are measured in each n-th round only."""
    sizes: tuple[Size, ...] = ("quick", "full")
    """Sizes at which it is measured; what is too large for a quick look is left out of it."""
    line: str = ""
    """The line of the table's plot that it is a point of."""
    at: float | None = None
    """Where on that line it stands: how many runs."""
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Goal:
    """What the design asks of one case: a ratio to another one, or a plain figure.

    A ratio says how many times as fast as `against` the case is; with `slower`, how many times its
    time it takes.
    """

    text: str
    case: str
    against: str = ""
    at_most: float | None = None
    at_least: float | None = None
    slower: bool = False
    clock: Clock = "wall"
    unit: str = "x"
    rate: bool = False
    """The figure is one over the value: so many a second."""
    per: float = 1.0
    """What the figure is multiplied with before it is compared."""
    remark: str = ""
    """What a reader must know to judge the outcome."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """Cases that are measured in turn, and the goals that hold between them."""

    name: str
    title: str
    about: str
    unit: Unit
    base: str
    cases: tuple[Case, ...]
    goals: tuple[Goal, ...]
    rounds: Mapping[Size, int]
    clock: Clock = "wall"
    corpora: Mapping[Size, tuple[str, ...]] = field(default_factory=dict[Size, tuple[str, ...]])
    """What must have been made before: see cases.corpus."""
    across: str = ""
    """What the plot of the table counts from left to right."""

    def of_size(self, size: Size) -> "Table":
        """Return the table with the cases that are measured at a size."""
        return replace(self, cases=tuple(case for case in self.cases if size in case.sizes))
