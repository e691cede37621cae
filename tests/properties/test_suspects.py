"""What passes untouched holds nothing: a line that the rules would change is a suspect in both engines."""

import random
import re
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runlore.journal import secret_text, sieve
from runlore.journal.redactor import Redactor
from runlore.journal.secret_names import ENDINGS
from runlore.journal.secret_text import RUN, opening
from runlore.journal.suspects import Suspects
from runlore.journal.veil import Veil
from tests.properties.test_redactor import tangles
from tests.secrets.kinds import KINDS

ENGINES: Final = (Suspects(), Suspects(plain=True))
GAPS: Final = [
    "",
    " ",
    "    ",
    '"',
    '\\"',
    "' ",
    "_",
    ".-",
    "\N{NO-BREAK SPACE}",
    "\x1c",
    "=",
    "\N{IDEOGRAPHIC SPACE}",
]
names = st.builds(
    lambda before, name, capital: (before + name).upper() if capital else before + name,
    st.sampled_from(["", "db_", "--", "-", "my-", "x" * 90, "3", "é", '"']),
    st.sampled_from([*ENDINGS, "sig", "session", "sessionid", "signature", "bearer", "api_key", "token"]),
    st.booleans(),
)
fields = st.builds(
    "{}{}{}{}{}".format,
    names,
    st.sampled_from(GAPS),
    st.sampled_from(["=", ":", "=>", "", " "]),
    st.sampled_from(GAPS),
    st.sampled_from(["hunter2-X", "abc", '"p w"', "123456", "@host", ""]),
)
lines = st.lists(fields | st.text(max_size=4), max_size=4).map("".join)


def suspected(data: bytes, engine: Suspects) -> set[int]:
    """Return the numbers of the lines in which something may be."""
    return {len(re.findall(rb"[\r\n]", data[:at])) for at in engine.places(data)}


def to_be_changed(data: bytes) -> set[int]:
    """Return the numbers of the lines that the rules stop at."""
    lines_of = re.split(rb"[\r\n]", data)
    texts = [Veil().over(line.decode("utf-8", "surrogateescape")) for line in lines_of]
    return {number for number, text in enumerate(texts) if opening(text) < len(text)}


@given(
    tangles | st.lists(lines, max_size=4).map(lambda some: "\n".join(some).encode("utf-8", "surrogatepass"))
)
def test_every_line_with_an_opening_is_a_suspect(data: bytes) -> None:
    """The sieve and RE2 may stop too often, and never too seldom."""
    expected = to_be_changed(data)

    for engine in ENGINES:
        assert expected <= suspected(data, engine)


@given(st.from_regex(secret_text._SHAPES, fullmatch=True))
def test_every_token_has_a_run(token: str) -> None:
    """Whatever token the rules know: it has so many signs in a row that the sieve finds it."""
    assert re.search(rf"[A-Za-z0-9_-]{{{RUN}}}", token)
    assert all(suspected(f"see {token}\n".encode(), engine) == {0} for engine in ENGINES)


@pytest.mark.parametrize("size", [sieve.BLOCK - 40, sieve.BLOCK - 3, sieve.BLOCK, 3 * sieve.BLOCK])
@pytest.mark.parametrize("end", [b"\n", b"\r"])
def test_blocks_hide_nothing_at_their_borders(size: int, end: bytes) -> None:
    """Wherever a block ends, in short lines or a long one, the name and its separator stay together."""
    for filler in (b"a word ", b"a line" + end):
        before = filler * (size // len(filler))
        data = before + b"my token = hunter2-X" + end + b"api_key: hunter2-X"

        found = suspected(data, ENGINES[1])

        assert found >= to_be_changed(data)
        assert len(found) == 2


@pytest.mark.parametrize(
    "line",
    [
        "[   12] link module 7: 3 warnings, 12 hits",
        "src/app/keyboard.py:12: error: Unexpected token",
        "Compiling proc-macro2 v1.0.86 (/home/ada/.cargo/registry/src)",
        "drwxr-xr-x 2 ada users 4096 Nov 28 21:05 site-packages",
        '10.0.0.7 - - [28/Nov/2026:21:05:00 +0000] "GET /tokens?page=2 HTTP/1.1" 200 512',
        "commit 9f8a7b6c5d4e3f2a1b0c9f8a7b6c5d4e3f2a1b0c",
        "test_parser_accepts_everything_twice PASSED [ 42%]",
    ],
)
def test_ordinary_lines_are_no_suspects(line: str) -> None:
    """What every build prints passes without a look by the rules."""
    assert [suspected(line.encode(), engine) for engine in ENGINES] == [set(), set()]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_token_is_a_suspect_and_goes_wherever_it_is_cut(kind: str) -> None:
    """A token alone on a line, without a name before it: its core gets through at no cut."""
    secret = KINDS[kind](random.Random(kind))
    data = f"see {secret} there\n".encode()
    whole, _ = Redactor().stream(data, True)

    assert all(0 in suspected(data, engine) for engine in ENGINES)
    assert max(re.split(r"[^A-Za-z0-9+/_-]+", secret), key=len).encode()[-16:] not in whole
    for at in range(len(data)):
        clean, used = Redactor().stream(data[:at], False)
        assert clean + Redactor().stream(data[used:], True)[0] == whole
