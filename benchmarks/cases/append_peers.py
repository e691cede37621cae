"""Store one event with what others use for it: the eventsourcing library, a NATS JetStream server."""

import importlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from benchmarks.cases.clocks import calls
from benchmarks.place import Absent, Measure, Place, Sample

NOTE = "resolve-dependencies took 41 s, three times as long as yesterday; the mirror answers slowly again"
_START_S = 10.0


@contextmanager
def eventsourcing(place: Place) -> Measure:
    """Trigger one event on an aggregate and save it, on the library's SQLite recorder (WAL, FULL)."""
    application: Any = importlib.import_module("eventsourcing.application")
    domain: Any = importlib.import_module("eventsourcing.domain")

    class Run(domain.Aggregate):  # type: ignore[misc]  # the library is not installed where types are checked
        @domain.event("Noted")  # type: ignore[untyped-decorator]  # for the same reason
        def note(self, text: str) -> None:
            self.last = text

    settings = {
        "PERSISTENCE_MODULE": "eventsourcing.sqlite",
        "SQLITE_DBNAME": f"{place.folder}/events.db",
    }
    recorder = application.Application(env=settings)
    run: Any = Run()
    recorder.save(run)

    def append() -> None:
        run.note(NOTE)
        recorder.save(run)

    count, timed = place.pick(60, 200), place.pick(40, 100)
    yield lambda: calls(append, count, timed)
    recorder.close()


@contextmanager
def nats(place: Place) -> Measure:
    """Publish to a JetStream stream on files and wait for its acknowledgement, one at a time."""
    client: Any = importlib.import_module("nats")
    threads: Any = importlib.import_module("anyio.from_thread")
    body = b'{"type":"run.progressed","seq":12,"at":"%b","message":"%b"}' % (
        datetime.now(UTC).isoformat().encode(),
        NOTE.encode(),
    )
    count = place.pick(200, 1000)
    with _server(place) as port, threads.start_blocking_portal("asyncio") as portal:

        async def connect() -> tuple[Any, Any]:
            link = await client.connect(f"nats://127.0.0.1:{port}")
            stream = link.jetstream()
            await stream.add_stream(name="runs", subjects=["run.*"])
            return link, stream

        async def publish() -> Sample:
            start = time.perf_counter()
            for _ in range(count):
                await stream.publish("run.20260101-000000-abcdefgh", body)
            return Sample(value=(time.perf_counter() - start) / count)

        link, stream = portal.call(connect)
        yield lambda: portal.call(publish)
        portal.call(link.close)


@contextmanager
def _server(place: Place) -> Iterator[int]:
    """Run a server of our own on a free port of the loopback."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    options = ["-js", "-sd", f"{place.folder}/jetstream", "-a", "127.0.0.1", "-p", str(port)]
    with open(os.devnull, "wb") as nothing:
        server = subprocess.Popen([place.tools["nats-server"], *options], stdout=nothing, stderr=nothing)
    try:
        _await_port(server, port)
        yield port
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait()


def _await_port(server: "subprocess.Popen[bytes]", port: int) -> None:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise Absent(f"nats-server ended with status {server.returncode}")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except ConnectionRefusedError:
            time.sleep(0.02)
        else:
            return
    raise Absent(f"nats-server did not listen within {_START_S:.0f} s")
