"""Labels: what users may call their runs, and what is refused because nobody could see or type it."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runlore.journal.errors import BadInput
from runlore.projections import labels
from runlore.projections.printable import printable
from tests.properties.histories import free_json

ACCEPTED = [
    "nightly",
    ".",
    "..",
    "...",
    "../x",
    "a/b",
    "a\\b",
    "/abs",
    "~root",
    "*",
    "?",
    "[a]",
    "$(id)",
    "`id`",
    "a b",
    ".hidden.",
    "x" * 255,
    "é" * 127,
    "🚀",
    "👩‍💻",
    "❤️",
    "\u0430",  # Cyrillic a: another letter, and said so by its look in few fonts
    "नमस्‍ते",
    "%2e%2e",
    "CON",
]
REFUSED = [
    "",
    " ",
    " a",
    "a ",
    "\u00a0a",
    "-rf",
    "--help",
    "nul\0l",
    "two\nlines",
    "back\rwards",
    "tab\tbed",
    "\x1b[2J",
    "\x9b2J",
    "\x7f",
    "x" * 256,
    "x" * 4096,
    "é" * 128,
    "\u202ecod",
    "a\u2066b",
    "a\u200bb",
    "a\u200db",
    "\u200d",
    "\ufeffa",
    "a\u2028b",
    "a\u00a0b",
    "a\u3164b",
    "a\ufe0f",
    "\udcff",
    "\U000e0041",
    "latest",
    "Latest",
    "all",
    "ALL",
    "latest:failed",
    "key:x",
    "a:b",
    "20261120-201400-k3f9x2ab",
    "20261120-201400-K3F9X2AB",
]


@pytest.mark.parametrize("text", ACCEPTED, ids=ascii)
def test_a_name_people_can_see_is_accepted(text: str) -> None:
    """Names are labels, never paths: what looks like one is as good as any other."""
    assert labels.name(text) == text


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: ascii(text)[:30])
def test_a_name_people_cannot_see_or_tell_is_refused(text: str) -> None:
    """Refused with a message that can itself be printed."""
    with pytest.raises(BadInput) as caught:
        labels.name(text)

    assert printable(str(caught.value)) == str(caught.value)


def test_two_spellings_of_one_name_are_one_name() -> None:
    """Composed and decomposed accents look alike, so they are stored alike."""
    assert labels.name("cafe\u0301") == labels.name("caf\u00e9") == "caf\u00e9"


def test_the_hidden_character_is_named() -> None:
    """Nobody has to guess which character it was."""
    with pytest.raises(BadInput, match=r"holds U\+202E, which people can neither see nor type"):
        labels.name("a\u202eb")


@given(st.text(max_size=300))
def test_an_accepted_name_shows_as_it_is(text: str) -> None:
    """Whatever is accepted is stable, printable, bounded and free of outer blanks."""
    try:
        name = labels.name(text)
    except BadInput:
        return

    assert labels.name(name) == name == printable(name) == name.strip()
    assert 0 < len(name.encode()) <= labels.LONGEST


@pytest.mark.parametrize("text", ["k", "job:17", "-x", "latest", "2026-11-20 nightly"])
def test_a_key_may_be_any_visible_text(text: str) -> None:
    """Keys select by `key:K`, so nothing is reserved among them."""
    assert labels.key(text) == text


@pytest.mark.parametrize("text", ["", " k", "k\n", "\x1b", "x" * 256, "\u202e"])
def test_a_key_nobody_could_type_again_is_refused(text: str) -> None:
    """A key that looks like another would submit twice what was meant once."""
    with pytest.raises(BadInput):
        labels.key(text)


@pytest.mark.parametrize(
    ("word", "pair"),
    [
        ("env=prod", ("env", "prod")),
        ("a=b=c", ("a", "b=c")),
        ("flag", ("flag", "")),
        ("x=", ("x", "")),
        ("team/x=a b", ("team/x", "a b")),
    ],
)
def test_a_tag_is_a_name_and_perhaps_a_value(word: str, pair: tuple[str, str]) -> None:
    """The first `=` divides; a tag without one has an empty value."""
    assert labels.tag(word) == pair


@pytest.mark.parametrize(
    "word", ["", "=", "=x", "a b=c", "-a=b", "a= b", "a=b\n", "a\x1b=b", "a=" + "x" * 256]
)
def test_what_is_no_tag_is_refused(word: str) -> None:
    """Blanks in names, outer blanks and hidden characters have no place in a tag."""
    with pytest.raises(BadInput):
        labels.tag(word)


def test_tags_come_from_words_or_a_mapping() -> None:
    """The command line and Python mean the same tags."""
    assert labels.tags(["a=1", "b"]) == labels.tags({"a": "1", "b": ""}) == {"a": "1", "b": ""}
    assert labels.tags(["a=1", "a=1"]) == {"a": "1"}


def test_a_label_that_is_no_text_is_refused() -> None:
    """Python passes what it likes: a number as a tag's value is told so, by its place."""
    nothing: Any = 0
    wrong: Any
    for wrong in ({"retries": 3}, {"retries": nothing}, {"retries": None}, {3: "x"}):
        with pytest.raises(BadInput, match="is no text"):
            labels.tags(wrong)
    with pytest.raises(BadInput, match="name 0 is no text"):
        labels.name(nothing)


@pytest.mark.parametrize("given", [["a=1", "a=2"], {"a=": "1"}, [f"t{n}" for n in range(65)]])
def test_tags_that_contradict_or_flood_are_refused(given: Any) -> None:  # noqa: ANN401 - both forms
    """One value per name, and no more tags than a person can read."""
    with pytest.raises(BadInput):
        labels.tags(given)


METADATA_REFUSED = [
    "",
    "[1]",
    '"text"',
    "nul",
    '{"a":1,"a":2}',
    '{"a":{"b":1,"b":1}}',
    '{"a":NaN}',
    '{"a":-Infinity}',
    '{"a":1e999}',
    '{"a":9007199254740993}',
    '{"a":-1' + "0" * 400 + "}",
    '{"a":' + "9" * 5000 + "}",
    '{"a":"\\ud800"}',
    '{"\\udc00":1}',
    '{"a":' * 33 + "1" + "}" * 33,
    '{"a":' + "[" * 5000 + "]" * 5000 + "}",
    '{"a":"' + "x" * 65536 + '"}',
    "{" + ",".join(f'"{n}":"{"é" * 30}"' for n in range(1000)) + "}",
]


@pytest.mark.parametrize("text", METADATA_REFUSED, ids=lambda text: ascii(text)[:30])
def test_metadata_that_cannot_be_kept_is_refused(text: str) -> None:
    """What readers would disagree about, or no line could hold, is refused with its reason."""
    with pytest.raises(BadInput, match="metadata"):
        labels.metadata_from(text)


@pytest.mark.parametrize(
    "document",
    [
        None,
        [1],
        {1: "x"},
        {"a": print},
        {"a": float("nan")},
        {"a": {"b": b"x"}},
        {"a": "\udcff"},
        {"a": {1}},
    ],
    ids=lambda document: ascii(document)[:20],
)
def test_metadata_from_python_is_held_to_the_same(document: object) -> None:
    """Objects that are not JSON never get as far as an event."""
    with pytest.raises(BadInput):
        labels.metadata(document)


def test_the_message_names_the_place() -> None:
    """In a nested document the offending field is named."""
    with pytest.raises(BadInput, match=r"metadata\.a\[1\]\.b: a set is not JSON"):
        labels.metadata({"a": [1, {"b": {1}}]})


def test_a_tuple_becomes_a_list_and_a_subclass_its_kind() -> None:
    """What is stored is plain JSON, whatever Python called it."""

    class Count(int):
        pass

    kept = labels.metadata({"a": (1, Count(2)), "b": {"c": None, "d": True, "e": 0.5}})

    assert kept == {"a": [1, 2], "b": {"c": None, "d": True, "e": 0.5}}
    assert type(kept["a"][1]) is int  # type: ignore[index]  # it was a tuple


@given(st.dictionaries(st.text(), free_json, max_size=4))
def test_metadata_is_kept_as_it_was_given(document: dict[str, object]) -> None:
    """JSON in, the same JSON out, by either door."""
    try:
        kept = labels.metadata(document)
    except BadInput:
        return

    text = msgspec.json.encode(kept).decode()
    assert kept == document
    assert labels.metadata_from(text) == msgspec.json.decode(text)
