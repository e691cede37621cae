"""A foreground run whose processes die while outputs are collected waits for who collects the rest."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.cli.command import Runlore
from tests.runtimes.keeping import until

FILES = 50
SCRIPT = f"""
mkdir out; i=0; while [ $i -lt {FILES} ]; do echo $i > out/$i; i=$((i+1)); done
truncate -s 60G out/last
"""
"""What is collected last takes minutes, and no room on the disk."""


def test_keeper_and_wrapper_are_killed_while_collecting(runlore: Runlore, tmp_path: Path) -> None:
    """A keeper from outside does; until then the run is not taken for ended."""
    command = [str(Path(sys.executable).with_name("runlore")), "run", "--artifact", "out", "sh", "-c", SCRIPT]
    env = {**os.environ, "RUNLORE_ROOT": str(runlore.root)}
    with subprocess.Popen(command, cwd=tmp_path, env=env, stderr=subprocess.DEVNULL) as process:
        until(lambda: len(list(runlore.root.glob("runs/*/bundle/*"))) > FILES, "the last file")
        view = runlore.ok("show", "latest", "--json").json
        both = (view["handle"]["wrapper_pid"], view["owner"]["pid"])
        for pid in both:
            os.kill(pid, signal.SIGSTOP)
        os.truncate(tmp_path / "out/last", 0)
        for pid in both:
            os.kill(pid, signal.SIGKILL)
        code = process.wait(60)
    after = runlore.ok("show", "latest", "--json").json

    assert view["status"] == "collecting_artifacts"
    assert code == 0
    assert (after["status"], after["exit_code"], after["artifacts"]["count"]) == ("succeeded", 0, FILES + 1)
    assert after["observation"] is not None
