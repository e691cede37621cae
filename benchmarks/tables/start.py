"""How long commands take that do little: the price of a Python command line."""

from benchmarks.declare import Case, Goal, Table, Unit

_PASS = "python -c pass"
_ISOLATED = "python -I -c pass"
_COMMANDS = (
    "--version",
    "show latest",
    "events latest",
    "logs latest",
    "wait latest",
    "verify latest",
    "info",
)
_EACH_LIVE = "each further live run, from 100 to 1,000"
_RUNS = {"1,000": "runs:1000", "10,000": "runs:10000", "100,000": "runs:100000"}

_START = Table(
    name="start",
    title="Start-up of a command",
    about=(
        "Whole commands on a registry with one finished run, output to /dev/null, byte code compiled, "
        "everything warm in the page cache."
    ),
    unit=Unit(label="ms", scale=1e3),
    base=_PASS,
    rounds={"quick": 11, "full": 31},
    cases=(
        Case(name=_PASS, code="start:python", role="reference", arguments={"code": "pass"}),
        Case(
            name="python -c 'import click, msgspec'",
            code="start:python",
            role="reference",
            arguments={"code": "import click, msgspec"},
        ),
        *(
            Case(name=f"runlore {argv}", code="start:ours", role="ours", arguments={"argv": argv})
            for argv in _COMMANDS
        ),
        Case(
            name="tsp, listing 20 jobs",
            code="start:task_spooler",
            role="peer",
            needs=("task-spooler",),
        ),
        Case(name="pm2 ls, no processes", code="start:pm2", role="peer", needs=("pm2",), every=3),
    ),
    goals=tuple(
        Goal(
            text=f"{argv.split()[0]}: time of {_PASS}",
            case=f"runlore {argv}",
            against=_PASS,
            slower=True,
            at_most=6.5,
        )
        for argv in _COMMANDS
    ),
)

_PS = Table(
    name="ps",
    title="Listing runs",
    about=(
        "`runlore ps` with its default view, on registries of finished runs of eight events each, with an "
        "index that is up to date. The command was written by a current pip: that of an old Python writes "
        "one that imports `re` first."
    ),
    unit=Unit(label="ms", scale=1e3),
    base=_ISOLATED,
    rounds={"quick": 7, "full": 15},
    corpora={"quick": tuple(_RUNS.values()), "full": tuple(_RUNS.values())},
    cases=(
        Case(
            name=_ISOLATED,
            code="start:python",
            role="reference",
            arguments={"code": "pass", "isolated": 1},
        ),
        *(
            Case(
                name=f"runlore ps, {count} runs",
                code="start:ours_on",
                role="ours",
                arguments={"argv": "ps", "corpus": corpus},
            )
            for count, corpus in _RUNS.items()
        ),
        Case(
            name="runlore ps -a --json, 10,000 runs",
            code="start:ours_on",
            role="ours",
            arguments={"argv": "ps -a --json", "corpus": "runs:10000"},
            every=2,
        ),
        Case(
            name="runlore ps --status succeeded --limit 5, 100,000 runs",
            code="start:ours_on",
            role="ours",
            arguments={"argv": "ps --status succeeded --limit 5", "corpus": "runs:100000"},
        ),
        *(
            Case(
                name=f"runlore ps, {count} live runs",
                code="start:ours_beside",
                role="ours",
                arguments={"live": int(count.replace(",", ""))},
                every=2,
            )
            for count in ("100", "1,000")
        ),
        Case(
            name=_EACH_LIVE,
            code="start:each_beside",
            role="ours",
            arguments={"from": 100, "to": 1000},
            every=2,
        ),
        Case(
            name="runlore index rebuild, 100,000 runs",
            code="start:rebuilding",
            role="ours",
            arguments={"corpus": "runs:100000"},
            every=5,
        ),
    ),
    goals=(
        *(
            Goal(
                text=f"{count} runs: time of {_ISOLATED}",
                case=f"runlore ps, {count} runs",
                against=_ISOLATED,
                slower=True,
                at_most=1.5,
            )
            for count in _RUNS
        ),
        Goal(
            text=f"100 live runs: time of {_ISOLATED}",
            case="runlore ps, 100 live runs",
            against=_ISOLATED,
            slower=True,
            at_most=1.5,
        ),
        Goal(text="each live run from 100 to 1,000", case=_EACH_LIVE, at_most=15, unit="µs", per=1e6),
        Goal(
            text="rebuild of 100,000 runs, warm",
            case="runlore index rebuild, 100,000 runs",
            at_most=4.0,
            unit="s",
        ),
    ),
)

TABLES = (_START, _PS)
