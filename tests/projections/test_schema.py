"""Schemas of what is shown: each names itself, and leaves room for what is added later."""

import msgspec
import pytest

from runlore.journal import events as e
from runlore.journal.errors import NotFound
from runlore.projections.schema import NAMES, SHOWN, json_schema


@pytest.mark.parametrize("name", NAMES)
def test_each_schema_names_itself(name: str) -> None:
    """A schema is found under its short name and under the id that answers carry."""
    schema = json_schema(name)

    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert json_schema(f"runlore.{name}/1") == schema
    assert msgspec.json.encode(schema)


@pytest.mark.parametrize("name", [name for name, kind in SHOWN.items() if hasattr(kind, "schema")])
def test_each_answer_carries_the_id_of_its_schema(name: str) -> None:
    """The `schema` of an answer is what `runlore schema` takes; an answer in a stream keeps its own."""
    default = next(field.default for field in msgspec.structs.fields(SHOWN[name]) if field.name == "schema")

    assert default == f"runlore.{name.removesuffix('_record')}/1"


def test_no_schema_forbids_what_is_added_later() -> None:
    """Fields only ever get added, so no schema of what is shown may refuse one it does not know."""
    for name in set(NAMES) - {"hold_message", "import_record", "submit_line"}:  # what is read, not shown
        assert b'"additionalProperties":false' not in msgspec.json.encode(json_schema(name))


def test_an_unknown_schema_names_those_there_are() -> None:
    """Asked for what does not exist, the answer says what does."""
    with pytest.raises(NotFound, match=r"no schema 'nope'; there are run, ps, "):
        json_schema("nope")


def test_an_event_of_a_newer_release_is_within_the_schema() -> None:
    """The schema of events leaves room for kinds that are not there yet."""
    choices = json_schema("event")["anyOf"]

    assert isinstance(choices, list)
    assert choices[-1]["required"] == ["type", "seq", "at"]
    assert len(choices) == len(e.TAGS) + 1
