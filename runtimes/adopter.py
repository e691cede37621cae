"""The last resort: a keeper for a run whose keeper and wrapper are both gone, while its command lives.

`python -I -m runlore.runtimes.adopter ROOT RUN_ID`, started by a command that acts on runs. What stood
in the dead pair's memory is lost, at most a chunk of output of each stream; the pipes' own content is
not. The command is somebody else's child by now, so its exit code is known only where the kernel tells.
"""

import os
import signal
import sys
import time
from functools import partial
from typing import Final

from runlore.journal import machine
from runlore.journal.disk import REAL
from runlore.journal.errors import BadSettings, RunloreError
from runlore.journal.layout import Layout
from runlore.journal.redactor import Policy
from runlore.journal.settings_file import read_settings
from runlore.journal.values import Identity, RunId
from runlore.projections.globs import as_recorded
from runlore.projections.run_state import RunState
from runlore.runtimes import detach, keeping, prctl, tree
from runlore.runtimes.adopt import Lost, adopt
from runlore.runtimes.appearance import KEEPER, appear_as
from runlore.runtimes.boot import PROGRAM
from runlore.runtimes.caller import Caller
from runlore.runtimes.capture import CHUNK
from runlore.runtimes.command import Command
from runlore.runtimes.folding import RunFold
from runlore.runtimes.handover import Running, Standing
from runlore.runtimes.identity import Gone, Opened, look, open_same, read_stat
from runlore.runtimes.keeping import Streams
from runlore.runtimes.live_files import SLOTS, WRAPPER_RECORD
from runlore.runtimes.owned_run import OwnedRun
from runlore.runtimes.room import take_anyhow
from runlore.runtimes.run_secrets import in_environment
from runlore.runtimes.spec import RunSpec
from runlore.runtimes.surroundings import environment
from runlore.runtimes.wrapper import recorded_identity

_PRIVATE: Final = 0o077
_WHY: Final = f"its keeper and its wrapper died; up to {CHUNK:,} bytes of each stream may be missing here"


def main() -> None:
    """Adopt one run, if it still needs it, and keep it to its end."""
    root, run_id = sys.argv[1:3]
    if os.fork():  # whoever started us must not have the keeper for a child
        os._exit(0)
    try:
        os.setsid()
        detach.silence()
        detach.close_all_but(())
        os.umask(_PRIVATE)
        os.chdir("/")
        prctl.become_subreaper()
        appear_as(KEEPER, RunId(run_id))
        _keep(Layout(root), RunId(run_id))
    finally:
        os._exit(0)


def _keep(layout: Layout, run_id: RunId) -> None:
    wake_fd = detach.wake_on(signal.SIGTERM, signal.SIGCHLD)
    folded = RunFold(REAL, layout, run_id)
    folded.advance()
    command = _command(run_id, folded.state)
    found = open_same(command) if command is not None else Gone()
    if command is None or not isinstance(found, Opened):
        _collect(layout, run_id)  # what is left to do once it has ended, for nobody else is there
        return
    streams = Streams.new(layout, run_id)  # at once: what stands in a pipe is gone when its last user ends
    policy = _policy(layout)
    lost = Lost(
        disk=REAL,
        layout=layout,
        run_id=run_id,
        spec=_spec(layout, folded.state),
        exit_fd=os.open(layout.in_run(run_id, "exit"), os.O_RDWR | os.O_CLOEXEC),
        secrets=in_environment(environment(), policy or Policy()),
        slot=take_anyhow(layout),
        knows="nothing" if policy is None else "settings",
    )
    try:
        run = adopt(lost, why=_WHY, is_to_be_kept=lambda state: _has_no_wrapper(lost, state))
    except RunloreError:
        return  # somebody else was faster, or nobody can own it
    if run is not None:
        run.slot.name_again(run.path(SLOTS), partial(take_anyhow, layout))
        standing = Standing(begun=True, running=Running(command, _since_s(command)))
        _keep_owned(run, Command(run, None, standing, pidfd=found.fd), streams, wake_fd)


def _collect(layout: Layout, run_id: RunId) -> None:
    """Collect the outputs of a run that ended without its keeper, and conclude it.

    Its start need not be on record: a keeper may have died before that. Whoever lives keeps it from this.
    """
    from runlore.runtimes.observe import Observer  # noqa: PLC0415 - only here
    from runlore.runtimes.reconcile import Reconciler  # noqa: PLC0415 - only here

    by = machine.actor(PROGRAM)
    Reconciler(REAL, layout, Observer(REAL, layout), by=by).collect(run_id)


def _keep_owned(run: OwnedRun, command: Command, streams: Streams, wake_fd: int) -> None:
    try:
        caller = Caller(os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC))
        loop = keeping.loop_of(run, command, streams, caller=caller, wake_fd=wake_fd)
    except Exception:  # noqa: BLE001 - kept in a note; the next command that acts tries again
        keeping.leave_note(run)
        return
    keeping.keep_to_the_end(run, loop, command)


def _has_no_wrapper(lost: Lost, state: RunState) -> bool:
    """Say whether no wrapper lives that would start a keeper of its own."""
    recorded = recorded_identity(lost.layout.in_run(lost.run_id, WRAPPER_RECORD))
    known = (recorded, state.handle.wrapper if state.handle else None)
    return all(each is None or look(each) == "gone" for each in known)


def _command(run_id: RunId, state: RunState) -> Identity | None:
    """Return the command that is on record, or else the oldest process that has the run's mark."""
    if state.handle is not None:
        return state.handle.identity
    marked = [each.identity for each in tree.members(run_id, {os.getpid()})]
    return min(marked, key=lambda each: (each.start_ticks, each.pid), default=None)


def _policy(layout: Layout) -> Policy | None:
    """Return what the settings say; None if they cannot be obeyed, which costs the output, not the run."""
    try:
        return read_settings(layout.root).redaction
    except BadSettings:
        return None


def _since_s(process: Identity) -> float:
    """Return when the process began, on the monotonic clock.

    The kernel counts the time that the machine was suspended as well, all of which is taken off: rather
    too late an end than one too early.
    """
    stat = read_stat(process.pid)
    now = time.monotonic()
    if stat is None:
        return now
    boot = time.clock_gettime(time.CLOCK_BOOTTIME)
    age = boot - stat.start_ticks / os.sysconf("SC_CLK_TCK") - (boot - now)
    return now - max(0.0, age)


def _spec(layout: Layout, state: RunState) -> RunSpec:
    """Return what of the submission still matters once the command runs."""
    recipe, queued = state.recipe, state.queued
    assert recipe is not None and queued is not None  # noqa: S101, PT018 - a run that was begun
    return RunSpec(
        root=layout.root,
        argv=recipe.argv,
        cwd=recipe.cwd,
        by=machine.actor(PROGRAM),
        timeout_s=recipe.timeout_s,
        await_ready_s=recipe.await_ready_s,
        idle_timeout_s=recipe.idle_timeout_s,
        output_limit=recipe.output_limit,
        artifacts=tuple(map(as_recorded, recipe.artifacts)),
        reports=tuple(map(as_recorded, recipe.reports)),
        required=tuple(map(as_recorded, recipe.required)),
        durability=queued.durability,
    )


if __name__ == "__main__":
    main()
