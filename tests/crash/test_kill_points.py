"""SIGKILL at every single system call of what changes a registry."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.crash.collectors import COLLECTORS
from tests.crash.importers import IMPORTERS
from tests.crash.movers import MOVERS
from tests.crash.removers import REMOVERS
from tests.crash.victims import LONG_LIVES, VICTIMS
from tests.proof import record

PROMISES = {
    "": "a kill at any system call of create, append, seal, heal, repair, replace, claim, pack loses nothing",
    "consume": "a consumer killed at any system call skips nothing, and repeats only what was not acked",
    "collect": "a collection killed at any system call goes on, and the run ends as its command did",
    "export": "an export killed at any system call leaves a whole bundle under its name, or none",
    "import": "an import killed at any system call leaves its runs whole or not there; the next one finishes",
    "import folder": "an import killed at any system call leaves nothing to be seen or all of the run",
    "remove": "a removal killed at any system call goes on with the next one, or has not begun",
    "promote": "a promotion killed at any system call records right bytes or none, and a repeat completes it",
    "restore": "a return from the trash killed at any system call goes on with the next one",
}
ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.needs("strace")
@pytest.mark.timeout(300)
@pytest.mark.parametrize("victim", [*VICTIMS, *REMOVERS, *COLLECTORS, *MOVERS, *IMPORTERS, "consume"])
def test_a_kill_at_every_system_call(victim: str, tmp_path: Path, sized: Callable[[int, int], int]) -> None:
    """Wherever the kernel stops us, what was acknowledged is there and the next appender carries on."""
    every = str(sized(LONG_LIVES.get(victim, 1), 1))
    command = [sys.executable, "-m", "tests.crash.kill_points", victim, every, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, env=os.environ, check=False, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["broken"] == []
    assert found["points"] >= 15
    record(
        f"kills at every system call{':' if victim in PROMISES else ', part'} {victim}",
        PROMISES.get(victim, PROMISES[""]),
        {"kills": found["kills"]},
    )
