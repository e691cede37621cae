"""Owners that stand still, and clocks that jump: nobody takes such a run over, or calls it lost."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from runlore.journal import events
from runlore.journal.disk import REAL, RealDisk
from runlore.journal.errors import Busy
from runlore.projections.health import Health
from runlore.runtimes import heartbeat, observe
from runlore.runtimes.launch import exec_adopter
from runlore.runtimes.owner_lock import OwnerLock
from runlore.runtimes.registry import Registry
from tests.proof import record
from tests.runtimes.keeping import Keeping, Kept, until

STALE_S: Final = 60.0
PROMISE: Final = "nobody takes the run over or calls it lost, and it ends with its own exit code"


@pytest.fixture
def looks(sized: Callable[[int, int], int]) -> int:
    """How often a paused run is looked at."""
    return sized(300, 20_000)


@pytest.fixture
def freezer(tmp_path: Path) -> Iterator[Path]:
    """A control group whose processes can be frozen; thawed and gone after the test."""
    mounted = tmp_path / "cgroup"
    mounted.mkdir()
    subprocess.run(["mount", "-t", "cgroup2", "none", mounted], check=True)
    group = mounted / f"runlore-{os.getpid()}"
    group.mkdir()
    yield group
    (group / "cgroup.freeze").write_text("0")
    for pid in (group / "cgroup.procs").read_text().split():
        os.kill(int(pid), signal.SIGKILL)
    until(lambda: not (group / "cgroup.procs").read_text())
    group.rmdir()
    subprocess.run(["umount", "--lazy", mounted], check=True)


def waiting(keeping: Keeping, **how: object) -> Kept:
    """A run whose command ends once `finish` lets it."""
    gate = keeping.folder / "gate"
    gate.unlink(missing_ok=True)
    os.mkfifo(gate)
    kept = keeping.submit("sh", "-c", "read line < gate; exit 42", **how)
    kept.started()
    return kept


def finish(keeping: Keeping) -> None:
    """Let the command end."""
    (keeping.folder / "gate").write_text("go on\n")


class Past(RealDisk):
    """A disk whose monotonic clock shows what it showed a while ago."""

    def monotonic(self) -> float:
        """Seconds."""
        return REAL.monotonic() - STALE_S


def seen_while_paused(kept: Kept, looks: int) -> set[Health]:
    """What is seen of a run whose last heartbeat is a minute old, while everybody tries to help."""
    heartbeat.beat_once(Past(), str(kept.path("heartbeat")), 1)
    registry = Registry.open(kept.layout.root)
    exec_adopter(os.fsencode(kept.layout.root), kept.run_id)
    found = {observe.look(kept.layout, kept.run_id).assessment.health for _ in range(looks)}
    assert registry.reconcile([kept.run_id]) == []
    assert registry.get(kept.run_id).wait(timeout=0) is None
    with pytest.raises(Busy):
        OwnerLock.take(REAL, kept.layout, kept.run_id)
    return found


def ended_as_if_nothing_had_been(kept: Kept) -> None:
    """Its first keeper has ended it, and nobody else was its owner."""
    ended = kept.end()
    assert (ended.status, ended.exit_code) == ("failed", 42)
    assert kept.event(events.RunFailed).epoch == 1
    assert "OwnerAdopted" not in kept.tags()


@pytest.mark.timeout(300)
def test_a_keeper_is_stopped(keeping: Keeping, looks: int, sized: Callable[[int, int], int]) -> None:
    """It is shown as stalled, kept for as long as it takes, and sees the end of its command later."""
    kept = waiting(keeping)
    keeper = kept.keeper()
    os.kill(keeper.pid, signal.SIGSTOP)
    until(lambda: Path(f"/proc/{keeper.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T")
    time.sleep(sized(0, int(STALE_S)))  # a real minute at full size; in CI only the heartbeat is as old
    found = seen_while_paused(kept, looks)
    finish(keeping)
    until(lambda: kept.path("exit").read_bytes().strip(b"\0"))
    found |= {observe.look(kept.layout, kept.run_id).assessment.health}
    os.kill(keeper.pid, signal.SIGCONT)

    ended_as_if_nothing_had_been(kept)
    assert found == {"stalled"}
    record("stopped keepers", PROMISE, {"looks": looks + 1, "take-overs": 0, "shown lost": 0})


@pytest.mark.needs("root", "mount")
@pytest.mark.timeout(300)
def test_a_whole_run_is_frozen(keeping: Keeping, freezer: Path, looks: int) -> None:
    """Keeper, wrapper and command in a frozen control group are alive."""
    kept = waiting(keeping)
    handle = kept.event(events.RunStarted).handle
    assert handle.identity is not None
    assert handle.wrapper is not None
    for who in (kept.keeper(), handle.wrapper, handle.identity):
        (freezer / "cgroup.procs").write_text(str(who.pid))
    (freezer / "cgroup.freeze").write_text("1")
    until(lambda: "frozen 1" in (freezer / "cgroup.events").read_text())
    found = seen_while_paused(kept, looks)
    (freezer / "cgroup.freeze").write_text("0")
    finish(keeping)

    ended_as_if_nothing_had_been(kept)
    assert found == {"stalled"}
    record("frozen runs", PROMISE, {"looks": looks, "take-overs": 0, "shown lost": 0})


@pytest.mark.needs("faketime")
@pytest.mark.timeout(300)
@pytest.mark.parametrize("step", ["-1h", "+1h"])
def test_the_clock_of_a_keeper_jumps(
    keeping: Keeping, looks: int, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ages and time limits go by the monotonic clock, so neither it nor who looks at it is misled."""
    shift = keeping.folder / "shift"
    shift.write_text("+0\n")
    (library,) = Path("/usr/lib").glob("*/faketime/libfaketime.so.1")
    with monkeypatch.context() as clock:
        clock.setenv("LD_PRELOAD", str(library))
        clock.setenv("FAKETIME_TIMESTAMP_FILE", str(shift))
        clock.setenv("FAKETIME_NO_CACHE", "1")
        clock.setenv("FAKETIME_DONT_FAKE_MONOTONIC", "1")
        kept = waiting(keeping, timeout_s=1800.0)
    shift.write_text(f"{step}\n")
    found = {observe.look(kept.layout, kept.run_id).assessment.health for _ in range(looks)}
    assert Registry.open(kept.layout.root).reconcile() == []
    finish(keeping)

    ended_as_if_nothing_had_been(kept)
    assert found == {"live"}
    times = [event.at for event in kept.events()]
    assert abs((times[-1] - times[0]).total_seconds()) > STALE_S, "the clock did not jump"
    record(f"clocks that jump by {step}", PROMISE, {"looks": looks, "take-overs": 0, "shown lost": 0})
