"""A person who watches a list: it stands still, fits, and leaves the terminal as it was."""

import os
import signal

import pytest

from tests.cli.command import Runlore
from tests.terminal.tmux import terminal

pytestmark = pytest.mark.needs("tmux")


def test_the_list_stands_still(runlore: Runlore) -> None:
    """It is drawn over in place; what was on the screen before stays, and so does the last list."""
    runlore.ok("run", "-q", "--name", "first", "true")
    with terminal(runlore) as window:
        window.type("echo before")
        window.wait_for("before", 2)
        window.type("runlore ps --watch")
        window.wait_for("first")
        runlore("run", "-q", "--name", "second", "false")
        screen = window.wait_for("second")
        assert screen.count("first") == screen.count("STATUS") == 1
        assert "\x1b[31mfailed (1)" in window.coloured()
        window.press("C-c")
        window.wait_for("nothing was stopped")
        window.type("echo code=$?")
        screen = window.wait_for("code=0")

    assert screen.count("STATUS") == screen.count("second") == 1
    assert screen.index("before") < screen.index("STATUS") < screen.index("nothing was stopped")


def test_a_small_terminal_shows_what_fits(runlore: Runlore) -> None:
    """The rest is counted; a terminal that was made wider and higher shows it all."""
    for number in range(6):
        runlore.ok("run", "-q", "--name", f"a-rather-long-name-{number}", "true")
    with terminal(runlore, columns=40, rows=5) as window:
        window.type("clear; runlore ps --watch --all")
        window.wait_for("and 4 more lines")
        assert all(len(line) <= 40 for line in window.shown())
        window.resize(100, 20)
        screen = window.wait_for("a-rather-long-name-0")

    assert screen.count("STATUS") == 1
    assert "more lines" not in screen


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_whatever_ends_it_leaves_the_terminal_as_it_was(runlore: Runlore, number: signal.Signals) -> None:
    """There is nothing to restore: no other screen, no hidden cursor, no changed echo."""
    runlore.ok("run", "-q", "--name", "job", "true")
    with terminal(runlore) as window:
        window.type("runlore ps --watch; echo code=$?")
        window.wait_for("job")
        watching = [pid for pid in runlore.processes() if b"--watch" in _words(pid)]
        os.kill(watching[-1], number)
        window.wait_for(f"code={128 + number}")
        window.type("echo still here")
        screen = window.wait_for("still here", 2)

    assert "succeeded" in screen


def _words(pid: int) -> list[bytes]:
    """Return the command line of a process; nothing if it has ended meanwhile."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read().split(b"\0")
    except OSError:
        return []
