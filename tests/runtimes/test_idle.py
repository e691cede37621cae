"""A limit of silence ends a run that prints nothing, and only for silence in which it could have printed."""

import os
import signal
import subprocess

from hypothesis import given
from hypothesis import strategies as st

from runlore.journal import events
from runlore.journal.disk import REAL
from runlore.journal.values import RunId
from runlore.runtimes import heartbeat
from runlore.runtimes.idle import LOOK_EVERY_S, NEVER, IdleClock
from tests.runtimes.keeping import DEADLINE_S, Keeping, until
from tests.runtimes.test_keeper_care import PATCHED

LOOKS = st.lists(st.tuples(st.floats(0, LOOK_EVERY_S), st.booleans()), max_size=30)


@given(st.floats(0.1, 100), LOOKS)
def test_only_silence_that_was_watched_counts(limit_s: float, looks: list[tuple[float, bool]]) -> None:
    """However pauses and looks fall, what is counted is the time in which the command could have printed."""
    clock, now, awake = IdleClock(limit_s), 1000.0, 0.0
    clock.heard(now)
    for passed, paused in looks:
        now += passed
        awake += 0.0 if paused else passed
        clock.look(now, paused=paused)

    assert abs((clock.due - now) - (limit_s - awake)) < 1e-6


def test_a_keeper_that_stood_still() -> None:
    """The hour for which it was stopped, or its machine frozen, is not the command's silence."""
    clock = IdleClock(10.0)
    clock.heard(1000.0)
    clock.look(4600.0, paused=False)

    assert clock.due > 4600.0


def test_without_a_limit() -> None:
    """It never runs out, whatever happens."""
    clock = IdleClock(None)
    clock.heard(1.0)
    clock.look(1e9, paused=False)

    assert clock.due == NEVER


def test_a_command_that_says_nothing(keeping: Keeping) -> None:
    """It is ended like a stop would, and on record as timed out, with the limit that it broke."""
    kept = keeping.run("sleep", "600", idle_timeout_s=0.05)
    final = kept.event(events.RunTimedOut)

    assert final.reason is not None
    assert (final.reason.code, final.signal) == ("idle_timeout", signal.SIGTERM)
    assert "0.05 s" in final.reason.text
    assert kept.event(events.RunQueued).recipe.idle_timeout_s == 0.05


def test_what_the_other_stream_says_counts_too(keeping: Keeping) -> None:
    """Output is output: a line on standard error begins the limit anew, as one on standard output does."""
    patch = (
        "from runlore.runtimes import idle\n"
        "def heard(self, now):\n"
        "    self.times = getattr(self, 'times', 0) + 1\n"
        "    self.due = now if self.times > 2 else float('inf')\n"
        "idle.IdleClock.heard = heard"
    )
    argv = "'sh', '-c', 'echo one; echo two >&2; sleep 600', idle_timeout_s=600.0"
    told = keeping.as_caller(PATCHED.format(patch=patch, argv=argv)).split()
    kept = keeping.watch(RunId(told[0].decode()))

    assert told[1:] == [b"timed_out"]
    assert kept.output() == b"one\ntwo\n"


def test_output_that_came_while_nobody_looked(keeping: Keeping) -> None:
    """A keeper that was stopped when its command printed hears that first, whatever time it is."""
    said = str(keeping.folder / "said")
    patch = (
        "import os, time\n"
        "judge = keeper_loop.KeeperLoop._judge_silence\n"
        "def late(self, now):\n"
        f"    while not os.path.exists({said!r}): time.sleep(0.001)\n"
        "    self._idle.limit_s, self._idle.due = 600.0, float('-inf')\n"
        "    judge(self, now)\n"
        "keeper_loop.KeeperLoop._judge_silence = late"
    )
    line = "sleep 0.2; echo said; touch said"
    argv = f"'sh', '-c', '{line}', idle_timeout_s=0.05"
    told = keeping.as_caller(PATCHED.format(patch=patch, argv=argv), cwd=keeping.folder).split()

    assert told[1:] == [b"succeeded"]


def test_a_command_that_is_paused(keeping: Keeping) -> None:
    """However long it is paused, it is not silent: it goes on where it was, and ends by itself."""
    patch = "keeper_loop.EVERY_S = keeper_loop._TICK_S = 0.1"
    argv = "'sh', '-c', 'kill -STOP $$; echo awake', idle_timeout_s=1.0"
    script = PATCHED.format(patch=patch, argv=argv)
    with subprocess.Popen(keeping.caller_argv(script), stdout=subprocess.PIPE) as caller:
        assert caller.stdout is not None
        kept = keeping.watch(RunId(caller.stdout.readline().decode().strip()))
        path = str(kept.path("heartbeat"))
        until(lambda: (beat := heartbeat.read(REAL, path)) and beat.counter > 20)
        os.kill(until(lambda: _command(kept.events())), signal.SIGCONT)
        told = caller.communicate(timeout=DEADLINE_S)[0]

    assert told.split() == [b"succeeded"]
    assert kept.output() == b"awake\n"


def _command(history: list[events.AnyEvent]) -> int | None:
    return next((event.handle.pid for event in history if isinstance(event, events.RunStarted)), None)
