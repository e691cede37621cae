"""Named subscriptions in programs: both event loops, and none."""

import inspect
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest

import runlore
from runlore.aio.named import AsyncNamedSubscription
from runlore.journal.errors import BadInput, Busy, Conflict, NotFound
from runlore.named import NamedSubscription
from runlore.registry import Registry
from runlore.watcher.durable import DurableRecords
from runlore.watcher.durable_aio import AsyncDurableRecords
from tests.doubles.drafts import noted
from tests.runtimes.keeping import DEADLINE_S
from tests.runtimes.kept_runs import Owned, registry_at


@pytest.fixture
def registry(registry_root: Path) -> Registry:
    """A registry without runs."""
    return Registry(registry_at(registry_root))


def asked(function: Callable[..., object]) -> list[tuple[str, object, object]]:
    """What a function is called with."""
    return [(each.name, each.kind, each.default) for each in inspect.signature(function).parameters.values()]


@pytest.mark.parametrize(
    ("twin", "original"),
    [(AsyncNamedSubscription, NamedSubscription), (AsyncDurableRecords, DurableRecords)],
)
def test_the_twins_have_the_same_methods(twin: type, original: type) -> None:
    """Whoever knows one knows the other; what looks for acks elsewhere is the command line's."""
    ours = {"next_now", "wait", "token", "number", "ack_number", "items"}
    names = {name for name in dir(original) if not name.startswith("_")} - ours
    for name in names:
        method = getattr(original, name)
        assert hasattr(twin, name), name
        if inspect.isfunction(method):
            assert asked(getattr(twin, name)) == asked(method), name


def test_until_it_is_acked(registry: Registry) -> None:
    """Each record comes until then, as it happens."""
    registry.subscription("mail").create(types="run.noted", tags={})
    owned = Owned(registry.layout)
    with registry.subscription("mail") as records:
        owned.append(noted())
        owned.append(noted())
        first, second = next(records), next(records)
        records.ack(first)
        records.ack(first)
    with registry.subscription("mail", follow=False) as records:
        assert [record.seq for record in records] == [second.seq]
        assert records.reason == "caught_up"
        records.ack()
    assert registry.subscription("mail").view().count == 2
    assert [each.subscription for each in registry.subscriptions()] == ["mail"]
    owned.die()


def test_an_ack_of_what_was_not_handed_out(registry: Registry) -> None:
    """It is refused, and changes nothing; with nothing out there is nothing to ack."""
    owned = Owned(registry.layout)
    registry.subscription("mail").create(begin="start")
    with registry.subscribe(history=True) as others:
        foreign = next(others)
    with registry.subscription("mail") as records:
        records.ack()
        with pytest.raises(BadInput, match="was not handed out"):
            records.ack(foreign)
        assert next(records).seq == 1
    assert registry.subscription("mail").view().acked is None
    owned.die()


def test_making_moving_removing(registry: Registry) -> None:
    """Each by its name; what is there is not made again, what is not there is not found."""
    mail = registry.subscription("mail")
    with pytest.raises(NotFound), mail:
        pass
    assert mail.create(status="failed", name="nightly", tags={"env": "prod"}) is mail
    view = mail.view()
    assert (view.status, view.name, view.tags) == (["failed"], "nightly", ["env=prod"])
    with pytest.raises(Conflict, match="already"):
        mail.create()
    with mail:
        with pytest.raises(Busy):
            registry.subscription("mail").reset()
        with pytest.raises(RuntimeError, match="being consumed already"):
            mail.__enter__()
    assert mail.reset("now").status == ["failed"]
    assert mail.remove().subscription == "mail"
    with pytest.raises(NotFound):
        mail.remove()
    for name in ("a/b", ""):
        with pytest.raises(BadInput):
            registry.subscription(name)


@pytest.mark.anyio
async def test_on_both_loops(registry: Registry) -> None:
    """The same, awaited; from the synchronous registry as well."""
    twin = await runlore.open_async(registry.root)
    mail = await twin.subscription("mail").create(begin="start", types={"run.*"})
    owned = Owned(registry.layout)
    owned.append(noted())
    with anyio.fail_after(DEADLINE_S):
        async with mail as records:
            async for record in records:
                if record.seq == 1:
                    await records.ack(record)
                else:
                    break
        assert (await mail.view()).count == 1
        async with registry.subscription("mail", max_unacked=1) as again:
            assert (await anext(again)).seq == 2
            with pytest.raises(Conflict, match="not one of them is acked"):
                await anext(again)
            await again.ack()
        assert [each.subscription for each in await twin.subscriptions()] == ["mail"]
        await mail.reset("start")
        assert (await mail.remove()).count == 2
    owned.die()


@pytest.mark.anyio
async def test_an_ack_that_is_cancelled(registry: Registry) -> None:
    """It is written down or it is not, and what is not comes again."""
    owned = Owned(registry.layout)
    registry.subscription("mail").create(begin="start")
    async with registry.subscription("mail") as records:
        await anext(records)
        with anyio.CancelScope() as scope:
            scope.cancel()
            await records.ack()
    count = registry.subscription("mail").view().count
    assert count in {0, 1}
    async with registry.subscription("mail", follow=False) as records:
        assert [record.seq async for record in records] == [1][count:]
    owned.die()
