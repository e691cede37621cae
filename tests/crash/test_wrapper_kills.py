"""A wrapper killed at any moment: its keeper has the command's exit code all the same."""

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from runlore.journal import events
from runlore.journal.disk import REAL
from runlore.journal.verify import verify
from runlore.runtimes import signals
from runlore.runtimes.signals import Sent
from tests.proof import record
from tests.runtimes.keeping import Keeping, Kept, python, until

ROOT = Path(__file__).resolve().parents[2]
PARTS = 2
LINES = 1000
PRINTS = (
    "import os\n"
    f"for number in range({LINES}):\n"
    "    os.write(1, b'%d\\n' % number)\n"
    "    if number % 10 == 0: open('/proc/self/stat').read()\n"
    "if os.environ['WAITS']: open('gate').read()\n"
    "os._exit(int(os.environ['CODE']))"
)
PRINTED = b"".join(b"%d\n" % number for number in range(LINES))


@pytest.mark.needs("strace")
@pytest.mark.timeout(900)
@pytest.mark.parametrize("part", range(PARTS))
def test_a_wrapper_is_killed_at_a_system_call(
    part: int, tmp_path: Path, sized: Callable[[int, int], int]
) -> None:
    """Right exit code and output, one final event; before the start, a command that never ran."""
    words = (str(sized(4, 1)), str(part), str(PARTS), str(tmp_path))
    command = [sys.executable, "-m", "tests.crash.wrapper_kills", *words]
    done = subprocess.run(command, cwd=ROOT, env=os.environ, check=False, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["broken"] == []
    assert found["kept"] > 0
    assert found["never ran"] > 0
    record(
        f"wrappers killed at system calls, part {part}",
        "the keeper ends the run with the command's own exit code, and whatever never ran is told as such",
        {"kills": found["kills"], "exit code right": found["kept"], "before the start": found["never ran"]},
    )


@pytest.mark.timeout(900)
def test_a_wrapper_is_killed_at_random_moments(keeping: Keeping, sized: Callable[[int, int], int]) -> None:
    """While its command prints, or just ended: the exit code is the command's, and no line is lost.

    Two of three commands do not end before that: else a quick one would leave nothing to be killed.
    """
    kills, luck, found_alive = sized(25, 300), random.Random(7), 0
    gate = keeping.folder / "gate"
    os.mkfifo(gate)
    for number in range(kills):
        code, waits = 1 + number % 200, number % 3 > 0
        kept = keeping.submit(*python(PRINTS), env={"CODE": str(code), "WAITS": "yes" if waits else ""})
        kept.started()
        found_alive += _killed_after(kept, luck.randrange(len(PRINTED) + 1))
        if waits:
            gate.write_text("go on")
        ended = kept.end()

        assert (ended.status, ended.exit_code) == ("failed", code)
        assert kept.output() == PRINTED
        assert kept.tags().count("RunFailed") == 1
        assert not verify(REAL, kept.layout, kept.run_id).findings
    assert found_alive > kills // 2
    record(
        "wrappers killed at random moments",
        "the exit code is the command's own, and no line is lost",
        {"kills": kills, "found alive": found_alive, "exit code right": kills},
    )


def _killed_after(kept: Kept, enough: int) -> bool:
    """Kill the wrapper once so many bytes were captured; say whether it was there to be killed."""
    wrapper = kept.event(events.RunStarted).handle.wrapper
    assert wrapper is not None
    until(lambda: len(kept.output()) >= enough or "RunSealed" in kept.tags())
    return isinstance(signals.send(wrapper, signal.SIGKILL), Sent)
