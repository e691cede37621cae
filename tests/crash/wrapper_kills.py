"""Kill a wrapper at each of its system calls: `python -m tests.crash.wrapper_kills EVERY PART OF FOLDER`.

As keeper_kills does it for the keeper, who is left alone here and has to end the run with the command's
own exit code. A wrapper that dies before it started the command leaves a run of which nothing ran.
"""

import os
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from runlore.journal import events
from runlore.runtimes import launch, wrapper
from runlore.runtimes.wrapper import Work
from tests.crash.kept_lives import COMMAND, DEADLINE_S, Traced, kill_everywhere, sealed, wrong_end
from tests.runtimes.keeping import Keeping, Kept, until

_be_wrapper = wrapper._be_wrapper


def _life(folder: str, options: list[str]) -> tuple[str, list[str]]:
    """Return what became of a run whose wrapper lives under strace, and what is wrong about that."""
    os.makedirs(f"{folder}/registry", mode=0o700)
    os.mkfifo(f"{folder}/here")
    keeping = Keeping(Path(folder, "registry"))
    _hold_wrapper(folder)
    try:
        with launch.fork_keeper() as link:
            accepted = link.submit(keeping.spec(sys.executable, "-I", "-S", "-c", COMMAND))
            kept = keeping.watch(accepted.run_id)
            wrapper_pid = int(Path(folder, "here").read_text())
            until(lambda: _state_of(wrapper_pid) == "T", "a wrapper that stands still")
            with Traced(wrapper_pid, options) as tracer:
                os.kill(wrapper_pid, signal.SIGCONT)
                problems = list(_wrong(kept))
                tracer.wait(DEADLINE_S)
    finally:
        keeping.clean()
    verdict = "kept" if Path(folder, "ran").exists() else "never ran"
    if not problems:
        shutil.rmtree(folder)
    return verdict, problems


def _hold_wrapper(folder: str) -> None:
    """Let the next wrapper say who it is, and stand still until it is traced."""

    def be_wrapper(work: Work, ask_end: int, answer_start: int) -> NoReturn:
        Path(folder, "here").write_text(str(os.getpid()))
        os.kill(os.getpid(), signal.SIGSTOP)
        _be_wrapper(work, ask_end, answer_start)

    wrapper._be_wrapper = be_wrapper


def _state_of(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def _wrong(kept: Kept) -> Iterator[str]:
    """Say what is wrong about a run that nobody but its keeper acted on."""
    if not sealed(kept):
        yield f"never ended: {kept.tags()} {kept.note()}"
    elif Path(kept.layout.root).parent.joinpath("ran").exists() or "RunStarted" in kept.tags():
        yield from wrong_end(kept)
    else:
        ended = kept.event(events.RunFailed)
        if ended.reason is None or ended.reason.code != "spawn_failed" or ended.exit_code is not None:
            yield f"ended with {ended.exit_code} {ended.reason}, and nothing ran"


if __name__ == "__main__":
    every, part, of = (int(word) for word in sys.argv[1:4])
    kill_everywhere(_life, every, part, of, sys.argv[4])
