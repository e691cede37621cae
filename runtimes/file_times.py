"""Times of files as the rest of us tell time."""

from datetime import UTC, datetime


def written_at(mtime_ns: int) -> datetime | None:
    """Return when a file was written, by its mtime; None for what no calendar has, which anybody can set."""
    try:
        return datetime.fromtimestamp(mtime_ns / 1e9, UTC)
    except (OverflowError, OSError, ValueError):
        return None
