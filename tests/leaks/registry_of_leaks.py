"""A registry under observation: all that our commands said, and all that lies under its root."""

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

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
        for words in LOOKS:
            self(*words)
        for run_id in self.runs():
            for command, *options in OF_A_RUN:
                self(command, run_id, *options)

    def found(self, secrets: Iterable[str] = SECRETS.values()) -> list[str]:
        """Where a secret came out: files, their names, and what was said."""
        known = list(secrets)
        places = [f"`runlore {about}`: {leak}" for about, said in self.said for leak in leaks(said, known)]
        for path in self.root.rglob("*"):
            data = os.fsencode(path) + b"\n"
            if path.is_file() and not path.is_symlink():
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
