"""Whatever a command does, its run ends with exactly what happened on record."""

import os
import signal
from pathlib import Path

import pytest

from runlore.journal import events
from runlore.journal.errors import BadInput, Conflict
from tests.runtimes.keeping import Keeping, python, until

COMPLETE = ["RunQueued", "RunBooting", "RunStarted", "RunCollecting"]


def test_a_command_that_succeeds(keeping: Keeping) -> None:
    """Its run has one complete timeline, one final event and a seal."""
    kept = keeping.run("echo", "hello")

    assert kept.tags() == [*COMPLETE, "RunSucceeded", "RunSealed"]
    assert kept.output() == b"hello\n"
    assert kept.event(events.RunSucceeded).exit_code == 0


@pytest.mark.parametrize("code", [1, 2, 125, 126, 127, 128, 137, 255])
def test_a_command_that_fails(keeping: Keeping, code: int) -> None:
    """Its own exit code is on record, whatever shells mean by that number."""
    ended = keeping.run("sh", "-c", f"exit {code}").end()

    assert (ended.status, ended.exit_code, ended.signal) == ("failed", code, None)
    assert ended.reason is not None
    assert ended.reason.code == "exit_nonzero"


@pytest.mark.parametrize(
    "number", [signal.SIGHUP, signal.SIGABRT, signal.SIGKILL, signal.SIGSEGV, signal.SIGPIPE, signal.SIGTERM]
)
def test_a_command_that_a_signal_ends(keeping: Keeping, number: signal.Signals) -> None:
    """The signal is on record and no exit code is invented."""
    kept = keeping.run("sh", "-c", f"kill -{number.value} $$")
    ended, collecting = kept.end(), kept.event(events.RunCollecting)

    assert (ended.status, ended.exit_code, ended.signal) == ("failed", None, number)
    assert (collecting.how, collecting.signal) == ("signalled", number)


def test_what_a_command_used(keeping: Keeping) -> None:
    """Processor time and memory of the command are on record."""
    kept = keeping.run(
        *python("x = bytearray(64 << 20); x[::4096] = b'1' * len(x[::4096]); sum(range(10**6))")
    )
    usage = kept.event(events.RunCollecting).usage

    assert usage is not None
    assert usage.max_rss_bytes >= 64 << 20
    assert usage.cpu_s > 0


BUSY = """
import os, sys, time
ours = os.getpid()
end, start = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.write(start, b"%d" % os.getpid())
        block = bytearray(96 << 20)
        block[::4096] = b"1" * len(block[::4096])
        while time.process_time() < 0.3: pass
    os._exit(0)
os.wait()
orphan = int(os.read(end, 20))
while os.path.exists(f"/proc/{orphan}"): time.sleep(0.01)
"""


def test_what_an_orphan_of_the_command_used(keeping: Keeping) -> None:
    """Who left his parent and his session is of the tree all the same, and his work is counted with it."""
    usage = keeping.run(*python(BUSY)).event(events.RunCollecting).usage

    assert usage is not None
    assert usage.cpu_s >= 0.3
    assert usage.max_rss_bytes >= 96 << 20


def test_the_times_of_a_run_are_the_commands(keeping: Keeping) -> None:
    """`ended_at` is when the command ended, not when somebody wrote it down."""
    kept = keeping.run("true")
    collecting, final = kept.event(events.RunCollecting), kept.event(events.RunSucceeded)

    assert final.ended_at == collecting.exited_at
    assert final.ended_at is not None
    assert kept.event(events.RunQueued).at <= final.ended_at <= final.at


@pytest.mark.parametrize(
    ("argv", "exit_code", "said"),
    [
        (("/nowhere/to/be/found",), 127, "No such file"),
        (("no-such-command-anywhere",), 127, "No such file"),
        (("",), 127, "'': No such file"),
        (("/etc",), 126, "Permission denied"),
        (("./not-executable",), 126, "Permission denied"),
        (("./no-shebang",), 126, "Exec format error"),
        (("./bad-interpreter",), 126, "interpreter does not exist"),
        (("./not-executable/below",), 126, "Not a directory"),
    ],
)
def test_a_command_that_cannot_be_executed(
    keeping: Keeping, argv: tuple[str, ...], exit_code: int, said: str
) -> None:
    """The run is failed with the system's words, and the caller learns the shell's exit code for it."""
    (keeping.folder / "not-executable").write_text("#!/bin/sh\n")
    for name, text in (("no-shebang", "echo no\n"), ("bad-interpreter", "#!/no/such/interpreter\n")):
        (keeping.folder / name).write_text(text)
        (keeping.folder / name).chmod(0o755)
    kept = keeping.run(*argv)
    news, final = kept.not_started(), kept.event(events.RunFailed)

    assert news.exit_code == exit_code
    assert final.reason is not None
    assert (final.reason.code, final.exit_code) == ("spawn_failed", None)
    assert said in final.reason.text
    assert kept.tags() == ["RunQueued", "RunBooting", "RunFailed", "RunSealed"]


def test_a_working_folder_that_does_not_exist(keeping: Keeping) -> None:
    """The run is failed, not the command's fault, and the folder is named."""
    kept = keeping.run("true", cwd="/no/such/folder")

    assert kept.not_started().exit_code == 125
    assert "/no/such/folder: No such file" in kept.not_started().text


def test_arguments_that_the_kernel_does_not_take(keeping: Keeping) -> None:
    """One argument too long is a failed run; its recipe is kept as a blob."""
    kept = keeping.run("echo", "x" * (1 << 18))
    queued = kept.event(events.RunQueued)

    assert kept.not_started().exit_code == 126
    assert "Argument list too long" in kept.not_started().text
    assert queued.recipe_blob is not None
    assert ("x" * (1 << 18)).encode() in Path(keeping.layout.blob(queued.recipe_blob)).read_bytes()


def test_two_megabytes_of_arguments(keeping: Keeping) -> None:
    """They reach the command whole, although they do not fit a line of the journal."""
    words = [f"{place:06}" + "y" * 90_000 for place in range(20)]
    kept = keeping.run(*python("import sys; print(len(sys.argv), sum(map(len, sys.argv[1:])))"), *words)

    assert kept.output() == f"21 {20 * 90_006}\n".encode()


def test_arguments_that_are_not_text(keeping: Keeping) -> None:
    """Any byte the kernel accepts reaches the command, and the recipe can tell which it was."""
    odd = os.fsdecode(b"\xff\xfe\x80 \x1b[31m")
    kept = keeping.run("printf", "%s", odd)
    recipe = kept.event(events.RunQueued).recipe

    assert kept.output() == os.fsencode(odd)
    assert recipe.argv[2] == "\\xff\\xfe\\x80 \x1b[31m"
    assert recipe.argv_bytes[2] == "//6AIBtbMzFt"


@pytest.mark.parametrize(
    "wrong",
    [
        {"argv": ()},
        {"argv": ("a\0b",)},
        {"cwd": "relative"},
        {"timeout_s": 0.0},
        {"timeout_s": float("inf")},
        {"timeout_s": float("nan")},
        {"idle_timeout_s": 0.0},
        {"output_limit": 0},
        {"output_limit": 2**53},
        {"idle_timeout_s": float("nan")},
        {"env": {"A=B": "1"}},
        {"env": {"": "1"}},
        {"metadata": {"x": "y" * 300_000}},
    ],
)
def test_a_submission_that_makes_no_sense(keeping: Keeping, wrong: dict[str, object]) -> None:
    """It is refused as bad input, and leaves no run."""
    fields: dict[str, object] = {"argv": ("true",), **wrong}
    argv = fields.pop("argv")
    assert isinstance(argv, tuple)

    with pytest.raises(BadInput):
        keeping.submit(*argv, **fields)
    assert not os.path.exists(keeping.layout.journals) or not os.listdir(keeping.layout.journals)
    assert not os.path.exists(f"{keeping.layout.root}/runs") or not os.listdir(f"{keeping.layout.root}/runs")


def test_a_key_used_twice(keeping: Keeping) -> None:
    """The same submission gives the first run again; another one under that key is refused."""
    first = keeping.run("echo", "once", key="k")
    again = keeping.submit("echo", "once", key="k")

    assert again.run_id == first.run_id
    until(lambda: again.link.wait_news(1) and again.link.closed)
    with pytest.raises(Conflict):
        keeping.submit("echo", "twice", key="k")
    assert first.output() == b"once\n"


def test_twenty_runs_at_once(keeping: Keeping) -> None:
    """Each ends with its own result and its own output."""
    runs = [keeping.submit("sh", "-c", f"echo run {place}; exit {place}") for place in range(20)]

    assert [kept.end().exit_code for kept in runs] == list(range(20))
    assert [kept.output() for kept in runs] == [f"run {place}\n".encode() for place in range(20)]


def test_what_is_left_of_a_run(keeping: Keeping) -> None:
    """What only a live run needs is gone with it; every file is its owner's alone."""
    kept = keeping.run("true")
    left = {path.name: path.stat().st_mode & 0o7777 for path in kept.path("").iterdir()}

    assert left == {
        "owner.lock": 0o600,
        "tree.lock": 0o600,
        "exit": 0o600,
        "transcript": 0o600,
        "transcript.index": 0o600,
        "artifacts": 0o700,
    }
