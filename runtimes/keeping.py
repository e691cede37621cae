"""One run from the spec that came through a pipe to its end.

Nobody reads what a keeper prints, so nothing is printed: before the run exists an error goes back to
the caller, after that it goes on record.
"""

import os
import signal

from msgspec import Struct

from runlore.journal import events
from runlore.journal.disk import REAL
from runlore.journal.errors import RunloreError
from runlore.journal.layout import Layout
from runlore.journal.values import Reason, RunId, Stream
from runlore.runtimes import adopt, boot, detach, messages, spawn, wrapper
from runlore.runtimes import spec as specs
from runlore.runtimes.caller import Caller
from runlore.runtimes.capture import new_memfd, open_captures
from runlore.runtimes.command import Command
from runlore.runtimes.handover import Standing
from runlore.runtimes.keeper_loop import KeeperLoop
from runlore.runtimes.live_files import BELL, FIFOS, WRAPPER_RECORD
from runlore.runtimes.messages import Accepted, Ended, NotStarted
from runlore.runtimes.owned_run import OwnedRun
from runlore.runtimes.spec import RunSpec
from runlore.runtimes.surroundings import environment
from runlore.runtimes.tree import MARK
from runlore.runtimes.wrapper import WrapperLink


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
        """Start the wrapper, before anybody can read that the run is owned: from then on it is kept."""
        link = None
        try:
            streams = Streams.new(run.layout, run.run_id)
            link = self._start_wrapper(run, streams)
            boot.take_over(run)
            command = Command(run, link)
            loop = self._loop(run, command, streams)
        except Exception as error:  # noqa: BLE001 - it goes on record
            self._fail(run, error)
            if link is not None:
                Command(run, link).done()
            return
        keep_to_the_end(run, loop, command)

    def _loop(self, run: OwnedRun, command: Command, streams: "Streams") -> KeeperLoop:
        return loop_of(run, command, streams, caller=self._caller, wake_fd=self._wake_fd)

    def _keep_on(self, run: OwnedRun, streams: "Streams", link: WrapperLink, standing: Standing) -> None:
        """Be the next keeper, forked from the wrapper after the last one died."""
        self._wake_fd = detach.wake_on(signal.SIGTERM, signal.SIGCHLD)
        try:
            mine = adopt.adopt(_lost(run), why="its keeper died")
            if mine is None:
                Command(run, link).done()
                return
            command = Command(mine, link, standing)
            loop = self._loop(mine, command, streams)
        except RunloreError:
            return  # nobody can own it now; the wrapper stays, and tries again
        except Exception:  # noqa: BLE001 - see keep_to_the_end
            leave_note(run)
            return
        keep_to_the_end(mine, loop, command)

    def _start_wrapper(self, run: OwnedRun, streams: "Streams") -> WrapperLink:
        tree_lock_fd = os.open(run.layout.tree_lock(run.run_id), os.O_RDWR | os.O_CLOEXEC)
        run.disk.lock(tree_lock_fd, wait=False)
        work = wrapper.Work(
            disk=run.disk,
            plan=self._plan(run, tree_lock_fd),
            identity_path=run.path(WRAPPER_RECORD),
            exit_fd=run.exit_fd,
            held=(*streams.fifos.values(), *streams.memfds.values(), self._caller.fd),
            keep_on=lambda link, standing: self._keep_on(run, streams, link, standing),
        )
        link = wrapper.start(work)
        os.close(tree_lock_fd)
        if self._stdin_fd >= 0:
            os.close(self._stdin_fd)
        return link

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


class Streams(Struct, frozen=True):
    """What both keeper and wrapper hold of the command's output: the pipes' ends and the memory between."""

    fifos: dict[Stream, int]
    memfds: dict[Stream, int]

    @classmethod
    def new(cls, layout: Layout, run_id: RunId) -> "Streams":
        """Return them for a run that begins, or of whose earlier ones nothing is left."""
        fifos: dict[Stream, int] = {}
        for stream, name in FIFOS.items():
            fifos[stream] = os.open(layout.in_run(run_id, name), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        return cls(fifos, {stream: new_memfd(stream) for stream in fifos})


def loop_of(run: OwnedRun, command: Command, streams: Streams, *, caller: Caller, wake_fd: int) -> KeeperLoop:
    """Return what keeps the run, after finishing what a killed keeper had begun with its output."""
    captures = open_captures(run.transcript, streams.fifos, streams.memfds)
    bell_fd = os.open(run.path(BELL), os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    return KeeperLoop(run, command, captures, caller, bell_fd=bell_fd, wake_fd=wake_fd)


def _lost(run: OwnedRun) -> adopt.Lost:
    return adopt.Lost(disk=run.disk, layout=run.layout, run_id=run.run_id, spec=run.spec, exit_fd=run.exit_fd)


def keep_to_the_end(run: OwnedRun, loop: KeeperLoop, command: Command) -> None:
    """Keep the run until all is on record, then let go of it, and of the wrapper last."""
    try:
        loop.keep()
    except Exception:  # noqa: BLE001 - kept in a note; the run goes on without us
        leave_note(run)
        os._exit(os.EX_SOFTWARE)  # like a kill: the wrapper starts the next keeper
    run.let_go()
    command.done()


def _environ(run: OwnedRun, wanted: RunSpec) -> dict[bytes, bytes]:
    """Return the command's environment: what the caller had, what was typed, and where it runs."""
    ours = {
        MARK: run.run_id,
        "RUNLORE_ROOT": run.layout.root,
        "RUNLORE_OUTPUTS": run.path("artifacts"),
    }
    typed = {os.fsencode(name): os.fsencode(value) for name, value in {**wanted.env, **ours}.items()}
    return {**environment(), **typed}


def leave_note(run: OwnedRun) -> None:
    """Keep what only a developer can use: a defect of ours must not vanish with its process."""
    import traceback  # noqa: PLC0415 - 5 ms that no healthy keeper spends

    try:
        with open(run.path("keeper.error"), "w", encoding="utf-8") as file:
            traceback.print_exc(file=file)
    except OSError:
        return
