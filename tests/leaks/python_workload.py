"""What a Python program does with secrets, some of it wrong: `python_workload.py ROOT`. Prints nothing.

It holds them itself (a mapping), its environment has them, and it puts them wherever they do not belong.
"""

import os
import sys
import warnings
from contextlib import suppress

import runlore

warnings.simplefilter("ignore")
SECRET = os.environ["CANARY_TOKEN"]
registry = runlore.open(sys.argv[1])

run = registry.submit(
    ["sh", "-c", 'echo "$HELD"; echo "$HELD" >&2; exit 3', SECRET],
    secrets={"HELD": SECRET},
    name=f"n {SECRET.splitlines()[0][:20]}",
    tags={"a": SECRET.replace("\n", " ").replace("\t", " ")},
    metadata={"deep": [{"it": SECRET}], SECRET: 1},
)
run.wait()
run.tag({"b": SECRET.replace("\n", " ").replace("\t", " ")})
run.note(f"it was {SECRET}")
for bad in ({"key": SECRET.splitlines()[0]}, {"tags": {SECRET.split()[0]: "x"}}, {"cwd": f"/no/{SECRET}"}):
    with suppress(runlore.RunloreError):
        registry.submit(["true"], secrets={"HELD": SECRET}, **bad)
with suppress(runlore.RunloreError):
    registry.submit([f"/no/such/{SECRET}"], secrets={"HELD": SECRET})
for error in (ValueError(SECRET), KeyError(SECRET), SystemExit(SECRET), OSError(2, "no", SECRET)):
    with suppress(BaseException), registry.track("tracked", metadata={"it": SECRET}) as tracked:
        tracked.progress(0.5, SECRET, step=SECRET, metrics={SECRET: 1.0})
        tracked.set_result({"deep": {SECRET: [SECRET]}})
        runlore.current().preview("available", f"http://h/{SECRET}", detail=SECRET)
        runlore.current().checkpoint(SECRET, f"/x/{SECRET}")
        runlore.current().note(SECRET)
        raise error
sleeper = registry.submit(["sleep", "60"], secrets={"HELD": SECRET})
sleeper.pause(SECRET)
sleeper.unpause(SECRET)
sleeper.stop(f"because {SECRET}", force=True)
sleeper.wait()
