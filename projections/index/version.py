"""What a database file of the index says about itself; cheap to import, for `ps`. Pure."""

SCHEMA = 6
"""Grows when a table, a column or its meaning changes."""
STATUS = 4
"""The version of the status projection that the rows were folded with; a test compares."""
USER_VERSION = SCHEMA * 1000 + STATUS
"""Another number is another index."""
DATABASE = "runs.sqlite"
CURRENT = "current"
RECENT = 5
"""Ended runs that `ps` shows beside the live ones; a test compares."""
LONG = 8 << 20
"""Bytes from which on a journal has snapshots; few have, so looking for them is loaded late."""
