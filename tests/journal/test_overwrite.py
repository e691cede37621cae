"""`overwrite`: a secret taken out of a line that stays as long as it was, and the event it was."""

import json
from base64 import b64decode, b64encode
from collections.abc import Iterable
from typing import Any

import pytest

from runlore.journal import codec
from runlore.journal import events as e
from runlore.journal import values as v
from runlore.journal.errors import BadInput
from runlore.journal.overwrite import Overwriter, Spans, mark, overwritten_bytes, overwritten_recipe
from runlore.journal.sought import Sought
from tests.journal.forge import Forge

SECRET = "hunter2hunter2"
MARK = "[REDACTED]    "


def _spans(values: Iterable[str | bytes]) -> Spans:
    return Sought(value.encode() if isinstance(value, str) else value for value in values).spans


def without(line: bytes, *secrets: str) -> Any:  # noqa: ANN401 - JSON
    """Return the members of a line without the secrets, after a look at what must not change."""
    new = Overwriter(_spans(secrets or [SECRET])).line(line)
    assert new is not None
    assert len(new) == len(line)
    assert new[-73:] == line[-73:]
    was, now = codec.decode(line[:-1]), codec.decode(new[:-1])
    assert (type(was), was.seq, was.at) == (type(now), now.seq, now.at)
    return json.loads(new)


def queued(**fields: Any) -> bytes:  # noqa: ANN401 - whatever the event has
    """Return the line of a `run.queued`."""
    return Forge().queued(**fields).lines[0]


def test_a_line_without_the_secret_stays() -> None:
    """Nothing is made of it, escapes or not."""
    overwriter = Overwriter(_spans([SECRET]))

    assert overwriter.line(queued(name="hunter")) is None
    assert overwriter.line(queued(name='"\n')) is None


@pytest.mark.parametrize(("length", "expected"), [(14, MARK), (10, "[REDACTED]"), (9, "*" * 9)])
def test_the_mark_is_as_long_as_the_secret(length: int, expected: str) -> None:
    """Padded with spaces, or stars where it does not fit."""
    secret = "q" * length

    assert without(queued(name=secret), secret)["name"] == expected


def test_text_around_the_secret_stays() -> None:
    """Every occurrence goes, and nothing else."""
    members = without(queued(name=f"a {SECRET} b\n{SECRET}é", tags={"k": "v"}))

    assert (members["name"], members["tags"]) == (f"a {MARK} b\n{MARK}é", {"k": "v"})


def test_a_secret_behind_escapes_is_found() -> None:
    """A stranger may write any character as an escape, whole or half of them."""
    line = Forge().queued().text(rb'"text":"\u0068unter2h\u0075nter2 \u00e9"').lines[1]

    assert without(line)["text"].split()[0] == "[REDACTED]"
    assert without(line)["text"].endswith(" é")


def test_an_escape_is_never_cut() -> None:
    """What is found in the middle of an escape takes the whole of it along."""
    line = Forge().queued().text(rb'"text":"a\u0031234567\ud83d\ude00b"').lines[1]

    assert without(line, "31234567")["text"] == "a[REDACTED]  😀b"
    assert without(line, "1234567😀")["text"].startswith("a[REDACTED]")


def test_a_character_is_never_cut() -> None:
    """A value that ends within a character takes the whole character along."""
    overwriter = Overwriter(_spans([b"abcdef\xc3"]))
    line = overwriter.line(queued(name="abcdef\u00e9g"))

    assert line is not None
    assert json.loads(line)["name"] == "********g"


def test_a_number_in_free_json_becomes_text() -> None:
    """As long as the number was; the document stays JSON."""
    members = without(queued(metadata={"pin": [12345678, 1.5], "on": True}), "12345678")

    assert members["metadata"] == {"pin": ["******", 1.5], "on": True}


def test_a_metric_becomes_nothing() -> None:
    """It has to stay a number."""
    line = Forge().queued().add(e.RunProgressed, metrics={"a": 12345678.5, "b": 2.0}).lines[1]

    assert without(line, "12345678")["metrics"] == {"a": 0, "b": 2.0}


def test_names_that_become_the_same_stay_apart() -> None:
    """No member is lost because two names were secret."""
    tags = {f"{SECRET}": "1", f"a{SECRET}": "2", "a" + MARK: "3", f"b{SECRET}b": "4"}
    members = without(queued(tags=tags, metadata={"deep": [{SECRET: 1}]}))

    assert sorted(members["tags"].values()) == ["1", "2", "3", "4"]
    assert members["tags"][MARK] == "1"
    assert list(members["metadata"]["deep"][0]) == [MARK]


def test_exact_arguments_stay_base64() -> None:
    """The secret goes from the bytes behind it, wherever it begins in them."""
    for before in (b"", b"x", b"xy"):
        exact = before + SECRET.encode() + b"\xff"
        recipe = v.Recipe(argv=("a",), cwd="/", argv_bytes=(b64encode(exact).decode(),))
        (encoded,) = without(queued(recipe=recipe))["recipe"]["argv_bytes"]

        assert b64decode(encoded) == before + MARK.encode() + b"\xff"


def test_a_document_that_is_the_secret_is_overwritten_inside() -> None:
    """What holds JSON together stays; what was said in it goes."""
    members = without(queued(metadata={"k": {"user": "ada", "n": 12345}}), '{"user":"ada","n":12345}')

    assert members["metadata"] == {"k": {"****": "***", "*": "***"}}


@pytest.mark.parametrize(
    ("secret", "field"),
    [
        ("run.queued", "type"),
        ("20:14:00Z", "at"),
        ("k3f9x2ab", "run_id"),
        ("power", "durability"),
        ("98765", "recipe.timeout_s"),
        ("cafecafe", "spec"),
        ("bootboot", "boot_id"),
    ],
)
def test_what_is_no_text_is_refused(secret: str, field: str) -> None:
    """The message names the field, says what to do, and holds nothing of the value."""
    recipe = v.Recipe(argv=("a",), cwd="/", timeout_s=98765.5)
    line = Forge().queued(recipe=recipe, spec="cafe" * 16, boot_id="bootboot").lines[0]
    if secret == "power":
        line = Forge().raw(line[:-73] + b',"durability":"power"').lines[0]

    with pytest.raises(BadInput, match=f"seq 1: .*`{field}`") as refused:
        Overwriter(_spans([secret])).line(line)
    assert secret not in str(refused.value).replace(f"`{field}`", "")


def test_a_secret_in_the_hash_is_refused() -> None:
    """Overwriting it would break the chain."""
    line = queued()

    with pytest.raises(BadInput, match="`h`"):
        Overwriter(_spans([line[-40:-32]])).line(line)


def test_an_event_of_a_later_release_is_left_to_it() -> None:
    """Which of its texts have a meaning is not known here."""
    line = (
        Forge()
        .queued()
        .raw(b'{"type":"run.dreamt","seq":2,"at":"2026-11-20T20:14:00Z","of":"hunter2hunter2"')
        .lines[1]
    )

    with pytest.raises(BadInput, match="`of`"):
        Overwriter(_spans([SECRET])).line(line)


def test_our_own_names_are_no_secret() -> None:
    """A value that is called as one of our fields is does not touch the field."""
    assert Overwriter(_spans(["durability", "recipe"])).line(queued()) is None
    assert without(queued(name="my recipe"), "recipe")["name"] == "my ******"


@pytest.mark.parametrize("secret", ["REDACTED", "****", "    ", "[REDACTED]"])
def test_what_is_part_of_the_mark_goes_all_the_same(secret: str) -> None:
    """Another mark is taken, which does not hold it."""
    line = Forge().queued().add(e.RunNoted, text=f"x{secret}y{'q' * 12}z").lines[1]
    text = without(line, secret, "q" * 12)["text"]

    assert secret not in text
    assert text[0] + text[-1] == "xz"


def test_a_recipe_that_is_a_blob_is_overwritten_as_one_on_a_line() -> None:
    """By the same rules."""
    data = b'{"argv":["a","--token=hunter2hunter2"],"cwd":"/"}'

    assert overwritten_recipe(data, _spans([SECRET])) == data.replace(SECRET.encode(), MARK.encode())
    assert overwritten_recipe(data, _spans(["nothing"])) is None


def test_plain_bytes_keep_their_lines() -> None:
    """A secret of several lines leaves as many."""
    data = b"before\nfirst line\nsecond line\nlast\nbehind"
    span = (data.index(b"first"), data.index(b"\nbehind"))

    assert overwritten_bytes(data, [span]) == b"before\n[REDACTED]\n[REDACTED] \n****\nbehind"
    assert mark(4) == b"****"
