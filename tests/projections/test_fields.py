"""Picking fields: what is asked for comes out, and what does not exist is said so."""

from datetime import UTC, datetime

import pytest
from msgspec import structs

from runlore.journal.errors import BadInput
from runlore.projections.fields import parse_fields, pick
from runlore.projections.list_views import PsView
from runlore.projections.present import run_view
from runlore.projections.run_view import RunView
from runlore.projections.status import STATUS
from runlore.projections.stream_records import ControlRecord
from tests.journal.forge import RUN

NOW = datetime(2026, 11, 20, 21, 0, tzinfo=UTC)
VIEW: RunView = structs.replace(
    run_view(structs.replace(STATUS.initial(), run_id=RUN), as_of=NOW),
    tags={"env": "prod"},
    metadata={"a": {"b": 1}},
)
PS = PsView(as_of=NOW, items=[VIEW], counts={"unreadable": 1})


@pytest.mark.parametrize(
    ("fields", "picked"),
    [
        (["run_id"], {"run_id": RUN}),
        (["seq", "run_id"], {"seq": 0, "run_id": RUN}),
        (["tags.env"], {"tags": {"env": "prod"}}),
        (["tags.none"], {"tags": {"none": None}}),
        (["metadata.a.b", "metadata.x.y"], {"metadata": {"a": {"b": 1}, "x": {"y": None}}}),
        (["owner.pid"], {"owner": {"pid": None}}),
    ],
    ids=str,
)
def test_only_what_was_asked_for_comes_out(fields: list[str], picked: dict[str, object]) -> None:
    """Nested as it was, null where nothing is known, in the order asked."""
    found = pick(VIEW, fields)

    assert list(found) == list(picked)
    assert found == picked


@pytest.mark.parametrize("fields", [["retention", "retention.pinned"], ["retention.pinned", "retention"]])
def test_a_whole_and_its_part_give_the_whole(fields: list[str]) -> None:
    """Asking for more than once takes nothing away."""
    assert pick(VIEW, fields) == pick(VIEW, ["retention"])


def test_of_a_list_the_fields_are_those_of_its_items() -> None:
    """The envelope stays, so that counts and cursors are not lost."""
    assert pick(PS, ["run_id"]) == {
        "schema": "runlore.ps/1",
        "as_of": "2026-11-20T21:00:00Z",
        "items": [{"run_id": RUN}],
        "counts": {"unreadable": 1},
        "damaged": 0,
        "truncated": False,
        "next": None,
    }


@pytest.mark.parametrize("field", ["nope", "retention.nope", "run_id.nope", "ITEMS"])
@pytest.mark.parametrize("view", [VIEW, PS], ids=["object", "list"])
def test_a_field_that_does_not_exist_is_refused(view: object, field: str) -> None:
    """A mistyped field is a mistake, not a column of nothing."""
    with pytest.raises(BadInput, match=f"--fields {field}"):
        pick(view, [field])


def test_a_field_that_does_not_exist_is_refused_of_an_empty_list_too() -> None:
    """Whether a script is right does not depend on what is there."""
    empty = PsView(as_of=NOW, items=[], counts={})

    assert pick(empty, ["run_id", "owner.pid"])["items"] == []
    with pytest.raises(BadInput, match="--fields nope: no such field; there are schema, run_id"):
        pick(empty, ["nope"])


def test_records_of_a_stream_can_be_picked_from() -> None:
    """Fields work on whatever is printed."""
    assert pick(ControlRecord(type="end", reason="ended"), ["reason"]) == {"reason": "ended"}


@pytest.mark.parametrize(
    ("text", "names"), [("a", ("a",)), ("a,b.c", ("a", "b.c")), (" a , b ", ("a", "b")), ("a,a", ("a",))]
)
def test_a_list_of_names_is_read(text: str, names: tuple[str, ...]) -> None:
    """Commas between, blanks ignored, each name once."""
    assert parse_fields(text) == names


@pytest.mark.parametrize("text", ["", ",", "a,", "a..b", ".a", " "])
def test_a_list_with_a_hole_is_refused(text: str) -> None:
    """An empty name names nothing."""
    with pytest.raises(BadInput, match="--fields"):
        parse_fields(text)
