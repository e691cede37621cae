"""One run from the spec that came through a pipe to its end.

Nobody reads what a keeper prints, so nothing is printed: before the run exists an error goes back to
the caller, after that it goes on record.
"""

import os

from runlore.journal import events
from runlore.journal.disk import REAL
from runlore.journal.errors import RunloreError
from runlore.journal.values import Reason, RunId, Stream
from runlore.runtimes import boot, messages, spawn, wrapper
from runlore.runtimes import spec as specs
from runlore.runtimes.caller import Caller
from runlore.runtimes.capture import new_memfd, open_captures
from runlore.runtimes.command import Command
from runlore.runtimes.keeper_loop import KeeperLoop
from runlore.runtimes.messages import Accepted, Ended, NotStarted
from runlore.runtimes.owned_run import BELL, FIFOS, OwnedRun
from runlore.runtimes.spec import RunSpec
from runlore.runtimes.tree import MARK


class Keeping:
    """One keeper at its work, for one run."""

    def __init__(self, caller: Caller, *, umask: int, stdin_fd: int, wake_fd: int) -> None:
        self._caller, self._umask = caller, umask
        self._stdin_fd, self._wake_fd = stdin_fd, wake_fd

    def serve(self, line: bytes) -> None:
        """Make the run and keep it; every outcome reaches the caller or the journal."""
        try:
            made = boot.create_run(REAL, specs.decode(line))
        except Exception as error:  # noqa: BLE001 - the caller is told, and raises it
            self._caller.tell(messages.refusal(error))
            return
        if not isinstance(made, OwnedRun):
            self._caller.tell(Accepted(RunId(made), existing=True))
            return
        self._caller.tell(Accepted(made.run_id))
        try:
            self._keep(made)
        finally:
            made.let_go()

    def _keep(self, run: OwnedRun) -> None:
        try:
            boot.take_over(run)
            loop = self._start_wrapper(run)
        except Exception as error:  # noqa: BLE001 - it goes on record
            self._fail(run, error)
            return
        try:
            loop.keep()
        except Exception:  # noqa: BLE001 - kept in a note; the run goes on without us
            _leave_note(run)
            os._exit(os.EX_SOFTWARE)  # like a kill: the wrapper and the exit record tell the rest

    def _start_wrapper(self, run: OwnedRun) -> KeeperLoop:
        fifos: dict[Stream, int] = {stream: _open_read_end(run, name) for stream, name in FIFOS.items()}
        memfds: dict[Stream, int] = {stream: new_memfd(stream) for stream in FIFOS}
        bell_fd = os.open(run.path(BELL), os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        tree_lock_fd = os.open(run.layout.tree_lock(run.run_id), os.O_RDWR | os.O_CLOEXEC)
        run.disk.lock(tree_lock_fd, wait=False)
        work = wrapper.Work(
            disk=run.disk,
            plan=self._plan(run, tree_lock_fd),
            identity_path=run.path("wrapper"),
            exit_fd=run.exit_fd,
            held=(*fifos.values(), *memfds.values()),
        )
        link = wrapper.start(work)
        os.close(tree_lock_fd)
        if self._stdin_fd >= 0:
            os.close(self._stdin_fd)
        captures = open_captures(run.transcript, fifos, memfds)
        command = Command(run, link)
        return KeeperLoop(run, command, captures, self._caller, bell_fd=bell_fd, wake_fd=self._wake_fd)

    def _plan(self, run: OwnedRun, tree_lock_fd: int) -> spawn.Plan:
        wanted = run.spec
        return spawn.Plan(
            argv=tuple(os.fsencode(word) for word in wanted.argv),
            cwd=os.fsencode(wanted.cwd),
            environ=_environ(run, wanted),
            umask=self._umask,
            stdin_fd=self._stdin_fd if wanted.stdin and self._stdin_fd >= 0 else 0,
            out=run.path(FIFOS["stdout"]),
            err=run.path(FIFOS["stderr"]),
            tree_lock_fd=tree_lock_fd,
        )

    def _fail(self, run: OwnedRun, error: Exception) -> None:
        """Put on record that the command was never started, and tell the caller."""
        text = str(error) if isinstance(error, RunloreError | OSError) else f"{type(error).__name__}: {error}"
        reason = Reason(code="spawn_failed", text=f"the keeper could not start the command: {text}")
        try:
            run.append(events.RunFailed, reason=reason, ended_at=run.disk.now())
        except RunloreError as refused:
            self._caller.tell(NotStarted("journal_io", str(refused), spawn.OUR_FAULT))
            return
        self._caller.tell(NotStarted("spawn_failed", reason.text, spawn.OUR_FAULT))
        self._caller.tell(Ended("failed", reason=reason))


def _open_read_end(run: OwnedRun, name: str) -> int:
    return os.open(run.path(name), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)


def _environ(run: OwnedRun, wanted: RunSpec) -> dict[bytes, bytes]:
    """Return the command's environment: what the caller had, what was typed, and where it runs."""
    ours = {
        MARK: run.run_id,
        "RUNLORE_ROOT": run.layout.root,
        "RUNLORE_OUTPUTS": run.path("artifacts"),
    }
    typed = {os.fsencode(name): os.fsencode(value) for name, value in {**wanted.env, **ours}.items()}
    return {**os.environb, **typed}


def _leave_note(run: OwnedRun) -> None:
    """Keep what only a developer can use: a defect of ours must not vanish with its process."""
    import traceback  # noqa: PLC0415 - 5 ms that no healthy keeper spends

    try:
        with open(run.path("keeper.error"), "w", encoding="utf-8") as file:
            traceback.print_exc(file=file)
    except OSError:
        return
