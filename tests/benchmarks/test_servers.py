"""Servers of peers end with the case that started them, in whatever way it ends."""

import os
import select
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.cases import servers
from benchmarks.place import Absent, Place
from tests.benchmarks.conftest import REPOSITORY

LISTENS = """
import signal, socket, sys
{before}
listening = socket.create_server(("127.0.0.1", int(sys.argv[sys.argv.index("--port") + 1])))
while True:
    listening.accept()
"""
CASE = """
import sys
from benchmarks.cases import servers
from benchmarks.place import Place
with servers.redis(Place.decode(sys.argv[1])) as server:
    print(server.pid, flush=True)
    sys.stdin.read()
"""
PATIENCE_S = 20


def place(folder: Path, code: str) -> Place:
    """Return a place whose Redis server is a script."""
    server = folder / "redis-server"
    server.write_text(f"#!{sys.executable}\n{code}")
    server.chmod(0o755)
    return Place(
        folder=str(folder),
        size="quick",
        python=sys.executable,
        runlore="/nonexistent",
        tools={"redis-server": str(server)},
        corpora={},
        arguments={},
    )


def ends(handle: int) -> bool:
    """Say whether a process has ended before patience does; its handle is closed."""
    with os.fdopen(handle, "rb"):
        return bool(select.select([handle], [], [], PATIENCE_S)[0])


def test_a_port_is_given_to_nobody_else() -> None:
    """Between the look at it and the server's start no program gets it that asks for any port."""
    first, last = map(int, servers._GIVEN.read_text().split())

    assert not [port for port in (servers._free_port() for _ in range(20)) if first <= port <= last]


def test_a_server_ends_with_a_case_that_fails(tmp_path: Path) -> None:
    """Neither success nor failure leaves one behind."""
    handles: list[int] = []

    def case() -> None:
        with servers.redis(place(tmp_path, LISTENS.format(before=""))) as server:
            handles.append(os.pidfd_open(server.pid))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        case()

    assert ends(handles[0])


def test_a_server_that_will_not_end_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A case does not wait for it for ever."""
    monkeypatch.setattr(servers, "_END_S", 0.01)
    stubborn = LISTENS.format(before="signal.signal(signal.SIGTERM, signal.SIG_IGN)")

    with servers.redis(place(tmp_path, stubborn)) as server:
        handle = os.pidfd_open(server.pid)

    assert ends(handle)


def test_a_server_ends_with_a_case_that_is_killed(tmp_path: Path) -> None:
    """The driver kills a case that does not answer; nothing of it may go on."""
    argv = [sys.executable, "-c", CASE, place(tmp_path, LISTENS.format(before="")).encode()]
    environment = os.environ | {"PYTHONPATH": REPOSITORY}
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, stdin=pipe, stdout=pipe, text=True, env=environment) as case:
        assert case.stdout is not None
        handle = os.pidfd_open(int(case.stdout.readline()))
        case.kill()

    assert ends(handle)


def test_a_server_that_cannot_run_is_absent_in_its_own_words(tmp_path: Path) -> None:
    """A library that is not there, an option that it does not know: the row of the table says so."""
    broken = 'import sys\nprint("reading")\nsys.exit("liblzf.so.1: not found")\n'

    absent = pytest.raises(Absent, match=r"^redis-server ended with status 1: liblzf.so.1: not found$")
    with absent, servers.redis(place(tmp_path, broken)):
        pass
