"""`secret_finds`: where a text likely holds a secret, and which kind, without the secret."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runlore.journal.redaction import REDACTED
from runlore.journal.secret_finds import SecretFind, finds, finds_in_argv, finds_in_document
from runlore.journal.secret_text import redact

GITHUB = "ghp_" + "a1B2c3D4" * 5
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abcDEF123"
KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nIBAAKC\n-----END RSA PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("text", "kind", "name"),
    [
        (f"cloning with {GITHUB} now", "github-token", ""),
        (f"GITHUB_TOKEN={GITHUB}", "github-token", ""),
        ("key AKIAIOSFODNN7EXAMPLE", "aws-access-key", ""),
        ("xoxb-123456789012-abcdef", "slack-token", ""),
        (JWT, "jwt", ""),
        ("sk-abcdEFGH1234abcdEFGH", "api-key", ""),
        ("sk_live_abcdEFGH1234", "stripe-key", ""),
        ("glpat-abcdEFGH1234abcdEFGH", "gitlab-token", ""),
        ("DB_PASSWORD=hunter2hunter2", "named-value", "DB_PASSWORD"),
        ('{"api_key": "q1w2e3r4t5"}', "named-value", "api_key"),
        ("login --password hunter2x9", "named-value", "password"),
        ("https://ada:hunter2x9@example.org/", "url-userinfo", ""),
        ("Authorization: Bearer abcdef123456", "authorization", ""),
        ("-H 'Cookie: session=abcdef123456'", "authorization", ""),
    ],
)
def test_a_secret_is_found_with_its_kind(text: str, kind: str, name: str) -> None:
    """By what it looks like, else by what stands in front of it."""
    assert list(finds(text)) == [SecretFind(kind, name)]


@pytest.mark.parametrize(
    "text",
    [
        "auth-smoke: 3 FAIL",
        "the token was rejected",
        f"PASSWORD={REDACTED}",
        f"PASSWORD={REDACTED}    ",
        "PASSWORD=********",
        f"Authorization: Bearer {REDACTED}",
        f"-----BEGIN RSA PRIVATE KEY-----\n{REDACTED}\n********\n-----END RSA PRIVATE KEY-----",
        "",
    ],
)
def test_ordinary_and_redacted_text_is_no_finding(text: str) -> None:
    """Nor is what somebody masked before."""
    assert list(finds(text)) == []


def test_each_line_is_told() -> None:
    """Also behind a key of several lines, and more than one of a line."""
    text = f"one\n{GITHUB} and {JWT}\n{KEY}\nDB_PASSWORD=hunter2hunter2\n\nlast {GITHUB}"

    assert [(found.line, found.kind) for found in sorted(finds(text), key=lambda found: found.line)] == [
        (2, "github-token"),
        (2, "jwt"),
        (3, "private-key"),
        (7, "named-value"),
        (9, "github-token"),
    ]


def test_arguments_are_found_by_place() -> None:
    """The value of an option is the argument behind it."""
    argv = ["login", "--token", "abc", f"--x={GITHUB}", "-e", "API_KEY=q1w2e3", "--password", REDACTED]

    assert list(finds_in_argv(argv)) == [
        (2, SecretFind("named-value", "token")),
        (3, SecretFind("github-token")),
        (5, SecretFind("named-value", "API_KEY")),
    ]


def test_documents_are_found_by_path() -> None:
    """Values under a name that announces a secret, whatever they look like; names themselves; texts."""
    document: dict[str, Any] = {
        "db": {"password": ["abc", 1234567, True]},
        "note": f"see {GITHUB}",
        f"a {JWT}": 1,
        "token": REDACTED + "   ",
        "plain": [1, "two", None],
    }

    assert list(finds_in_document(document)) == [
        (("db", "password", 0), SecretFind("named-value", "password")),
        (("db", "password", 1), SecretFind("named-value", "password")),
        (("note",), SecretFind("github-token")),
        ((f"a {JWT}",), SecretFind("jwt")),
    ]


@given(
    st.text()
    | st.sampled_from([GITHUB, JWT, KEY, "TOKEN=abc123def", "x"]).flatmap(
        lambda a: st.text().map(lambda b: a + b)
    )
)
def test_what_is_redacted_is_found(text: str) -> None:
    """Whatever the rules would take out is a finding, but for what was masked before."""
    changed = redact(text, strict=False) != text
    found = list(finds(text))

    assert changed or not [each for each in found if each.kind != "private-key"]
    assert all(each.line <= text.count("\n") + 1 for each in found)
