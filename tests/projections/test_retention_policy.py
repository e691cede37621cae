"""What `[retention]` and `[trash]` of config.toml mean, and which values mean nothing."""

import pytest

from runlore.journal.errors import BadSettings
from runlore.journal.settings import Said, Settings
from runlore.projections.retention_policy import NO_POLICY, RetentionPolicy, policy_of, understood


def test_everything_that_can_be_said() -> None:
    """Durations as everywhere, sizes as everywhere, `forever` for no end."""
    said = [
        Said("retention.keep", "30d", 2),
        Said("retention.keep_last", 3, 3),
        Said("retention.max_bytes", "50G", 4),
        Said("retention.floor", "2h", 5),
        Said("retention.journal", "365d", 6),
        Said("retention.automatic", True, 7),
        Said("retention.status.failed", "90d", 9),
        Said("retention.status.cancelled", "forever", 10),
        Said("retention.tags.env=prod", "forever", 12),
        Said("trash.keep", "0s", 14),
    ]

    assert understood(said) == (
        RetentionPolicy(
            keep_s=30 * 86_400.0,
            keep_last=3,
            max_bytes=50 << 30,
            floor_s=7200.0,
            journal_s=365 * 86_400.0,
            automatic=True,
            by_status={"failed": 90 * 86_400.0, "cancelled": None},
            by_tag={"env=prod": None},
            trash_s=0.0,
        ),
        (),
    )


def test_nothing_said_is_no_rule() -> None:
    """Then nothing goes by itself, and nothing by `prune`."""
    assert understood([]) == (NO_POLICY, ())
    assert not NO_POLICY.has_rules
    assert not NO_POLICY.automatic
    assert not RetentionPolicy(by_status={"failed": None}, keep_last=3).has_rules
    assert RetentionPolicy(by_tag={"x": 1.0}).has_rules


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("retention.keep", "30x", "not a duration"),
        ("retention.keep", "0", "no time at all"),
        ("retention.keep", "for ever", "not a duration"),
        ("retention.max_bytes", "lots", "not a size"),
        ("retention.floor", "-1h", "not a duration"),
        ("retention.status.failed", "", "not a duration"),
        ("retention.status.running", "30d", "no run that has ended is 'running'"),
        ("trash.keep", "forever", "not a duration"),
    ],
)
def test_a_value_that_means_nothing_is_a_problem_with_its_line(key: str, value: str, said: str) -> None:
    """No policy in doubt is applied."""
    settings = Settings(retention=(Said(key, value, 7),))
    with pytest.raises(BadSettings) as refused:
        policy_of(settings, "config.toml")

    ((line, told),) = refused.value.problems
    assert line == 7
    assert key in told
    assert said in told
