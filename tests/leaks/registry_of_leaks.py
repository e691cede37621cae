"""A registry under observation: all that our commands said, and all that lies under its root."""

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.cli import asking
from tests.cli.command import Done, Runlore
from tests.leaks.encoders import SECRETS, leaks

LOOKS: Final = (
    ["ps", "-a", "--no-trunc"],
    ["ls", "--json"],
    ["ls", "--fields", "run_id,command,reason.text"],
    ["info"],
    ["doctor"],
    ["verify"],
    ["heads"],
    ["config", "check"],
)
OF_A_RUN: Final = (
    ["show"],
    ["show", "--json"],
    ["events"],
    ["history"],
    ["history", "--json"],
    ["logs"],
    ["logs", "--raw"],
    ["logs", "-t"],
    ["logs", "-n", "20"],
    ["logs", "--json"],
)
OURS: Final = {"runlore-keeper", "runlore-wrapper"}


@dataclass
class Observed(Runlore):
    """The command, with everything it ever said kept."""

    said: list[tuple[str, bytes]] = field(default_factory=list)

    def __call__(self, *words: str | bytes, **how: Any) -> Done:  # noqa: ANN401 - see Runlore
        """Return what it does, and keep it."""
        done = super().__call__(*words, **how)
        about = " ".join(map(str, words[:2]))
        self.said.append((about, (done.stdout + done.stderr).encode("utf-8", "surrogateescape")))
        return done

    def runs(self) -> list[str]:
        """The ids of all runs."""
        return sorted(path.stem for path in (self.root / "journals").glob("*.jsonl"))

    def look_at_everything(self) -> None:
        """Ask each command that shows anything, of each run."""
        asked = [*LOOKS, *([word, run_id, *rest] for run_id in self.runs() for word, *rest in OF_A_RUN)]
        done = subprocess.run(
            [sys.executable, "-P", asking.__file__],
            input="".join(json.dumps(words) + "\n" for words in asked),
            env=self.environment(),
            cwd=self.home,
            capture_output=True,
            text=True,
            check=True,
        )
        answers = [base64.b64decode(line) for line in done.stdout.splitlines()]
        self.said += [(" ".join(words[:2]), answer) for words, answer in zip(asked, answers, strict=True)]
        assert all(answers), [words for words, answer in zip(asked, answers, strict=True) if not answer]
        assert not any(b"Traceback" in answer for answer in answers)

    def found(self, secrets: Iterable[str] = SECRETS.values()) -> list[str]:
        """Where a secret came out: files, their names, and what was said.

        What only a live run has may go while it is looked for.
        """
        known = list(secrets)
        places = [f"`runlore {about}`: {leak}" for about, said in self.said for leak in leaks(said, known)]
        for path in self.root.rglob("*"):
            data = os.fsencode(path) + b"\n"
            if path.is_file() and not path.is_symlink():
                with suppress(FileNotFoundError):
                    data += path.read_bytes()
            places += [f"{path.relative_to(self.root)}: {leak}" for leak in leaks(data, known)]
        return places

    def our_processes(self) -> list[Path]:
        """The folders in /proc of the keepers and wrappers that work for this registry."""
        return [
            Path(f"/proc/{pid}")
            for pid in self.processes()
            if Path(f"/proc/{pid}/comm").read_text().strip() in OURS
        ]
