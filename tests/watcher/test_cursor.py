"""Cursors are opaque and small, and an edited one never reads something else."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from runlore.journal.errors import BadInput
from runlore.journal.feed_position import FeedPosition
from runlore.journal.values import Offset, Seq
from runlore.watcher.cursor import Cursor, Spot, decode, encode
from tests.doubles.drafts import new_run_id

AT = datetime(2026, 11, 20, tzinfo=UTC)
CURSOR = Cursor(
    registry="01234567",
    at=AT,
    position=FeedPosition("0123456789abcdef", 3, 4711, "0123456789abcdef"),
    ahead={new_run_id(1): Spot(Seq(3), Offset(700), "0123456789abcdef")},
)


def test_a_cursor_says_what_it_was_made_of() -> None:
    """Whoever has it goes on there."""
    assert decode(encode(CURSOR), "01234567") == CURSOR


def test_a_cursor_of_another_registry() -> None:
    """It is refused, and the message says whose it is."""
    with pytest.raises(BadInput, match="another registry"):
        decode(encode(CURSOR), "76543210")


def test_a_cursor_of_a_later_release() -> None:
    """It is told from one that is none at all."""
    with pytest.raises(BadInput, match="later release"):
        decode("f2" + encode(CURSOR)[2:], "01234567")


@pytest.mark.parametrize("text", ["", "f1.", "junk", "e1.e3", "f1.\x00", "f1.é", "f1." + 9999 * "A"])
def test_what_is_no_cursor(text: str) -> None:
    """The message says where to get one."""
    with pytest.raises(BadInput, match="is no cursor"):
        decode(text, "01234567")


@pytest.mark.parametrize(("letter", "other"), ["-+", "_/"])
def test_letters_that_mean_the_same_elsewhere(letter: str, other: str) -> None:
    """A cursor is written in one way: what a shell would not leave alone is no part of one."""
    words = (encode(structs.replace(CURSOR, at=CURSOR.at + timedelta(seconds=s))) for s in range(1000))
    text = next(word for word in words if letter in word)
    decode(text, "01234567")
    with pytest.raises(BadInput, match="is no cursor"):
        decode(text.replace(letter, other), "01234567")


@given(st.integers(0, 10**6), st.characters(codec="ascii"))
def test_an_edited_cursor(place: int, letter: str) -> None:
    """Not one letter may be another."""
    text = encode(CURSOR)
    place = 3 + place % (len(text) - 3)
    edited = text[:place] + letter + text[place + 1 :]
    if edited != text:
        with pytest.raises(BadInput):
            decode(edited, "01234567")
