"""The memory of whole commands on one very long run: bounded, whatever its length."""

import subprocess
import sys

import pytest

from tests import proof
from tests.cli.command import COMMAND, Runlore
from tests.doubles.long_runs import write_journal
from tests.journal.forge import RUN
from tests.runtimes.kept_runs import registry_at

EVENTS = 10_000_000 if proof.SIZE == "full" else 80_000
MOST_MIB = 150 if proof.SIZE == "full" else 60
COMMANDS = (
    ("ps",),
    ("show", RUN),
    ("show", RUN, "--at", f"{EVENTS // 2}"),
    ("events", RUN, "-n", "5"),
    ("events", RUN, "--type", "run.succeeded"),
    ("verify", RUN),
)


@pytest.mark.timeout(3600 if proof.SIZE == "full" else 120)
def test_commands_on_a_very_long_run_need_little_memory(runlore: Runlore) -> None:
    """Each is a process of its own; what it had resident at most is asked of the kernel."""
    write_journal(registry_at(runlore.root), RUN, EVENTS)
    peaks = {" ".join(words): _peak_mib(runlore, words) for words in COMMANDS}

    assert max(peaks.values()) <= MOST_MIB, peaks
    proof.record(
        "memory of long runs",
        "Commands on one run of very many events need at most 150 MiB.",
        {"events": EVENTS, "commands": len(peaks), "MiB at most": round(max(peaks.values()))},
    )


_ASK = """
import os, sys
pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
_, status, usage = os.wait4(pid, 0)
print(os.waitstatus_to_exitcode(status), usage.ru_maxrss, file=sys.stderr)
"""
"""Starts a command from a small process: what a process had before it became another counts for it."""


def _peak_mib(runlore: Runlore, words: tuple[str, ...]) -> float:
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", _ASK, COMMAND, *words],
        env=runlore.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=True,
    )
    code, peak_kib = done.stderr.splitlines()[-1].split()
    assert code == "0", (words, done.stderr)
    return int(peak_kib) / 1024
