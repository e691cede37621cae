"""How long it takes to rebuild what is derived: every journal read, decoded and folded."""

from benchmarks.declare import Case, Goal, Table, Unit

_OURS = "runlore: fold, one process"
_TWO = "runlore: fold, two processes"
_DECODE = "msgspec decode_lines alone"
_LOADS = "json.loads, a tenth of the journals"
_SIZES = {"quick": "bytes:100000000", "full": "bytes:1000000000"}

TABLES = (
    Table(
        name="fold",
        title="Rebuild from journals",
        about=(
            "1 GB of journals (quick: 100 MB) of 1,000 events each, warm in the page cache, folded into the "
            "status of each run. DuckDB reads four columns and aggregates; the fold decodes every field."
        ),
        unit=Unit(label="s per GB", scale=1e3),
        base=_DECODE,
        rounds={"quick": 5, "full": 7},
        corpora={"quick": (_SIZES["quick"],), "full": (_SIZES["full"],)},
        cases=(
            Case(name=_OURS, code="fold:ours", role="ours", arguments=_SIZES),
            Case(name=_TWO, code="fold:ours_twice", role="ours", arguments=_SIZES),
            Case(name=_DECODE, code="fold:decode", role="reference", arguments=_SIZES),
            Case(name=_LOADS, code="fold:json_loads", role="reference", arguments=_SIZES),
            *(
                Case(
                    name=f"DuckDB read_json, {threads} thread{'s' if threads > 1 else ''}",
                    code="fold_peers:duckdb",
                    role="peer",
                    interpreter="peers",
                    needs=("duckdb",),
                    arguments={**_SIZES, "threads": threads},
                )
                for threads in (1, 2)
            ),
        ),
        goals=(
            Goal(
                text="as fast as decode_lines alone",
                case=_OURS,
                against=_DECODE,
                at_least=0.8,
                clock="cpu",
            ),
            Goal(
                text="as fast as json.loads line by line", case=_OURS, against=_LOADS, at_least=5, clock="cpu"
            ),
            Goal(text="two processes as fast as one", case=_TWO, against=_OURS, at_least=1.4),
        ),
    ),
)
