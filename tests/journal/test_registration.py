"""Which registered values can be masked: what output is full of cannot, and its owner is told by name."""

import pytest

from runlore.journal.registration import LONGEST, SHORTEST, registered, why_unmasked


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("", "it is empty"),
        (" \n", "it is empty"),
        ("abc12", f"it is shorter than {SHORTEST} bytes"),
        ("  abc12\n", f"it is shorter than {SHORTEST} bytes"),
        ("aaaaaaaa", "it only repeats one or two characters"),
        ("ababababa", "it only repeats one or two characters"),
        ("******", "it only repeats one or two characters"),
        ("localhost", "it is an ordinary word"),
        ("Production", "it is an ordinary word"),
        ("[REDACTED]", "it was redacted before"),
        ("REDACTED", "it was redacted before"),
        ("postgres://u:[REDACTED]@h/db", "it was redacted before"),
        ("a1" * LONGEST + "b", f"it is longer than {LONGEST} bytes"),
    ],
    ids=lambda value: value[:20],
)
def test_a_value_that_would_mask_ordinary_output_is_not_masked(value: str, why: str) -> None:
    """Short, common and repeated values are let through, for a reason that can be shown."""
    assert why_unmasked(value) == why


@pytest.mark.parametrize(
    "value", ["hunter2", "sésame", b"\xff\x00\x01abc", "\udcff" * 3 + "abcdef", "12345678"]
)
def test_any_other_value_is_masked(value: str | bytes) -> None:
    """Also one that is not UTF-8."""
    assert not why_unmasked(value)


def test_named_values_are_told_apart() -> None:
    """The reasons go by name and never repeat a value, so that they can be shown."""
    told = registered({"GOOD": "hunter2", "SHORT": "pin4", "WORD": "localhost"})

    assert told.masked == {"GOOD": "hunter2"}
    assert told.unmasked == {
        "SHORT": "it is shorter than 6 bytes",
        "WORD": "it is an ordinary word",
    }
