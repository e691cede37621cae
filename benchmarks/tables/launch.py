"""How long it takes until the command runs."""

from benchmarks.declare import Case, Goal, Table, Unit

_OURS = "runlore run -d"
_NOHUP = "sh -c 'nohup … &'"
_PM2 = "pm2 start"
_SUBMIT = "runlore submit"
_LOOP = "runlore run -d, in a loop"

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
    Table(
        name="launch-many",
        title="Many commands: from the launcher's start to the last one's first instruction, per command",
        about=(
            "The same command, many times. `submit` and `submit_many` are given all of them at once; what "
            "takes one command at a time is called in a shell's loop. runlore has each run on record, "
            "durably, before its command starts."
        ),
        unit=Unit(label="ms per command", scale=1e3),
        base=_LOOP,
        rounds={"quick": 3, "full": 7},
        cases=(
            Case(name=_SUBMIT, code="launch_many:ours", role="ours"),
            Case(name="registry.submit_many()", code="launch_many:submit_many", role="ours"),
            Case(name=_LOOP, code="launch_many:loop", role="ours"),
            Case(name="nohup … & in a loop", code="launch_many:nohup", role="reference", needs=("nohup",)),
            Case(
                name="task-spooler: tsp, in a loop",
                code="launch_many:task_spooler",
                role="peer",
                needs=("task-spooler",),
            ),
        ),
        goals=(Goal(text="as fast as run -d in a loop", case=_SUBMIT, against=_LOOP, at_least=2),),
    ),
)
