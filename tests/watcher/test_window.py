"""What was handed out and not acked: numbers, tokens, and how many there may be."""

from typing import TYPE_CHECKING, cast

import pytest

from runlore.journal.errors import BadInput
from runlore.journal.scan import Record
from runlore.journal.values import Head, Offset, Seq
from runlore.watcher.window import Window
from tests.doubles.drafts import ANY_TIME, new_run_id, noted

if TYPE_CHECKING:
    from runlore.journal.events import AnyEvent


def record(seq: int) -> Record:
    """A record that is told from others by its position."""
    event = cast("AnyEvent", noted()(Seq(seq), ANY_TIME))
    return Record(
        run_id=new_run_id(),
        seq=Seq(seq),
        offset=Offset(seq * 10),
        length=10,
        head=Head(f"{seq:064}"),
        event=event,
    )


def filled(count: int, most: int = 10) -> Window:
    """A window with so many records out."""
    window = Window("abcd", most)
    for seq in range(1, count + 1):
        window.add(record(seq), f"cursor {seq}")
    return window


def test_acks_are_cumulative() -> None:
    """Whoever acks one has dealt with all before it; an older ack then changes nothing."""
    window = filled(5)
    third = window.through(3)
    assert third is not None
    assert third.cursor == "cursor 3"
    assert window.drop_through(3) == 3
    assert (window.through(3), window.through(1)) == (None, None)
    assert (window.unacked, window.drop_through(2), window.drop_through(5), window.unacked) == (2, 0, 2, 0)


def test_it_is_full() -> None:
    """At so many records without an ack."""
    window = filled(3, most=3)
    assert window.is_full
    window.drop_through(1)
    assert not window.is_full


def test_a_token_is_the_last_record() -> None:
    """It comes back as its number, also after it was acked."""
    window = filled(5)
    token = window.token()
    window.drop_through(5)
    assert window.number(token) == 5
    assert window.number("abcd.1") == 1


@pytest.mark.parametrize(
    ("token", "why"),
    [
        ("abcd.6", "not handed out yet"),
        ("abcd.0", "not handed out yet"),
        ("ffff.1", "another reading"),
        ("", "acks nothing"),
        ("abcd", "acks nothing"),
        ("abcd.-1", "acks nothing"),
        ("abcd.²", "acks nothing"),
        ("abcd." + "9" * 400, "acks nothing"),
        ("abcd.1 ", "acks nothing"),
    ],
)
def test_a_token_that_acks_nothing(token: str, why: str) -> None:
    """It is refused, and says why."""
    with pytest.raises(BadInput, match=why):
        filled(5).number(token)


def test_a_record_by_itself() -> None:
    """It is known while it is out and for a while after; one that never was, or of long ago, is not."""
    window = filled(30, most=10)
    assert window.number_of(record(30)) == 30
    window.drop_through(30)
    assert window.number_of(record(25)) == 25
    for unknown in (record(31), record(1)):
        with pytest.raises(BadInput, match="was not handed out"):
            window.number_of(unknown)


def test_a_record_that_came_twice() -> None:
    """What acks it acks the first one that is not acked yet: what came in between is not acked with it."""
    window = filled(3)
    window.add(record(1), "again")
    assert window.number_of(record(1)) == 1
    window.drop_through(1)
    assert window.number_of(record(1)) == 4
    window.drop_through(4)
    assert window.number_of(record(1)) == 4
