"""Live streams of a registry, in programs: both event loops, and none."""

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import anyio
import pytest
from anyio.lowlevel import checkpoint

import runlore
from runlore.journal import machine
from runlore.journal.disk import RealDisk
from runlore.journal.errors import BadInput, NotFound
from runlore.journal.scan import Record
from runlore.registry import Registry
from tests import proof
from tests.doubles.drafts import noted
from tests.runtimes.keeping import DEADLINE_S
from tests.runtimes.kept_runs import Owned, program, registry_at


@pytest.fixture
def registry(registry_root: Path) -> Registry:
    """A registry without runs."""
    return Registry(registry_at(registry_root))


def descriptors() -> int:
    """How many are open."""
    return len(os.listdir("/proc/self/fd"))


def nudging() -> list[str]:
    """The threads that nudge."""
    return [thread.name for thread in threading.enumerate() if thread.name == "runlore-nudges"]


# -- without an event loop


def test_following_a_run(registry: Registry) -> None:
    """From its first record to its last, and then it is over, and says why."""
    owned = Owned(registry.layout).boot().start()
    seen: list[int] = []
    with registry.follow(owned.run_id) as records:
        for record in records:
            seen.append(record.seq)
            if record.seq == 3:
                owned.succeed().die()

    assert seen == [1, 2, 3, 4, 5, 6]
    assert records.reason == "ended"
    assert records.rewound == 0
    with registry.follow(owned.run_id, after=records.cursor) as again:
        assert list(again) == []
    assert nudging() == []


def test_what_happens_from_now_on(registry: Registry) -> None:
    """What was there before does not come, unless it is asked for."""
    owned = Owned(registry.layout).boot()
    with registry.subscribe() as records:
        owned.start()
        other = Owned(registry.layout)
        assert [(next(records).run_id, next(records).run_id)] == [(owned.run_id, other.run_id)]
    with registry.subscribe(history=True, types="run.q*") as records:
        assert {next(records).run_id, next(records).run_id} == {owned.run_id, other.run_id}
    with registry.subscribe(since="1h", runs=[other.run_id]) as records:
        assert next(records).run_id == other.run_id
    owned.die()
    other.die()


KILLED = """
import signal, sys
from runlore.runtimes.registry import Registry
with Registry.open(sys.argv[1]).track("killed") as run:
    print(run.id, flush=True)
    signal.pause()
"""


@pytest.fixture
def owner(registry: Registry) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process that is a run, and the run's id."""
    with subprocess.Popen(program(KILLED, registry.root), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process, process.stdout.readline().strip()
        process.kill()


def test_following_a_run_whose_owner_is_killed(
    registry: Registry, owner: "tuple[subprocess.Popen[str], str]"
) -> None:
    """Nobody is left to write its end; the stream ends all the same."""
    process, run_id = owner
    with registry.follow(run_id) as records:
        for record in records:
            if record.seq == 3:
                process.send_signal(signal.SIGKILL)

    assert records.reason == "ended"


def test_a_stream_until_a_time(registry: Registry) -> None:
    """It ends when that time has passed."""
    owned = Owned(registry.layout)
    with registry.subscribe(history=True, until=registry.disk.now()) as records:
        assert [record.seq for record in records] == [1]
    assert records.reason == "until"
    owned.die()


def test_a_subscriber_that_does_not_keep_up(registry: Registry) -> None:
    """If that was agreed on, its stream ends, and it resumes where it was; nothing is missing."""
    owned = Owned(registry.layout)
    with registry.subscribe(slow=runlore.Slow.DISCONNECT, buffer=10) as records:
        owned.append(noted())
        assert next(records).seq == 2
        items = records.items()
        assert next(items) is None  # it has caught up
        for _ in range(3000):
            owned.append(noted())
        seen = [record.seq for record in records]
    assert records.reason == "slow"
    with registry.subscribe(after=records.cursor) as more:
        while not seen or seen[-1] < 3002:
            seen.append(next(more).seq)

    assert seen == list(range(3, 3003))
    owned.die()


def memory() -> int:
    """How many bytes of this process are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.timeout(3600)
def test_stalled_subscribers_harm_nobody(registry: Registry, sized: Callable[[int, int], int]) -> None:
    """A hundred share one thread and keep nothing, whoever reads gets everything, and so do they later."""
    count = sized(2_000, 200_000)
    with ExitStack() as stack:
        writers = [stack.enter_context(owned_by_us(registry)) for _ in range(5)]
        stalled = [stack.enter_context(registry.subscribe()) for _ in range(100)]
        for writer in writers:
            writer.append(noted())
        for each in stalled:
            assert next(each).seq == 2
        before = memory()
        with registry.subscribe(buffer=count) as records:
            for number in range(count):
                writers[number % 5].append(noted())
            assert_in_order(records, writers, count)
        assert len(nudging()) == 1
        grown = memory() - before
        for each in stalled[::33]:
            assert [next(each).seq for _ in writers[1:]] == [2] * 4
            assert_in_order(each, writers, count)

    assert nudging() == []
    assert grown <= 64 << 20
    promised = "a hundred stalled subscribers grow by 64 MiB at most, and nobody misses a record"
    proof.record("streams: stalled subscribers", promised, {"subscribers": 100, "events": count})


def assert_in_order(records: Iterator[Record], writers: list[Owned], count: int) -> None:
    """So many notes come, one of each run after the other, from their third record on."""
    for number, record in zip(range(count), records, strict=False):
        assert (record.run_id, record.seq) == (writers[number % 5].run_id, 3 + number // 5)


@contextmanager
def owned_by_us(registry: Registry) -> Iterator[Owned]:
    """A run of this process's, which dies with the block."""
    owned = Owned(registry.layout)
    yield owned
    owned.die()


def test_a_root_of_which_the_kernel_says_nothing(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a network's file system records come all the same, and the stream says why it looks for them."""
    owned = Owned(registry.layout)
    monkeypatch.setattr(machine, "file_system", lambda _path: "nfs4")
    with registry.subscribe() as records:
        owned.append(noted())
        assert next(records).seq == 2
        assert "nfs4" in records.notice
    owned.die()


def test_a_forked_child(registry: Registry) -> None:
    """It is told to subscribe for itself, and takes nothing away from its parent."""
    owned = Owned(registry.layout)
    with registry.subscribe() as records:
        pid = os.fork()
        if pid == 0:
            try:
                next(records)
            except RuntimeError:
                os._exit(0)
            os._exit(1)
        assert os.waitpid(pid, 0)[1] == 0
        owned.append(noted())
        assert next(records).seq == 2
    owned.die()


@pytest.mark.parametrize(
    "asked", [{"types": "run.faild"}, {"buffer": 0}, {"tags": ["="]}, {"since": "soon"}, {"status": "gone"}]
)
def test_what_cannot_be_asked(registry: Registry, asked: "dict[str, object]") -> None:
    """It is said when it is asked, before anything is read."""
    with pytest.raises(BadInput):
        registry.subscribe(**asked)  # type: ignore[arg-type]  # that is the test


def test_what_is_found_out_on_entering(registry: Registry) -> None:
    """A run that is not there, or a cursor that is none."""
    with pytest.raises(NotFound), registry.follow("nobody"):
        pass
    with pytest.raises(BadInput), registry.subscribe(after="junk"):
        pass
    assert nudging() == []


# -- with one


@pytest.mark.anyio
async def test_records_as_they_come(registry: Registry) -> None:
    """The same object gives an asynchronous stream, on whichever loop runs."""
    owned = Owned(registry.layout).boot()
    twin = await runlore.open_async(registry.root)
    seen: list[int] = []
    with anyio.fail_after(DEADLINE_S):
        async with twin.follow(owned.run_id) as records:
            async for record in records:
                seen.append(record.seq)
                if record.seq == 2:
                    owned.start().succeed().die()
        async with registry.subscribe(history=True, types={"run.sealed"}) as others:
            async for record in others:
                assert record.seq == 6
                break

    assert seen == [1, 2, 3, 4, 5, 6]
    assert records.reason == "ended"
    assert nudging() == []


@pytest.mark.anyio
async def test_what_the_subscriber_raises(registry: Registry) -> None:
    """It comes back as it was raised, and nothing stays open."""
    owned = Owned(registry.layout)
    async with registry.subscribe(history=True) as records:
        await anext(records)  # worker threads and what a loop opens once are there now
    before = descriptors()

    async def leave() -> None:
        async with registry.subscribe(history=True) as records:
            async for record in records:
                raise KeyError(record.seq)

    with pytest.raises(KeyError):
        await leave()
    assert nudging() == []
    with anyio.fail_after(DEADLINE_S):
        while descriptors() > before:  # noqa: ASYNC110 - the library closes some in a thread of its own
            await anyio.sleep(0.002)
    owned.die()


@pytest.mark.anyio
async def test_a_wait_that_is_cancelled(registry: Registry) -> None:
    """Nothing is lost by it: the next wait gets the next record."""
    owned = Owned(registry.layout)
    async with registry.subscribe() as records:
        with anyio.move_on_after(0.05) as scope:
            await anext(records)
        assert scope.cancelled_caught
        owned.append(noted())
        with anyio.fail_after(DEADLINE_S):
            assert (await anext(records)).seq == 2
    assert nudging() == []
    owned.die()


class Hung(RealDisk):
    """A disk that does not answer to a read of a journal, as a network's may, until the gate is open."""

    def __init__(self) -> None:
        self.gate, self.asked = threading.Event(), threading.Event()

    def open(self, path: str, flags: int) -> int:
        """Wait, if it is a journal, then open it."""
        if "/journals/" in path and threading.current_thread() is not threading.main_thread():
            self.asked.set()
            assert self.gate.wait(DEADLINE_S)
        return super().open(path, flags)


@pytest.mark.anyio
async def test_a_ticking_task_goes_on_while_a_stream_reads(registry_root: Path) -> None:
    """A read that hangs holds up its own stream and nothing else of the program."""
    disk = Hung()
    disk.gate.set()
    registry = Registry(registry_at(registry_root), disk=disk)
    owned = Owned(registry.layout)
    seen: list[int] = []

    async def stream() -> None:
        async with registry.subscribe() as records:
            disk.gate.clear()
            disk.asked.clear()
            owned.append(noted())
            seen.append((await anext(records)).seq)

    with anyio.fail_after(DEADLINE_S):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(stream)
            while not (disk.asked.is_set() and not disk.gate.is_set()):  # noqa: ASYNC110 - see above
                await anyio.sleep(0.001)
            for _ in range(1000):
                await checkpoint()
            assert seen == []
            disk.gate.set()
    assert seen == [2]
    owned.die()


class Gated(RealDisk):
    """A disk on which nothing can be listed until the gate is open."""

    def __init__(self) -> None:
        self.gate, self.asked = threading.Event(), threading.Event()

    def listdir(self, path: str) -> list[str]:
        """Wait, then list."""
        self.asked.set()
        assert self.gate.wait(DEADLINE_S)
        return super().listdir(path)


@pytest.mark.anyio
async def test_a_disk_that_does_not_answer(registry_root: Path) -> None:
    """The event loop goes on while a stream begins."""
    disk = Gated()
    registry = Registry(registry_at(registry_root), disk=disk)
    owned = Owned(registry.layout)
    begun = anyio.Event()

    async def stream() -> None:
        async with registry.subscribe(history=True) as records:
            await anext(records)
            begun.set()

    with anyio.fail_after(DEADLINE_S):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(stream)
            while not disk.asked.is_set():  # noqa: ASYNC110 - it is set in another thread
                await anyio.sleep(0.002)
            assert not begun.is_set()
            disk.gate.set()
    assert begun.is_set()
    owned.die()


@pytest.mark.anyio
async def test_several_streams_at_once(registry: Registry) -> None:
    """Each has everything."""
    owned = Owned(registry.layout).boot().start()
    seen: list[list[int]] = []

    async def follow() -> None:
        async with registry.follow(owned.run_id) as records:
            seen.append([record.seq async for record in records])

    with anyio.fail_after(DEADLINE_S):
        async with anyio.create_task_group() as tasks:
            for _ in range(5):
                tasks.start_soon(follow)
            owned.succeed().die()

    assert seen == [[1, 2, 3, 4, 5, 6]] * 5
