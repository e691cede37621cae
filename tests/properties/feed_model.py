"""A model of the feed: writers, one observer, and a crash of either at every step, explored to the end.

Three journals: one of a live run, one of a run that has ended, one that is created on the way. A crash
is a writer that vanishes: the kernel frees its lock, and the steps it had left never happen. A sync
changes nothing that others can see, so it is no step of its own. Lines of the feed that the observer
has committed are forgotten; its position is the beginning of what is left.
"""

from collections.abc import Iterator
from typing import Final, Literal, NamedTuple

WriterStep = Literal["lock", "intent", "append", "announce", "unlock"]
ObserverStep = Literal["read", "wait", "fold", "take end", "commit"]

NOT_THERE: Final = -1
"""Records of a journal that was not created yet; 0 if its file is there and its first event is not."""


class Order(NamedTuple):
    """In which order writers and observer do what they do."""

    unlocked: tuple[WriterStep, ...] = ("lock",)
    """Until the lock is held."""
    live: tuple[WriterStep, ...] = ("append", "announce", "unlock")
    """Under the lock of a run that is live."""
    closed: tuple[WriterStep, ...] = ("intent", "append", "announce", "unlock")
    """Under the lock of a run that has ended, or is new."""
    observer: tuple[ObserverStep, ...] = ("read", "wait", "fold", "commit")
    looks_at_live: bool = True


RIGHT: Final = Order()
WEAKER: Final[dict[str, Order]] = {
    "no intent line": Order(closed=RIGHT.live),
    "intent after the append": Order(closed=("append", "intent", "announce", "unlock")),
    "intent before the lock is held": Order(unlocked=("intent", "lock"), closed=RIGHT.live),
    "announced after the lock is given back, no intent": Order(
        live=("append", "unlock", "announce"), closed=("append", "unlock", "announce")
    ),
    "announced before the write, outside the lock": Order(
        unlocked=("announce", "lock"), live=("append", "unlock"), closed=("append", "unlock")
    ),
    "the observer does not wait": Order(observer=("read", "fold", "commit")),
    "the feed's end is taken after the fold": Order(observer=("read", "wait", "fold", "take end", "commit")),
    "live runs are not looked at": Order(looks_at_live=False),
}


class Journal(NamedTuple):
    """A journal, and just as well a row about it."""

    records: int
    ended: bool


class Writer(NamedTuple):
    """A writer: idle without steps left to do, dead with no appends left."""

    appends: int
    """How many it may still begin."""
    target: int = 0
    final: bool = False
    """What it appends ends the run."""
    holds: bool = False
    steps: tuple[WriterStep, ...] = ()


class Observer(NamedTuple):
    """The observer's memory: rows are on disk, the rest is gone after a crash."""

    rows: tuple[Journal, ...]
    step: int = 0
    todo: tuple[int, ...] = ()
    """Journals that this step has still to deal with."""
    named: tuple[int, ...] = ()
    end: int = 0
    draft: tuple[Journal, ...] = ()


class State(NamedTuple):
    """Everything."""

    journals: tuple[Journal, ...]
    feed: tuple[int, ...]
    """Journals named by the lines that no committed pass has seen."""
    writers: tuple[Writer, ...]
    observer: Observer

    @property
    def resting(self) -> bool:
        """No writer is at work, and no pass is under way."""
        return not any(writer.steps for writer in self.writers) and self.observer.step == 0


LIVE, ENDED, NEW = range(3)


def beginning(appends: int) -> State:
    """Return the first state: rows are right, both writers have `appends` appends before them."""
    journals = (Journal(1, ended=False), Journal(2, ended=True), Journal(NOT_THERE, ended=False))
    return State(journals, (), (Writer(appends), Writer(appends)), Observer(rows=journals))


def explore(order: Order, start: State) -> tuple[int, int, list[State]]:
    """Return how many states there are, in how many all is at rest, and which of those are stale for good."""
    seen, level = {start}, [start]
    resting = 0
    stale: list[State] = []
    while level:
        reached: list[State] = []
        for state in level:
            if state.resting:
                resting += 1
                if left_stale(order, state):
                    stale.append(state)
            for following in successors(order, state):
                if following not in seen:
                    seen.add(following)
                    reached.append(following)
        level = reached
    return len(seen), resting, stale


def left_stale(order: Order, state: State) -> set[int]:
    """Return the journals whose rows are wrong even after one more pass, disturbed by nobody."""
    state = _observed(order, state, state.observer)
    while not state.resting:
        state = _observed(order, state, state.observer)
    pairs = enumerate(zip(state.observer.rows, state.journals, strict=True))
    return {place for place, (row, journal) in pairs if row != journal and journal.records > 0}


def successors(order: Order, state: State) -> Iterator[State]:
    """Yield every state one step of anybody, or one crash, away."""
    for place, writer in enumerate(state.writers):
        others = (*state.writers[:place], *state.writers[place + 1 :])
        if writer.steps:
            yield _with_writer(state, others, Writer(0))  # a crash
            if writer.steps[0] != "lock" or not _is_locked(state, writer.target):
                yield _written(order, state, others, writer)
        elif writer.appends:
            yield from _begun(order, state, others, writer)
    observer = state.observer
    if observer.step:
        yield state._replace(observer=Observer(observer.rows))  # a crash
    if not (order.observer[observer.step] == "wait" and _is_locked(state, observer.todo[0])):
        yield _observed(order, state, observer)


def _begun(order: Order, state: State, others: tuple[Writer, ...], writer: Writer) -> Iterator[State]:
    for target, journal in enumerate(state.journals):
        if journal.records == 0:
            continue  # a crash left it without its first event; nobody appends to that
        changed = state
        if journal.records == NOT_THERE:
            changed = _with_journal(state, target, Journal(0, ended=False))
        may_end = journal.records > 0 and not journal.ended
        for final in (False, True) if may_end else (False,):
            busy = Writer(writer.appends - 1, target, final, holds=False, steps=order.unlocked)
            yield _with_writer(changed, others, busy)


def _written(order: Order, state: State, others: tuple[Writer, ...], writer: Writer) -> State:
    step, after = writer.steps[0], writer._replace(steps=writer.steps[1:])
    journal = state.journals[writer.target]
    match step:
        case "lock":
            closed = journal.ended or journal.records == 0
            legal = not (journal.ended and writer.final)  # the other writer may have ended it
            steps: tuple[WriterStep, ...] = order.closed if closed else order.live
            after = writer._replace(holds=True, steps=steps if legal else ("unlock",))
        case "intent" | "announce":
            state = state._replace(feed=(*state.feed, writer.target))
        case "append":
            appended = Journal(journal.records + 1, ended=journal.ended or writer.final)
            state = _with_journal(state, writer.target, appended)
        case "unlock":
            after = after._replace(holds=False)
    return _with_writer(state, others, after if after.steps else Writer(after.appends))


def _observed(order: Order, state: State, observer: Observer) -> State:
    """Return the state after the observer's next step; who waits for a lock has found it free."""
    match order.observer[observer.step]:
        case "read":
            observer = observer._replace(
                named=tuple(sorted(set(state.feed))), end=len(state.feed), draft=observer.rows
            )
            return state._replace(observer=_next_step(order, observer))
        case "wait":
            pass
        case "fold":
            target = observer.todo[0]
            draft = _put(observer.draft, target, state.journals[target])
            observer = observer._replace(draft=draft)
        case "take end":
            return state._replace(observer=_next_step(order, observer._replace(end=len(state.feed))))
        case "commit":
            return state._replace(feed=state.feed[observer.end :], observer=Observer(observer.draft))
    observer = observer._replace(todo=observer.todo[1:])
    return state._replace(observer=observer if observer.todo else _next_step(order, observer))


def _next_step(order: Order, observer: Observer) -> Observer:
    """Return the observer at its next step that has something to do."""
    step = observer.step + 1
    todo: tuple[int, ...] = ()
    while order.observer[step] in {"wait", "fold"}:
        live = [place for place, row in enumerate(observer.rows) if row.records > 0 and not row.ended]
        if order.observer[step] == "wait":
            todo = observer.named
        else:
            todo = tuple(sorted({*observer.named, *(live if order.looks_at_live else ())}))
        if todo:
            break
        step += 1
    return observer._replace(step=step, todo=todo)


def _is_locked(state: State, target: int) -> bool:
    return any(writer.holds and writer.target == target for writer in state.writers)


def _with_journal(state: State, target: int, journal: Journal) -> State:
    return state._replace(journals=_put(state.journals, target, journal))


def _with_writer(state: State, others: tuple[Writer, ...], writer: Writer) -> State:
    return state._replace(writers=tuple(sorted((*others, writer))))  # it does not matter who is who


def _put(journals: tuple[Journal, ...], place: int, journal: Journal) -> tuple[Journal, ...]:
    return (*journals[:place], journal, *journals[place + 1 :])
