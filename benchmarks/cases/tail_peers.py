"""From a publish in one process to the decoded event in another: Redis, NATS, files that are watched."""

import asyncio
import importlib
import os
from collections.abc import Mapping
from contextlib import contextmanager
from typing import Any

from benchmarks.cases import servers
from benchmarks.cases.arrivals import Arrivals, Publisher, message_of, publisher
from benchmarks.cases.files import files_of
from benchmarks.place import Measure, Place, Sample

_BLOCK_MS = 30_000


@contextmanager
def redis(place: Place) -> Measure:
    """XREAD BLOCK of the client's as many streams as there are journals."""
    client: Any = importlib.import_module("redis")
    with servers.redis(place) as server, publisher(place, "redis", server.port) as source:
        link = client.Redis(port=server.port)
        read = {b"runs:%d" % number: b"0-0" for number in range(int(place.arguments["journals"]))}

        def measure() -> Sample:
            arrivals = Arrivals(source, server=server.pid)
            while not _note_all(arrivals, read, link.xread(read, block=_BLOCK_MS)):
                pass
            return arrivals.sample()

        yield measure
        link.close()


def _note_all(arrivals: Arrivals, read: dict[bytes, bytes], answer: Any) -> bool:  # noqa: ANN401 - lists in lists
    """Note every event of an answer; say whether they were the last, and move on behind them."""
    is_over = False
    for key, entries in answer:
        for entry, fields in entries:
            is_over = arrivals.note(message_of(fields[b"e"])) or is_over
            read[key] = entry
    return is_over


@contextmanager
def nats(place: Place) -> Measure:
    """An ordered push consumer of all subjects of a JetStream stream on files."""
    client: Any = importlib.import_module("nats")
    api: Any = importlib.import_module("nats.js.api")
    only_new = api.ConsumerConfig(deliver_policy=api.DeliverPolicy.NEW)
    with servers.nats(place) as server, publisher(place, "nats", server.port) as source:

        async def measure() -> Sample:
            async with await client.connect(f"nats://127.0.0.1:{server.port}") as link:
                stream = link.jetstream()
                await stream.add_stream(name="runs", subjects=["run.*"])
                events = await stream.subscribe("run.*", ordered_consumer=True, config=only_new)
                arrivals = Arrivals(source, server=server.pid)
                async for message in events.messages:
                    if arrivals.note(message_of(message.data)):
                        break
                return arrivals.sample()

        yield lambda: asyncio.run(measure())


@contextmanager
def watch(place: Place) -> Measure:
    """`watchfiles.awatch()` of the folder as it comes, and a read of each file that it names."""
    with publisher(place, "lines", place.folder) as source:
        files = {path: _Grown(path) for path in files_of(place)}
        yield lambda: asyncio.run(_watched(place.folder, files, source))


class _Grown:
    """A file that grows by lines."""

    def __init__(self, path: str) -> None:
        self._fd = os.open(path, os.O_RDONLY)  # until the process ends
        self._rest = b""

    def lines(self) -> list[bytes]:
        """Return the whole lines that were added."""
        while data := os.read(self._fd, 1 << 16):
            self._rest += data
        *lines, self._rest = self._rest.split(b"\n")
        return lines


async def _watched(folder: str, files: Mapping[str, _Grown], source: Publisher) -> Sample:
    watchfiles: Any = importlib.import_module("watchfiles")
    changes = watchfiles.awatch(folder)
    first = asyncio.ensure_future(anext(changes))
    await asyncio.sleep(0)  # the watch is in place when it waits for the first time
    arrivals = Arrivals(source)
    batch, is_over = await first, False
    while True:
        for _, path in batch:
            for line in files[path].lines():
                is_over = arrivals.note(message_of(line)) or is_over
        if is_over:
            return arrivals.sample()
        batch = await anext(changes)
