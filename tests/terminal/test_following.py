"""A person who follows output and waits: bars that stand still, names in colours, a count of what is left."""

import pytest

from tests.cli.command import Runlore
from tests.terminal.tmux import terminal

pytestmark = pytest.mark.needs("tmux")

BAR = r"""
printf 'start\n'
for n in 1 2 3; do printf '\r%s0%%' "$n"; sleep 0.1; done
while [ ! -e go ]; do sleep 0.02; done
printf '\rall of it\nend\n'
"""


def test_a_progress_bar_stands_still(runlore: Runlore) -> None:
    """Followed on a terminal it is drawn over; its last version stays, and a count of the rest."""
    (runlore.home / "bar.sh").write_text(BAR)
    run_id = runlore.begin("sh", "bar.sh")
    with terminal(runlore) as window:
        window.type(f"runlore logs -f {run_id}")
        screen = window.wait_for("30%")
        assert "10%" not in screen
        (runlore.home / "go").touch()
        screen = window.wait_for("\nend")  # on a line of its own: a run id may have these letters

    assert "start\nall of it [4 earlier versions]\nend" in screen
    assert "0%\n" not in screen
    assert runlore.ok("logs", run_id).lines == [
        "start",
        r"\r10%\r20%\r30%\rall of it",
        "end",
    ]


def test_a_bar_that_is_over_says_what_it_does_not_show(runlore: Runlore) -> None:
    """And where all of it is to be seen; a narrow terminal changes nothing."""
    runlore.ok("run", "-q", "--name", "bar", "sh", "-c", r"printf 'evil things were done\rall is well\n'")
    with terminal(runlore, columns=16) as window:
        window.type("runlore logs bar")
        screen = window.wait_for("cat` shows it all")

    assert "all is well [1 earlier version]" in screen


def test_several_runs_have_a_name_and_a_colour_each(runlore: Runlore) -> None:
    """On a terminal; NO_COLOR is obeyed."""
    for name in ("api", "worker"):
        runlore.ok("run", "-q", "--name", name, "echo", "hello")
    with terminal(runlore) as window:
        window.type("runlore logs api worker; echo 'end'-of-it")
        window.wait_for("end-of-it")
        coloured = window.coloured()
        window.clear()
        window.type("export NO_COLOR=1; clear")
        window.type("runlore logs api worker; echo 'end'-of-it")
        window.wait_for("end-of-it")
        plain = window.coloured()

    assert "\x1b[36mapi     |" in coloured
    assert "\x1b[33mworker  |" in coloured
    assert "\x1b[3" not in plain


def test_a_question_of_one_of_several_runs_is_seen(runlore: Runlore) -> None:
    """Before anybody has answered it."""
    runlore.begin("--name", "ask", "sh", "-c", "printf 'sure? '; sleep 60")
    runlore.begin("--name", "other", "sh", "-c", "echo hello; sleep 60")
    with terminal(runlore) as window:
        window.type("runlore logs -f ask other")
        window.wait_for("ask    | sure? ")
        window.press("C-c")
        window.wait_for("2 runs go on; `runlore logs -f ")


def test_what_is_waited_for_is_counted(runlore: Runlore) -> None:
    """While several are; nothing of the count stays."""
    runlore.begin("--name", "one", "sleep", "60")
    runlore.begin("--name", "two", "sh", "-c", "while [ ! -e go ]; do sleep 0.02; done")
    with terminal(runlore) as window:
        window.type("runlore wait one two")
        window.wait_for("waiting for 2 of 2 runs to end")
        (runlore.home / "go").touch()
        assert "waiting for 2" not in window.wait_for("waiting for 1 of 2 runs to end")
        window.press("C-c")
        screen = window.wait_for("nothing was stopped")

    assert "1 run not waited for any longer; nothing was stopped" in screen
