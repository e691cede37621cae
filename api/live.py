"""Where runs and streams meet: the records of a registry as they come, and when to stop waiting for them.

Rooms do not know each other: `watcher` reads journals, `runtimes` knows who owns a run. A stream that
follows runs ends when they have ended, told by a final event or by the death of everybody who could
write one.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

from runlore.journal.errors import BadInput, RunloreError
from runlore.journal.feed import Feed
from runlore.journal.values import RunId
from runlore.projections import filters
from runlore.runtimes.registry import Registry
from runlore.runtimes.run import Run
from runlore.runtimes.waiting import Waiting
from runlore.watcher.stream import Slow
from runlore.watcher.subscription import BUFFER, Asked, Subscription
from runlore.watcher.wanted import Wanted, parse_types


class RunsEnd:
    """Says when runs have ended; provisional ends count."""

    def __init__(self, registry: Registry, run_ids: Iterable[RunId]) -> None:
        self._waiting = Waiting(registry.disk, registry.layout, registry.observer, run_ids)

    def is_over(self) -> bool:
        """Say whether all of them have ended."""
        self._waiting.check()
        return not self._waiting.pending

    def descriptors(self) -> list[int]:
        """Return what becomes readable when an owner dies."""
        return self._waiting.descriptors()

    def wake(self, descriptors: list[int]) -> None:
        """Note that these became readable."""
        self._waiting.wake(descriptors)

    def close(self) -> None:
        """Let go of everything."""
        self._waiting.close()


def wanted_of(
    registry: Registry,
    *,
    types: str | Iterable[str] = (),
    status: str | Iterable[str] = (),
    name: str | None = None,
    tags: Iterable[str] | Mapping[str, str] = (),
    since: str | datetime | None = None,
    until: str | datetime | None = None,
) -> Wanted:
    """Return what was asked for in words.

    Raises:
        BadInput: a type, a label or a time is none.
    """
    now = registry.disk.now()
    runs = filters.parse(now=now, status=status, name=name, tags=tags)
    return Wanted(
        types=parse_types([types] if isinstance(types, str) else types),
        since=None if since is None else filters.when(since, now),
        until=None if until is None else filters.when(until, now),
        runs=None if runs == filters.Filter() else runs,
    )


def open_stream(
    registry: Registry,
    wanted: Wanted,
    *,
    runs: Iterable[str | Run] | None = None,
    after: str | None = None,
    history: bool = False,
    last: int | None = None,
    follow: bool = True,
    ends: bool = False,
    slow: Slow | None = None,
    buffer: int = BUFFER,
) -> Subscription:
    """Return a subscription; ends: with the runs that are named. Nothing is looked at before it is entered.

    last: of the runs that are named, begin in front of so many of the last records that are wanted.

    Raises:
        BadInput: the buffer holds nothing, or the last records of what is not known are asked for.
    """
    if buffer < 1:
        raise BadInput(f"buffer {buffer}: at least 1 record")
    if last is not None:
        _check_last(last, wanted, runs, after)
    named = None if runs is None else list(runs)

    def ask() -> Asked:
        if follow:
            see_to_feed(registry)
        return Asked(
            wanted=wanted,
            run_ids=None if named is None else tuple(ids_of(registry, named)),
            after=after,
            history=history,
            last=last,
            follow=follow,
            slow=slow or Slow.BLOCK,
            buffer=buffer,
        )

    def ending(asked: Asked) -> RunsEnd | None:
        return RunsEnd(registry, asked.run_ids) if ends and follow and asked.run_ids else None

    return Subscription(registry.disk, registry.layout, ask, ending)


def _check_last(last: int, wanted: Wanted, runs: object, after: str | None) -> None:
    """Return if the last records can be told: of named runs, by what the records themselves say."""
    if last < 0:
        raise BadInput(f"the last {last} records: give a number from 0 on")
    if runs is None:
        raise BadInput("the last records of which runs? name them")
    if after is not None:
        raise BadInput("the last records, or those behind a cursor: not both")
    if wanted.runs is not None:
        raise BadInput("the last records do not go with filters of status, name or tag: the run was named")


def subscribe(
    registry: Registry,
    *,
    after: str | None = None,
    types: str | Iterable[str] = (),
    runs: Iterable[str | Run] | None = None,
    status: str | Iterable[str] = (),
    name: str | None = None,
    tags: Iterable[str] | Mapping[str, str] = (),
    since: str | datetime | None = None,
    until: str | datetime | None = None,
    history: bool | None = None,
    slow: Slow | None = None,
    buffer: int = BUFFER,
) -> Subscription:
    """Return a subscription: see `runlore.Registry.subscribe`."""
    return open_stream(
        registry,
        wanted_of(registry, types=types, status=status, name=name, tags=tags, since=since, until=until),
        runs=runs,
        after=after,
        history=since is not None if history is None else history,
        slow=slow,
        buffer=buffer,
    )


def follow(
    registry: Registry,
    run: str | Run,
    *,
    after: str | None = None,
    last: int | None = None,
    types: str | Iterable[str] = (),
) -> Subscription:
    """Return a subscription: see `runlore.Registry.follow`."""
    wanted = wanted_of(registry, types=types)
    return open_stream(registry, wanted, runs=[run], after=after, history=True, last=last, ends=True)


def see_to_feed(registry: Registry) -> None:
    """Make a feed if there is none, where this user may: only a place in one can be resumed from."""
    feed = Feed(registry.disk, registry.layout)
    try:
        registry.require_writable()
        feed.begin()
    except (RunloreError, OSError):
        return
    finally:
        feed.close()


def ids_of(registry: Registry, runs: Iterable[str | Run]) -> list[RunId]:
    """Return the runs that are meant, each once.

    Raises:
        NotFound, Ambiguous: a selector means none, or several.
    """
    found = (run.id if isinstance(run, Run) else registry.resolve(run) for run in runs)
    return list(dict.fromkeys(found))
