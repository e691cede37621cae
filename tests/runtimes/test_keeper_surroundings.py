"""What a command finds around it: environment, descriptors, signals, umask, streams; and nothing of ours."""

import gc
import json
import os
import signal
from pathlib import Path

import pytest

from runlore.journal import events
from runlore.runtimes.identity import look
from tests.runtimes.keeping import Keeping, children, python, until

NOT_OURS = sum(1 << (number - 1) for number in (signal.SIGPIPE, signal.SIGXFSZ, 32, 33))
"""What a Python program ignores by itself once it runs, and the two that posix_spawn(3) of glibc does."""
REPORT = """
import json, os, signal, sys
number = lambda line: int(line.split()[1], 16)
status = open("/proc/self/status").read().splitlines()
masks = {line.split(":")[0]: number(line) for line in status if line.startswith(("SigBlk", "SigIgn"))}
fds = {}
for fd in os.listdir("/proc/self/fd"):
    try:
        fds[int(fd)] = os.readlink(f"/proc/self/fd/{fd}")
    except OSError:
        pass
umask = os.umask(0)
print(json.dumps({"masks": masks, "fds": fds, "umask": umask, "sid": os.getsid(0), "pid": os.getpid(),
                  "cwd": os.getcwd(), "env": dict(os.environ), "stdin": sys.stdin.read()}))
"""


def test_the_environment_of_a_command(keeping: Keeping, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has what the caller had, what was typed, and where it runs; typed values win."""
    monkeypatch.setenv("INHERITED", "from the caller")
    monkeypatch.setenv("BOTH", "from the caller")
    kept = keeping.run(*python(REPORT), env={"TYPED": "yes", "BOTH": "typed"})
    env = json.loads(kept.output())["env"]

    assert (env["INHERITED"], env["TYPED"], env["BOTH"]) == ("from the caller", "yes", "typed")
    assert env["RUNLORE_RUN_ID"] == kept.run_id
    assert env["RUNLORE_ROOT"] == keeping.layout.root
    assert env["RUNLORE_OUTPUTS"] == str(kept.path("artifacts"))
    assert kept.event(events.RunQueued).recipe.env == {"TYPED": "yes", "BOTH": "typed"}


def test_an_inherited_value_is_nowhere_on_disk(keeping: Keeping, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what was typed is recorded: no file below the root holds anything the caller merely had."""
    monkeypatch.setenv("SOME_PASSWORD", "hunter2-in-the-environment")
    kept = keeping.submit("sleep", "60")
    kept.started()
    while_running = _bytes_below(keeping.layout.root)
    kept.stop(force=True)
    kept.end()

    assert b"hunter2" not in while_running
    assert b"hunter2" not in _bytes_below(keeping.layout.root)


def test_a_typed_secret_is_not_recorded(keeping: Keeping) -> None:
    """A variable or option that announces a secret keeps its name and loses its value on record."""
    kept = keeping.run(
        "echo",
        "--token",
        "hunter2-typed",
        env={"API_TOKEN": "hunter2-typed"},
        metadata={"password": "hunter2-typed"},
    )

    assert b"hunter2-typed" not in Path(keeping.layout.journal(kept.run_id)).read_bytes()
    assert list(kept.event(events.RunQueued).recipe.env) == ["API_TOKEN"]


def test_the_descriptors_of_a_command(keeping: Keeping) -> None:
    """It has its three streams and the tree lock, out of the way; nothing else of ours or its caller's."""
    read_end, write_end = os.pipe()
    os.set_inheritable(write_end, True)
    kept = keeping.run(*python(REPORT))
    os.close(read_end)
    os.close(write_end)
    fds = {int(fd): name for fd, name in json.loads(kept.output())["fds"].items()}

    assert fds.pop(0) == "/dev/null"
    assert [fds.pop(fd).split(" ")[0] for fd in (1, 2)] == [str(kept.path(name)) for name in ("out", "err")]
    assert list(fds.values()) == [str(kept.path("tree.lock"))]
    assert min(fds) >= 64


def test_the_signals_of_a_command(keeping: Keeping) -> None:
    """Nothing is ignored and nothing is blocked, whatever Python, nohup or a shell had set."""
    told = keeping.as_caller(
        "import signal\nfor number in (1, 2, 3, 10, 15, 17, 18): signal.signal(number, signal.SIG_IGN)\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, {1, 10, 17})\n"
        f"print(keeping.run(*python({REPORT!r})).output().decode())"
    )
    masks = json.loads(told)["masks"]

    assert masks["SigBlk"] == 0
    assert masks["SigIgn"] & ~NOT_OURS == 0


def test_a_reader_that_goes_ends_the_writer(keeping: Keeping) -> None:
    """SIGPIPE works inside a command as it does in a shell."""
    kept = keeping.run("bash", "-c", "yes | head -n 1; echo ${PIPESTATUS[0]}")

    assert kept.output() == b"y\n141\n"


def test_the_session_of_a_command(keeping: Keeping) -> None:
    """It leads a session of its own, so nothing that happens to a terminal reaches it."""
    told = json.loads(keeping.run(*python(REPORT)).output())

    assert told["sid"] == told["pid"]


@pytest.mark.parametrize("umask", [0o000, 0o077, 0o777, 0o027])
def test_the_umask_of_a_command(keeping: Keeping, umask: int) -> None:
    """The command has the caller's; our own files are private whatever it is."""
    before = os.umask(umask)
    try:
        kept = keeping.submit(*python(REPORT + "sys.stdout.flush(); import time; time.sleep(60)"))
    finally:
        os.umask(before)
    kept.started()
    until(lambda: kept.output().endswith(b"}\n"), "the report")
    told = json.loads(kept.output())
    modes = {path.name: path.stat().st_mode & 0o7777 for path in kept.path("").iterdir()}
    kept.stop(force=True)
    kept.end()

    assert told["umask"] == umask
    assert modes.pop("artifacts") == 0o700
    assert {"out", "err", "bell", "heartbeat", "wrapper", "exit"} <= set(modes)
    assert set(modes.values()) == {0o600}
    assert os.stat(keeping.layout.journal(kept.run_id)).st_mode & 0o7777 == 0o600


def test_standard_input_is_empty(keeping: Keeping) -> None:
    """A command that reads finds the end at once instead of somebody's terminal."""
    assert json.loads(keeping.run(*python(REPORT)).output())["stdin"] == ""


def test_standard_input_that_is_passed_on(keeping: Keeping, tmp_path: Path) -> None:
    """Asked to, the command reads what its caller would have read."""
    (tmp_path / "input").write_bytes(b"from the caller\n")
    with (tmp_path / "input").open("rb") as source:
        told = keeping.as_caller("print(keeping.run('cat', stdin=True).output())", stdin=source)

    assert told == b"b'from the caller\\n'\n"


def test_few_descriptors_allowed(keeping: Keeping) -> None:
    """With 32 descriptors for each process a run is kept as usual, and its command has the same limit."""
    code = "import resource; print(resource.getrlimit(resource.RLIMIT_NOFILE))"
    told = keeping.as_caller(
        "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))\n"
        f"kept = keeping.run(*python({code!r})); print(kept.output(), kept.end().status)"
    )

    assert told == b"b'(32, 32)\\n' succeeded\n"


def test_the_caller_keeps_no_child(keeping: Keeping) -> None:
    """A program that submits runs has no zombie to wait for, and leaks no descriptor."""
    gc.collect()
    before, others = sorted(os.listdir("/proc/self/fd")), children()
    kept = keeping.run("true")
    kept.link.close()

    assert children() <= others
    assert sorted(os.listdir("/proc/self/fd")) == before


def test_nobody_of_ours_is_left(keeping: Keeping) -> None:
    """When a run has ended, its keeper and its wrapper have ended too."""
    kept = keeping.submit("sh", "-c", "read line < fifo")
    os.mkfifo(keeping.folder / "fifo")
    kept.started()
    ours = (kept.keeper(), kept.wrapper())
    with (keeping.folder / "fifo").open("w") as fifo:
        fifo.write("go on\n")
    kept.end()

    assert until(lambda: [look(who) for who in ours] == ["gone", "gone"])


def _bytes_below(root: str) -> bytes:
    pieces = []
    for folder, _, names in os.walk(root):
        for name in names:
            path = Path(folder) / name
            if path.is_file():
                pieces.append(path.read_bytes())
    return b"\0".join(pieces)
