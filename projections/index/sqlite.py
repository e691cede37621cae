"""The door to SQLite: its C module alone, because the package around it costs a command 2 ms.

Whatever goes wrong with an index is a `Failed`: the caller folds the journals instead.
"""

import _sqlite3
import os
from typing import Final

from runlore.journal.disk import REAL

Failed: Final = (_sqlite3.Error, OSError, UnicodeError, OverflowError)
"""What an index may raise; it never reaches whoever asked about runs."""
Refused: Final = (_sqlite3.Error, _sqlite3.Warning, UnicodeError)
"""What a question of somebody's own may raise."""
Connection = _sqlite3.Connection
Cursor = _sqlite3.Cursor
_PATIENCE_S: Final = 0.25
"""How long a reader waits for another one that is writing down what it saw."""


def connect(path: str) -> Connection:
    """Return a connection to a database file that exists; transactions are for the caller to begin.

    The caller names the file by a URI, so that a missing one is not made by looking for it.
    """
    quoted = path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    uri = f"file:{quoted}?mode=rw"
    connection = _sqlite3.connect(uri, timeout=_PATIENCE_S, isolation_level=None, uri=True)
    # A power cut takes the last commits, never their order.
    return _prepared(connection, "synchronous = NORMAL")


def make(path: str) -> Connection:
    """Return a connection to a new database file; nothing is synced until the caller says so."""
    REAL.close(REAL.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL))  # its log inherits the mode: 0600
    connection = _sqlite3.connect(path, timeout=_PATIENCE_S, isolation_level=None)
    return _prepared(connection, "journal_mode = OFF", "synchronous = OFF")


def in_memory(tables: str) -> Connection:
    """Return a connection to a database of its own, with these tables, that goes when it is closed."""
    connection = _sqlite3.connect(":memory:", isolation_level=None)
    connection.executescript(tables)
    return connection


def _prepared(connection: Connection, *pragmas: str) -> Connection:
    try:
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")
    except BaseException:
        connection.close()
        raise
    return connection
