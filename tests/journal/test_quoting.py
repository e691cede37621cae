"""Error messages quote what was typed, whole, cut or escaped; secrets go, and our own words stay."""

import pytest

from runlore.journal.quoting import forms, without, without_words

SECRET = 's3cr\'et-with "quotes"\nand ünicode'


@pytest.mark.parametrize(
    "quoted",
    [SECRET, f"{SECRET!r}", f"{SECRET!a}", SECRET[:9], f"{SECRET[:20]!a}…", f"at {SECRET[:12]}, no more"],
)
def test_a_secret_goes_however_it_is_quoted(quoted: str) -> None:
    """Six characters of it are too many."""
    clean = without(f"error: no run is called {quoted}", [forms(SECRET)])

    assert "s3cr" not in clean
    assert "nicode" not in clean
    assert clean.startswith("error: no run is called ")


def test_our_own_words_stay() -> None:
    """A hint that names an option is none."""
    hint = "error: variable 'DB_PASSWORD' looks like a secret: use --secret DB_PASSWORD"

    assert without(hint, [forms(SECRET)]) == hint


def test_a_word_that_holds_a_secret_is_quoted_without_it() -> None:
    """Also where only its beginning is quoted."""
    word, kept = (
        "--header=Authorization: Bearer abcdef0123456789",
        "--header=Authorization: Bearer [REDACTED]",
    )

    assert without_words(f"what is {word!r}?", [(word, kept)]) == f"what is {kept!r}?"
    assert without_words(f"what is {word[:40]}…?", [(word, kept)]) == f"what is {kept}…?"
    assert without_words("value abcdef0123456789", [(word, kept)]) == "value [REDACTED]"
