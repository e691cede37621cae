"""Keys that stand twice in one object of a JSON text, and those that do not."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runlore.projections.json_keys import Repeated, repeated_key

NONE = {
    "one object": '{"a": 1, "b": 2}',
    "the same key further in": '{"a": {"a": {"a": 1}}}',
    "the same key side by side": '[{"a": 1}, {"a": 2}, [{"a": 3}]]',
    "values alike": '{"a": "a", "b": "a"}',
    "a key that differs in case": '{"a": 1, "A": 2}',
    "no object": '["a", "a", 1e400, 12345678901234567890]',
    "a text that looks like one": '{"a": "{\\"b\\": 1, \\"b\\": 2}"}',
}


@pytest.mark.parametrize("case", NONE)
def test_texts_without_one(case: str) -> None:
    """Each object is by itself, and values are none of its keys."""
    assert repeated_key(NONE[case].encode()) is None


SOME = {
    "side by side": ('{"a": 1, "a": 1}', Repeated("a", 1, 1)),
    "in another line": ('{"a": 1,\n "b": 2,\n\n "a": 3}', Repeated("a", 1, 4)),
    "further in": ('{"a": 1,\n "b": [0, {"c": 1,\n "c": 2}]}', Repeated("c", 2, 3)),
    "behind an object of its own": ('{"a": {"a": 1}, "b": 0, "a": {}}', Repeated("a", 1, 1)),
    "written in another way": (r'{"exit": 1, "\u0065xit": 2}', Repeated("exit", 1, 1)),
    "empty": ('{"": 1, "": 2}', Repeated("", 1, 1)),
    "two of them": ('[{"x": 1, "x": 1}, {"y": 1, "y": 1}]', Repeated("x", 1, 1)),
    "beyond ASCII": ('{"\u0436": 1, "\u0436": 2}', Repeated("\u0436", 1, 1)),
}


@pytest.mark.parametrize("case", SOME)
def test_texts_with_one(case: str) -> None:
    """The first key that stands there again is told, with both its lines."""
    text, found = SOME[case]
    assert repeated_key(text.encode()) == found


def test_what_is_told() -> None:
    """Where, what, and what to do; lines in front of the text count."""
    assert (
        Repeated("a", 1, 1).told() == "line 1: the key 'a' stands twice in one object; leave one of the two"
    )
    told = Repeated("k" * 99, 2, 4).told(above=10)
    assert told.startswith("line 14: the key 'kkk")
    assert "in this object already, in line 12; leave one" in told
    assert len(told) < 140


VALUES = st.recursive(
    st.none() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=4),
    max_leaves=12,
)


@given(VALUES, st.booleans(), st.sampled_from([None, 1]))
def test_what_a_program_writes_has_none(value: object, ascii_only: bool, indent: int | None) -> None:
    """A dictionary has each key once, so nothing that is written from one is refused."""
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    assert repeated_key(text.encode("utf-8", "surrogatepass")) is None
