"""Submitting commands through a registry."""

import gc
import os
import shutil
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from runlore.journal.errors import (
    BadInput,
    Conflict,
    DidNotStart,
    LostJournal,
)
from runlore.journal.layout import Layout
from runlore.runtimes.bundle import FOLDER as BUNDLE
from runlore.runtimes.registry import Registry
from runlore.runtimes.run import Run
from tests.runtimes.keeping import Keeping, children, python
from tests.runtimes.kept_runs import program, registry_at


class Submitting:
    """A registry whose runs are cleaned up after the test."""

    def __init__(self, keeping: Keeping) -> None:
        self._keeping = keeping
        self.registry = Registry.open(keeping.layout.root)

    def __call__(self, *argv: str, **how: object) -> Run:
        """Submit a command."""
        run = self.registry.submit(argv, **how)  # type: ignore[arg-type]  # what the callee takes
        self._keeping.watch(run.id)
        return run


@pytest.fixture
def submit(keeping: Keeping) -> Submitting:
    """Submits into a registry of its own."""
    return Submitting(keeping)


@pytest.fixture
def layout(registry_root: Path) -> Layout:
    """A registry without runs."""
    return registry_at(registry_root)


@pytest.fixture
def registry(layout: Layout) -> Registry:
    """The same, as every door has it."""
    return Registry(layout)


def test_a_command_that_succeeds(submit: Submitting) -> None:
    """It starts, ends by itself, and everything about it is on record."""
    run = submit("sh", "-c", "echo out; echo err >&2", name="hello", tags={"env": "prod"}, metadata={"a": 1})
    view = run.wait(30)

    assert view is not None
    assert (view.status, view.exit_code, view.name, view.tags) == ("succeeded", 0, "hello", {"env": "prod"})
    assert view.metadata == {"a": 1}
    assert view.owner is not None
    assert [line.data for line in run.logs("stdout")] == [b"out\n"]
    assert [line.data for line in run.logs("stderr")] == [b"err\n"]


@pytest.mark.parametrize(
    ("argv", "text", "code"),
    [
        (["/nowhere/to/be/found"], "No such file", 127),
        (["/etc/passwd"], "Permission denied", 126),
    ],
    ids=["missing", "not executable"],
)
def test_a_command_that_cannot_start(submit: Submitting, argv: list[str], text: str, code: int) -> None:
    """The error carries the reason, and the run stays on record with the same."""
    with pytest.raises(DidNotStart, match=text) as caught:
        submit(*argv)

    view = submit.registry.view(caught.value.run_id)
    assert caught.value.shell_code == code
    assert (view.status, view.exit_code) == ("failed", None)
    assert view.reason is not None
    assert (view.reason.code, view.reason.text) == (caught.value.code, caught.value.text)
    assert view.reason.code == "spawn_failed"


def test_a_folder_that_does_not_exist(submit: Submitting) -> None:
    """A working folder that cannot be entered is a command that did not start."""
    with pytest.raises(DidNotStart):
        submit("true", cwd="/nowhere/to/be/found")


@pytest.mark.parametrize(
    ("argv", "how"),
    [
        ([], {}),
        (["a\0b"], {}),
        (["true"], {"timeout": 0}),
        (["true"], {"timeout": float("nan")}),
        (["true"], {"name": "latest"}),
        (["true"], {"name": ""}),
        (["true"], {"tags": {"a b": "c"}}),
        (["true"], {"env": {"A=B": "c"}}),
        (["true"], {"metadata": {"x": float("inf")}}),
        (["true"], {"key": ""}),
    ],
    ids=str,
)
def test_submissions_that_are_none(registry: Registry, argv: list[str], how: dict[str, object]) -> None:
    """They are refused before anything exists."""
    with pytest.raises(BadInput):
        registry.submit(argv, **how)  # type: ignore[arg-type]  # the point

    assert registry.runs() == []


def test_a_line_of_shell_instead_of_words(registry: Registry) -> None:
    """The commonest mistake is told with its remedy."""
    with pytest.raises(BadInput, match='"sh", "-c"'):
        registry.submit("echo hello")


def test_the_environment(submit: Submitting, monkeypatch: pytest.MonkeyPatch) -> None:
    """Typed variables reach the command and the recipe; inherited ones reach the command alone."""
    monkeypatch.setenv("INHERITED", "from-the-caller")
    run = submit("sh", "-c", "echo $TYPED $INHERITED", env={"TYPED": "by-hand"})
    run.wait(30)

    assert [line.data for line in run.logs()] == [b"by-hand from-the-caller\n"]
    journal = Path(submit.registry.layout.journal(run.id)).read_bytes()
    assert b"by-hand" in journal
    assert b"from-the-caller" not in journal


def test_the_working_folder(submit: Submitting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the caller's, or a path from there."""
    (tmp_path / "inner").mkdir()
    monkeypatch.chdir(tmp_path)
    here, there = submit("pwd"), submit("pwd", cwd="inner")
    for run, folder in ((here, tmp_path), (there, tmp_path / "inner")):
        run.wait(30)
        assert [line.data for line in run.logs()] == [f"{folder}\n".encode()]
        assert run.view().cwd == str(folder)


def test_the_same_key_twice(submit: Submitting) -> None:
    """The first run comes back, even from many at once; another command is refused."""
    with ThreadPoolExecutor(4) as pool:
        runs = list(pool.map(lambda _: submit("true", key="nightly"), range(4)))

    assert len(set(runs)) == 1
    assert sorted(run.existing for run in runs) == [False, True, True, True]
    assert submit.registry.get("key:nightly") == runs[0]
    with pytest.raises(Conflict, match="nightly"):
        submit("false", key="nightly")


@pytest.mark.parametrize("left", ["transcript", "exit", "outputs", "bundle", "trash"])
def test_a_key_whose_run_has_lost_its_journal(submit: Submitting, layout: Layout, left: str) -> None:
    """What the run left is not cleared away for another one, and its claim stays as it was."""
    run = submit("sh", "-c", "echo out; echo data >$RUNLORE_OUTPUTS/kept", key="nightly")
    run.wait(30)
    journal, folder = Path(layout.journal(run.id)), Path(layout.run_dir(run.id))
    leave_only(folder, left)
    if left == "trash":
        folder.rename(layout.in_trash(run.id))
    journal.rename(f"{layout.root}/elsewhere")
    before = seen(layout)

    for command in ("sh", "true"):
        with pytest.raises(LostJournal, match=f"{run.id} has this key and has run"):
            submit(command, key="nightly")
    assert seen(layout) == before
    Path(f"{layout.root}/elsewhere").rename(journal)
    again = submit("sh", "-c", "echo out; echo data >$RUNLORE_OUTPUTS/kept", key="nightly")
    assert (again.id, again.existing) == (run.id, True)


def leave_only(folder: Path, left: str) -> None:
    """Of a run's folder, leave one trace that its command ran."""
    if left != "transcript":
        (folder / "transcript").write_bytes(b"")
    if left != "exit":
        (folder / "exit").write_bytes(bytes(4096))
    shutil.rmtree(folder / "artifacts")
    (folder / "artifacts").mkdir()
    if left == "outputs":
        (folder / "artifacts" / "kept").write_text("data")
    if left != "bundle":
        shutil.rmtree(folder / BUNDLE, ignore_errors=True)
    else:
        (folder / BUNDLE).mkdir(exist_ok=True)


def seen(layout: Layout) -> dict[str, bytes]:
    """Every file of what runs left, and every claim."""
    paths = [path for name in ("runs", "trash", "keys") for path in Path(layout.root, name).rglob("*")]
    return {str(path): path.read_bytes() for path in paths if path.is_file()}


def test_submitting_from_a_threaded_server(submit: Submitting) -> None:
    """No descriptor and no lock of the server reaches keeper or command."""
    with socket.socket() as server, ThreadPoolExecutor(4) as pool:
        server.bind(("127.0.0.1", 0))
        server.listen()
        os.set_inheritable(server.fileno(), True)
        address = server.getsockname()
        code = "import time; print('up', flush=True); time.sleep(600)"
        runs = list(pool.map(lambda _: submit(*python(code)), range(4)))
    with socket.socket() as again:
        again.bind(address)  # nobody else holds the port

    for run in runs:
        assert run.view().health == "live"
        run.stop(force=True)
    assert [run.wait(30) is not None for run in runs] == [True] * 4


SUBMITTING = """
import os, sys
from runlore.runtimes.registry import Registry
script, gate = "read line < $GATE; echo $line", {"GATE": sys.argv[2]}
run = Registry.open(sys.argv[1]).submit(["sh", "-c", script], env=gate)
print(run.id, flush=True)
os.kill(os.getpid(), 9)
"""


def test_a_submitter_that_is_killed(keeping: Keeping, tmp_path: Path) -> None:
    """The run does not notice: it goes on, and ends as it would have."""
    registry, gate = Registry.open(keeping.layout.root), tmp_path / "gate"
    os.mkfifo(gate)
    done = subprocess.run(
        program(SUBMITTING, registry.root, str(gate)), stdout=subprocess.PIPE, text=True, check=False
    )
    run = registry.get(done.stdout.strip())
    keeping.watch(run.id)

    gate.write_text("on its own\n")
    view = run.wait(30)
    assert view is not None
    assert view.status == "succeeded"
    assert [line.data for line in run.logs()] == [b"on its own\n"]


def test_no_zombie_and_no_descriptor_stays_behind(submit: Submitting) -> None:
    """A server that submits for years collects nothing."""
    submit("true").wait(30)
    gc.collect()
    before, others = os.listdir("/proc/self/fd"), children()
    for _ in range(3):
        submit("true").wait(30)

    assert os.listdir("/proc/self/fd") == before
    assert children() <= others


def test_a_run_inside_a_run(submit: Submitting) -> None:
    """What a command submits into its own registry names it as parent."""
    code = (
        f"import sys; sys.path[:0] = {sys.path!r}\n"
        "import runlore\n"
        "runlore.open().submit(['true'], name='inner').wait()\n"
    )
    outer = submit(sys.executable, "-c", code, name="outer")
    outer.wait(30)

    assert [line.data for line in outer.logs()] == []
    assert submit.registry.get("inner").view().parent == outer.id
