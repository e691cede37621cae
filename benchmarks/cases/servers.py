"""Servers of peers: one of our own on a free port of the loopback, its files in the case's folder.

It ends with the case, also with one that is killed.
"""

import glob
import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.cases import children
from benchmarks.place import Absent, Place

_START_S = 10.0
_END_S = 10.0
_GIVEN: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")
"""Ports that the kernel gives to whoever asks for any; see ip(7)."""
_TRIES: Final = 100


@dataclass(frozen=True, kw_only=True)
class Server:
    """Where it listens, and which process it is."""

    port: int
    pid: int


@contextmanager
def nats(place: Place) -> Iterator[Server]:
    """A NATS server with JetStream on files; it syncs every 2 minutes, as it does by default."""
    port = _free_port()
    options = ["-js", "-sd", f"{place.folder}/jetstream", "-a", "127.0.0.1", "-p", str(port)]
    with _running(place, [place.tools["nats-server"], *options], port) as server:
        yield server


@contextmanager
def redis(place: Place) -> Iterator[Server]:
    """A Redis server that appends every command to a file and syncs it once a second; no snapshots."""
    port = _free_port()
    options = ["--bind", "127.0.0.1", "--port", str(port), "--dir", place.folder]
    options += ["--appendonly", "yes", "--appendfsync", "everysec", "--save", ""]
    with _running(place, [place.tools["redis-server"], *options], port) as server:
        yield server


@contextmanager
def _running(place: Place, argv: Sequence[str], port: int) -> Iterator[Server]:
    """Run a server that listens at a port.

    Raises:
        Absent: it cannot; with its own words.
    """
    words = f"{place.folder}/server.log"
    with open(words, "wb") as log:
        server = children.popen(argv, stdout=log, stderr=log, env=_environment(argv[0]))
    try:
        if why := _await_port(server, port):
            raise Absent(f"{os.path.basename(argv[0])} {why}: {_last_of(words)}")
        yield Server(port=port, pid=server.pid)
    finally:
        _end(server)


def _end(server: "subprocess.Popen[bytes]") -> None:
    server.send_signal(signal.SIGTERM)
    try:
        server.wait(_END_S)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def _environment(executable: str) -> dict[str, str]:
    """Return an environment in which the libraries are found that were unpacked beside an executable."""
    libraries = glob.glob(f"{executable.rpartition('/usr/')[0]}/usr/lib/*-linux-*")
    if not libraries:
        return dict(os.environ)
    return os.environ | {"LD_LIBRARY_PATH": ":".join(libraries)}


def _free_port() -> int:
    """Return a port that is free until the server has it: the kernel gives it to nobody by itself."""
    first = int(_GIVEN.read_text(encoding="ascii").split()[0])
    for port in random.sample(range(first // 2, first), min(_TRIES, first // 2)):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError(f"no port below {first} is free")


def _await_port(server: "subprocess.Popen[bytes]", port: int) -> str:
    """Return "" once it listens, else what it did instead."""
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        if server.poll() is not None:
            return f"ended with status {server.returncode}"
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except ConnectionRefusedError:
            time.sleep(0.02)
        else:
            return ""
    return f"did not listen within {_START_S:.0f} s"


def _last_of(path: str) -> str:
    with open(path, encoding="utf-8", errors="replace") as file:
        lines = file.read().split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")
