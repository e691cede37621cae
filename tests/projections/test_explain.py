"""The health of a live run is told with what it rests on."""

from datetime import UTC, datetime

import pytest

from runlore.projections.explain import seen_view
from runlore.projections.health import Health, Seen

NOW = datetime(2026, 11, 20, 20, 14, tzinfo=UTC)


@pytest.mark.parametrize(
    ("health", "seen", "told"),
    [
        ("live", Seen(owner="held", at=NOW, heartbeat_age_s=2.04), ["holds its lock", "2.0 s ago"]),
        ("live", Seen(owner="held", at=NOW), ["holds its lock"]),
        (
            "stalled",
            Seen(owner="held", at=NOW, heartbeat_age_s=23.0),
            ["holds its lock", "23.0 s ago", "stopped"],
        ),
        ("stalled", Seen(owner="held", at=NOW, heartbeat_age_s=-60.0), ["60.0 s in the future"]),
        ("unsupervised", Seen(owner="free", at=NOW, command="alive"), ["nobody holds", "its command lives"]),
        (
            "unknown",
            Seen(owner="unverifiable", at=NOW, detail="its lock file is gone"),
            ["lock file is gone"],
        ),
        ("unknown", Seen(owner="unverifiable", at=NOW), ["nobody here can say"]),
        ("unknown", Seen(owner="free", at=NOW), ["nobody holds", "cannot be told"]),
    ],
)
def test_what_a_judgement_rests_on(health: Health, seen: Seen, told: list[str]) -> None:
    """In a sentence, and as fields; of a command that nobody looked at nothing is claimed."""
    view = seen_view(health, seen)

    assert [part for part in told if part not in view.text] == []
    assert (view.owner, view.heartbeat_age_s, view.at) == (seen.owner, seen.heartbeat_age_s, NOW)
    assert (view.command is None) == (seen.owner == "held")
