"""A threaded server that submits runs is killed: its port is free, and its runs do not notice."""

import os
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import pytest

from runlore.journal.values import RunId
from runlore.runtimes.registry import Registry
from tests.proof import record
from tests.runtimes.keeping import Keeping, Kept, until
from tests.runtimes.kept_runs import program

ADDRESS: Final = f"127.82.{os.getpid() >> 8 & 255}.{os.getpid() & 255}"
"""Of the loopback, and nobody else's: no other program is given a port here that was let go a moment ago."""
SERVER: Final = """
import os, socket, threading
from concurrent.futures import ThreadPoolExecutor
import runlore

registry, server = runlore.open(sys.argv[1]), socket.socket()
server.bind((sys.argv[3], 0))
server.listen()
os.set_inheritable(server.fileno(), True)
threading.Thread(target=server.accept, daemon=True).start()
script = ["sh", "-c", "exec 0<>gate; echo up; read line; exit 42"]
with ThreadPoolExecutor(4) as pool:
    runs = list(pool.map(lambda _: registry.submit(script, cwd=sys.argv[2]), range(3)))
print(server.getsockname()[1], *(run.id for run in runs), flush=True)
for line in sys.stdin:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda run: registry.reconcile([run.id]), runs))
    print("reconciled", flush=True)
"""


@pytest.mark.timeout(900)
def test_the_port_of_a_killed_server(keeping: Keeping, sized: Callable[[int, int], int]) -> None:
    """Neither the first keepers, nor their successors, nor adopters hold anything of the server's."""
    servers = sized(3, 100)
    os.mkfifo(keeping.folder / "gate")
    for _ in range(servers):
        _expect_free_port(keeping)
    record(
        "killed servers",
        "the port of a server that submitted runs can be bound while they live, whoever keeps them by then",
        {"servers": servers, "runs": 3 * servers, "keepers killed": 2 * servers, "ports free": servers},
    )


def _expect_free_port(keeping: Keeping) -> None:
    """Kill keepers, and then the server that submitted; its port is free while its runs live."""
    with _serving(keeping) as server:
        port, *run_ids = _said(server)
        runs = [keeping.watch(RunId(run_id)) for run_id in run_ids]
        _untouched, lost_keeper, lost_both = runs
        lost_keeper.kill(lost_keeper.keeper())
        _kill_both(lost_both)
        _reconcile(server)
        until(lambda: all("OwnerAdopted" in kept.tags() for kept in (lost_keeper, lost_both)), "adoptions")
    registry = Registry.open(keeping.layout.root)
    with socket.socket() as again:
        again.bind((ADDRESS, int(port)))
        again.listen()
        assert [registry.view(kept.run_id).health for kept in runs] == ["live"] * 3
    for run in (registry.get(kept.run_id) for kept in runs):
        run.stop(force=True)
        view = run.wait(timeout=30)
        assert view is not None
        assert view.status == "cancelled"


@contextmanager
def _serving(keeping: Keeping) -> "Iterator[subprocess.Popen[str]]":
    """A process with threads and a socket that its children inherit; killed at the end."""
    command = program(SERVER, keeping.layout.root, str(keeping.folder), ADDRESS)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def _said(server: "subprocess.Popen[str]") -> list[str]:
    """The words of its next line."""
    assert server.stdout is not None
    return server.stdout.readline().split()


def _reconcile(server: "subprocess.Popen[str]") -> None:
    """Let the server act on its runs, from a thread each."""
    assert server.stdin is not None
    server.stdin.write("reconcile\n")
    server.stdin.flush()
    assert _said(server) == ["reconciled"]


def _kill_both(kept: Kept) -> None:
    """Kill keeper and wrapper so that neither can do anything about the other."""
    keeper, wrapper = kept.keeper(), kept.wrapper()
    os.kill(wrapper.pid, signal.SIGSTOP)
    kept.kill(keeper)
    kept.kill(wrapper)
