"""What is seen of a run's owner and command, and what is made of it."""

import gc
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from runlore.journal import machine
from runlore.journal.disk import REAL, RealDisk
from runlore.journal.errors import NotFound
from runlore.journal.events import RunNoted
from runlore.journal.layout import Layout
from runlore.journal.values import Identity, RunId
from runlore.journal.writer import Writer
from runlore.projections.health import Assessment, Seen
from runlore.projections.run_state import OWN_PROCESS
from runlore.projections.status import RunState
from runlore.runtimes import heartbeat
from runlore.runtimes.folding import RunFold
from runlore.runtimes.identity import identify
from runlore.runtimes.observe import Observer, look
from runlore.runtimes.owner_lock import OwnerLock
from tests.runtimes.kept_runs import NOBODY, Owned, myself, registry_at

ELSEWHERE = "00000000-0000-4000-8000-000000000000"
"""A boot that is not this one."""


@pytest.fixture
def layout(registry_root: Path) -> Layout:
    """A registry without runs."""
    return registry_at(registry_root)


@pytest.fixture
def sleeper() -> Iterator[Identity]:
    """A process that lives as long as the test."""
    process = subprocess.Popen(["sleep", "600"])
    found = identify(process.pid)
    assert found is not None
    yield found
    process.kill()
    process.wait()


def seen(layout: Layout, run_id: RunId) -> Assessment:
    """What a look says about a run."""
    return look(layout, run_id).assessment


def test_a_run_whose_owner_holds_the_lock(layout: Layout) -> None:
    """A held owner lock is life, whatever else is missing."""
    owned = Owned(layout).boot().start()

    assert seen(layout, owned.run_id).health == "live"
    assert not seen(layout, owned.run_id).provisional


def test_a_run_whose_owner_and_command_are_gone(layout: Layout) -> None:
    """Nobody left and no exit record: failed, owner_lost, and no exit code is made up."""
    run_id = Owned(layout).boot().start().die()

    found = seen(layout, run_id)
    assert (found.health, found.provisional) == ("lost", True)
    assert (found.state.status, found.state.exit_code) == ("failed", None)
    assert found.state.reason is not None
    assert found.state.reason.code == "owner_lost"
    assert found.state.ended_at == found.state.started_at


def test_a_run_whose_owner_died_after_its_command_succeeded(layout: Layout) -> None:
    """Success is not lost with its messenger: the exit record tells how it ended, and when."""
    run_id = Owned(layout).boot().start().leave_exit(0).die()

    found = seen(layout, run_id)
    assert (found.state.status, found.state.exit_code, found.provisional) == ("succeeded", 0, True)


def test_a_run_whose_command_outlived_its_owner(layout: Layout, sleeper: Identity) -> None:
    """A live command without an owner is unsupervised, and nothing is concluded about it."""
    run_id = Owned(layout).boot().start(command=sleeper).die()

    found = seen(layout, run_id)
    assert (found.health, found.state.status, found.provisional) == ("unsupervised", "running", False)


def test_a_run_of_which_only_the_wrapper_lives(layout: Layout, sleeper: Identity) -> None:
    """A live wrapper is about to say how the command ended; until then the run is not lost."""
    run_id = Owned(layout).boot().start(command=NOBODY, wrapper=sleeper).die()

    assert seen(layout, run_id).health == "unsupervised"


def test_a_run_whose_wrapper_recorded_itself_before_the_start(layout: Layout, sleeper: Identity) -> None:
    """Between `run.booting` and `run.started` the wrapper's own record names the process to look for."""
    owned = Owned(layout).boot()
    Path(layout.in_run(owned.run_id, "wrapper")).write_bytes(msgspec.json.encode(sleeper))

    assert seen(layout, owned.die()).health == "unsupervised"


def test_a_pid_that_was_given_to_somebody_else(layout: Layout, sleeper: Identity) -> None:
    """A stranger with the command's old pid is not the command."""
    was = msgspec.structs.replace(sleeper, pidfd_inode=sleeper.pidfd_inode + 1 if sleeper.pidfd_inode else 0)
    stranger = msgspec.structs.replace(was, start_ticks=was.start_ticks + 1)
    run_id = Owned(layout).boot().start(command=stranger).die()

    assert seen(layout, run_id).health == "lost"


def test_a_command_that_ended_and_was_not_reaped(layout: Layout) -> None:
    """A zombie is dead."""
    process = subprocess.Popen(["true"])
    zombie = identify(process.pid)
    assert zombie is not None
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    run_id = Owned(layout).boot().start(command=zombie).die()

    assert seen(layout, run_id).health == "lost"
    process.wait()


def test_a_run_that_is_its_own_owner_and_forgot_to_end(layout: Layout) -> None:
    """A process that is the run and let go of it has no command left, though the process lives on."""
    run_id = Owned(layout).boot(runtime=OWN_PROCESS, by=myself()).start(command=myself(), wrapper=None).die()

    assert seen(layout, run_id).health == "lost"


def test_a_queued_run_without_queue_and_owner(layout: Layout) -> None:
    """Its submitter died before it had an owner, so nobody will ever start it."""
    run_id = Owned(layout).die()

    assert seen(layout, run_id).state.status == "failed"


def test_a_run_that_waits_in_a_queue(layout: Layout) -> None:
    """A queue entry needs no owner; it stays queued."""
    run_id = Owned(layout, queue="nightly").die()

    found = seen(layout, run_id)
    assert (found.health, found.state.status, found.provisional) == ("queued", "queued", False)


def test_an_exit_record_with_outputs_still_to_be_collected(layout: Layout) -> None:
    """Success waits for what was declared: the run is shown as collecting, not as succeeded."""
    run_id = Owned(layout, artifacts=("out/**",)).boot().start().leave_exit(0).die()

    found = seen(layout, run_id)
    assert (found.health, found.state.status) == ("unsupervised", "collecting_artifacts")


def test_a_run_of_an_earlier_boot(layout: Layout) -> None:
    """Nothing of a run survives a reboot but its files."""
    run_id = Owned(layout, boot_id=ELSEWHERE).boot().start(command=myself()).die()

    found = look(layout, run_id)
    assert found.assessment.health == "lost"
    assert found.seen is not None
    assert found.seen.boot_changed


@pytest.mark.parametrize("kind", ["nfs4", "fuse.sshfs", "virtiofs", ""])
def test_a_free_lock_on_a_file_system_of_many_machines(
    layout: Layout, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where another machine's lock may be invisible, its owner is unknown, which counts as alive."""
    monkeypatch.setattr(machine, "file_system", lambda _path: kind)
    theirs = Owned(layout, boot_id=ELSEWHERE).boot().start().die()
    ours = Owned(layout).boot().start().die()

    assert seen(layout, theirs).health == "unknown"
    assert seen(layout, ours).health == "lost"


def test_a_lock_file_that_somebody_removed(layout: Layout) -> None:
    """Without the lock file a live owner is still not declared dead; without an owner the run is lost."""
    for owner, health in ((myself(), "unknown"), (NOBODY, "lost")):
        orphan = Owned(layout).boot(by=owner).start()
        os.unlink(layout.owner_lock(orphan.run_id))

        assert seen(layout, orphan.run_id).health == health


def test_a_command_in_another_pid_namespace(layout: Layout) -> None:
    """Pids of a foreign namespace mean nothing here; only a held tree lock proves life."""
    foreign = msgspec.structs.replace(myself(), pid_ns=1)
    run_id = Owned(layout).boot().start(command=foreign, wrapper=foreign).die()
    assert seen(layout, run_id).health == "unknown"

    fd = REAL.open(layout.tree_lock(run_id), os.O_RDWR | os.O_CREAT)
    REAL.lock(fd)
    assert seen(layout, run_id).health == "unsupervised"
    os.close(fd)


def test_an_exit_record_that_cannot_be_read(layout: Layout) -> None:
    """Whether the command ended is then not known, so nothing is concluded."""
    run_id = Owned(layout).boot().start().die()
    os.mkdir(layout.in_run(run_id, "exit"))

    assert seen(layout, run_id).health == "unknown"


@pytest.mark.parametrize(
    ("age_s", "health"), [(1.0, "live"), (14.0, "live"), (16.0, "stalled"), (-3600.0, "live")]
)
def test_the_age_of_a_live_owners_heartbeat(layout: Layout, age_s: float, health: str) -> None:
    """A late heartbeat makes a live run stalled, never dead; one from the future tells nothing."""
    owned, now = Owned(layout).boot().start(), Stopped(REAL.monotonic())
    heartbeat.beat_once(Stopped(now.monotonic() - age_s), layout.in_run(owned.run_id, "heartbeat"), 1)
    folded = RunFold(REAL, layout, owned.run_id)

    assert Observer(now, layout).look(folded).assessment.health == health


@pytest.mark.parametrize("content", [b"", b"\0" * 96, b"1 2", b"\xff" * 5000])
def test_a_heartbeat_that_is_damaged(layout: Layout, content: bytes) -> None:
    """A half-written or damaged heartbeat is no heartbeat; the lock decides."""
    owned = Owned(layout).boot().start()
    Path(layout.in_run(owned.run_id, "heartbeat")).write_bytes(content)

    assert seen(layout, owned.run_id).health == "live"


def test_an_ended_run(layout: Layout) -> None:
    """What has ended is ended: nobody looks for its old owner any more."""
    run_id = Owned(layout).boot().start().succeed().die()
    os.unlink(layout.owner_lock(run_id))

    found = look(layout, run_id)
    assert found.assessment.health == "ended"
    assert found.seen is None


def test_a_run_that_does_not_exist(layout: Layout) -> None:
    """A look at nothing says so."""
    with pytest.raises(NotFound):
        look(layout, RunId("20261120-201400-k3f9x2ab"))


def test_looking_leaves_no_trace(layout: Layout, registry_root: Path) -> None:
    """A look changes no file, takes no lock, and holds nothing open."""
    run_id = Owned(layout).boot().start().die()
    gc.collect()
    before, open_before = _every_file(registry_root), os.listdir("/proc/self/fd")

    seen(layout, run_id)

    assert _every_file(registry_root) == before
    assert os.listdir("/proc/self/fd") == open_before
    OwnerLock.take(REAL, layout, run_id).release()


def test_notes_that_keep_coming_while_somebody_looks(layout: Layout) -> None:
    """If the journal changes between two looks, look again; if it never rests, conclude nothing."""
    run_id = Owned(layout).boot().start().die()
    folded = RunFold(REAL, layout, run_id)

    assert Noting(layout, notes=1000).look(folded).assessment.health == "unknown"
    assert Noting(layout, notes=3).look(folded).assessment.health == "lost"


class Stopped(RealDisk):
    """A disk whose monotonic clock stands still."""

    def __init__(self, at_s: float) -> None:
        self._at_s = at_s

    def monotonic(self) -> float:
        """Seconds, always the same."""
        return self._at_s


class Noting(Observer):
    """Somebody leaves a note before each of the first looks."""

    def __init__(self, layout: Layout, notes: int) -> None:
        super().__init__(REAL, layout)
        self._noted_in, self._left = layout, notes

    def observe(self, run_id: RunId, state: RunState, *, holding: bool = False) -> Seen:
        """See what is there, and a note more."""
        if self._left:
            self._left -= 1
            writer = Writer(REAL, self._noted_in, run_id)
            writer.append(lambda seq, at: RunNoted(seq=seq, at=at, text="hello"))
            writer.close()
        return super().observe(run_id, state, holding=holding)


def _every_file(root: Path) -> dict[str, tuple[int, int]]:
    return {str(path): (path.lstat().st_mtime_ns, path.lstat().st_size) for path in sorted(root.rglob("*"))}
