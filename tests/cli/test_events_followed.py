"""`runlore events -f` from start to end: what happens underneath it, and what it was asked for."""

import json
import shutil
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any

from tests.cli.command import Runlore


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
    """Say whether a write of the process is waiting for room in a pipe."""
    return "pipe_write" in Path(f"/proc/{pid}/wchan").read_text(encoding="ascii") or (
        Path(f"/proc/{pid}/syscall").read_text(encoding="ascii").split()[0] == "1"
    )
