"""A person at a terminal: runs in the foreground, Ctrl-C, following, closing the window."""

import pytest

from tests.cli.command import Runlore
from tests.terminal.tmux import terminal

pytestmark = pytest.mark.needs("tmux")

STUBBORN = "trap 'echo asked' TERM; echo ready; while :; do sleep 0.05; done"


def test_a_foreground_run_and_ctrl_c(runlore: Runlore) -> None:
    """The output is there as it comes; Ctrl-C stops the run, says so, and the prompt is back with 130."""
    with terminal(runlore) as window:
        window.type('runlore run sh -c "echo ready; sleep 60"')
        window.wait_for("ready", 2)
        window.press("C-c")
        window.wait_for("cancelled; see `runlore show ")
        window.type("echo code=$?")
        screen = window.wait_for("code=130")

    assert "Ctrl-C again kills it" in screen
    assert "Traceback" not in screen
    assert runlore.ok("show", "--fields", "status,stop.reason").stdout == "cancelled\tCtrl-C\n"


def test_ctrl_c_twice_kills(runlore: Runlore) -> None:
    """A command that will not listen is killed by the second one."""
    (runlore.home / "stubborn.sh").write_text(STUBBORN)
    with terminal(runlore) as window:
        window.type("runlore run sh stubborn.sh")
        window.wait_for("ready")
        window.press("C-c")
        window.wait_for("asked")
        window.press("C-c")
        window.wait_for("killing run ")
        window.type("echo code=$?")
        window.wait_for("code=130")

    assert runlore.ok("show", "--fields", "signal,stop.force").stdout.split()[0] == "9"


def test_ctrl_c_ends_a_loop_of_the_shell(runlore: Runlore) -> None:
    """We end by the signal itself, so `while runlore run …` does not go on for ever."""
    with terminal(runlore, shell="bash --norc -i") as window:
        window.type("while :; do runlore run sleep 60; done")
        window.wait_for("run 2")
        window.press("C-c")
        window.wait_for("cancelled; see")
        window.type("echo after")
        window.wait_for("\nafter")

    assert runlore.ok("ps", "--json").json["counts"] == {"cancelled": 1}


def test_following_is_left_with_ctrl_c_and_the_run_goes_on(runlore: Runlore) -> None:
    """`logs -f` of a live run."""
    run_id = runlore.begin("sh", "-c", "echo first; sleep 60")
    with terminal(runlore) as window:
        window.type("runlore logs -f")
        window.wait_for("first")
        window.press("C-c")
        screen = window.wait_for("goes on; `runlore logs -f ")
        window.type("echo code=$?")
        window.wait_for("code=130")

    assert f"run {run_id}: the only live run" in screen
    assert runlore.ok("show", run_id, "--fields", "status,health").stdout == "running\tlive\n"


def test_closing_the_window_leaves_the_run_alive(runlore: Runlore) -> None:
    """A closed terminal ends only the following: the reason to use this instead of a bare shell."""
    with terminal(runlore) as window:
        window.type('runlore run sh -c "echo ready; sleep 60"')
        window.wait_for("ready", 2)
        window.close_window()

    runlore.until_shown("status,health,stop.reason", "running\tlive\t\n")


def test_a_run_in_the_background_of_the_shell(runlore: Runlore) -> None:
    """`runlore run … &` survives its shell, too; suspending stops only what one looks at."""
    with terminal(runlore) as window:
        window.type('runlore run sh -c "echo ready; sleep 60; echo late" &')
        window.wait_for("ready", 2)
        window.type("exit")

    runlore.until_shown("status,health", "running\tlive\n")


def test_typed_input_reaches_the_command(runlore: Runlore) -> None:
    """With -i the terminal is the command's input."""
    with terminal(runlore) as window:
        window.type("runlore run -i sh -c 'read name; echo hello $name'")
        window.wait_for("run 2")
        window.type("world")
        window.wait_for("hello world")


def test_forty_columns_are_readable(runlore: Runlore) -> None:
    """ps, history and help: no line wraps, ids and statuses are whole; wide characters stay aligned."""
    runlore("run", "-q", "--name", "日本語の名前です", "--tag", "env=prod", "sh", "-c", "exit 3")
    runlore("run", "-q", "--name", "nightly-build", "python3", "-c", "print('a rather long command line')")
    with terminal(runlore, columns=40) as window:
        for line in ("runlore ps", "runlore history latest", "runlore stop --help"):
            window.clear()
            window.type(f"{line}; echo end-of-it")
            window.wait_for("end-of-it", 2)
            shown = window.shown()
            joined = window.screen().split("\n")
            assert [row for row in joined if len(row) > 40 and "runlore" not in row] == [], shown
            if line == "runlore ps":
                rows = [
                    row for row in shown if row[:2].isalnum() and "  " in row and not row.startswith("ID")
                ]
                assert len(rows) == 2
                assert "failed (3)" in "".join(rows)
                assert "succeeded" in "".join(rows)


def test_columns_of_wide_characters_line_up_on_a_real_screen(runlore: Runlore) -> None:
    """What the terminal makes of the row is what we counted: the status begins in one cell for all."""
    for name in ("日本語", "e\u0301tude", "plain", "한국어"):
        runlore.ok("run", "-q", "--name", name, "true")
    with terminal(runlore) as window:
        window.type("runlore ps")
        window.wait_for("COMMAND")
        window.type("echo end-of-it")
        window.wait_for("end-of-it", 2)
        places = window.columns_of("succeeded")

    assert len(places) == 4
    assert len(set(places)) == 1


def test_statuses_are_coloured_on_a_terminal(runlore: Runlore) -> None:
    """Red for what failed, green for what succeeded."""
    runlore("run", "-q", "false")
    runlore("run", "-q", "true")
    with terminal(runlore) as window:
        window.type("runlore ps")
        window.wait_for("succeeded")
        window.type("echo end-of-it")
        window.wait_for("end-of-it", 2)
        shown = window.coloured()

    assert "\x1b[31mfailed (1)" in shown
    assert "\x1b[32msucceeded" in shown


def test_progress_stands_below_the_output(runlore: Runlore) -> None:
    """While a run is followed a bar shows how far it is; nothing of it is left behind."""
    loop = "echo first; runlore emit progress 2/5 loading; sleep 60"
    with terminal(runlore) as window:
        window.type(f'runlore run -d sh -c "{loop}"; runlore logs -f')
        screen = window.wait_for("40% loading")
        assert screen.index("first") < screen.index("40% loading")
        window.press("C-c")
        assert "40% loading" not in window.wait_for("goes on; `runlore logs -f ").replace(loop, "")
        window.clear()
        window.type(f'runlore run sh -c "{loop}"')
        window.wait_for("40% loading")
        window.press("C-c")
        assert "40% loading" not in window.wait_for("cancelled; see").replace(loop, "")
