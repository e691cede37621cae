"""Strategies for whatever a journal may hold: every event with every field, and whole legal histories."""

from datetime import UTC
from typing import Final, TypeVar

import msgspec
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from msgspec import inspect as shapes

from runlore.journal import ids
from runlore.journal.events import (
    FORMAT,
    TAGS,
    Event,
    JournalContinued,
    RunQueued,
    RunSealed,
    TextRedacted,
)
from runlore.journal.lifecycle import AFTER_END, LEGAL, STATUS_OF, TERMINAL
from runlore.journal.values import RunId, Status
from tests.journal.forge import AT, Forge

EventT = TypeVar("EventT", bound=Event)

KINDS: Final[tuple[type[Event], ...]] = tuple(TAGS.values())

texts: Final = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_DAY: Final = AT.replace(tzinfo=None)
times: Final = st.datetimes(_DAY.replace(year=1970), _DAY.replace(year=9999), timezones=st.just(UTC))
numbers: Final = st.floats(allow_nan=False, allow_infinity=False)
free_json: Final[SearchStrategy[object]] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
digests: Final = st.binary(min_size=32, max_size=32).map(bytes.hex)
run_ids: Final[SearchStrategy[RunId]] = st.builds(
    ids.mint,
    st.datetimes(_DAY.replace(year=1970), _DAY.replace(year=2199), timezones=st.just(UTC)),
    st.binary(min_size=5, max_size=5),
)


def of_shape(kind: shapes.Type) -> SearchStrategy[object]:
    """Return a strategy for the values of a msgspec type; whatever a field is bounded by, it respects."""
    match kind:
        case shapes.IntType():
            return st.integers(kind.ge, kind.le)
        case shapes.FloatType():
            return st.floats(kind.ge, kind.le, allow_nan=False, allow_infinity=False)
        case shapes.StrType():
            return digests if kind.pattern else texts
        case shapes.LiteralType():
            return st.sampled_from(kind.values)
        case shapes.VarTupleType():
            return st.lists(of_shape(kind.item_type), max_size=3).map(tuple)
        case shapes.DictType():
            return st.dictionaries(texts, of_shape(kind.value_type), max_size=3)
        case shapes.StructType():
            return of_struct(kind.cls)
        case shapes.UnionType():
            return st.one_of([of_shape(one) for one in kind.types])
        case _:
            return _PLAIN[type(kind)]


_PLAIN: Final[dict[type[shapes.Type], SearchStrategy[object]]] = {
    shapes.BoolType: st.booleans(),
    shapes.DateTimeType: times,
    shapes.NoneType: st.none(),
    shapes.CustomType: free_json,
}


def of_struct(cls: type[msgspec.Struct], **fixed: object) -> SearchStrategy[msgspec.Struct]:
    """Return a strategy for a struct: required fields always, each other field or none."""
    shape = shapes.type_info(cls)
    fields = shape.fields if isinstance(shape, shapes.StructType) else ()
    free = [field for field in fields if field.name not in fixed]
    required = {field.name: of_shape(field.type) for field in free if field.required}
    optional = {field.name: of_shape(field.type) for field in free if not field.required}
    return st.fixed_dictionaries(required, optional=optional).map(lambda given: cls(**given, **fixed))


def events_of(kind: type[EventT], **fixed: object) -> SearchStrategy[EventT]:
    """Return a strategy for events of one type."""
    return of_struct(kind, **fixed)  # type: ignore[return-value]


def any_event() -> SearchStrategy[Event]:
    """Return a strategy for an event of any known type, in any place."""
    return st.sampled_from(KINDS).flatmap(events_of)


_WITHOUT_PLACE: Final = frozenset({RunQueued, RunSealed, JournalContinued, TextRedacted})
"""Events whose fields depend on where they stand; histories place them by themselves, or not at all."""


@st.composite
def journals(draw: st.DrawFn, *, max_events: int = 10, run_id: RunId | None = None) -> Forge:
    """Draw a whole legal journal: every event allowed where it stands, a seal wherever one belongs."""
    forge = Forge(draw(run_ids) if run_id is None else run_id)
    forge.event(draw(events_of(RunQueued, seq=1, run_id=forge.run_id, format=FORMAT)))
    status: Status = "queued"
    for _ in range(draw(st.integers(0, max_events))):
        kind = draw(st.sampled_from(allowed(status)))
        forge.event(draw(events_of(kind, seq=forge.seq + 1)))
        status = STATUS_OF.get(kind, status)
        if status in TERMINAL:
            forge.seal()
    return forge


def allowed(status: Status) -> list[type[Event]]:
    """Return the event types that the lifecycle's tables allow in a status."""
    if status in TERMINAL:
        return [kind for kind in KINDS if kind in AFTER_END and kind not in _WITHOUT_PLACE]
    steps = [kind for kind in KINDS if STATUS_OF.get(kind) in LEGAL[status]]
    return steps + [kind for kind in KINDS if kind not in STATUS_OF and kind not in _WITHOUT_PLACE]
