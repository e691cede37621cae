"""List the runs of other registries of experiments: guild and MLflow."""

import os
import shutil
import time
import uuid
from contextlib import contextmanager

from benchmarks.cases.clocks import command, quietly, user_environment
from benchmarks.place import Measure, Place, Sample

_MAKE = """
import sqlite3, sys, uuid
from mlflow.tracking import MlflowClient
folder, count = sys.argv[1], int(sys.argv[2])
client = MlflowClient(f"sqlite:///{folder}/m.db")
experiment = client.create_experiment("probe")
run = client.create_run(experiment).info.run_id
client.set_terminated(run)
link = sqlite3.connect(f"{folder}/m.db")
columns = [row[1] for row in link.execute("pragma table_info(runs)")]
picked = ", ".join("?" if name == "run_uuid" else name for name in columns)
copy = f"insert into runs({', '.join(columns)}) select {picked} from runs where run_uuid = ?"
link.executemany(copy, [(uuid.uuid4().hex, run) for _ in range(count - 1)])
link.commit()
print(experiment)
"""
"""The store's own tables filled beside it: create_run takes 25 ms for each run."""
_LIST = """
import sys, time
from mlflow.tracking import MlflowClient
client = MlflowClient(f"sqlite:///{sys.argv[1]}/m.db")
client.search_runs([sys.argv[2]], max_results=1)
begun = time.perf_counter()
found = client.search_runs([sys.argv[2]], max_results=20)
print(time.perf_counter() - begun if len(found) == 20 else "too few")
"""


@contextmanager
def guild(place: Place) -> Measure:
    """`guild runs`, which shows the newest 20 of as many as `runs` says: one that ran, and copies of it."""
    folder = os.path.dirname(place.tools["guild"])
    home = f"{place.folder}/guild"
    os.makedirs(home)  # it makes none
    environment = user_environment(GUILD_HOME=home, PATH=f"{folder}:{os.environ['PATH']}")
    with open(f"{place.folder}/op.py", "w", encoding="utf-8") as file:
        file.write("print('loss: 1')\n")
    quietly([f"{folder}/python", f"{folder}/guild", "-C", place.folder, "run", "-y", "op.py"], environment)
    (first,) = (name for name in os.listdir(f"{home}/runs") if len(name) == 32)
    for _ in range(int(place.arguments["runs"]) - 1):
        shutil.copytree(f"{home}/runs/{first}", f"{home}/runs/{uuid.uuid4().hex}", symlinks=True)
    argv = [f"{folder}/python", f"{folder}/guild", "runs"]
    yield lambda: command(argv, environment)


@contextmanager
def mlflow(place: Place) -> Measure:
    """A process that imports MLflow, opens its SQLite store and asks for the newest 20 runs."""
    python = place.tools["mlflow"]
    environment = user_environment(MLFLOW_DISABLE_TELEMETRY="true")
    said = quietly([python, "-c", _MAKE, place.folder, str(place.arguments["runs"])], environment)
    argv = [python, "-c", _LIST, place.folder, said.split()[-1]]

    def measure() -> Sample:
        begun = time.perf_counter()
        alone = float(quietly(argv, environment).split()[-1])
        wall = time.perf_counter() - begun
        return Sample(value=wall, details={"search_runs alone, ms": alone * 1e3})

    yield measure
