"""The tables that `runlore sql` shows, as views over the index and what was read beside it. Pure.

They are a contract: columns only ever get added, and VERSION grows when a meaning changes. The tables of
the index itself are not shown, and may change with every release. Reference: docs/reference/sql.md.
"""

from typing import Final

VERSION: Final = 1
_FRACTION: Final = "(({0} % 1000000 + 1000000) % 1000000)"
_TIME: Final = (
    f"strftime('%Y-%m-%dT%H:%M:%S', ({{0}} - {_FRACTION}) / 1000000, 'unixepoch')"
    f" || printf('.%06dZ', {_FRACTION})"
)
"""With six digits behind the second, always: so that texts sort as times do."""
COLUMNS: Final = (
    "run_id, short_id, name, key, external_id, status, exit_code, signal, reason, created_us, started_us, "
    "ended_us, took_s, command, runtime, parent, head"
)
"""What both kinds of rows have: settled ones, and those that were folded for this question."""

_TAGS: Final = (
    "SELECT runs.run_id, tags.name, tags.value FROM main.tags AS tags JOIN main.runs AS runs "
    "ON runs.id = tags.run UNION ALL SELECT run_id, name, value FROM looked_tags"
)
_ARTIFACTS: Final = "run_id, path, outcome, sha256, bytes INTEGER, media_type, kind, reason"


def _shown(source: str, *, more: str) -> str:
    times = ", ".join(
        f"{_TIME.format(f'{name}_us')} AS {name}_at" for name in ("created", "started", "ended")
    )
    return (
        "SELECT run_id, short_id, name, status, exit_code, signal, reason, "
        f"{times}, took_s AS duration_s, command, runtime, key, parent, external_id, "
        f"head AS journal_head, {more} FROM {source}"
    )


SETUP: Final = (
    f"CREATE TEMP TABLE looked ({COLUMNS}, health, provisional)",
    "CREATE TEMP TABLE looked_tags (run_id, name, value)",
    "CREATE TEMP TABLE read_events (run_id, seq INTEGER, at, type, event)",
    "CREATE TEMP TABLE read_metrics (run_id, seq INTEGER, at, name, value REAL)",
    f"CREATE TEMP TABLE read_artifacts ({_ARTIFACTS})",
    "CREATE TEMP VIEW runs AS "
    + _shown("main.runs WHERE settled = 1", more="NULL AS health, 0 AS provisional")
    + " UNION ALL "
    + _shown("looked", more="health, provisional"),
    f"CREATE TEMP VIEW tags AS {_TAGS}",
    "CREATE TEMP VIEW events AS SELECT * FROM read_events",
    "CREATE TEMP VIEW metrics AS SELECT * FROM read_metrics",
    "CREATE TEMP VIEW artifacts AS SELECT * FROM read_artifacts",
    "SELECT * FROM json_each('[]'), json_tree('[]')",  # makes these two, which a question may not
)
"""Statements that make the views, in a database that has the tables of the index."""
VIEWS: Final = ("runs", "tags", "events", "metrics", "artifacts")
READ: Final = frozenset({"read_events", "read_metrics", "read_artifacts"})
"""Tables that are filled from the journals, and only if a question needs them."""
_SELECT, _READ, _FUNCTION, _RECURSIVE = 21, 20, 31, 33
"""Actions of sqlite3_set_authorizer: see sqlite.org/c3ref/c_alter_table.html."""
_FUNCTIONS: Final = frozenset({"json_each", "json_tree"})
_REFUSED: Final = frozenset({"load_extension"})
_HIDDEN: Final = frozenset({"kinds", "counts", "live", "snapshots", "place", "looked", "looked_tags"})
"""The tables that are shown by no name of their own."""
_SQLITES_OWN: Final = "sqlite_"


def is_allowed(
    action: int, first: str | None, second: str | None, database: str | None, source: str | None
) -> bool:
    """Say whether a question may do that: it reads the views and calls functions, and nothing else.

    source: the view whose definition does it, if one does, as the question spells it.
    """
    if action == _FUNCTION:
        return second not in _REFUSED
    if action == _READ:
        table = folded(first)
        if folded(source) in VIEWS or table in _FUNCTIONS:
            return True
        return _is_counted(table, database) if not second else table in VIEWS and database == "temp"
    return action in {_SELECT, _RECURSIVE}


def folded(name: str | None) -> str:
    """Return a name as the views have it: SQL does not tell large letters from small ones."""
    return (name or "").lower()


def _is_counted(table: str, database: str | None) -> bool:
    """Say whether rows may be counted of which no column is read.

    database: what a question writes in front of the name. Without it a name that is not hidden is that of a
    view, or of what the question itself defines.
    """
    if table in READ or (table in VIEWS and database == "temp"):
        return True
    return database is None and table not in _HIDDEN and not table.startswith(_SQLITES_OWN)
