"""A foreground run whose processes die while outputs are collected waits for who collects the rest."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.cli.command import Runlore
from tests.runtimes.keeping import until

SCRIPT = """
mkdir out; i=0; while [ $i -lt 1500 ]; do echo $i > out/$i; i=$((i+1)); done; exit 0
"""


def test_keeper_and_wrapper_are_killed_while_collecting(runlore: Runlore, tmp_path: Path) -> None:
    """A keeper from outside does; until then the run is not taken for ended."""
    command = [str(Path(sys.executable).with_name("runlore")), "run", "--artifact", "out", "sh", "-c", SCRIPT]
    env = {**os.environ, "RUNLORE_ROOT": str(runlore.root)}
    with subprocess.Popen(command, cwd=tmp_path, env=env, stderr=subprocess.DEVNULL) as process:
        until(lambda: runlore.root.exists() and list((runlore.root / "runs").glob("*/bundle/*")), "a file")
        view = runlore.ok("show", "latest", "--json").json
        for pid in (view["handle"]["wrapper_pid"], view["owner"]["pid"]):
            os.kill(pid, signal.SIGKILL)
        code = process.wait(60)
    view = runlore.ok("show", "latest", "--json").json

    assert code == 0
    assert (view["status"], view["exit_code"], view["artifacts"]["count"]) == ("succeeded", 0, 1500)
    assert view["observation"] is not None
