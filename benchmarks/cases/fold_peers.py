"""Read the same journals with what others use for JSON lines: DuckDB, polars."""

import importlib
from contextlib import contextmanager
from typing import Any, Final

from benchmarks.cases.journals import paths_of, per_run, root_of, timed
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


@contextmanager
def polars(place: Place) -> Measure:
    """scan_ndjson of the same four columns, count and maximum by file; as many threads as there are cores."""
    library: Any = importlib.import_module("polars")
    columns = {"type": library.String, "seq": library.Int64, "at": library.String, "epoch": library.Int64}
    paths = paths_of(place)

    def work() -> int:
        lines = library.scan_ndjson(paths, schema=columns, include_file_paths="file", ignore_errors=True)
        of_last = library.col("type").sort_by("seq").last()
        by_file = lines.group_by("file").agg(
            library.len(), library.col("at").max(), of_last, library.col("epoch").max()
        )
        return int(by_file.collect().height)

    yield timed(paths, work)


duckdb_per_run = per_run(duckdb)
polars_per_run = per_run(polars)
