"""How far a run says it is, as a person sees it at a glance: a bar, a percentage, what it is at. Pure."""

from __future__ import annotations

from runlore.projections.printable import printable

TYPE_CHECKING = False  # type checkers take it for True; importing it from typing costs 3 ms
if TYPE_CHECKING:
    from typing import Final

CELLS: Final = 10
_FINE: Final = ("█", "░")
_PLAIN: Final = ("#", "-")


def bar(fraction: float, *, plain: bool = False) -> str:
    """Return a bar that is full only when the work is done; plain: in ASCII."""
    full, empty = _PLAIN if plain else _FINE
    done = percent(fraction) * CELLS // 100
    return full * done + empty * (CELLS - done)


def percent(fraction: float) -> int:
    """Return the nearest whole percentage; 100 only when the work is done."""
    return 100 if fraction >= 1 else min(round(fraction * 100), 99)


def told(
    fraction: float | None, step: str = "", message: str = "", *, drawn: bool = False, plain: bool = False
) -> str:
    """Return progress in one printable line: `████░░░░░░ 40% 2/5 loading`; drawn: with the bar."""
    share = "" if fraction is None else f"{percent(fraction)}%"
    picture = bar(fraction, plain=plain) if drawn and fraction is not None else ""
    return printable(" ".join(part for part in (picture, share, step, message) if part))
