"""What goes wrong is one line, an exit code, and no traceback; and what goes wrong with ourselves."""

import errno
import os
import signal
import sys

import click
import pytest

from runlore.cli import errors, main, standard
from runlore.journal import errors as journal
from tests.cli.command import Runlore


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (journal.BadInput("not that"), 2, "not that"),
        (journal.NotFound("nowhere"), 3, "nowhere"),
        (journal.NotPermitted("not yours"), 4, "not yours"),
        (journal.Conflict("too late"), 5, "too late"),
        (journal.NewerFormat("too new"), 65, "too new"),
        (journal.JournalIO("disk"), 74, "disk"),
        (journal.RunloreError("other"), 1, "other"),
        (click.UsageError("Wrong use."), 2, "wrong use"),
        (click.BadParameter("Two\nlines"), 2, "invalid value: Two lines"),
        (OSError(errno.EMFILE, "Too many open files", "/x"), 74, "/x: Too many open files"),
        (MemoryError(), 1, "out of memory"),
        (errors.Failed(9), 9, None),
        (click.exceptions.Exit(7), 7, None),
    ],
    ids=repr,
)
def test_every_error_has_its_line_and_its_code(
    error: Exception, code: int, told: str | None, capfd: pytest.CaptureFixture[str]
) -> None:
    """125 in the foreground of `run`, unless everything was said already."""
    assert errors.end(error) == code
    said = capfd.readouterr().err
    assert said == (f"error: {told}\n" if told else "")
    if told:
        assert errors.end(error, foreground=True) == 125


def test_a_defect_of_ours_is_one_line_that_says_where(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The traceback is for whoever sets RUNLORE_DEBUG."""
    with pytest.raises(KeyError) as defect:
        raise KeyError("x\x1b[2J")
    code = errors.end(defect.value)
    (line,) = capfd.readouterr().err.splitlines()
    monkeypatch.setenv("RUNLORE_DEBUG", "1")
    errors.end(defect.value)

    assert code == 1
    assert line.startswith("error: internal: KeyError: ")
    assert "test_failures.py:" in line
    assert "RUNLORE_DEBUG=1" in line
    assert line.isprintable()
    assert "Traceback (most recent call last)" in capfd.readouterr().err


@pytest.mark.parametrize(("words", "code"), [(["run", "true"], 125), (["run", "-d", "true"], 74)], ids=str)
def test_a_keeper_that_cannot_be_started_is_told(
    words: list[str], code: int, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Too many processes: nothing was run, and one line says so."""

    def no_fork() -> int:
        raise OSError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(os, "fork", no_fork)
    monkeypatch.setattr(sys, "argv", ["runlore", *words])

    assert main.main() == code
    assert capfd.readouterr().err == (
        "error: no keeper could be started: Resource temporarily unavailable; nothing was run\n"
    )


def test_few_open_files_are_told_about(runlore: Runlore) -> None:
    """Whatever the limit, the answer is one line or the right one; never a traceback."""
    runlore.ok("run", "-q", "true")
    for limit in range(6, 14):
        done = runlore.shell(f'ulimit -n {limit}; "$RUNLORE" run -q echo hi')
        assert (done.code, done.stdout) == (0, "hi\n") or done.code in {1, 125}, done
        if done.code == 125:
            assert done.stderr.startswith("error: ")


def test_ctrl_c_ends_an_ordinary_command_at_once_and_quietly(runlore: Runlore) -> None:
    """130 as a shell sees it; no traceback, no message, nothing half done."""
    run_id = runlore.ok("run", "-q", "-d", "true").stdout.strip()
    runlore.ok("wait", run_id)
    before = runlore.journal(run_id).read_bytes()
    read_end, write_end = os.pipe()
    with runlore.started("note", run_id, "-", stdin=read_end) as process:
        runlore.until(lambda: _reads(process.pid))
        process.send_signal(signal.SIGINT)
        output, talk = process.communicate()
    os.close(read_end)
    os.close(write_end)

    assert (process.returncode, output, talk) == (-signal.SIGINT, b"", b"")
    assert runlore.journal(run_id).read_bytes() == before


def _reads(pid: int) -> bool:
    """Say whether the process waits for its standard input."""
    with open(f"/proc/{pid}/wchan", encoding="ascii") as file:
        return "pipe" in file.read()


def test_standard_descriptors_are_put_in_place_when_they_are_missing() -> None:
    """Descriptors 0, 1 and 2 fail as closed ones do, and nobody else's file can become one of them."""
    child = os.fork()
    if child == 0:
        try:
            os.closerange(0, 3)
            standard.keep_open()
            read = os.read(0, 1) == b""
            opened = os.open(os.devnull, os.O_RDONLY) > 2
            try:
                standard.write(b"x")
            except standard.OutputFailed as failure:
                os._exit(0 if read and opened and "Bad file descriptor" in str(failure) else 1)
        finally:
            os._exit(2)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
