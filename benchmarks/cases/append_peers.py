"""Store one event with what others use for it: the eventsourcing library, a NATS JetStream server."""

import importlib
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from benchmarks.cases import servers
from benchmarks.cases.clocks import calls
from benchmarks.place import Measure, Place, Sample

NOTE = "resolve-dependencies took 41 s, three times as long as yesterday; the mirror answers slowly again"


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
    with servers.nats(place) as server, threads.start_blocking_portal("asyncio") as portal:

        async def connect() -> tuple[Any, Any]:
            link = await client.connect(f"nats://127.0.0.1:{server.port}")
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
