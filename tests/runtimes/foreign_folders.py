"""Run folders as other tools leave them, and records of runs, for whoever imports them."""

import json
import os
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

STARTED: Final = datetime(2026, 11, 20, 20, 14, tzinfo=UTC)
ENDED: Final = datetime(2026, 11, 20, 20, 15, 30, tzinfo=UTC)


def record(**more: object) -> dict[str, Any]:
    """Return an ordinary record."""
    return {
        "source": "cron",
        "external_id": "nightly-17",
        "started_at": "2026-11-20T20:14:00Z",
        "ended_at": "2026-11-20T20:15:30Z",
        "exit_code": 0,
        **more,
    }


def homeboy(folder: Path) -> Path:
    """Make the folder of a run with a summary that lists every file with its digest."""
    files = {
        "report/index.html": b"<p>2 of 3 passed</p>\n",
        "report/junit.xml": b"<testsuite tests='3'/>\n",
        "stdout.log": b"3 tests\n1 failed\n",
        "stderr.log": b"warning: slow\n",
    }
    put(folder, files)
    listed = [
        {"path": path, "sha256": sha256(data).hexdigest(), "size": len(data), "kind": "report"}
        for path, data in files.items()
        if path.startswith("report/")
    ]
    summary = {
        "schema": "homeboy/retention-summary@2",
        "run_id": "hb-2026-0417",
        "status": "failed",
        "started_at": "2026-11-20T20:14:00Z",
        "finished_at": "2026-11-20T20:15:30.250Z",
        "command": ["npm", "test", "--", "--ci"],
        "exit_code": 1,
        "artifacts": listed,
        "retained_until": "2027-11-20T00:00:00Z",
    }
    put(folder, {"retention-summary.json": json.dumps(summary, indent=2).encode()})
    return folder


def codebox(folder: Path) -> Path:
    """Make the folder of a run with a manifest whose words are others, and which lists no files."""
    manifest = {
        "tool": {"name": "wp-codebox", "version": "1.4"},
        "id": "cb_77f1",
        "state": "Completed",
        "startedAt": "2026-11-20T21:14:00+01:00",
        "endedAt": "2026-11-20T21:15:30+01:00",
        "command": "wp plugin check akismet | tee out.txt",
        "exitCode": 0,
        "cwd": "/srv/www",
        "name": "plugin-check",
    }
    put(folder, {"manifest.json": json.dumps(manifest).encode(), "out.txt": b"ok\n", "run.log": b"ok\n"})
    return folder


def guild(folder: Path) -> Path:
    """Make the folder of a run of Guild."""
    put(
        folder,
        {
            ".guild/attrs/exit_status": b"-15\n",
            ".guild/attrs/started": b"1795205640000000\n",
            ".guild/attrs/stopped": b"1795205730000000\n",
            ".guild/attrs/cmd": b"- /usr/bin/python\n- -um\n- guild.op_main\n- 'train it'\n",
            ".guild/output": b"epoch 1\n",
            "model.bin": b"\0\1\2",
        },
    )
    return folder


def bare(folder: Path) -> Path:
    """Make a folder of files that nobody described."""
    put(folder, {"stdout.log": b"hello\n", "out/data.csv": b"a,b\n1,2\n", "debug.log": b"d\n"})
    for number, path in enumerate(sorted(each for each in folder.rglob("*") if each.is_file())):
        at = STARTED.timestamp() + 45 * number
        os.utime(path, (at, at))
    return folder


def put(folder: Path, files: dict[str, bytes]) -> None:
    """Write files below a folder."""
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
