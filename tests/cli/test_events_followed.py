"""`runlore events -f` from start to end: what happens underneath it, and what it was asked for."""

import fcntl
import json
import shutil
import signal
import sys
import termios
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from subprocess import PIPE, Popen, run
from typing import Any

import pytest

from runlore.journal.layout import Layout
from runlore.runtimes.registry import Registry
from tests.cli.command import COMMAND, Runlore


def records(process: "Popen[bytes]") -> Iterator[Any]:
    """Yield the records of a stream as they come."""
    assert process.stdout is not None
    for line in process.stdout:
        yield json.loads(line)


class Followed:
    """What a follower saw, each record checked as it comes: per run there is no gap and no repeat unsaid."""

    def __init__(self, process: "Popen[bytes]") -> None:
        self._stream = records(process)
        self.cursor: str = next(self._stream)["cursor"]
        self._seqs: dict[str, int] = {}
        self.said: list[str] = []

    def until(self, run_id: str, event_type: str, text: str | None = None) -> None:
        """Return once this came."""
        for item in self._stream:
            if item["type"] != "record":
                assert item["type"] in {"lagged", "rewound"}, item
                self.said.append(f"{item['type']}: {item['reason']}")
                continue
            self._check(item)
            event = item["event"]
            if (item["run_id"], event["type"], event.get("text")) == (run_id, event_type, text):
                return
        raise AssertionError(f"the stream ended before {event_type} of {run_id} came")

    def _check(self, item: Any) -> None:  # noqa: ANN401 - JSON is what it is
        run_id, seq = item["run_id"], item["seq"]
        expected = self._seqs.get(run_id, seq - 1) + 1
        if seq != expected:
            assert any(said.startswith("rewound") and run_id in said for said in self.said), (item, self.said)
            assert seq <= expected, item
        self._seqs[run_id] = seq


def test_it_survives_whatever_happens_underneath(runlore: Runlore) -> None:
    """Feed and index deleted, a journal replaced by its copy, one that is damaged and repaired."""
    live = runlore.begin("--name", "live", "sleep", "60")
    for name in ("copied", "hurt"):
        runlore.ok("run", "-q", "--name", name, "true")
    copied, hurt = (runlore.ok("ls", "-q", "--name", name).stdout.strip() for name in ("copied", "hurt"))
    with runlore.started("events", "-f", "--json") as process:
        followed = Followed(process)
        shutil.rmtree(runlore.root / "feed")
        shutil.rmtree(runlore.root / "index", ignore_errors=True)
        runlore.ok("note", live, "without a feed")
        followed.until(live, "run.noted", "without a feed")

        copy = Path(shutil.copy2(runlore.journal(copied), runlore.root / "copy"))
        copy.replace(runlore.journal(copied))
        runlore.ok("note", copied, "in the copy")
        followed.until(copied, "run.noted", "in the copy")

        runlore.ok("note", hurt, "seen")
        followed.until(hurt, "run.noted", "seen")
        lines = runlore.journal(hurt).read_bytes().splitlines(keepends=True)
        runlore.journal(hurt).write_bytes(b"".join([*lines[:3], b"junk\n", *lines[4:]]))
        runlore.ok("repair", hurt, "--yes")
        runlore.ok("note", hurt, "healed")
        followed.until(hurt, "run.noted", "healed")

        late = runlore.begin("--name", "late", "true")
        followed.until(late, "run.sealed")
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate()

    assert b"nothing was stopped" in errors
    assert not any(said.startswith("rewound") and hurt not in said for said in followed.said), followed.said


def test_it_follows_only_what_was_asked_for(runlore: Runlore) -> None:
    """Each of the filters keeps something out; what was there before, and behind a cursor, comes as well."""
    asked = ["--type", "run.f*", "--status", "failed", "--name", "bad", "--tag", "k=v", "--since", "1h"]
    others = [
        ["--name", "bad", "--tag", "k=v", "true"],  # did not fail
        ["--name", "bad", "--tag", "k=w", "false"],
        ["--name", "good", "--tag", "k=v", "false"],
        ["--name", "bad", "false"],
    ]

    def mine() -> str:
        runlore("run", "-q", "--name", "bad", "--tag", "k=v", "false", code=1)
        return runlore.ok("ls", "-q", "--limit", "1").stdout.strip()

    before = mine()
    with runlore.started("events", "-f", "--json", *asked) as process:
        stream = records(process)
        assert next(stream)["type"] == "ready"
        first = next(stream)
        for words in others:
            runlore("run", "-q", *words)
        after = mine()
        second = next(stream)
        process.send_signal(signal.SIGINT)
        (end,) = stream

    assert [(item["run_id"], item["event"]["type"]) for item in (first, second)] == [
        (before, "run.failed"),
        (after, "run.failed"),
    ]
    again = mine()
    with runlore.started("events", "-f", "--json", *asked, "--after-cursor", end["cursor"]) as process:
        stream = records(process)
        assert [next(stream)["type"], next(stream)["run_id"]] == ["ready", again]


def test_a_reader_who_does_not_read_misses_nothing_by_ctrl_c(runlore: Runlore) -> None:
    """What was taken is written to the end, and the cursor leads to what was not."""
    run_id = noted(runlore, 600)
    with runlore.started("events", "--json", run_id) as process:
        assert process.stdout is not None
        pipe = process.stdout.fileno()
        enough = fcntl.fcntl(pipe, fcntl.F_GETPIPE_SZ) - (16 << 10)
        runlore.until(lambda: unread(pipe) > enough and state_of(process.pid) == "S")
        process.send_signal(signal.SIGINT)
        runlore.until(lambda: not waits_for_ctrl_c(process.pid))  # a reader who is quicker hides the Ctrl-C
        _ready, *shown, end = records(process)

    assert end["reason"] == "interrupted"
    assert [item["seq"] for item in shown] == list(range(1, len(shown) + 1))
    assert next_seq(runlore, run_id, end["cursor"]) == len(shown) + 1


@pytest.mark.parametrize("how", ["--json", "--fields=seq", "--no-trunc"])
def test_ctrl_c_falls_between_no_record_and_its_line(runlore: Runlore, how: str) -> None:
    """Between the moment when the stream counts it as given and the one when it is to be written."""
    run_id = noted(runlore, 9)
    code = (
        "import os, signal, sys\nfrom runlore.cli.main import main\nfrom runlore.cli.output import Output\n"
        "put, left = Output.put, [4]\n"
        "def late(output, data):\n"
        "    left[0] -= 1\n"
        "    if not left[0]: os.kill(os.getpid(), signal.SIGINT)\n"
        "    put(output, data)\n"
        "Output.put = late\nsys.exit(main())"
    )
    python = str(Path(COMMAND).with_name("python"))
    done = run(
        [python, "-c", code, "events", how, run_id],
        env=runlore.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    lines = done.stdout.splitlines()
    if how == "--json":
        _ready, *lines, end = lines
        cursor = json.loads(end)["cursor"]
    else:
        cursor = done.stderr.split("--after-cursor ")[1].split()[0]

    assert len(lines) in {3, 4}
    assert next_seq(runlore, run_id, cursor) == len(lines) + 1


def noted(runlore: Runlore, times: int) -> str:
    """Return a run with so many notes, long ones."""
    run_id = runlore.begin("true")
    run = Registry(Layout(str(runlore.root))).get(run_id)
    for number in range(times):
        run.note(f"{number} " + "x" * 500)
    return run_id


def next_seq(runlore: Runlore, run_id: str, cursor: str) -> int:
    """Return where the run goes on behind a cursor."""
    said = runlore.ok("events", "--json", run_id, "--after-cursor", cursor).records[1]
    seq: int = said["seq"]
    return seq


def unread(pipe: int) -> int:
    """Return how many bytes wait in a pipe."""
    answer = fcntl.ioctl(pipe, termios.FIONREAD, bytes(4))
    return int.from_bytes(answer, sys.byteorder)


def state_of(pid: int) -> str:
    """Return what a process does: see proc(5)."""
    return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]


def waits_for_ctrl_c(pid: int) -> bool:
    """Say whether a process does something about Ctrl-C: see proc(5)."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    caught = next(line.split()[1] for line in status.splitlines() if line.startswith("SigCgt"))
    return bool(int(caught, 16) & 1 << signal.SIGINT - 1)


def test_it_ends_at_a_time(runlore: Runlore) -> None:
    """Though a run lives on; what was written before comes, and the end says why."""
    run_id = runlore.begin("sleep", "60")
    until = (datetime.now(UTC) + timedelta(seconds=0.5)).isoformat()
    found = runlore.ok("events", "-f", "--json", "--until", until, run_id).records

    assert [item["event"]["type"] for item in found[1:-1]] == ["run.queued", "run.booting", "run.started"]
    assert (found[-1]["type"], found[-1]["reason"]) == ("end", "until")


def test_a_pipe_that_nobody_reads(runlore: Runlore) -> None:
    """The follower waits with it, keeps nothing for it, holds nobody up, and ends when it is told to."""
    run_id = runlore.begin("sleep", "60")
    with runlore.started("events", "-f", "--json", run_id, stdout=PIPE, pipesize=4096) as process:
        for _ in range(4):
            runlore.ok("note", run_id, "x" * 4000)
        runlore.until(lambda: _waits_for_its_reader(process.pid))
        runlore.ok("note", run_id, "last")
        process.send_signal(signal.SIGTERM)
        assert process.wait() == -signal.SIGTERM
        assert process.stdout is not None
        first, *_ = process.stdout.read().splitlines()

    assert json.loads(first)["type"] == "ready"
    assert "last" in runlore.ok("history", run_id).stdout


def _waits_for_its_reader(pid: int) -> bool:
    """Say whether the process waits for room in a pipe, and not for news, which come by epoll(7)."""
    return "poll_schedule" in Path(f"/proc/{pid}/wchan").read_text(encoding="ascii") or (
        Path(f"/proc/{pid}/syscall").read_text(encoding="ascii").split()[0] == "7"
    )
