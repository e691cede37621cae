"""Say in a sentence what the judgement of a live run's health rests on. Pure."""

from typing import Final

from runlore.projections.health import Health, Seen
from runlore.projections.run_view import SeenView

_COMMAND: Final = {
    "alive": "its command lives",
    "gone": "its command is gone",
    "unverifiable": "whether its command lives cannot be told from here",
}


def seen_view(health: Health, seen: Seen) -> SeenView:
    """Return what was seen of a run that has not ended, as it is shown."""
    return SeenView(
        at=seen.at,
        owner=seen.owner,
        command=None if seen.owner == "held" else seen.command,
        heartbeat_age_s=seen.heartbeat_age_s,
        text=_text(health, seen),
    )


def _text(health: Health, seen: Seen) -> str:
    if seen.owner == "held":
        return "its owner holds its lock" + _heartbeat(health, seen.heartbeat_age_s)
    if seen.owner == "unverifiable":
        return seen.detail or "nobody here can say whether its owner lives"
    detail = f" ({seen.detail})" if seen.detail else ""
    return f"nobody holds its lock{detail}; {_COMMAND[seen.command]}"


def _heartbeat(health: Health, age_s: float | None) -> str:
    if age_s is None:
        return ""
    late = "; it may be stopped, or wait for a disk" if health == "stalled" else ""
    return f", last heartbeat {abs(age_s):.1f} s {'ago' if age_s >= 0 else 'in the future'}{late}"
