"""How much memory a kept run costs."""

from benchmarks.declare import Case, Goal, Table, Unit

_OURS = "runlore run -d: keeper and wrapper"
_SHELL = "sh that notes the status"
_HELD = {"held": 20}

TABLES = (
    Table(
        name="memory",
        title="Memory per kept run",
        about=(
            "20 runs held at once (pm2: 5); the proportional set size of every process between the commands "
            "and init, divided by the runs."
        ),
        unit=Unit(label="MiB per run"),
        base=_SHELL,
        rounds={"quick": 1, "full": 5},
        cases=(
            Case(name=_OURS, code="memory:ours", role="ours", arguments=_HELD),
            Case(
                name="registry.submit(): keeper and wrapper",
                code="memory:submit",
                role="ours",
                arguments=_HELD,
            ),
            Case(name=_SHELL, code="memory:shell", role="reference", arguments=_HELD),
            Case(
                name="task-spooler",
                code="memory:task_spooler",
                role="peer",
                needs=("task-spooler",),
                arguments=_HELD,
            ),
            Case(name="pm2", code="memory:pm2", role="peer", needs=("pm2",), arguments={"held": 5}),
        ),
        goals=(Goal(text="keeper and wrapper", case=_OURS, at_most=12, unit="MiB"),),
    ),
)
