"""A kernel that grants no more inotify: streams go on, a little later, and say so once."""

import json
import signal
import subprocess

import pytest

from tests.cli.command import COMMAND, Runlore

NAMESPACE = 'echo 0 > "/proc/sys/user/$0" && exec "$@"'
"""In a user namespace of its own a limit binds nobody else."""


@pytest.mark.needs("unshare")
@pytest.mark.parametrize("limit", ["max_inotify_instances", "max_inotify_watches"])
def test_inotify_is_used_up(runlore: Runlore, limit: str) -> None:
    """The feed is looked at instead, with one notice, and nothing is missing."""
    runlore.ok("run", "-q", "true")
    words = ["unshare", "-Ur", "sh", "-c", NAMESPACE, limit, COMMAND, "events", "-f", "--json"]
    with subprocess.Popen(
        words,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=runlore.environment(),
        cwd=runlore.home,
    ) as process:
        try:
            assert process.stdout is not None
            assert json.loads(process.stdout.readline())["type"] == "ready"
            run_id = runlore.ok("run", "-d", "true").stdout.strip()
            seqs: list[int] = []
            for line in process.stdout:
                record = json.loads(line)
                assert record["run_id"] == run_id, record
                seqs.append(record["seq"])
                if record["event"]["type"] == "run.sealed":
                    break
            process.send_signal(signal.SIGINT)
            _, said = process.communicate()
        finally:
            process.kill()

    assert seqs == list(range(1, len(seqs) + 1))
    (notice,) = (line for line in said.splitlines() if b"every 50 ms" in line)
    assert b"limit" in notice or b"Too many" in notice, notice
    assert b"Error {" not in notice, notice
