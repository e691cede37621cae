"""How runs ended, in a word or two for people; cheap to import, for `quick_ps`."""

from __future__ import annotations

TYPE_CHECKING = False  # type checkers take it for True; importing it from typing costs 3 ms
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Final, Literal

    Tint = Literal["red", "green", "yellow", "cyan", "magenta", "blue", "dim", "bold"]

_REASONS: Final = {
    "spawn_failed": "not started",
    "owner_lost": "lost",
    "journal_io": "disk",
    "oom": "out of memory",
}
TINTS: Final[Mapping[str, Tint]] = {
    "succeeded": "green",
    "failed": "red",
    "timed_out": "yellow",
    "cancelled": "yellow",
    "running": "cyan",
    "booting": "cyan",
    "collecting_artifacts": "cyan",
}
PLAIN_ENDS: Final = frozenset({"succeeded", "timed_out", "cancelled"})


def word(status: str) -> str:
    """Return a status as people read it."""
    return {"collecting_artifacts": "collecting", "timed_out": "timed out"}.get(status, status)


def ended(status: str, exit_code: int | None, signal: int | None, code: str | None) -> str:
    """Return how a run ended: `succeeded`, `failed (3)`, `failed (SIGKILL)`; `code` is its reason's."""
    if status != "failed":
        return word(status)
    if signal is not None:
        return f"failed ({signal_name(signal)})"
    code = code or "exit_nonzero"
    if exit_code and code in {"exit_nonzero", "imported"}:
        return f"failed ({exit_code})"
    return f"failed ({_REASONS.get(code, code.replace('_', ' '))})"


def signal_name(number: int) -> str:
    """Return `SIGKILL` for 9; real-time signals keep their number."""
    from signal import Signals  # noqa: PLC0415 - 3 ms that few runs need

    try:
        return Signals(number).name
    except ValueError:
        return f"signal {number}"
