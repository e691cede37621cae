"""Counts in answers: the same runs give the same bytes."""

from runlore.projections.counts import counted


def test_counts_are_in_order_and_name_what_has_no_status() -> None:
    """The same runs always give the same bytes."""
    assert list(counted(["running", None, "failed", "running"]).items()) == [
        ("failed", 1),
        ("running", 2),
        ("unreadable", 1),
    ]
