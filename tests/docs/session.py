"""One reader at work: a shell and an interpreter, in a fresh home, for all blocks of a page."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

_SHELL: Final = """
while IFS= read -r step; do
  eval "$(cat "$step.command")" >"$step.out" 2>"$step.err" </dev/null
  echo $?
done
"""
_INTERPRETER: Final = """
import ast, inspect, json, sys, traceback
space, replies = {"__name__": "__main__"}, sys.stdout
for request in sys.stdin:
    name, source = json.loads(request)
    sys.stdout, said = sys.stderr, ""
    try:
        result = eval(compile(source, name, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), space)
        if inspect.iscoroutine(result):
            import anyio
            async def wait(result=result): await result
            anyio.run(wait)
    except BaseException:
        said = traceback.format_exc()
    sys.stdout = replies
    print(json.dumps(said), flush=True)
"""


class Outcome(NamedTuple):
    """What came of one command."""

    code: int
    stdout: str
    stderr: str


class Session:
    """Runs commands and Python one after another; what one of them sets, the next one sees."""

    def __init__(self, home: Path) -> None:
        self._home, self._work, self._steps = home, home / "work", home / ".steps"
        self._work.mkdir(parents=True)
        self._steps.mkdir()
        self._count = 0
        self._started: dict[str, subprocess.Popen[str]] = {}

    def run(self, command: str) -> Outcome:
        """Return what a shell command did."""
        self._count += 1
        step = self._steps / str(self._count)
        step.with_suffix(".command").write_text(f"{command}\n")
        code = self._ask(["bash", "-c", _SHELL], str(step))
        texts = (step.with_suffix(end).read_text("utf-8", "replace") for end in (".out", ".err"))
        return Outcome(int(code or 255), *texts)

    def python(self, name: str, source: str) -> str:
        """Run Python and return its traceback; empty if there was none."""
        reply = self._ask([sys.executable, "-c", _INTERPRETER], json.dumps([name, source]))
        return str(json.loads(reply)) if reply else f"{name} ended the interpreter"

    def close(self) -> None:
        """End both, and whatever their commands left running."""
        for process in self._started.values():
            process.communicate()
        for pid in self._left_behind():
            with suppress(ProcessLookupError):
                os.kill(pid, 9)

    def _ask(self, program: list[str], request: str) -> str:
        """Return a line that the program answers to a line; empty if it ended instead."""
        process = self._started.get(program[0]) or self._start(program)
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"{request}\n")
        process.stdin.flush()
        return process.stdout.readline()

    def _start(self, program: list[str]) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            program,
            cwd=self._work,
            env=self._environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._started[program[0]] = process
        return process

    def _environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("LANG", "PYTHONPATH", "TMPDIR") if name in os.environ}
        scripts = Path(sys.executable).parent
        return kept | {
            "HOME": str(self._home),
            "PATH": f"{scripts}:{os.environ.get('PATH', os.defpath)}",
            "RUNLORE_ROOT": str(self._home / "registry"),
            "TZ": "UTC",
            "COLUMNS": "110",
            "TERM": "dumb",
            "LC_ALL": "C.UTF-8",
        }

    def _left_behind(self) -> Iterator[int]:
        """Yield the processes whose environment names this home: keepers, wrappers and their commands."""
        mark = f"HOME={self._home}\0".encode()
        for name in os.listdir("/proc"):
            if name.isdigit():
                with suppress(OSError):
                    if mark in Path("/proc", name, "environ").read_bytes():
                        yield int(name)
