"""The redactor: no registered value gets out, in any form, wherever the stream is cut."""

import itertools
import json
import os
import random
import sys
from collections.abc import Iterable, Sequence
from typing import Final

import pytest

from runlore.journal.errors import BadInput
from runlore.journal.redactor import Policy, Redactor
from tests import proof
from tests.journal.secret_forms import KEY, VALUES, encoded

MARK: Final = b"[REDACTED]"
FRAMING: Final = 24
"""Bytes that encoders put around a value: quotes, a JSON key, what base64 shares with its neighbours."""
BEFORE: Final = "some text before it "
PLAIN: Final = [pytest.param(False, id="re2"), pytest.param(True, id="plain")]


def cut(redactor: Redactor, data: bytes, cuts: Iterable[int]) -> bytes:
    """Return what becomes of the data when it arrives in pieces."""
    clean, held, done = b"", b"", 0
    for end in [*cuts, len(data)]:
        held += data[done:end]
        part, used = redactor.stream(held, False)
        clean, held, done = clean + part, held[used:], end
    part, used = redactor.stream(held, True)
    assert used == len(held)
    return clean + part


@pytest.mark.parametrize("plain", PLAIN)
@pytest.mark.parametrize("name", VALUES)
def test_no_form_of_a_value_gets_through(name: str, plain: bool) -> None:
    """What base64, jq, repr, printf %q and the others make of a value is masked, in both engines."""
    redactor = Redactor([VALUES[name]], plain=plain)
    for encoder, form in encoded(name):
        clean, used = redactor.stream(b"> " + form + b" <\n", True)

        left = clean.removeprefix(b"> ").removesuffix(b" <\n")
        assert MARK in left, encoder
        extra = 40 if encoder == "base64 lines" else 0
        assert len(left.replace(MARK, b"").strip()) <= FRAMING + extra, (encoder, left)
        assert used == len(form) + 5


@pytest.mark.parametrize("name", VALUES)
def test_a_value_is_found_wherever_the_stream_is_cut(name: str) -> None:
    """At every place, and at any two places: the output is that of the whole stream."""
    redactor = Redactor([VALUES[name]])
    draw = random.Random(name)
    forms = splits = 0
    for encoder, form in encoded(name):
        data = b"step 1: " + form + b" done\n"
        whole, _ = redactor.stream(data, True)
        for cuts in _cuts(len(data), draw):
            assert cut(redactor, data, cuts) == whole, (encoder, cuts)
            splits += 1
        forms += 1
    promised = "every form of a secret, cut at every place and at two places: 0 bytes of it get through"
    proof.record(f"redactor splits: {name}", promised, {"forms": forms, "splits": splits, "leaks": 0})


def _cuts(size: int, draw: random.Random) -> Iterable[Sequence[int]]:
    places = range(size + 1)
    if os.environ.get("RUNLORE_PROOF") == "full":
        yield from ((at,) for at in places)
        pairs = list(itertools.combinations(places, 2)) if size < 400 else []
        yield from pairs or (sorted(draw.sample(places, 2)) for _ in range(20_000))
        return
    yield from ((at,) for at in draw.sample(places, min(size, 24)))
    yield from (sorted(draw.sample(places, 2)) for _ in range(12))


@pytest.mark.parametrize("plain", PLAIN)
def test_overlapping_and_neighbouring_values_become_one_mark(plain: bool) -> None:
    """What two values share is masked once, and nothing of either is left."""
    redactor = Redactor(["abcdef12", "ef123456"], plain=plain)

    assert redactor.stream(b"x abcdef123456 y abcdef12abcdef12 z", True)[0] == b"x [REDACTED] y [REDACTED] z"
    assert redactor.spans(b"x abcdef123456 y ef123456") == [(2, 14), (17, 25)]


def test_only_what_may_become_a_value_is_held_back() -> None:
    """A prompt and a progress line appear at once; the beginning of a value waits for what follows it."""
    redactor = Redactor(["hunter2-secret"])

    assert redactor.stream(b"Continue? [y/N] ", False) == (b"Continue? [y/N] ", 16)
    assert redactor.stream(b"\r 42% 3/15", False) == (b"\r 42% 3/15", 10)
    assert redactor.stream(b"tests/x.py ..F...s..", False) == (b"tests/x.py ..F...s..", 20)
    assert redactor.stream(b"it is (hunter2-", False) == (b"it is (", 7)
    assert redactor.stream(b"it is (hunter2-)", False) == (b"it is (hunter2-)", 16)
    assert redactor.stream(b"it is (hunter2-", True) == (b"it is (hunter2-", 15)


def test_structure_gives_secrets_away_in_streams_too() -> None:
    """Nothing is registered, and yet names, headers, URLs, tokens and keys lose their secrets."""
    redactor = Redactor()
    data = (
        b"export API_KEY=abc123 && run\nAuthorization: Basic dXNlcjpw\n"
        b"clone https://bob:pw@host/x\nghp_0123456789abcdef0123\n" + KEY.encode() + b"after\n"
    )

    clean, used = redactor.stream(data, True)

    assert clean == (
        b"export API_KEY=[REDACTED] && run\nAuthorization: Basic [REDACTED]\n"
        b"clone https://bob:[REDACTED]@host/x\n[REDACTED]\n"
        b"-----BEGIN PRIVATE KEY-----\n[REDACTED]\n-----END PRIVATE KEY-----\nafter\n"
    )
    assert used == len(data)
    assert {cut(redactor, data, [at]) for at in range(len(data))} == {clean}


@pytest.mark.parametrize(
    "endless",
    [
        b"hunter2-secret",
        b"token=",
        b"a",
        b"-----BEGIN PRIVATE KEY-----\n" + b"MIIE\n",
        b"QUJD\n",
        b"https://",
    ],
)
def test_nothing_is_held_for_ever(endless: bytes) -> None:
    """Output without an end, made of what would have to be held, still gets out."""
    redactor = Redactor(["hunter2-secret"])
    data = endless * (400_000 // len(endless))

    _clean, used = redactor.stream(data, False)

    assert len(data) - used <= 160 * 1024


def test_a_numeric_secret_leaves_json_that_parses() -> None:
    """A number under a secret's name comes back as a text."""
    clean, _ = Redactor().stream(b'{"pin": 1, "api_token": 12345678, "n": 2}\n', True)

    assert json.loads(clean) == {"pin": 1, "api_token": "[REDACTED]", "n": 2}


def test_names_that_a_user_allows_or_denies_count_everywhere() -> None:
    """`deny` is the stronger; both are globs of names in any case."""
    redactor = Redactor(policy=Policy(allow=("PAGE_*", "session_token"), deny=("*_SALT", "page_token_x")))

    assert redactor.argv(["x", "--page-size-token", "a1", "--session_token", "a1"])[2] == "[REDACTED]"
    assert redactor.argv(["SESSION_TOKEN=a1b2", "my_salt=pepper"]) == (
        "SESSION_TOKEN=a1b2",
        "my_salt=[REDACTED]",
    )
    assert redactor.values({"page_key": "k", "page_token_x": "v"}) == {
        "page_key": "k",
        "page_token_x": "[REDACTED]",
    }
    assert redactor.text("session_token=a1b2 my_salt=a1b2") == "session_token=a1b2 my_salt=[REDACTED]"
    assert (
        redactor.stream(b"my_salt=a1b2 session_token=a1b2", True)[0]
        == b"my_salt=[REDACTED] session_token=a1b2"
    )


def test_patterns_of_a_user_are_redacted_within_lines() -> None:
    """An unfinished line is held: what a pattern may match ends with the line."""
    redactor = Redactor(policy=Policy(patterns=("ACME-[0-9]+", "^id .*$")))

    assert redactor.stream(b"a ACME-12 b\nid 7\nrest ACME-1", False) == (b"a [REDACTED] b\n[REDACTED]\n", 17)
    assert redactor.text("x ACME-1 y") == "x [REDACTED] y"
    assert redactor.metadata({"k": ["ACME-7"]}) == {"k": ["[REDACTED]"]}


def test_a_pattern_that_is_none_is_named() -> None:
    """The error says which pattern, and why."""
    with pytest.raises(BadInput, match=r"'\(x'.*missing"):
        Redactor(policy=Policy(patterns=("(x",)))


def test_without_re2_values_are_found_and_patterns_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra is named to whoever needs it; everybody else gets the same output, slower."""
    expected = Redactor(["hunter2-secret"]).stream(b"x hunter2-secret TOKEN=abc y\n", True)
    monkeypatch.setitem(sys.modules, "re2", None)

    assert Redactor(["hunter2-secret"]).stream(b"x hunter2-secret TOKEN=abc y\n", True) == expected
    with pytest.raises(BadInput, match=r"pip install 'runlore\[redact\]'"):
        Redactor(policy=Policy(patterns=("x",)))


def test_texts_arguments_and_documents_lose_values_in_any_form() -> None:
    """Every exit masks the same; a document keeps its shape, also where a number is the secret."""
    redactor = Redactor(["hunter2-secret", "12345678", b"\xa9abcdef"])

    assert redactor.text("login: aHVudGVyMi1zZWNyZXQ= failed") == "login: [REDACTED]= failed"
    assert redactor.argv(["x", "-p", "hunter2-secret", "y"]) == ("x", "-p", "[REDACTED]", "y")
    assert redactor.metadata({"a": [12345678, 5, "hunter2-secret", "éabcdef", "\ud800x"]}) == {
        "a": ["[REDACTED]", 5, "[REDACTED]", "[REDACTED]", "\ud800x"]
    }
    assert redactor.holds("68756e746572322d736563726574")
    assert not redactor.holds("hunter2")


def test_a_stray_byte_stays_where_it_is() -> None:
    """Bytes that continue no character are not taken with a value, and not at the next door either."""
    redactor = Redactor(["hunter2-secret"])

    for text in ("hunter2-secret\udc80", "\udc80hunter2-secret", "AKIA0123456789ABCDEF\udc80"):
        once = redactor.text(text)
        assert once.strip("\udc80") == "[REDACTED]"
        assert len(once) == len("[REDACTED]") + 1
        assert redactor.text(once) == once


COLOURED: Final = {
    "ESC[31mtoken=XESC[0m done": "ESC[31mtoken=[REDACTED]ESC[0m done",
    "ESC[1mpasswordESC[0m: X": "ESC[1mpasswordESC[0m: [REDACTED]",
    "ESC[36mtokenESC[0m=ESC[35mXESC[0m ESC[36mnESC[0m=1": (
        "ESC[36mtokenESC[0m=ESC[35m[REDACTED]ESC[0m ESC[36mnESC[0m=1"
    ),
    'ESC[34;1m"api_token"ESC[0mESC[1;39m:ESC[0m ESC[0;32m"X"ESC[0m': (
        'ESC[34;1m"api_token"ESC[0mESC[1;39m:ESC[0m ESC[0;32m"[REDACTED]"ESC[0m'
    ),
    'ESC[34m"api_token"ESC[0m: ESC[32m12345678ESC[0m,': (
        'ESC[34m"api_token"ESC[0m: ESC[32m"[REDACTED]"ESC[0m,'
    ),
    "ESC[38:2::1:2:3mghp_0123456789abcdef0123ESC[m": "ESC[38:2::1:2:3m[REDACTED]ESC[m",
    "deploy ESC[1m--tokenESC[0m ESC[4mXESC[0m x": "deploy ESC[1m--tokenESC[0m ESC[4m[REDACTED]ESC[0m x",
    "ESC[32mhttps://u:X@h/": "ESC[32mhttps://u:[REDACTED]@h/",
    "ESC[1mAuthorizationESC[0m: ESC[32mBearerESC[0m X abcdef": (
        "ESC[1mAuthorizationESC[0m: ESC[32mBearerESC[0m [REDACTED] abcdef"
    ),
    "ESC[1mCookieESC[0m: ESC[32ma=X ESC[0m": "ESC[1mCookieESC[0m: ESC[32m[REDACTED] ESC[0m",
    "password=XESC[1mXESC[0m y": "password=[REDACTED]ESC[0m y",
    "ESC[33mpasswordESC[0m: ESC[1mincorrectESC[0m": "",
    "ESC[36mtokenESC[0m = ESC[33mself.tokenESC[0m": "",
    "ESC[1mtokenESC[2K=7": "",
    "tokenESC[0m\U000f0000: X": "tokenESC[0m\U000f0000: [REDACTED]",
    "a \U000f0000 private sign: \U000ffffd ESC[1m": "",
}
"""Lines of a terminal, and what is made of them; nothing, if nothing."""


@pytest.mark.parametrize("plain", PLAIN)
@pytest.mark.parametrize("line", COLOURED)
def test_colours_hide_nothing(line: str, plain: bool) -> None:
    """A name or a value may be coloured, together or apart; the colours stay, wherever the stream is cut."""
    redactor = Redactor(plain=plain)
    shown, expected = (
        text.replace("ESC", "\x1b").replace("X", "hunter2-Q9") for text in (line, COLOURED[line] or line)
    )
    data = f"{shown}\n".encode()

    assert {cut(redactor, data, [at]).decode() for at in range(len(data))} == {f"{expected}\n"}
    assert redactor.text(shown) == expected
    assert redactor.text(expected) == expected


@pytest.mark.parametrize("size", [1, 8])
def test_a_short_or_common_value_masks_nothing(size: int) -> None:
    """Its owner is warned by name instead; output stays what it was."""
    redactor = Redactor(["a" * size, "localhost", "[REDACTED]", ""])

    assert (
        redactor.stream(b"a aaaaaaaa localhost [REDACTED]\n", True)[0] == b"a aaaaaaaa localhost [REDACTED]\n"
    )
