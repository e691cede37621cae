"""Folders, damage and deaths that a person may meet, as the command line tells of them."""

import os
import signal

import pytest

from tests.cli.command import Runlore
from tests.runtimes.test_exit_status import TELLS_EVERYBODY


def test_folders_whose_names_are_no_text(runlore: Runlore) -> None:
    """A current folder and a root in another encoding: kept, shown as escapes, found again."""
    odd = os.fsdecode(os.fsencode(runlore.home) + b"/\xff\xfe")
    os.mkdir(odd)
    root = f"{odd}/root"

    def there(*words: str) -> str:
        return runlore.ok(*words, env={"RUNLORE_ROOT": root}).stdout

    line = f'cd {odd}; "$RUNLORE" run -q pwd'
    assert runlore.shell(line, env={"RUNLORE_ROOT": root}).stdout == f"{odd}\n"
    for words in (["ps"], ["show"], ["info"], ["history"], ["show", "--json"], ["info", "--json"]):
        assert there(*words).isascii()
    again = there("show", "--fields", "rerun").strip()
    assert "xff" in again


def test_history_and_show_tell_what_stands_before_the_damage(runlore: Runlore) -> None:
    """And end with 65, because something was left out."""
    run_id = runlore.ok("run", "-q", "-d", "--name", "n", "true").stdout.strip()
    runlore.ok("wait", run_id)
    path = runlore.journal(run_id)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:3], b"junk\n", *lines[4:]]))

    told, shown = runlore("history", "n", code=65), runlore("show", "n", code=65)
    assert len(told.lines) == 3
    assert "status       running" in shown.stdout
    assert f"runlore verify {run_id}" in told.stderr
    assert f"runlore verify {run_id}" in shown.stderr
    assert runlore("show", "n", "--json", code=65).json["problem"]["kind"] == "damaged"


def test_a_foreground_run_outlives_its_keeper(runlore: Runlore) -> None:
    """SIGKILL of the keeper: the command's own exit code is still ours."""
    with runlore.started(
        "run", "sh", "-c", "echo ready; while [ ! -e go ]; do sleep 0.02; done; exit 4"
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        os.kill(int(runlore.ok("show", "--fields", "owner.pid").stdout), signal.SIGKILL)
        (runlore.home / "go").touch()
        process.communicate()

    assert process.returncode == 4


def test_a_foreground_run_outlives_its_keeper_and_its_wrapper(runlore: Runlore) -> None:
    """It is given another keeper by whoever shows it, and what it prints is shown to the end."""
    script = "echo ready; while [ ! -e go ]; do sleep 0.02; done; echo done; exit 4"
    with runlore.started("run", "sh", "-c", script) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        pids = runlore.ok("show", "--fields", "handle.wrapper_pid,owner.pid").stdout.split()
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for pid in pids:
                os.kill(int(pid), number)
        runlore.until(lambda: "took over" in runlore.ok("history").stdout)
        (runlore.home / "go").touch()
        output, _ = process.communicate()

    assert output == b"done\n"
    assert process.returncode == (4 if TELLS_EVERYBODY else 125)


def test_a_foreground_run_whose_tree_is_killed_ends(runlore: Runlore) -> None:
    """Nobody saw how it ended: 125, and why."""
    with runlore.started("run", "sh", "-c", "echo ready; sleep 60") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        runlore.kill_all_but(process.pid)
        _, talk = process.communicate()

    assert process.returncode == 125
    assert b"failed (lost)" in talk


@pytest.mark.needs("root", "unshare")
def test_a_read_only_registry_can_be_looked_at(runlore: Runlore) -> None:
    """Looking needs no permission to write."""
    runlore.ok("run", "-q", "echo", "x")
    looks = 'ps show logs history "events latest" verify heads info'
    line = (
        'mount --bind "$RUNLORE_ROOT" "$RUNLORE_ROOT" && mount -o remount,ro,bind "$RUNLORE_ROOT" && '
        f'for c in {looks}; do "$RUNLORE" $c >/dev/null || echo "$c"; done; '
        '"$RUNLORE" tag latest x; echo "tag $?"; "$RUNLORE" run -d true; echo "run $?"'
    )
    done = runlore.shell(f"unshare -m bash -c '{line}'")

    assert done.stdout == "tag 74\nrun 4\n"
    assert done.stderr.count("Read-only file system") == 2
