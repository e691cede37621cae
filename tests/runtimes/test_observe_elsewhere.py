"""Looking at runs of other processes, from other places."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from runlore.journal.layout import Layout
from runlore.journal.values import Identity, RunId
from runlore.projections.health import Assessment
from runlore.runtimes.identity import identify
from runlore.runtimes.observe import look
from tests.runtimes.kept_runs import Owned, myself, registry_at


@pytest.fixture
def layout(registry_root: Path) -> Layout:
    """A registry without runs."""
    return registry_at(registry_root)


@pytest.fixture
def sleeper() -> Iterator[Identity]:
    """A process that lives as long as the test."""
    process = subprocess.Popen(["sleep", "600"])
    found = identify(process.pid)
    assert found is not None
    yield found
    process.kill()
    process.wait()


def seen(layout: Layout, run_id: RunId) -> Assessment:
    """What a look says about a run."""
    return look(layout, run_id).assessment


def test_a_copy_of_a_registry(layout: Layout, tmp_path: Path) -> None:
    """Nobody holds the locks of a copy; a keeper that lives all the same is not declared dead by it."""
    live = Owned(layout).boot(by=myself()).start()
    lost = Owned(layout).boot().start()
    shutil.copytree(layout.root, tmp_path / "copy")

    copy = Layout(str(tmp_path / "copy"))
    assert (seen(copy, live.run_id).health, seen(copy, lost.run_id).health) == ("unknown", "lost")


OWNER = """
import os, sys
sys.path[:0] = [{root!r}]
from tests.runtimes.kept_runs import Owned, registry_at
owned = Owned(registry_at({registry!r})).boot().start()
print(owned.run_id, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def owner(registry_root: Path, layout: Layout) -> Iterator["tuple[subprocess.Popen[str], RunId]"]:
    """Another process that owns a run."""
    here = str(Path(__file__).parents[2])
    code = OWNER.format(root=here, registry=str(registry_root))
    assert layout.root == str(registry_root)
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        yield process, RunId(process.stdout.readline().strip())
        process.kill()


def test_an_owner_that_is_stopped_and_then_killed(
    layout: Layout, owner: "tuple[subprocess.Popen[str], RunId]"
) -> None:
    """A paused owner is alive; a killed one is seen as dead by the very next look."""
    process, run_id = owner
    process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
    assert seen(layout, run_id).health == "live"

    process.kill()
    process.wait()
    assert seen(layout, run_id).health == "lost"


LOOKER = """
import os, sys
sys.path[:0] = {path!r}
from runlore.journal.layout import Layout
from runlore.runtimes.observe import look
if {uid}:
    for run_id in sys.argv[2:]:
        look(Layout(sys.argv[1]), run_id)  # loads all it needs while it may read this installation
    os.setgroups([])
    os.setgid({uid})
    os.setuid({uid})
for run_id in sys.argv[2:]:
    print(look(Layout(sys.argv[1]), run_id).assessment.health)
"""


def _looked_from(prefix: list[str], root: str, *run_ids: str, uid: int = 0) -> list[str]:
    """The health of runs as a fresh process sees it that `prefix` starts somewhere else, or as `uid`."""
    code = LOOKER.format(path=[entry for entry in sys.path if entry], uid=uid)
    command = [*prefix, sys.executable, "-c", code, root, *run_ids]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.needs("root", "unshare")
def test_a_look_from_another_pid_namespace(layout: Layout, sleeper: Identity) -> None:
    """A container that shares the folder sees held locks as life and is never wrong about the rest."""
    live = Owned(layout).boot().start()
    orphan = Owned(layout).boot().start(command=sleeper, wrapper=sleeper).die()
    lost = Owned(layout).boot().start().die()

    from_inside = _looked_from(
        ["unshare", "--pid", "--fork", "--mount-proc"], layout.root, live.run_id, orphan, lost
    )

    assert from_inside == ["live", "unknown", "unknown"]


@pytest.mark.needs("root", "unshare", "mount")
def test_a_look_at_a_read_only_mount(layout: Layout, tmp_path: Path) -> None:
    """Health is seen through a read-only mount as it is: asking takes no permission to write."""
    live = Owned(layout).boot().start()
    lost = Owned(layout).boot().start().die()
    mounted = tmp_path / "mounted"
    mounted.mkdir()
    mount = f'mount --bind {layout.root} {mounted} && mount -o remount,ro,bind {mounted} && exec "$@"'

    seen_there = _looked_from(
        ["unshare", "--mount", "sh", "-c", mount, "sh"], str(mounted), live.run_id, lost
    )

    assert seen_there == ["live", "lost"]


@pytest.fixture
def readable() -> Iterator[Path]:
    """A folder that every user can enter; pytest's own are private."""
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)
        yield Path(name)


@pytest.mark.needs("root")
def test_a_look_by_another_user(readable: Path) -> None:
    """Whoever can read the files sees the same, without owning anything."""
    layout = registry_at(readable / "registry")
    live = Owned(layout).boot().start()
    lost = Owned(layout).boot().start().die()
    for path in (readable / "registry", *(readable / "registry").rglob("*")):
        path.chmod(path.stat().st_mode | (0o055 if path.is_dir() else 0o044))

    assert _looked_from([], layout.root, live.run_id, lost, uid=65534) == ["live", "lost"]
