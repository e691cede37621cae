"""One run from the spec that came through a pipe to its end.

Nobody reads what a keeper prints, so nothing is printed: before the run exists an error goes back to
the caller, after that it goes on record.
"""

import os
import signal
from collections.abc import Mapping

from msgspec import Struct

from runlore.journal import events
from runlore.journal.disk import REAL
from runlore.journal.errors import RunloreError
from runlore.journal.layout import Layout
from runlore.journal.redactor import STRUCTURAL
from runlore.journal.settings_file import read_settings
from runlore.journal.values import Reason, RunId, Stream
from runlore.runtimes import adopt, boot, detach, messages, prctl, sealed, spawn, wrapper
from runlore.runtimes import spec as specs
from runlore.runtimes.appearance import KEEPER, appear_as
from runlore.runtimes.autoprune import start_if_due
from runlore.runtimes.caller import Caller
from runlore.runtimes.capture import new_memfd, open_captures
from runlore.runtimes.claim import Claimed, claim
from runlore.runtimes.collecting import require_limits
from runlore.runtimes.command import Command
from runlore.runtimes.handover import Standing
from runlore.runtimes.keeper_loop import KeeperLoop
from runlore.runtimes.live_files import BELL, FIFOS, WRAPPER_RECORD
from runlore.runtimes.messages import Accepted, Ended, NotStarted
from runlore.runtimes.owned_run import OwnedRun
from runlore.runtimes.run_secrets import Secrets
from runlore.runtimes.surroundings import environment
from runlore.runtimes.tree import MARK
from runlore.runtimes.wrapper import WrapperLink


class Keeping:
    """One keeper at its work, for one run."""

    def __init__(self, caller: Caller, *, umask: int, stdin_fd: int, wake_fd: int) -> None:
        self._caller, self._umask = caller, umask
        self._stdin_fd, self._wake_fd = stdin_fd, wake_fd
        self._inside = os.environ.get(MARK, "")

    def serve(self, line: bytes) -> None:
        """Make the run and keep it; every outcome reaches the caller or the journal."""
        clean = STRUCTURAL.text
        try:
            spec = specs.decode(line)
            settings = read_settings(spec.root)
            require_limits(settings, spec.root)
            claimed = claim(spec, environment(), settings.redaction)
            clean = claimed.secrets.text
            made = boot.create_run(REAL, claimed.spec, claimed.secrets, settings.limits)
        except Exception as error:  # noqa: BLE001 - the caller is told, and raises it
            self._caller.tell(messages.refusal(error, clean))
            return
        if not isinstance(made, OwnedRun):
            self._caller.tell(Accepted(RunId(made), existing=True))
            return
        appear_as(KEEPER, made.run_id, inside=self._inside)
        self._caller.tell(Accepted(made.run_id, unmasked=claimed.secrets.warned))
        try:
            if claimed.missing:
                self._end_unstarted(made, claimed.missing)
            else:
                self._keep(made, claimed)
        finally:
            made.let_go()

    def _keep(self, run: OwnedRun, claimed: Claimed) -> None:
        """Start the wrapper, before anybody can read that the run is owned: from then on it is kept."""
        link = None
        try:
            streams = Streams.new(run.layout, run.run_id, secrets=sealed.memory(claimed.secrets.packed()))
            run.secrets.redactor.stream(b"", final=False)  # loaded now: see wrapper
            link = self._start_wrapper(run, streams, claimed.environ)
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
            mine = adopt.adopt(_lost(run, streams), why="its keeper died")
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

    def _start_wrapper(
        self, run: OwnedRun, streams: "Streams", environ: Mapping[bytes, bytes]
    ) -> WrapperLink:
        tree_lock_fd = os.open(run.layout.tree_lock(run.run_id), os.O_RDWR | os.O_CLOEXEC)
        run.disk.lock(tree_lock_fd, wait=False)
        work = wrapper.Work(
            disk=run.disk,
            run_id=run.run_id,
            inside=self._inside,
            plan=self._plan(run, environ, tree_lock_fd),
            clean=run.secrets.text,
            identity_path=run.path(WRAPPER_RECORD),
            exit_fd=run.exit_fd,
            held=(
                *streams.fifos.values(),
                *streams.memfds.values(),
                streams.secrets,
                run.slot.fd,
                self._caller.fd,
            ),
            keep_on=lambda link, standing: self._keep_on(run, streams, link, standing),
        )
        prctl.give_back_memory()  # of what was loaded and read: wrapper and keeper share the rest
        link = wrapper.start(work)
        os.close(tree_lock_fd)
        if self._stdin_fd >= 0:
            os.close(self._stdin_fd)
        return link

    def _plan(self, run: OwnedRun, environ: Mapping[bytes, bytes], tree_lock_fd: int) -> spawn.Plan:
        wanted = run.spec
        return spawn.Plan(
            argv=tuple(os.fsencode(word) for word in wanted.argv),
            cwd=os.fsencode(wanted.cwd),
            environ={**environ, **_place(run)},
            umask=self._umask,
            stdin_fd=self._stdin_fd if wanted.stdin and self._stdin_fd >= 0 else 0,
            out=run.path(FIFOS["stdout"]),
            err=run.path(FIFOS["stderr"]),
            tree_lock_fd=tree_lock_fd,
        )

    def _fail(self, run: OwnedRun, error: Exception) -> None:
        """Put on record that the command was never started, and tell the caller."""
        text = str(error) if isinstance(error, RunloreError | OSError) else f"{type(error).__name__}: {error}"
        self._end_unstarted(run, f"the keeper could not start the command: {text}")

    def _end_unstarted(self, run: OwnedRun, why: str) -> None:
        reason = Reason(code="spawn_failed", text=run.secrets.text(why))
        try:
            run.append(events.RunFailed, reason=reason, ended_at=run.disk.now())
        except RunloreError as refused:
            self._caller.tell(NotStarted("journal_io", run.secrets.text(str(refused)), spawn.OUR_FAULT))
            return
        self._caller.tell(NotStarted("spawn_failed", reason.text, spawn.OUR_FAULT))
        self._caller.tell(Ended("failed", reason=reason))


class Streams(Struct, frozen=True):
    """What both keeper and wrapper hold of the command's output: the pipes' ends and the memory between."""

    fifos: dict[Stream, int]
    memfds: dict[Stream, int]
    secrets: int
    """Sealed memory with the secret values; -1 where they went with the keeper that had them."""

    @classmethod
    def new(cls, layout: Layout, run_id: RunId, *, secrets: int = -1) -> "Streams":
        """Return them for a run that begins, or of whose earlier ones nothing is left."""
        fifos: dict[Stream, int] = {}
        for stream, name in FIFOS.items():
            fifos[stream] = os.open(layout.in_run(run_id, name), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        return cls(fifos, {stream: new_memfd(stream) for stream in fifos}, secrets)


def loop_of(run: OwnedRun, command: Command, streams: Streams, *, caller: Caller, wake_fd: int) -> KeeperLoop:
    """Return what keeps the run, after finishing what a killed keeper had begun with its output."""
    redact = None if run.drops_output else run.secrets.redactor.stream
    captures = open_captures(run.transcript, streams.fifos, streams.memfds, redact)
    bell_fd = os.open(run.path(BELL), os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    return KeeperLoop(run, command, captures, caller, bell_fd=bell_fd, wake_fd=wake_fd)


def _lost(run: OwnedRun, streams: Streams) -> adopt.Lost:
    return adopt.Lost(
        disk=run.disk,
        layout=run.layout,
        run_id=run.run_id,
        spec=run.spec,
        exit_fd=run.exit_fd,
        secrets=Secrets.unpacked(sealed.read(streams.secrets)),
        slot=run.slot,
    )


def keep_to_the_end(run: OwnedRun, loop: KeeperLoop, command: Command) -> None:
    """Keep the run until all is on record, then let go of it, and of the wrapper last."""
    try:
        loop.keep()
    except Exception:  # noqa: BLE001 - kept in a note; the run goes on without us
        leave_note(run)
        os._exit(os.EX_SOFTWARE)  # like a kill: the wrapper starts the next keeper
    run.let_go()
    command.done()
    start_if_due(run.disk, run.layout)


def _place(run: OwnedRun) -> dict[bytes, bytes]:
    """Return the variables that tell a command where it runs."""
    ours = {
        MARK: run.run_id,
        "RUNLORE_ROOT": run.layout.root,
        "RUNLORE_OUTPUTS": run.path("artifacts"),
    }
    return {os.fsencode(name): os.fsencode(value) for name, value in ours.items()}


def leave_note(run: OwnedRun) -> None:
    """Keep what only a developer can use: a defect of ours must not vanish with its process."""
    import traceback  # noqa: PLC0415 - 5 ms that no healthy keeper spends

    try:
        with open(run.path("keeper.error"), "w", encoding="utf-8") as file:
            file.write(run.secrets.text(traceback.format_exc()))
    except OSError:
        return
