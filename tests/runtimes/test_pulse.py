"""The one thread behind all tracked runs of a process."""

import gc
import threading
import time

import pytest

from runlore.runtimes.pulse import Pulse
from tests.runtimes.keeping import until
from tests.runtimes.kept_runs import said_by


class Noting:
    """A run that notes when it was called."""

    def __init__(self) -> None:
        self.beats: list[float] = []
        self.flushes: list[float] = []
        self.threads: set[int] = set()

    def beat(self) -> None:
        """Note it."""
        self.threads.add(threading.get_ident())
        self.beats.append(time.monotonic())

    def flush(self) -> None:
        """Note it."""
        self.threads.add(threading.get_ident())
        self.flushes.append(time.monotonic())


def test_many_runs_share_one_thread() -> None:
    """A thousand runs beat in one thread, and each of them does."""
    heart, runs = Pulse(every_s=0.001), [Noting() for _ in range(1000)]
    before = set(threading.enumerate())
    for run in runs:
        heart.join(run)
    assert set(threading.enumerate()) - before == {heart.thread}

    until(lambda: all(len(run.beats) > 1 for run in runs), "beats of all runs")
    assert len(set().union(*(run.threads for run in runs))) == 1
    for run in runs:
        heart.leave(run)
    until(lambda: heart.thread is None, "the thread's end")


def test_the_thread_ends_with_the_last_run_and_begins_again() -> None:
    """Without runs there is no thread; the next run gets one."""
    heart, run = Pulse(), Noting()
    for _ in range(3):
        heart.join(run)
        assert heart.thread is not None
        assert heart.thread.daemon
        heart.leave(run)
        until(lambda: heart.thread is None, "the thread's end")


def test_progress_that_is_due() -> None:
    """A flush comes when it is due and not before; the earliest of several counts."""
    heart, run = Pulse(), Noting()
    heart.join(run)
    due = time.monotonic() + 0.05
    heart.flush_at(run, due + 60)
    heart.flush_at(run, due)
    heart.flush_at(run, due + 60)

    until(lambda: bool(run.flushes), "the flush")
    assert run.flushes[0] >= due
    assert not run.beats
    heart.leave(run)


def beaten_and_flushed(heart: Pulse) -> None:
    """Let a run have a life, and forget it."""
    run = Noting()
    heart.join(run)
    until(lambda: len(run.beats) > 2, "beats")
    heart.flush_at(run, 0.0)
    until(lambda: bool(run.flushes), "a flush")


def test_a_run_that_everybody_forgot() -> None:
    """The pulse keeps no run alive, not even the one it called last."""
    heart = Pulse(every_s=0.001)
    beaten_and_flushed(heart)

    gc.collect()
    until(lambda: heart.size == 0 and heart.thread is None, "the end of the forgotten run")


def test_a_run_that_left() -> None:
    """Whoever left is not flushed any more, however due."""
    heart, run, other = Pulse(), Noting(), Noting()
    heart.join(run)
    heart.join(other)
    heart.leave(run)
    heart.flush_at(run, 0.0)
    heart.flush_at(other, 0.0)

    until(lambda: bool(other.flushes), "the other's flush")
    assert not run.flushes
    heart.leave(other)


def test_a_process_that_gets_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run without a heartbeat is better than no run; the next one tries again."""
    heart, run, other = Pulse(every_s=0.001), Noting(), Noting()
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", _refuse)
        heart.join(run)
    assert heart.thread is None

    heart.join(other)
    until(lambda: bool(run.beats and other.beats), "beats of both")
    heart.leave(run)
    heart.leave(other)


def _refuse(_thread: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


FORKING = """
import os
from runlore.runtimes.pulse import pulse
from tests.runtimes.test_pulse import Noting
run = Noting()
pulse().join(run)
child = os.fork()
if child == 0:
    os._exit(0 if pulse().size == 0 and pulse().thread is None else 1)
print(os.waitpid(child, 0)[1], pulse().size)
"""


def test_a_forked_child() -> None:
    """A child has a pulse of its own, without runs and without a thread."""
    assert said_by(FORKING) == "0 1"
