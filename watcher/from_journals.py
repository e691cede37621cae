"""Errands past the journals themselves: through what was there before, and around a feed that was lost."""

from collections.abc import Sequence

from runlore.journal.values import RunId
from runlore.watcher import stretches
from runlore.watcher.census import Census, spot_at
from runlore.watcher.cursor import START, Spot
from runlore.watcher.feed_course import FeedCourse
from runlore.watcher.looks import Looks
from runlore.watcher.preparing import Preparing
from runlore.watcher.said_before import Scout, said
from runlore.watcher.scope import Scope
from runlore.watcher.steps import Errand, Moved, Passed, Settled, WentThrough
from runlore.watcher.stretches import Stretch
from runlore.watcher.wanted import Wanted


def history(scope: Scope, ready: Preparing, scout: Scout, begun: RunId, wanted: Wanted) -> Errand:
    """Go through everything that was there before, run by run; `begun` was gone through in part.

    Of long journals only the parts are read that may hold what is wanted.
    """
    looks = Looks(scope.disk, scope.layout)
    for run_id in scope.run_ids():
        if run_id >= begun:
            found = looks.file(run_id)
            parts = stretches.wanted_of(scope.disk, scope.layout, run_id, found[1] if found else 0, wanted)
            yield from _history_of(run_id, ready, looks, scout, parts, fresh=run_id != begun)
    ready.steps.append(WentThrough(None))


def _history_of(
    run_id: RunId, ready: Preparing, looks: Looks, scout: Scout, parts: Sequence[Stretch], *, fresh: bool
) -> Errand:
    if fresh:
        ready.begin(run_id, START)
        ready.steps.append(WentThrough(run_id))
        ready.steps.append(Passed(run_id, START))
    elif run_id not in ready.journals:
        return
    locked = looks.is_locked(run_id)
    yield from _parts_of(run_id, ready, parts)
    tail = ready.journals.tail(run_id)
    if tail is not None and tail.sealed and not locked and not scout.has_seen(run_id):
        ready.steps.append(Settled(run_id, tail.size))


def _parts_of(run_id: RunId, ready: Preparing, parts: Sequence[Stretch]) -> Errand:
    """Prepare these parts of a journal; all of it, if it turns out to be another one meanwhile."""
    rewinds = ready.rewinds
    for part in parts:
        read_to = ready.journals.size(run_id)
        if part.until is not None and part.until <= read_to:
            continue
        if part.start.offset > read_to:
            ready.begin(run_id, part.start)
            ready.steps.append(Passed(run_id, part.start))
        yield from ready.all_of(run_id, part.until)
        if ready.rewinds != rewinds:
            yield from ready.all_of(run_id)
            return
        if run_id not in ready.journals:
            return


def look_at_all(scope: Scope, ready: Preparing, course: FeedCourse, sizes: dict[RunId, int]) -> Errand:
    """Read on in every journal, from where it was left or was known to end; then stand at the feed's end."""
    position, before = course.go_to_end()
    for run_id in scope.run_ids():
        if run_id in ready.journals or _pick_up(run_id, scope, ready, sizes.get(run_id)):
            yield from ready.all_of(run_id)
    ready.steps.append(Moved(position, said(before)))


def _pick_up(run_id: RunId, scope: Scope, ready: Preparing, size: int | None) -> bool:
    """Begin to read a journal that was settled, or is new, if there is more of it now."""
    census = Census()
    if size is None:
        spot: Spot | None = START
    else:
        census.take(scope.disk, scope.layout, [run_id])
        if census.sizes.get(run_id) == size:
            return False
        spot = spot_at(scope.disk, scope.layout, run_id, size)
    if spot is None:
        ready.begin_again(run_id, f"run {run_id}: its journal was replaced by another")
    else:
        ready.begin(run_id, spot)
        ready.steps.append(Passed(run_id, spot))
    return True
