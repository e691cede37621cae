"""Many submissions from a program: answers in their order, and nothing of the program goes along."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import anyio
import pytest

from runlore.aio import AsyncRegistry
from runlore.journal.errors import BadInput, Conflict, DidNotStart, NoRoom, NotPermitted
from runlore.runtimes.registry import Registry
from tests.runtimes.keeping import DEADLINE_S, Keeping, children, until


@pytest.fixture
def registry(keeping: Keeping) -> Iterator[Registry]:
    """A registry whose runs are cleaned up after the test."""
    registry = Registry.open(keeping.layout.root)
    yield registry
    for view in registry.runs(status=["booting", "running"]):
        keeping.watch(view.run_id)


def test_each_has_its_answer_in_their_order(registry: Registry) -> None:
    """Runs, and what is wrong with others; each error is what `submit` would have raised."""
    given: list[Mapping[str, Any]] = [
        {"argv": ["sh", "-c", "exit 3"], "name": "n", "tags": {"a": "b"}, "key": "first"},
        {"argv": ["true"], "key": "first"},
        {"argv": []},
        {"argv": ["true"], "nme": "x"},
        {"name": "x"},
        {"argv": ["true"], "stdin": True},
        {"argv": ["no-such-command-anywhere"]},
        {"argv": ["sh", "-c", "echo $TOLD"], "secrets": {"TOLD": "correct-horse-battery-staple"}},
    ]

    done = list(registry.submit_many(given))

    assert [each.number for each in done] == list(range(1, 9))
    kinds = [type(each.error) for each in done]
    none = type(None)
    assert kinds == [none, Conflict, BadInput, BadInput, BadInput, BadInput, DidNotStart, none]
    assert [each.run is not None for each in done] == [True, *[False] * 5, True, True]
    first, last = done[0].run, done[7].run
    assert first is not None
    assert last is not None
    ended = first.wait(30)
    assert ended is not None
    assert (ended.exit_code, ended.name, ended.tags) == (3, "n", {"a": "b"})
    last.wait(30)
    assert [line.data for line in last.logs()] == [b"[REDACTED]\n"]


def test_again_only_what_is_missing_is_started(registry: Registry) -> None:
    """By key; and the same as one that was submitted alone."""
    alone = registry.submit(["true"], key="k0")
    given = [{"argv": ["true"], "key": f"k{number}"} for number in range(3)]

    first = [each.run for each in registry.submit_many(given)]
    again = [each.run for each in registry.submit_many(given)]

    assert first == again
    assert first[0] == alone
    assert [run is not None and run.existing for run in first] == [True, False, False]
    assert all(run is not None and run.existing for run in again)


def test_whoever_stops_asking_leaves_no_process_and_no_descriptor(registry: Registry) -> None:
    """What was launched goes on; it was not asked for much more than was answered."""
    asked: list[int] = []

    def endless() -> Iterator[Mapping[str, Any]]:
        while True:
            asked.append(len(asked))
            yield {"argv": ["sleep", "60"]}

    next(registry.submit_many([{"argv": ["true"]}]))
    before, others = os.listdir("/proc/self/fd"), children()
    many = registry.submit_many(endless())
    first = next(many)
    many.close()  # type: ignore[attr-defined]  # an iterator is what is promised

    assert first.run is not None
    assert len(asked) < 40
    assert os.listdir("/proc/self/fd") == before
    assert children() <= others
    assert first.run.view().status == "running"
    until(lambda: all(view.status == "running" for view in registry.runs("command = 'sleep 60'")))


def test_no_room_is_an_answer_or_is_waited_for(registry: Registry) -> None:
    """As the caller wishes."""
    (Path(registry.root) / "config.toml").write_text("[limits]\nkeepers = 1\n")
    lasting: list[Mapping[str, Any]] = [{"argv": ["sleep", "60"]}] * 2
    given = [{"argv": ["true"], "key": f"k{number}"} for number in range(4)]

    refused = [type(each.error) for each in registry.submit_many(lasting)]
    assert refused in ([type(None), NoRoom], [NoRoom, type(None)])
    registry.get("latest").stop(force=True)
    waited = list(registry.submit_many(given, wait_for_room=True))

    assert [each.error for each in waited] == [None] * 4


def test_a_registry_that_may_not_be_written_raises(registry: Registry) -> None:
    """There is nothing to answer."""
    with pytest.raises(NotPermitted):
        next(Registry(registry.layout, writable=False).submit_many([{"argv": ["true"]}]))


def test_the_asynchronous_twin_gives_the_same(registry: Registry) -> None:
    """And can be cancelled while it waits for room."""
    (Path(registry.root) / "config.toml").write_text("[limits]\nkeepers = 1\n")
    twin = AsyncRegistry(registry)

    async def submit() -> None:
        given: list[Mapping[str, Any]] = [
            {"argv": ["sleep", "60"], "key": "a"},
            {"argv": ["x"], "y": 1},
            {"argv": ["sleep", "61"]},
        ]
        done = []
        with anyio.move_on_after(DEADLINE_S) as scope:
            async for each in twin.submit_many(given, wait_for_room=True):
                done.append(each)
                if each.number == 2:
                    scope.deadline = anyio.current_time() + 0.4
        assert scope.cancelled_caught
        assert [type(each.error) for each in done] == [type(None), BadInput]
        assert done[0].run is not None
        assert (await done[0].run.view()).status == "running"

    anyio.run(submit)
    assert len(registry.runs()) == 1
