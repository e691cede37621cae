"""How fast output is taken into the transcript."""

from benchmarks.declare import Case, Goal, Table, Unit

_OURS = "runlore run -d -- cat FILE"
_CAT = "cat FILE > OUT"
_SIZES = {"quick": "text:200000000", "full": "text:1000000000"}

TABLES = (
    Table(
        name="capture",
        title="Output into the transcript",
        about=(
            "1 GB of text (quick: 200 MB), warm in the page cache, from the command's start until the run "
            "has ended and its transcript is complete, start-up of our commands included."
        ),
        unit=Unit(label="s per GB", scale=1e3),
        base=_CAT,
        rounds={"quick": 3, "full": 5},
        corpora={"quick": (_SIZES["quick"],), "full": (_SIZES["full"],)},
        cases=(
            Case(name=_OURS, code="capture:ours", role="ours", arguments=_SIZES),
            Case(
                name=_CAT,
                code="capture:shell",
                role="reference",
                arguments={**_SIZES, "script": "cat FILE > OUT"},
            ),
            Case(
                name="cat FILE | cat > OUT",
                code="capture:shell",
                role="reference",
                arguments={**_SIZES, "script": "cat FILE | cat > OUT"},
            ),
        ),
        goals=(Goal(text="without secrets registered", case=_OURS, at_least=200, unit="MB/s", rate=True),),
    ),
)
