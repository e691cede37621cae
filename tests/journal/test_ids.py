"""Run ids: minted here, sortable, safe as a file name, and nothing else passes for one."""

from datetime import timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runlore.journal import ids
from runlore.journal.errors import BadInput
from tests.journal.forge import AT, RUN
from tests.properties.histories import run_ids


def test_an_id_is_its_second_and_forty_random_bits() -> None:
    """The same second and the same bits give the same id, in the form that the format page states."""
    assert ids.mint(AT, bytes([0, 0, 0, 0, 0])) == "20261120-201400-00000000"
    assert ids.mint(AT, bytes([255, 255, 255, 255, 255])) == "20261120-201400-zzzzzzzz"
    assert ids.mint(AT, bytes([0, 0, 0, 0, 31, 99])) == "20261120-201400-0000000z"


@given(st.binary(min_size=5, max_size=5), st.binary(min_size=5, max_size=5))
def test_different_bits_give_different_ids(one: bytes, other: bytes) -> None:
    """None of the forty bits is lost."""
    assert (ids.mint(AT, one) == ids.mint(AT, other)) is (one == other)


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_ids_sort_by_creation(one: int, other: int) -> None:
    """Sorting the names of journals sorts the runs by the second they were created in."""
    first, second = sorted((one, other))
    earlier = ids.mint(AT + timedelta(seconds=first), b"\xff" * 5)
    later = ids.mint(AT + timedelta(seconds=second), b"\xff" * 5)

    assert earlier <= later


@given(run_ids)
def test_every_minted_id_is_one(run_id: str) -> None:
    """What is minted is recognised, parsed unchanged, and its suffix is a short id."""
    assert ids.is_run_id(run_id)
    assert ids.parse(run_id) == run_id
    assert ids.is_suffix(ids.short(ids.parse(run_id)))
    assert len(run_id) == ids.LENGTH


NOT_IDS = [
    "",
    ".",
    "..",
    "../x",
    "a/b",
    "/abs",
    "-rf",
    "--help",
    "*",
    "$(id)",
    RUN + "\n",
    "\n" + RUN,
    RUN + "\0",
    RUN.upper(),
    RUN[:-1],
    RUN + "a",
    RUN.replace("-", "_"),
    RUN.replace("k", "i"),
    RUN.replace("k", "l"),
    RUN.replace("k", "o"),
    RUN.replace("k", "u"),
    RUN.replace("k", "k̇"),
    RUN.replace("x", "х"),  # noqa: RUF001 - Cyrillic on purpose
    RUN.replace("2", "٢"),
    RUN.replace("2", "²"),
    "../../20261120-201400-k3",
    "20261120-201400-../../et",
    RUN[:8] + "/" + RUN[9:],
    "a" * 255,
]


@pytest.mark.parametrize("text", NOT_IDS)
def test_what_only_looks_like_an_id_is_refused(text: str) -> None:
    """No path, option, wildcard or look-alike letter gets through as an id; the message says what would."""
    assert not ids.is_run_id(text)
    with pytest.raises(BadInput, match="20261120-201400-k3f9x2ab") as caught:
        ids.parse(text)
    assert str(caught.value).isascii()
    assert caught.value.exit_code == 2


@given(st.text(max_size=30))
def test_any_text_is_judged_without_an_error(text: str) -> None:
    """Whatever somebody types, the answer is yes or no, and yes means a name that cannot leave its folder."""
    if ids.is_run_id(text):
        assert set(text) <= set("0123456789abcdefghjkmnpqrstvwxyz-")
    assert isinstance(ids.is_suffix_prefix(text), bool)


def test_a_short_id_is_recognised_from_its_first_letter_on() -> None:
    """Completion and selectors accept any beginning of a suffix, and the whole suffix as itself."""
    assert all(ids.is_suffix_prefix("k3f9x2ab"[:length]) for length in range(1, 9))
    assert not ids.is_suffix_prefix("")
    assert not ids.is_suffix_prefix("k3f9x2abc")
    assert not ids.is_suffix_prefix("K3")
    assert ids.is_suffix("k3f9x2ab")
    assert not ids.is_suffix("k3f9x2a")


def test_an_id_is_minted_from_the_time_it_is_given() -> None:
    """The stamp is the caller's UTC time; converting is the caller's duty, and visible here."""
    local = AT.astimezone(timezone(timedelta(hours=2)))

    assert ids.mint(local, bytes(5)).startswith("20261120-221400")
