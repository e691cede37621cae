"""How long it takes until the command runs."""

from benchmarks.declare import Case, Goal, Table, Unit

_OURS = "runlore run -d"
_NOHUP = "sh -c 'nohup … &'"
_PM2 = "pm2 start"

TABLES = (
    Table(
        name="launch",
        title="From the launcher's start to the command's first instruction",
        about=(
            "The command stamps the monotonic clock first thing. Servers and daemons of the peers run "
            "already. runlore has the run on record, durably, before the command starts."
        ),
        unit=Unit(label="ms", scale=1e3),
        base=_NOHUP,
        rounds={"quick": 9, "full": 25},
        cases=(
            Case(name=_OURS, code="launch:ours", role="ours"),
            Case(name="registry.submit(), runlore imported", code="launch:submit", role="ours"),
            Case(name="the command itself", code="launch:floor", role="reference"),
            Case(name=_NOHUP, code="launch:nohup", role="reference", needs=("nohup",)),
            Case(name="tmux new-session -d", code="launch:tmux", role="peer", needs=("tmux",)),
            Case(name="task-spooler: tsp", code="launch:task_spooler", role="peer", needs=("task-spooler",)),
            Case(name=_PM2, code="launch:pm2", role="peer", needs=("pm2",), every=2),
        ),
        goals=(
            Goal(text="run -d to the first instruction", case=_OURS, at_most=80, per=1e3, unit="ms"),
            Goal(text="as fast as pm2 start", case=_OURS, against=_PM2, at_least=2.5),
        ),
    ),
)
