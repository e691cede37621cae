"""A run outlives its keepers: the next one goes on where the last one died, and nobody types anything."""

import os
import signal
import subprocess
from collections.abc import Callable

import pytest

from runlore.journal import events
from runlore.journal.disk import REAL
from runlore.journal.values import Identity, RunId
from runlore.journal.verify import verify
from runlore.runtimes import exit_file
from runlore.runtimes.identity import look
from runlore.runtimes.registry import Registry
from tests.runtimes.keeping import DEADLINE_S, Keeping, Kept, python, until
from tests.runtimes.test_exit_status import TELLS_EVERYBODY
from tests.runtimes.test_keeper_care import DIES_AT_THE_START, PATCHED

COUNTS = """
import os, sys, time
number, left = 0, 200
while left:
    os.write(1, b'%d\\n' % number)
    number += 1
    left -= os.path.exists(sys.argv[1])
    time.sleep(0.0005)
open(sys.argv[2], 'w').write(str(number))
os._exit(42)
"""
"""Counts until there is a file, and then two hundred further."""


@pytest.fixture
def waiting(keeping: Keeping) -> Kept:
    """A run whose command says something, and more once somebody writes to `fifo`."""
    os.mkfifo(keeping.folder / "fifo")
    kept = keeping.submit("sh", "-c", "echo begun; read line < fifo; echo done; exit 42")
    kept.started()
    until(kept.output)
    return kept


def go_on(keeping: Keeping) -> None:
    """Let the waiting command end."""
    (keeping.folder / "fifo").write_text("go on\n")


def sealed(kept: Kept) -> Kept:
    """The run, once its journal is sealed; nothing acts on it here."""
    until(lambda: "RunSealed" in kept.tags(), "the seal")
    assert not verify(REAL, kept.layout, kept.run_id).findings
    assert sum(issubclass(type(event), events.Ended) for event in kept.events()) == 1
    return kept


def adopted(kept: Kept, times: int = 1) -> list[events.OwnerAdopted]:
    """The adoptions on record, once there are so many."""

    def found() -> list[events.OwnerAdopted]:
        return [event for event in kept.events() if isinstance(event, events.OwnerAdopted)]

    until(lambda: len(found()) >= times, f"{times} adoptions")
    return found()


def test_the_keeper_is_killed_while_the_command_runs(keeping: Keeping, waiting: Kept) -> None:
    """The next one takes over at once, on record, and the run ends as if nothing had been."""
    first = waiting.keeper()
    waiting.kill(first)
    (adoption,) = adopted(waiting)
    go_on(keeping)
    ended = waiting.end()

    assert (ended.status, ended.exit_code) == ("failed", 42)
    assert sealed(waiting).output() == b"begun\ndone\n"
    assert (adoption.previous, adoption.epoch) == (first, 2)
    until(lambda: look(adoption.owner.identity) == "gone")
    assert waiting.event(events.RunFailed).epoch == 2
    assert waiting.event(events.RunCollecting).usage is not None


def test_keeper_after_keeper_is_killed(keeping: Keeping, waiting: Kept) -> None:
    """Each has a higher epoch, and the last one ends the run."""
    waiting.kill(waiting.keeper())
    for times in (1, 2):
        waiting.kill(adopted(waiting, times)[-1].owner.identity)
    epochs = [adoption.epoch for adoption in adopted(waiting, 3)]
    go_on(keeping)

    assert waiting.end().exit_code == 42
    assert epochs == [2, 3, 4]
    assert sealed(waiting).output() == b"begun\ndone\n"


def test_the_keeper_is_killed_while_the_command_prints(keeping: Keeping) -> None:
    """No line is lost, none comes twice, and no command of ours is run meanwhile."""
    killed, count = keeping.folder / "killed", keeping.folder / "count"
    kept = keeping.submit(*python(COUNTS, str(killed), str(count)))
    until(lambda: len(kept.output()) > 100)
    kept.kill(kept.keeper())
    killed.touch()

    assert kept.end().exit_code == 42
    assert sealed(kept).output() == b"".join(b"%d\n" % number for number in range(int(count.read_text())))


def test_the_keeper_is_killed_when_the_command_has_ended(keeping: Keeping) -> None:
    """A stopped keeper cannot see the end; the next one finds the exit record and the output."""
    os.mkfifo(keeping.folder / "fifo")
    kept = keeping.submit("sh", "-c", "read line < fifo; echo unseen; exit 42")
    kept.started()
    os.kill(kept.keeper().pid, signal.SIGSTOP)
    go_on(keeping)
    until(lambda: kept.path("exit").read_bytes().strip(b"\0"))
    kept.kill(kept.keeper())

    assert kept.end().exit_code == 42
    assert sealed(kept).output() == b"unseen\n"


DYING = """
import os, signal
from runlore.runtimes import boot, finish, keeping as keepings, launch, owned_run

def die(): os.kill(os.getpid(), signal.SIGKILL)
{patch}
link = launch.fork_keeper()
print(link.submit(keeping.spec("sh", "-c", "echo once >> ran; echo out; exit 42")).run_id, flush=True)
while not link.closed:
    link.wait_news(9)
print(link.ended.status, link.ended.exit_code)
"""
BEFORE_THE_START = """
original = boot.take_over
def dying(run):
    original(run)
    if run.epoch == 1: die()
boot.take_over = dying
"""
BEFORE_IT_IS_OWNED = """
original = boot.take_over
def dying(run):
    if os.getpid() == first[0]: die()
    original(run)
boot.take_over = dying
first = []
begin = keepings.Keeping._start_wrapper
keepings.Keeping._start_wrapper = lambda self, *args: first.append(os.getpid()) or begin(self, *args)
"""
BEFORE_THE_FINAL_EVENT = """
original = finish._append_final
def dying(run, *rest):
    if run.epoch == 1: die()
    original(run, *rest)
finish._append_final = dying
"""
BEFORE_LETTING_GO = """
original = owned_run.OwnedRun.let_go
def dying(run):
    if run.epoch == 1: die()
    original(run)
owned_run.OwnedRun.let_go = dying
"""


@pytest.mark.parametrize(
    ("patch", "adoptions"),
    [(BEFORE_THE_START, 1), (BEFORE_IT_IS_OWNED, 0), (BEFORE_THE_FINAL_EVENT, 1), (BEFORE_LETTING_GO, 0)],
    ids=["before the start", "before it is owned", "before the final event", "before letting go"],
)
def test_the_keeper_dies_at_a_turning_point(keeping: Keeping, patch: str, adoptions: int) -> None:
    """The command runs once, its end is told once, and the run's folder holds nothing of a live run."""
    told = keeping.as_caller(DYING.format(patch=patch)).decode().split("\n")
    kept = sealed(keeping.watch(RunId(told[0])))

    assert told[1] in {"failed 42", ""} or patch is BEFORE_LETTING_GO
    assert (keeping.folder / "ran").read_text() == "once\n"
    assert kept.output() == b"out\n"
    assert kept.event(events.RunFailed).exit_code == 42
    assert kept.tags().count("RunCollecting") == kept.tags().count("RunStarted") == 1
    assert kept.tags().count("OwnerAdopted") == adoptions
    until(lambda: not kept.path("out").exists() and not kept.path("heartbeat").exists())


def test_the_time_limit_is_kept(keeping: Keeping) -> None:
    """It counts from the command's start, not from the adoption."""
    script = PATCHED.format(patch=DIES_AT_THE_START, argv="'sleep', '600', timeout_s=0.2")
    told = keeping.as_caller(script).split()
    kept = keeping.watch(RunId(told[0].decode()))
    reason = kept.event(events.RunTimedOut).reason

    assert told[1:] == [b"timed_out"]
    assert len(adopted(kept)) == 1
    assert reason is not None
    assert reason.code == "timeout"


DIES_AFTER_ITS_TERM = """
import os, signal
from runlore.runtimes import signals
send = signals.send
def dying(target, number):
    answer = send(target, number)
    if number == signal.SIGTERM and not os.path.exists({mark!r}):
        open({mark!r}, 'w').close()
        os.kill(os.getpid(), signal.SIGKILL)
    return answer
signals.send = dying
"""


def test_a_stop_that_was_under_way_goes_on(keeping: Keeping) -> None:
    """A command that ignores TERM is killed after its grace, by the keeper there is then."""
    code = (
        "import signal, time; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"
    )
    patch = DIES_AFTER_ITS_TERM.format(mark=str(keeping.folder / "died"))
    script = PATCHED.format(patch=patch, argv=f"*python({code!r})")
    with subprocess.Popen(keeping.caller_argv(script), stdout=subprocess.PIPE) as caller:
        assert caller.stdout is not None
        kept = keeping.watch(RunId(caller.stdout.readline().decode().strip()))
        until(kept.output)
        kept.stop(reason="enough", grace_s=0.5)
        told = caller.communicate(timeout=DEADLINE_S)[0]
    final = kept.event(events.RunCancelled)

    assert told == b"cancelled\n"
    assert len(adopted(kept)) == 1
    assert final.signal == signal.SIGKILL
    assert final.reason is not None
    assert final.reason.text == "enough"


def test_a_stop_after_the_adoption(waiting: Kept) -> None:
    """The new keeper hears the same bell."""
    waiting.kill(waiting.keeper())
    adopted(waiting)
    waiting.stop(reason="enough")

    assert waiting.end().status == "cancelled"


def test_the_wrapper_is_killed_after_its_keeper(keeping: Keeping, waiting: Kept) -> None:
    """The exit code is kept where the kernel tells it to others than the parent, and never invented."""
    waiting.kill(waiting.keeper())
    adopted(waiting)
    waiting.kill(waiting.wrapper())
    go_on(keeping)
    ended = waiting.end()

    assert sealed(waiting).output() == b"begun\ndone\n"
    assert ended.exit_code == (42 if TELLS_EVERYBODY else None)
    assert ended.reason is not None
    assert ended.reason.code == ("exit_nonzero" if TELLS_EVERYBODY else "owner_lost")


def kill_both(kept: Kept) -> None:
    """Kill keeper and wrapper so that neither can do anything about the other."""
    wrapper, keeper = kept.wrapper(), kept.keeper()
    os.kill(wrapper.pid, signal.SIGSTOP)
    kept.kill(keeper)
    kept.kill(wrapper)


@pytest.mark.parametrize(
    "act",
    [
        lambda registry, run_id: registry.reconcile([run_id]),
        lambda registry, _: registry.reconcile_in_passing(),
        lambda registry, run_id: registry.get(run_id).wait(timeout=0),
    ],
    ids=["reconcile", "another command that acts", "wait"],
)
def test_keeper_and_wrapper_are_killed(
    keeping: Keeping, waiting: Kept, act: Callable[[Registry, RunId], object]
) -> None:
    """The command goes on; whoever acts next gives it a keeper, and its output is taken in again."""
    kill_both(waiting)
    registry = Registry.open(keeping.layout.root)
    health = registry.view(waiting.run_id).health
    act(registry, waiting.run_id)
    (adoption,) = adopted(waiting)
    go_on(keeping)
    view = registry.get(waiting.run_id).wait(timeout=30)

    assert health == "unsupervised"
    assert "up to" in adoption.why
    assert view is not None
    assert view.exit_code == (42 if TELLS_EVERYBODY else None)
    assert sealed(waiting).output() == b"begun\ndone\n"


def test_a_run_without_keeper_and_wrapper_is_stopped(keeping: Keeping, waiting: Kept) -> None:
    """The request waits for the keeper that is started for it."""
    kill_both(waiting)
    registry = Registry.open(keeping.layout.root)
    registry.get(waiting.run_id).stop("enough")
    view = registry.get(waiting.run_id).wait(timeout=30)

    assert view is not None
    assert (view.status, view.reason.text if view.reason else "") == ("cancelled", "enough")
    assert waiting.tree() == []


def test_readers_adopt_nothing(keeping: Keeping, waiting: Kept) -> None:
    """Looking at a run that lost both leaves it as it is."""
    kill_both(waiting)
    registry = Registry.open(keeping.layout.root)
    before = waiting.tags()
    for _ in range(3):
        registry.view(waiting.run_id)
        registry.runs()
        registry.reconcile([waiting.run_id], dry_run=True)

    assert waiting.tags() == before
    assert registry.view(waiting.run_id).health == "unsupervised"


def test_the_callers_news_go_on(keeping: Keeping, waiting: Kept) -> None:
    """Whoever follows in the foreground is told of the end by whichever keeper there is."""
    waiting.kill(waiting.keeper())
    adopted(waiting)
    go_on(keeping)

    assert waiting.end().exit_code == 42
    assert waiting.link.closed


def test_nothing_is_left_when_the_registry_is_removed(keeping: Keeping) -> None:
    """Keeper and wrapper of a run whose journal is gone end with the command, and start no others."""
    kept = keeping.submit("sh", "-c", "read line < fifo")
    os.mkfifo(keeping.folder / "fifo")
    kept.started()
    ours: list[Identity] = [kept.keeper(), kept.wrapper()]
    os.unlink(kept.layout.journal(kept.run_id))
    os.unlink(kept.layout.owner_lock(kept.run_id))
    os.kill(ours[0].pid, signal.SIGKILL)

    until(lambda: all(look(each) == "gone" for each in ours))


def test_the_lock_file_is_removed_and_the_keeper_killed(keeping: Keeping, waiting: Kept) -> None:
    """Nobody may own the run then; the wrapper stays with the command, and records how it ended."""
    wrapper = waiting.wrapper()
    os.unlink(waiting.layout.owner_lock(waiting.run_id))
    waiting.kill(waiting.keeper())
    go_on(keeping)
    record = until(lambda: exit_file.read(REAL, str(waiting.path("exit"))), "the exit record")

    assert record.exit_code == 42
    until(lambda: look(wrapper) == "gone", "the wrapper's end")
    assert "OwnerAdopted" not in waiting.tags()
    assert not waiting.path("keeper.error").exists()
