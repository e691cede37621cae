"""A keeper killed at any moment: the run ends with its true result, and nobody has to do anything for it."""

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from runlore.journal import events
from runlore.journal.disk import REAL
from runlore.journal.verify import verify
from tests.proof import record
from tests.runtimes.keeping import Keeping, Kept, python, until

ROOT = Path(__file__).resolve().parents[2]
PARTS = 4
LINES = 3000
PRINTS = (
    "import os\n"
    f"for number in range({LINES}):\n"
    "    os.write(1 + number % 2, b'%d\\n' % number)\n"
    "    if number % 100 == 0: open('/proc/self/stat').read()\n"
    "os._exit(42)"
)


@pytest.mark.needs("strace")
@pytest.mark.timeout(900)
@pytest.mark.parametrize("part", range(PARTS))
def test_a_keeper_is_killed_at_a_system_call(
    part: int, tmp_path: Path, sized: Callable[[int, int], int]
) -> None:
    """Right status, exit code and output, one final event; before it answered, a run that never was."""
    every = sized(80, 1)
    words = (str(every), str(part), str(PARTS), str(tmp_path))
    command = [sys.executable, "-m", "tests.crash.keeper_kills", *words]
    done = subprocess.run(command, cwd=ROOT, env=os.environ, check=False, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["broken"] == []
    assert found["adopted"] > 0
    record(
        f"keepers killed at system calls, part {part}",
        "the next keeper ends the run with the same status, exit code and output, and nobody acts",
        {"kills": found["kills"], "adopted": found["adopted"], "before the run existed": found["refused"]},
    )


@pytest.mark.timeout(900)
def test_a_keeper_is_killed_at_random_moments(registry_root: Path, sized: Callable[[int, int], int]) -> None:
    """While its command prints as fast as it can: no line lost, none twice, the true exit code."""
    kills, adoptions, luck = sized(25, 300), 0, random.Random(7)
    for _ in range(kills):
        kept = Keeping(registry_root).submit(*python(PRINTS))
        _kill_after(kept, luck.randrange(LINES * 4))

        assert kept.event(events.RunFailed).exit_code == 42
        assert kept.output("stdout") == b"".join(b"%d\n" % number for number in range(0, LINES, 2))
        assert kept.output("stderr") == b"".join(b"%d\n" % number for number in range(1, LINES, 2))
        assert not verify(REAL, kept.layout, kept.run_id).findings
        adoptions += kept.tags().count("OwnerAdopted")
    assert adoptions > 0
    record(
        "keepers killed at random moments",
        "no line is lost, none comes twice, and the exit code is right",
        {"kills": kills, "adopted": adoptions},
    )


@pytest.mark.timeout(300)
def test_nobody_runs_a_command_afterwards(registry_root: Path, sized: Callable[[int, int], int]) -> None:
    """The keeper is killed, and for as long as the command goes on nothing of ours is started."""
    seconds = sized(1, 60)
    kept = Keeping(registry_root).submit("sh", "-c", f"echo begun; sleep {seconds}; echo done; exit 42")
    kept.started()
    os.kill(kept.keeper().pid, signal.SIGKILL)
    until(lambda: "RunSealed" in kept.tags(), "the seal", within_s=seconds + 30)

    assert kept.event(events.RunFailed).exit_code == 42
    assert kept.output() == b"begun\ndone\n"
    record("a keeper killed and left alone", "the run ends by itself", {"runs": 1, "seconds": seconds})


def _kill_after(kept: Kept, enough: int) -> None:
    """Kill the keeper once so many bytes were captured, and wait until the run has ended."""
    until(lambda: len(kept.output()) >= enough or "RunSealed" in kept.tags())
    with suppress(ProcessLookupError):
        os.kill(kept.keeper().pid, signal.SIGKILL)
    until(lambda: "RunSealed" in kept.tags(), "the seal")
