"""The event family: what every member of it must be, so that nobody can add one that is less."""

import re
from collections.abc import Iterator
from typing import get_args

import msgspec
import pytest
from msgspec import inspect as shapes

from runlore.journal import events, values
from runlore.journal.events import TAGS, Event, KnownEvent, UnknownEvent, tag_of
from tests.journal.forge import AT
from tests.journal.samples import SAMPLES

FAMILY = get_args(KnownEvent)
STRUCTS = [
    kind
    for kind in vars(values).values()
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and kind is not msgspec.Struct
]
every_event = pytest.mark.parametrize("kind", FAMILY, ids=lambda kind: kind.__name__)
every_struct = pytest.mark.parametrize("kind", [*FAMILY, *STRUCTS], ids=lambda kind: kind.__name__)

# Words that end a tag and are past participles without ending in "ed"; a new one is added knowingly.
IRREGULAR = {"run.result_set"}
# Tags older than the rule, or nouns that name an ongoing act; the list only ever shrinks.
NOT_PARTICIPLES = {"run.booting", "run.collecting"}


def _fields_of(kind: type[msgspec.Struct]) -> tuple[shapes.Field, ...]:
    shape = shapes.type_info(kind)
    assert isinstance(shape, shapes.StructType)
    return shape.fields


def _parts_of(kind: shapes.Type) -> Iterator[shapes.Type]:
    yield kind
    match kind:
        case shapes.UnionType():
            inner = kind.types
        case shapes.VarTupleType():
            inner = (kind.item_type,)
        case shapes.DictType():
            inner = (kind.key_type, kind.value_type)
        case _:
            inner = ()
    for part in inner:
        yield from _parts_of(part)


@every_struct
def test_every_struct_is_an_immutable_fact(kind: type[msgspec.Struct]) -> None:
    """Nobody can change an event after the fact, build one by position, or slow the collector down."""
    config = kind.__struct_config__

    assert config.frozen
    assert not config.gc
    assert config.omit_defaults
    assert not config.array_like
    assert not config.forbid_unknown_fields
    with pytest.raises(TypeError, match="positional"):
        kind(1)


@every_event
def test_every_event_says_its_type_and_place(kind: type[Event]) -> None:
    """The type is a tag of ours under `type`; seq and time are required, who and epoch are not."""
    required = {field.name for field in _fields_of(kind) if field.required}
    optional = {field.name for field in _fields_of(kind) if not field.required}

    assert issubclass(kind, Event)
    assert kind.__struct_config__.tag_field == "type"
    assert {"seq", "at"} <= required
    assert {"by", "epoch"} <= optional


@every_event
def test_class_name_and_tag_are_the_same_words(kind: type[Event]) -> None:
    """`RunQueued` is `run.queued`: whoever reads a journal finds the class, and the other way round."""
    tag = tag_of(SAMPLES[kind])
    room, _, rest = tag.partition(".")
    words = [room, *rest.split("_")]

    assert "".join(word.capitalize() for word in words) == kind.__name__
    assert TAGS[tag] is kind
    assert re.fullmatch(r"[a-z0-9_]+(\.[a-z0-9_]+)+", tag)
    assert len(tag) <= 64


@every_event
def test_tags_are_past_participles(kind: type[Event]) -> None:
    """An event is something that has happened; a command would be `run.stop`."""
    tag = tag_of(SAMPLES[kind])

    assert tag.endswith(("ed", "out")) or tag in IRREGULAR | NOT_PARTICIPLES


@every_struct
def test_every_integer_is_bounded(kind: type[msgspec.Struct]) -> None:
    """No integer in a journal can be negative or larger than what every JSON reader holds exactly."""
    for field in _fields_of(kind):
        for part in _parts_of(field.type):
            if isinstance(part, shapes.IntType):
                assert part.ge is not None, field.name
                assert part.ge >= 0, field.name
                assert part.le is not None, field.name
                assert part.le <= values.MAX_INT, field.name


@every_struct
def test_every_time_is_aware(kind: type[msgspec.Struct]) -> None:
    """A time without offset is refused, so two machines never mean different times by one text."""
    for field in _fields_of(kind):
        for part in _parts_of(field.type):
            if isinstance(part, shapes.DateTimeType):
                assert part.tz is True, field.name


@every_struct
def test_what_may_be_absent_has_a_default_that_no_event_shares(kind: type[msgspec.Struct]) -> None:
    """A field that was added later reads as its default in old journals, freshly made each time."""
    optional = [field for field in _fields_of(kind) if not field.required]

    for field in optional:
        assert (field.default is msgspec.NODEFAULT) is not (field.default_factory is msgspec.NODEFAULT)
        if field.default is not msgspec.NODEFAULT:
            assert not isinstance(field.default, dict | list | set), field.name
    assert all(field.name in kind.__struct_fields__ for field in optional)


def test_samples_cover_the_family() -> None:
    """A new event gets a sample, and every field of every sample differs from its default."""
    assert set(SAMPLES) == set(FAMILY)
    for kind, sample in SAMPLES.items():
        written = msgspec.json.decode(msgspec.json.encode(sample))
        assert set(written) == {"type", *kind.__struct_fields__}


def test_tags_are_unique() -> None:
    """No two events share a tag."""
    assert len(TAGS) == len(FAMILY)


def test_final_and_unsynced_events_are_few_and_known() -> None:
    """Four ways to end, and one kind of event that may be lost: both lists are promises."""
    names = {kind.__name__ for kind in events.FINAL}
    assert names == {
        "RunSucceeded",
        "RunFailed",
        "RunTimedOut",
        "RunCancelled",
    }
    assert {events.RunProgressed} == events.UNSYNCED


def test_an_unknown_event_keeps_its_own_tag() -> None:
    """What we do not know is called what its writer called it."""
    assert tag_of(UnknownEvent(seq=1, at=AT, type="run.invented", raw=b"{}")) == "run.invented"
