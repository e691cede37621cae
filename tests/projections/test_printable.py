"""Printable: nothing recorded can drive the terminal of whoever reads it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runlore.projections.printable import printable, printable_body, printable_bytes

CORPUS = [
    ("\x1b[2J", "\\x1b[2J"),
    ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
    ("\x1b]8;;http://x\x1b\\here", "\\x1b]8;;http://x\\x1b\\here"),
    ("\x1b]52;c;aGk=\x07", "\\x1b]52;c;aGk=\\x07"),
    ("\x9d52;c;aGk=\x9c", "\\x9d52;c;aGk=\\x9c"),
    ("\x1bP$q q\x1b\\", "\\x1bP$q q\\x1b\\"),
    ("\x1b[c\x05", "\\x1b[c\\x05"),
    ("99%\r100%", "99%\\r100%"),
    ("safe\b\b\b\bevil", "safe\\x08\\x08\\x08\\x08evil"),
    ("\u202egnp.exe", "\\u202egnp.exe"),
    ("\u2066a\u2069", "\\u2066a\\u2069"),
    ("a\tb\nc", "a\\tb\\nc"),
    ("\x7f", "\\x7f"),
    ("\x85", "\\x85"),
    ("a\u2028b\u2029", "a\\u2028b\\u2029"),
    ("\ufeffbom", "\\ufeffbom"),
    ("zero\u200bwidth", "zero\\u200bwidth"),
    ("soft\u00adhyphen", "soft\\xadhyphen"),
    ("\udcff\udc80", "\\xff\\x80"),
    ("\ud83d", "\\ud83d"),
    ("\U000e0041\U000e007f", "\\U000e0041\\U000e007f"),
    ("\U000e0fff", "\\U000e0fff"),
    ("nul\0", "nul\\x00"),
]


@pytest.mark.parametrize(("text", "shown"), CORPUS, ids=lambda value: ascii(value)[:20])
def test_what_could_drive_a_terminal_is_made_visible(text: str, shown: str) -> None:
    """Escapes, titles, clipboards, overwriting, bidi and fake rows arrive as harmless letters."""
    assert printable(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "plain",
        "日本語",
        "😀",
        "👩‍💻",
        "e\u0301",
        "\u0646\u200c\u0641",
        "\u0600",
        "\u00a0",
        "\ue000",
        "C:\\x1b",
        "ü",
        "",
    ],
    ids=ascii,
)
def test_text_in_any_script_stays_as_it_is(text: str) -> None:
    """Letters, marks, emoji, joiners and number signs are not what a terminal acts on."""
    assert printable(text) == text


def test_output_keeps_its_lines_and_tabs() -> None:
    """In a command's output newlines are lines and tabs are columns; everything else is made visible."""
    assert printable_body("a\tb\nlong name\tc\x1b[2J\r\n\n\td") == (
        "a       b\nlong name       c\\x1b[2J\\r\n\n        d"
    )


def test_bytes_that_are_no_text_are_shown_as_bytes() -> None:
    """Nothing fails and nothing is dropped: what is not UTF-8 is visible as such."""
    assert printable_bytes(b"ok \xff\xfe caf\xc3\xa9 \x1b") == "ok \\xff\\xfe café \\x1b"


@given(st.text() | st.text(alphabet=st.characters(codec=None)))
def test_nothing_that_acts_gets_through(text: str) -> None:
    """No C0, DEL, C1, line separator, bidi control or surrogate is left, and it can be written as UTF-8."""
    shown = printable(text)

    assert not any(ord(letter) < 0x20 or 0x7F <= ord(letter) < 0xA0 for letter in shown)
    assert not set(
        "\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u2029"
    ) & set(shown)
    assert shown.encode().decode() == shown


@given(st.text(alphabet=st.characters(codec=None)))
def test_made_printable_twice_is_made_printable_once(text: str) -> None:
    """Whoever is careful twice changes nothing more."""
    assert printable(printable(text)) == printable(text)
    assert printable_body(printable_body(text)) == printable_body(text)


@given(st.binary())
def test_any_bytes_can_be_shown(data: bytes) -> None:
    """Bytes of any kind become text on one line."""
    assert "\n" not in printable_bytes(data)
