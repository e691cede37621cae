"""What others see of a run's keeper and wrapper: a title, and nothing that their caller had."""

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from runlore.journal import ids
from runlore.journal.values import Identity, RunId
from runlore.runtimes.registry import Registry
from tests.runtimes.keeping import DEADLINE_S, Keeping, Kept, until
from tests.runtimes.kept_runs import program
from tests.runtimes.test_adoption import adopted, kill_both

CANARY = "canary-" + "7Qx"
"""In the environment and in the arguments of everybody who submits a run here."""
NAPS = ("sleep", "600")
FORKS = (
    "import os\nfrom runlore.runtimes.launch import fork_keeper\nlink = fork_keeper()\n"
    "print(link.submit(keeping.spec('sleep', '600', env={environ!r})).run_id, flush=True)\n"
    "link.wait_started()\n"
)
NESTS = """
import os
from runlore.runtimes.registry import Registry
from tests.runtimes.keeping import until
from tests.runtimes.test_adoption import adopted, kill_both
inner = "kept = keeping.submit('sleep', '600'); kept.started(); print(kept.run_id, flush=True)"
inner += "; import time; time.sleep(600)"
outer = keeping.submit(*keeping.caller_argv(inner))
nested = keeping.watch(until(outer.output).decode().strip())
kill_both(outer)
registry = Registry.open(keeping.layout.root)
registry.get(outer.run_id).stop("enough")
adopted(outer)
for kept in (outer, nested):
    until(lambda: "RunSealed" in kept.tags(), f"the seal of {kept.run_id}")
print(os.geteuid(), [registry.view(kept.run_id).status for kept in (outer, nested)])
"""
pytestmark = pytest.mark.needs("root")  # whom the kernel shows such processes
AS_NOBODY = (
    "setpriv",
    "--reuid=65534",
    "--regid=65534",
    "--clear-groups",
    "--inh-caps=-all,+dac_read_search",  # the interpreter may lie where only its owner may look
    "--ambient-caps=-all,+dac_read_search",
)


@pytest.fixture(autouse=True)
def canary(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything submitted here inherits it."""
    monkeypatch.setenv("SOME_INHERITED", CANARY)


def shown(pid: int) -> bytes:
    """All that /proc shows of what a process was started with."""
    return Path(f"/proc/{pid}/cmdline").read_bytes() + Path(f"/proc/{pid}/environ").read_bytes()


def titles(kept: Kept, *who: Identity) -> list[bytes]:
    """The titles of processes that show nothing else; as ps prints them."""
    for process in who:
        assert CANARY.encode() not in shown(process.pid)
        assert Path(f"/proc/{process.pid}/environ").read_bytes().strip(b"\0") == b""
    found = [Path(f"/proc/{process.pid}/cmdline").read_bytes() for process in who]
    assert all(title.endswith(b"\0") for title in found)
    return [title.removesuffix(b"\0").replace(kept.run_id.encode(), b"ID") for title in found]


def test_a_keeper_that_a_program_started(keeping: Keeping) -> None:
    """Neither it nor its wrapper shows the environment that it inherited; the command has it, as ever."""
    kept = keeping.submit(*NAPS)
    command = kept.started().pid

    assert titles(kept, kept.keeper(), kept.wrapper()) == [b"runlore-keeper ID", b"runlore-wrapper ID"]
    assert CANARY.encode() in shown(command)
    assert b"inside" not in shown(kept.keeper().pid)


def test_a_keeper_that_the_command_line_forked(keeping: Keeping) -> None:
    """The caller's arguments are gone from it, and are still the caller's own."""
    script = FORKS.format(environ={}) + "import sys\nsys.stdin.read()"
    argv = [*keeping.caller_argv(script), "--token", CANARY]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as caller:
        assert caller.stdout is not None
        kept = keeping.watch(RunId(caller.stdout.readline().decode().strip()))
        command = until(lambda: [each.identity.pid for each in kept.tree()])[0]
        callers = shown(caller.pid)

        assert titles(kept, kept.keeper(), kept.wrapper()) == [b"runlore-keeper ID", b"runlore-wrapper ID"]
        caller.communicate(timeout=DEADLINE_S)

    assert callers.count(CANARY.encode()) == 2
    assert CANARY.encode() in shown(command)


def test_the_keeper_after_a_killed_one(keeping: Keeping) -> None:
    """It is a fork of the wrapper, and has a title of its own."""
    kept = keeping.submit(*NAPS)
    kept.started()
    kept.kill(kept.keeper())
    (adoption,) = adopted(kept)

    assert titles(kept, adoption.owner.identity) == [b"runlore-keeper ID"]


def test_a_keeper_that_was_started_for_a_run_without_one(keeping: Keeping) -> None:
    """What it inherits from the command that rescued the run is covered as well."""
    kept = keeping.submit(*NAPS)
    kept.started()
    kill_both(kept)
    Registry.open(keeping.layout.root).reconcile([kept.run_id])
    (adoption,) = adopted(kept)

    assert titles(kept, adoption.owner.identity) == [b"runlore-keeper ID"]


def test_a_run_inside_a_run(keeping: Keeping, monkeypatch: pytest.MonkeyPatch) -> None:
    """The title says inside which, because the environment that said it is covered."""
    outer = ids.mint(datetime.now(UTC), os.urandom(5))
    monkeypatch.setenv("RUNLORE_RUN_ID", outer)
    kept = keeping.submit(*NAPS)
    kept.started()

    inside = f" inside {outer}".encode()
    assert titles(kept, kept.keeper(), kept.wrapper()) == [
        b"runlore-keeper ID" + inside,
        b"runlore-wrapper ID" + inside,
    ]


@pytest.mark.parametrize("before", [(), AS_NOBODY], ids=["root", "nobody"])
@pytest.mark.needs("setpriv")
def test_a_nested_run_whose_outer_one_lost_its_keepers(keeping: Keeping, before: tuple[str, ...]) -> None:
    """It is found all the same when the outer run is stopped, and ends through its own keeper.

    Nothing ties it to the outer run by then but its title; the same for an ordinary user, to whom the
    kernel shows little of a process that leaves no core dump.
    """
    Path(keeping.layout.root).mkdir(mode=0o700, exist_ok=True)
    if before:
        os.chown(keeping.layout.root, 65534, 65534)
        os.chmod(keeping.folder, 0o711)
    argv = [*before, *keeping.caller_argv(NESTS)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=DEADLINE_S, check=False, cwd="/")

    assert done.returncode == 0, done.stderr
    uid = 65534 if before else 0
    assert done.stdout == f"{uid} ['cancelled', 'cancelled']\n"


@pytest.mark.needs("setpriv")
def test_whose_memory_anybody_may_read(keeping: Keeping) -> None:
    """A keeper and a wrapper of an ordinary user are root's to look into; the command is its user's.

    The kernel gives what may not be dumped to root, and only that: proc(5).
    """
    Path(keeping.layout.root).mkdir(mode=0o700, exist_ok=True)
    os.chown(keeping.layout.root, 65534, 65534)
    script = "kept = keeping.submit('sleep', '600', cwd='/'); kept.started(); print(kept.run_id, end='')"
    argv = [*AS_NOBODY, *keeping.caller_argv(script)]
    run_id = subprocess.run(argv, capture_output=True, timeout=DEADLINE_S, check=True, cwd="/").stdout
    kept = keeping.watch(RunId(run_id.decode()))
    (command,) = [each.identity for each in kept.tree()]
    first = [os.stat(f"/proc/{who.pid}/environ").st_uid for who in (kept.keeper(), kept.wrapper(), command)]
    kept.kill(kept.keeper())
    (adoption,) = adopted(kept)

    assert first == [0, 0, 65534]
    assert os.stat(f"/proc/{adoption.owner.identity.pid}/environ").st_uid == 0


@pytest.mark.parametrize("hides", [False, True], ids=["any program", "ours"])
def test_a_crash_of_ours(tmp_path: Path, hides: bool) -> None:
    """It writes no core dump, where the same crash of another program does."""
    hide = "appearance.appear_as('runlore-keeper', '20261120-201400-k3f9x2ab')\n" if hides else ""
    code = (
        "import os, resource\nfrom runlore.runtimes import appearance\n"
        "limit = resource.getrlimit(resource.RLIMIT_CORE)[1]\n"
        f"resource.setrlimit(resource.RLIMIT_CORE, (limit, limit))\n{hide}os.abort()"
    )
    process = subprocess.Popen(program(code), cwd=tmp_path)
    _, status = os.waitpid(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)

    assert os.WTERMSIG(status) == signal.SIGABRT
    if hides:
        assert not os.WCOREDUMP(status)
        assert os.listdir(tmp_path) == []
    else:
        assert os.WCOREDUMP(status) or not os.listdir(tmp_path)


@pytest.mark.parametrize(("words", "room"), [(["x"], True), ([], False)], ids=["some", "hardly any"])
def test_a_title_and_the_room_for_it(tmp_path: Path, words: list[str], room: bool) -> None:
    """It is as long as arguments and environment were; never longer, whatever is cut."""
    script = tmp_path / "s"
    path = [str(Path(__file__).parents[2]), *sys.path]
    script.write_text(
        f"import sys; sys.path[:0] = {path!r}\nfrom runlore.runtimes.appearance import appear_as\n"
        "appear_as('runlore-keeper', '20261120-201400-k3f9x2ab')\n"
        "for name in ('cmdline', 'environ'): print(ascii(open(f'/proc/self/{name}').read()))"
    )
    environ = {"ROOM": "x" * 100} if room else {}
    argv = [sys.executable, "s", *words]
    done = subprocess.run(argv, cwd=tmp_path, env=environ, capture_output=True, text=True, check=True)
    told, environment = done.stdout.split("\n")[:2]
    title = "runlore-keeper 20261120-201400-k3f9x2ab"

    assert told == ascii(f"{title if room else title[: len(' '.join(argv))]}\0")
    assert environment.strip("'").replace("\\x00", "") in {"", title[len(" ".join(argv)) + 1 :]}


def test_what_the_c_library_knows_of_the_environment() -> None:
    """A library that asks for a variable later finds it, though /proc shows it no more."""
    code = (
        "import ctypes\nfrom runlore.runtimes.appearance import appear_as\n"
        "appear_as('runlore-keeper', '20261120-201400-k3f9x2ab')\n"
        "getenv = ctypes.CDLL(None).getenv; getenv.restype = ctypes.c_char_p\n"
        "print(getenv(b'SOME_INHERITED').decode(), open('/proc/self/environ').read().strip(chr(0)))"
    )
    done = subprocess.run(program(code), capture_output=True, text=True, check=True)

    assert done.stdout == f"{CANARY} \n"
