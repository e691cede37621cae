"""Run the installed command as a user does: from a shell's point of view, in a private root."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

COMMAND: Final = os.environ.get("RUNLORE_COMMAND", str(Path(sys.executable).with_name("runlore")))
LONG_S: Final = 30


@dataclass(frozen=True)
class Done:
    """What one invocation left: its output, its talk, its exit code (negative: ended by that signal)."""

    stdout: str
    stderr: str
    code: int

    @property
    def lines(self) -> list[str]:
        """The lines on standard output."""
        return self.stdout.splitlines()

    @property
    def json(self) -> Any:  # noqa: ANN401 - JSON is what it is
        """The one JSON object on standard output."""
        assert self.stdout.count("\n") == 1, self
        return json.loads(self.stdout)

    @property
    def records(self) -> list[Any]:
        """The JSON objects of a stream."""
        return [json.loads(line) for line in self.stdout.splitlines()]


@dataclass
class Runlore:
    """The command, the root it works on, and the environment it sees."""

    root: Path
    home: Path
    env: dict[str, str] = field(default_factory=dict)

    def environment(self, **more: str | None) -> dict[str, str]:
        """Return a small environment: nothing of the developer's own settings."""
        env = {
            "PATH": f"{Path(COMMAND).parent}:{os.environ.get('PATH', os.defpath)}",
            "HOME": str(self.home),
            "RUNLORE_ROOT": str(self.root),
            "LC_ALL": "C.UTF-8",
            **self.env,
        }
        for name, value in more.items():
            if value is None:
                env.pop(name, None)
            else:
                env[name] = value
        return env

    def __call__(
        self,
        *words: str | bytes,
        stdin: bytes | None = b"",
        env: Mapping[str, str | None] | None = None,
        cwd: Path | None = None,
        code: int | None = None,
        timeout: float = LONG_S,
    ) -> Done:
        """Return what `runlore WORDS` does; `code` is the exit code that the caller counts on."""
        done = subprocess.run(
            [COMMAND, *words],
            input=stdin,
            capture_output=True,
            env=self.environment(**(env or {})),
            cwd=cwd or self.home,
            timeout=timeout,
            check=False,
        )
        told = Done(
            done.stdout.decode("utf-8", "surrogateescape"),
            done.stderr.decode("utf-8", "surrogateescape"),
            done.returncode,
        )
        assert "Traceback" not in told.stderr, told.stderr
        if code is not None:
            assert told.code == code, told
        return told

    def ok(self, *words: str | bytes, **how: Any) -> Done:  # noqa: ANN401 - see __call__
        """Return what it does, given that it succeeds."""
        return self(*words, **how, code=0)

    def shell(self, line: str, *, env: Mapping[str, str | None] | None = None) -> Done:
        """Return what a line of bash does; `$RUNLORE` is the command."""
        done = subprocess.run(
            ["bash", "-c", line],
            capture_output=True,
            env={**self.environment(**(env or {})), "RUNLORE": COMMAND},
            cwd=self.home,
            timeout=LONG_S,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        return Done(
            done.stdout.decode("utf-8", "surrogateescape"),
            done.stderr.decode("utf-8", "surrogateescape"),
            done.returncode,
        )

    def begin(self, *words: str) -> str:
        """Return the id of a run that was started in the background, its command running by now."""
        return self.ok("run", "-d", *words).stdout.strip()

    def until_written(self, run_id: str, text: str) -> None:
        """Return once the run's command has written `text`."""
        deadline = time.monotonic() + LONG_S
        transcript = self.root / "runs" / run_id / "transcript"
        while text.encode() not in transcript.read_bytes():
            assert time.monotonic() < deadline, f"{run_id} never wrote {text!r}"
            time.sleep(0.01)  # between two looks

    def until_shown(self, fields: str, values: str) -> None:
        """Return once `show` says this of the run that is meant: its output may come before `run.started`."""
        self.until(lambda: self.ok("show", "--fields", fields).stdout == values)

    def until(self, condition: Callable[[], object]) -> None:
        """Return once the condition holds."""
        deadline = time.monotonic() + LONG_S
        while not condition():
            assert time.monotonic() < deadline, condition
            time.sleep(0.01)  # between two looks

    def journal(self, run_id: str) -> Path:
        """Return where a run's journal lies."""
        return self.root / "journals" / f"{run_id}.jsonl"

    def kill_all(self) -> None:
        """Kill whatever runs of this registry still have: commands, wrappers, keepers."""
        self.kill_all_but(os.getpid())

    def kill_all_but(self, spared: int) -> None:
        """Kill everything that works for this registry, but for one process.

        All at once, and the youngest first: a keeper that takes over meanwhile would see how a command ends.
        """
        while left := self._stopped_all_but(spared):
            for pid in sorted(left, reverse=True):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def _stopped_all_but(self, spared: int) -> set[int]:
        """Stop everything, also what begins meanwhile; return what there is.

        Who was told to stop and sleeps in the kernel comes no further: its spawned child may be the one
        that was stopped, and it waits for that until both are killed.
        """
        told: set[int] = set()
        while True:
            found = set(self.processes()) - {os.getpid(), spared}
            moving = [pid for pid in found if not _stands_still(pid, "TtZXD" if pid in told else "TtZX")]
            if not moving:
                return found
            told.update(moving)
            for pid in moving:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGSTOP)

    def processes(self) -> list[int]:
        """Return the pids of what works for this registry now."""
        mark = f"RUNLORE_ROOT={self.root}".encode()
        found: list[int] = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                marked = self._keeps(folder) or mark in (folder / "environ").read_bytes().split(b"\0")
            except OSError:
                continue
            if marked:
                found.append(int(folder.name))
        return found

    def _keeps(self, process: Path) -> bool:
        """Say whether a process is a keeper or wrapper of this registry's, by its title."""
        name, _, rest = (process / "cmdline").read_bytes().partition(b" ")
        run_id = rest.partition(b"\0")[0].partition(b" ")[0].decode("utf-8", "replace")
        return name in {b"runlore-keeper", b"runlore-wrapper"} and self.journal(run_id).exists()

    @contextmanager
    def started(self, *words: str, **how: Any) -> Iterator[subprocess.Popen[bytes]]:  # noqa: ANN401 - Popen's
        """Yield the command while it goes on; afterwards it is killed if it still does."""
        settings: dict[str, Any] = {
            "stdin": subprocess.DEVNULL,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
            "env": self.environment(),
            "cwd": self.home,
            **how,
        }
        with subprocess.Popen([COMMAND, *words], **settings) as process:
            try:
                yield process
            finally:
                process.kill()


def waits_for_a_keeper(pid: int) -> bool:
    """Say whether the process holds the pidfd of a keeper by now."""
    return keepers_waited_for(pid) > 0


def keepers_waited_for(pid: int) -> int:
    """Return of how many keepers the process holds pidfds."""
    return sum("pidfd" in _target(fd) for fd in Path(f"/proc/{pid}/fd").iterdir())


def _target(fd: Path) -> str:
    """Return what a descriptor leads to; nothing if it was closed since it was listed."""
    try:
        return os.readlink(fd)
    except FileNotFoundError:
        return ""


def _stands_still(pid: int, states: str = "TtZX") -> bool:
    """Say whether a process is stopped, or is no more."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in states
    except OSError:
        return True
