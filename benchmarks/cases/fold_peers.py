"""Read the same journals with what others use for JSON lines: DuckDB."""

import importlib
from contextlib import contextmanager
from typing import Any, Final

from benchmarks.cases.journals import paths_of, root_of, timed
from benchmarks.place import Measure, Place

_QUERY: Final = """
    select filename, count(*), max("at"), arg_max("type", seq), max(epoch)
    from read_json(
        '{root}/journals/*.jsonl', format = 'newline_delimited', filename = true,
        columns = {{"type": 'VARCHAR', "seq": 'BIGINT', "at": 'VARCHAR', "epoch": 'BIGINT'}}
    )
    group by filename
"""


@contextmanager
def duckdb(place: Place) -> Measure:
    """read_json of four columns, count and maximum by file; as many threads as `threads` says."""
    database: Any = importlib.import_module("duckdb")
    query = _QUERY.format(root=root_of(place))
    link = database.connect()
    link.execute(f"set threads = {place.arguments['threads']}")
    yield timed(paths_of(place), lambda: len(link.execute(query).fetchall()))
    link.close()
