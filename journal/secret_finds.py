"""Say where text likely holds a secret, and of which kind: never the secret, nor a part of it.

What counts as one is for the rules of redaction to say: a text is redacted, and what that changed is
what was found. So whatever would be redacted today is found, and nothing else. Pure.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Final, cast

from msgspec import Struct

from runlore.journal.redaction import REDACTED, looks_secret, redact_argv, redact_metadata
from runlore.journal.secret_text import redact

if TYPE_CHECKING:
    import re

Path = tuple[str | int, ...]

PRIVATE_KEY: Final = "private-key"
NAMED: Final = "named-value"
VENDORS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("gho_", "ghp_", "ghr_", "ghs_", "ghu_", "github_pat_"), "github-token"),
    "glpat-": "gitlab-token",
    **dict.fromkeys(("AKIA", "ASIA", "ABIA", "ACCA"), "aws-access-key"),
    **dict.fromkeys(("sk_live_", "sk_test_", "rk_live_", "rk_test_"), "stripe-key"),
    "sk-": "api-key",
    **dict.fromkeys(("xox", "xapp-"), "slack-token"),
    **dict.fromkeys(("AIza", "ya29."), "google-token"),
    "hf_": "huggingface-token",
    "npm_": "npm-token",
    "pypi-": "pypi-token",
    "SG.": "sendgrid-key",
    "dop_v1_": "digitalocean-token",
    **dict.fromkeys(("shpat_", "shpss_", "shpca_"), "shopify-token"),
    "glsa_": "grafana-token",
    "eyJ": "jwt",
    "AKC": "artifactory-token",
    **dict.fromkeys(("sq0csp-", "sq0atp-"), "square-token"),
}
"""Kinds of tokens that say themselves what they are, by how they begin."""
_CONTEXTS: Final[Sequence[tuple[str, str]]] = (
    ("url-userinfo", r"://[^\s/@]*$"),
    ("authorization", r"(?i)(?:authorization|cookie)\\?[\"']?\s{0,4}[:=]\s{0,4}\\?[\"']?(?:\w+\s{1,4})?$"),
    ("authorization", r"(?i)bearer\s{1,4}$"),
    (NAMED, r"([A-Za-z_][\w.-]{0,100})\\?[\"']?(?:\s{0,4}(?:=>|[:=])|(?<=\w)\s)\s{0,4}\\?[\"']?$"),
)
"""What stands in front of a secret that does not say itself what it is."""
_KEY: Final = r"-----BEGIN[A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
_LOOK_BACK: Final = 200
_MOST_GROUPS: Final = 8
_LONGEST_LINE: Final = 1 << 14


class SecretFind(Struct, frozen=True, gc=False):
    """A likely secret in a text."""

    kind: str
    name: str = ""
    """What it is called, if it stands behind a name."""
    line: int = 1
    """Counted from 1 in the text."""


def finds(text: str, *, strict: bool = False) -> Iterator[SecretFind]:
    """Yield what a text holds; strict: it is a command or a part of one."""
    text, keys = _private_keys(text)
    yield from keys
    redacted = redact(text, strict=strict)
    if redacted == text:
        return
    was, now = text.split("\n"), redacted.split("\n")
    for number, (before, after) in enumerate(zip(was, now, strict=False), 1):
        if before != after:
            yield from _in_line(before, after, number)


def finds_in_argv(argv: Sequence[str]) -> Iterator[tuple[int, SecretFind]]:
    """Yield (place of the argument, what it holds)."""
    before = ""
    for place, (word, clean) in enumerate(zip(argv, redact_argv(argv), strict=True)):
        if word != clean:
            for each in list(finds(word, strict=True)) or _called(before.lstrip("-"), word):
                yield place, each
        before = word


def finds_in_document(value: object) -> Iterator[tuple[Path, SecretFind]]:
    """Yield (names and places that lead there, what is there) of a JSON document."""
    yield from _compared(value, redact_metadata(value), (), "")


def kind_of_token(value: str) -> str | None:
    """Return the kind of a token that says itself what it is."""
    return next((kind for head, kind in VENDORS.items() if value.startswith(head)), None)


def is_masked(value: str) -> bool:
    """Say whether what stands there is what somebody put in a secret's place."""
    return value.startswith((REDACTED, "<redacted")) or not value.strip("*#x. ")


def _compared(was: object, now: object, path: Path, name: str) -> Iterator[tuple[Path, SecretFind]]:
    """Walk a document and its redacted form; `name` announces a secret."""
    if isinstance(was, dict):
        fields, clean = cast("dict[str, object]", was), cast("dict[str, object]", now)
        values = list(clean.values()) if len(clean) == len(fields) else [None] * len(fields)
        for (key, item), after in zip(fields.items(), values, strict=True):
            for found in finds(key):
                yield (*path, key), found
            yield from _compared(item, after, (*path, key), key if looks_secret(key) else name)
    elif isinstance(was, list | tuple):
        items, cleaned = cast("Sequence[object]", was), cast("Sequence[object]", now or was)
        for place, (item, after) in enumerate(zip(items, cleaned, strict=True)):
            yield from _compared(item, after, (*path, place), name)
    elif was != now and now is not None:
        for each in _called(name, f"{was}") if name else finds(f"{was}", strict=True):
            yield path, each


def _called(name: str, value: str) -> list[SecretFind]:
    """Return what is found behind a name: nothing, if it was masked before."""
    if is_masked(value):
        return []
    kind = kind_of_token(value)
    return [SecretFind(kind) if kind else SecretFind(NAMED, name)]


def _private_keys(text: str) -> tuple[str, list[SecretFind]]:
    """Return the text with as many lines and without private keys, and where these are."""
    keys: list[SecretFind] = []
    if "PRIVATE KEY" not in text:
        return text, keys
    parts: list[str] = []
    done = 0
    for found in _compiled(_KEY).finditer(text):
        if found.start() < done:
            continue
        end = text.find("-----END", found.end())
        body = text[found.end() : end if end >= 0 else len(text)]
        if not is_masked(body.strip()):
            keys.append(SecretFind(PRIVATE_KEY, line=text.count("\n", 0, found.start()) + 1))
        parts += (text[done : found.start()], "\n" * body.count("\n"))
        done = found.end() + len(body)
    return "".join(parts) + text[done:], keys


def _in_line(was: str, now: str, line: int) -> Iterator[SecretFind]:
    """Yield what was redacted in a line."""
    pieces = now.split(REDACTED)
    values = _replaced(was, pieces)
    front = ""
    for piece, value in zip(pieces, values, strict=False):
        front = (front + piece)[-_LOOK_BACK:]
        if not is_masked(value):
            yield _kind(front, value, line)
        front += REDACTED


def _replaced(was: str, pieces: Sequence[str]) -> list[str]:
    """Return what stood where the marks stand now, between these pieces of the line."""
    if len(pieces) <= _MOST_GROUPS and len(was) <= _LONGEST_LINE:
        import re  # noqa: PLC0415 - see _compiled

        found = re.fullmatch("(.+?)".join(map(re.escape, pieces)), was, re.DOTALL)
        if found is not None:
            return list(found.groups())
    new = len(pieces) - 1 - was.count(REDACTED)
    return ["?"] * max(new, 1)


def _kind(front: str, value: str, line: int) -> SecretFind:
    kind = kind_of_token(value)
    if kind is not None:
        return SecretFind(kind, line=line)
    for context, pattern in _CONTEXTS:
        found = _compiled(pattern).search(front)
        if found is not None:
            return SecretFind(context, found.group(1) if context == NAMED else "", line)
    return SecretFind("secret", line=line)


@cache
def _compiled(pattern: str) -> "re.Pattern[str]":
    import re  # noqa: PLC0415 - only what scans needs it

    return re.compile(pattern)
