"""Times of files: what anybody can set is taken for a time only if it is one."""

from datetime import UTC, datetime

import pytest

from runlore.runtimes.file_times import written_at


def test_a_file_tells_when_it_was_written() -> None:
    """The kernel's nanoseconds come out as a time in UTC, also from before 1970."""
    assert written_at(1_764_451_200_500_000_000) == datetime(2025, 11, 29, 21, 20, 0, 500_000, UTC)
    assert written_at(-1_000_000_000) == datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize("nanoseconds", [10**21, 10**30, -(10**30)])
def test_what_no_calendar_has_is_no_time(nanoseconds: int) -> None:
    """A file may have any number as its time; that is no reason to fail."""
    assert written_at(nanoseconds) is None
