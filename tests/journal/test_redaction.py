"""Structural redaction: what is called, placed or shaped like a secret goes; ordinary words stay."""

from typing import Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runlore.journal.redaction import REDACTED, looks_secret, redact_argv, redact_metadata, redact_text
from tests.properties.histories import free_json

SECRET: Final = "Tr0ub4dor&3"
JWT: Final = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N"


@pytest.mark.parametrize(
    "name",
    [
        "PASSWORD", "DB_PASSWORD", "db.password", "dbPassword", "--db-password", "PGPASSWORD",
        "MYSQL_PASSWD", "CLIENT_SECRET", "clientSecret", "SECRET_KEY", "AWS_SECRET_ACCESS_KEY",
        "AWSSecretKey", "ACCESS_KEY", "GITHUB_TOKEN", "token", "accessToken", "X-Auth-Token",
        "API_KEY", "APIKey", "apikey", "api-key", "SSH_KEY", "PRIVATE_KEY", "AccountKey",
        "SharedAccessKey", "CONNECTION_STRING", "DATABASE_URL", "GOOGLE_CREDENTIALS", "authorization",
        "Proxy-Authorization", "cookie", "DB_PASS", "GH_PAT", "X-Auth", "passphrase", "jwt",
    ],
)  # fmt: skip
def test_a_name_that_announces_a_secret_is_known(name: str) -> None:
    """In any spelling: constants, options, fields, headers."""
    assert looks_secret(name)


@pytest.mark.parametrize(
    "name",
    [
        "", "PATH", "PWD", "OLDPWD", "author", "--author", "tokenizer", "max_tokens", "max-tokens",
        "tokens", "token-file", "TOKEN_TTL", "next_token", "pad_token", "eosToken",
        "tokens_per_second", "key", "keyboard", "monkey", "primary_key", "sort-key", "passed", "pass",
        "first_pass", "compass", "auth", "auth-smoke", "secretary", "no-password", "password-stdin",
        "secret_name", "url", "base_url", "session", "x" * 500,
    ],
)  # fmt: skip
def test_a_name_that_only_resembles_one_is_not(name: str) -> None:
    """The last words of a name say what it holds."""
    assert not looks_secret(name)


@pytest.mark.parametrize(
    ("argv", "redacted"),
    [
        (["x", "--token", SECRET, "y"], ["x", "--token", REDACTED, "y"]),
        (["x", f"--token={SECRET}"], ["x", f"--token={REDACTED}"]),
        (["x", "-password", SECRET], ["x", "-password", REDACTED]),
        (["x", "--password", "1234"], ["x", "--password", REDACTED]),
        (["x", "--api-key", "-abc"], ["x", "--api-key", REDACTED]),
        (["env", f"API_KEY={SECRET}", "x"], ["env", f"API_KEY={REDACTED}", "x"]),
        (["x", "-e", "TOKEN=a b c"], ["x", "-e", f"TOKEN={REDACTED}"]),
        (["x", "--env=TOKEN=abc"], ["x", f"--env=TOKEN={REDACTED}"]),
        (["helm", "--set", "a=1,db.password=x"], ["helm", "--set", f"a=1,db.password={REDACTED}"]),
        (["java", "-DdbPassword=x"], ["java", f"-DdbPassword={REDACTED}"]),
        (["x", "postgres://u:p@ss@h/db"], ["x", f"postgres://u:{REDACTED}@h/db"]),
        (["x", "redis://:pw@h"], ["x", f"redis://:{REDACTED}@h"]),
        (["x", f"https://{'a1' * 12}@h/x"], ["x", f"https://{REDACTED}@h/x"]),
        (["x", "u:pw@tcp(h:1)/db"], ["x", f"u:{REDACTED}@tcp(h:1)/db"]),
        (
            ["curl", "https://h/?a=1&access_token=x&b=2"],
            ["curl", f"https://h/?a=1&access_token={REDACTED}&b=2"],
        ),
        (
            ["curl", "https://h/x?X-Amz-Signature=ab&n=1"],
            ["curl", f"https://h/x?X-Amz-Signature={REDACTED}&n=1"],
        ),
        (["curl", "-u", "bob:pw"], ["curl", "-u", f"bob:{REDACTED}"]),
        (["/usr/bin/curl", "--user", "bob"], ["/usr/bin/curl", "--user", "bob"]),
        (["sshpass", "-p", "pw", "ssh", "h"], ["sshpass", "-p", REDACTED, "ssh", "h"]),
        (["mysql", "-ppw", "-p", "db"], ["mysql", f"-p{REDACTED}", "-p", "db"]),
        (
            ["curl", "-H", "Authorization: Bearer x", "-H", "X-Api-Key: swordfish"],
            ["curl", "-H", f"Authorization: Bearer {REDACTED}", "-H", f"X-Api-Key: {REDACTED}"],
        ),
        (["curl", "-HCookie: a=b; c=d"], ["curl", f"-HCookie: {REDACTED}"]),
        (["curl", "-H", "Authorization: Custom a b"], ["curl", "-H", f"Authorization: {REDACTED}"]),
        (
            ["bash", "-c", "TOKEN=abc cmd --password swordfish && echo hi"],
            ["bash", "-c", f"TOKEN={REDACTED} cmd --password {REDACTED} && echo hi"],
        ),
        (["x", 'export A="1" TOKEN="a b" C=2'], ["x", f'export A="1" TOKEN="{REDACTED}" C=2']),
        (
            ["x", "Server=h;Password=my pass;Pwd=q;Db=z"],
            ["x", f"Server=h;Password={REDACTED};Pwd={REDACTED};Db=z"],
        ),
        (["psql", "host=h password=pw dbname=d"], ["psql", f"host=h password={REDACTED} dbname=d"]),
        (
            ["x", '{"password": "a\\"b", "n": 1, "api_key":"z"}'],
            ["x", f'{{"password": "{REDACTED}", "n": 1, "api_key":"{REDACTED}"}}'],
        ),
        (["x", f"ghp_{'a1' * 18}", f"AKIA{'Q' * 16}"], ["x", REDACTED, REDACTED]),
        (["x", f"key is sk-{'aB3' * 10}, ok"], ["x", f"key is {REDACTED}, ok"]),
        (["x", f"xoxb-{'1' * 12}-abc", JWT], ["x", REDACTED, REDACTED]),
    ],
    ids=lambda argv: argv[1][:30],
)
def test_secrets_in_arguments_are_redacted(argv: list[str], redacted: list[str]) -> None:
    """Options, assignments, URLs, headers, scripts, connection strings and tokens lose the secret only."""
    assert redact_argv(argv) == tuple(redacted)


@pytest.mark.parametrize(
    "argv",
    [
        ["pytest", "-k", "auth-smoke: 3 FAIL", "--maxfail", "1"],
        ["train", "--max-tokens", "512", "--tokenizer", "bpe", "--pad-token", "</s>"],
        ["git", "commit", "--author", "Ada <ada@example.org>", "-m", "tokens: fix the parser"],
        ["x", "--token-file", "/run/token", "--password-stdin", "--no-password", "word"],
        ["x", "--token", "--verbose", "--secret", "-v"],
        ["x", "--use-token=false", "--password="],
        ["docker", "run", "--user", "1000:1000", "image:1.2@sha256:abc"],
        ["git", "clone", "git@github.com:a/b", "https://user@bitbucket.org/a/b", "ssh://git@h:22/x"],
        ["x", "sk-learn-contrib-package", "task-force-one-two-three", "eyJ", "AKIA", "http://h:80/a@b"],
        ["x", "a=b", "PATH=/bin:/usr/bin", "PWD=/home", "key=value", "?q=token"],
        ["mysql", "-p", "-u", "root"],
        ["x", "é", "\udcff", ""],
    ],
    ids=lambda argv: argv[0] + argv[1],
)
def test_ordinary_arguments_survive(argv: list[str]) -> None:
    """Words, numbers, switches, paths and addresses that are no secrets come back untouched."""
    assert redact_argv(argv) == tuple(argv)


@pytest.mark.parametrize(
    "text",
    [
        "auth-smoke: 3 FAIL",
        "false",
        "12345",
        "1 passed, 3 failed in 0.5s",
        "SyntaxError: Unexpected token } in JSON at position 12",
        "Unexpected token: identifier",
        "error: option --token requires an argument",
        "secret: not found",
        "password: required",
        "token: 3, tokens: 12345678",
        "token == other",
        "bearer authentication failed",
        "[Errno 2] No such file or directory: '/run/secrets/token'",
        "https://example.org/a?b=c#d",
        "see https://user@bitbucket.org/x",
        "",
    ],
)
def test_ordinary_text_survives(text: str) -> None:
    """Over-redaction destroys diagnostics: a message that gives nothing away says what it said."""
    assert redact_text(text) == text


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("password: hunter2", f"password: {REDACTED}"),
        ("login with --password hunter2 failed", f"login with --password {REDACTED} failed"),
        ("TOKEN=abc not accepted", f"TOKEN={REDACTED} not accepted"),
        ('{"token": "abc", "n": 1}', f'{{"token": "{REDACTED}", "n": 1}}'),
        (r"{\"token\": \"abc\", \"n\": 1}", rf"{{\"token\": \"{REDACTED}\", \"n\": 1}}"),
        ("{'Authorization': 'Bearer abc', 'n': 1}", f"{{'Authorization': 'Bearer {REDACTED}', 'n': 1}}"),
        ("Authorization: Basic dXNlcjpw and got 401", f"Authorization: Basic {REDACTED} and got 401"),
        ("401 for Bearer abc123def456 at /x", f"401 for Bearer {REDACTED} at /x"),
        ("connect(postgres://u:p@h/d) failed", f"connect(postgres://u:{REDACTED}@h/d) failed"),
        ("api_key = 'abc'", f"api_key = '{REDACTED}'"),
        ("client-secret: swordfish", f"client-secret: {REDACTED}"),
        (f"bad credentials {JWT}", f"bad credentials {REDACTED}"),
        (
            "-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc\n-----END RSA PRIVATE KEY-----\nrest",
            f"-----BEGIN RSA PRIVATE KEY-----{REDACTED}-----END RSA PRIVATE KEY-----\nrest",
        ),
        ("-----BEGIN PRIVATE KEY-----\nMIIE cut", f"-----BEGIN PRIVATE KEY-----{REDACTED}"),
        ("GET /?token=abc&x=1 HTTP/1.1", f"GET /?token={REDACTED}&x=1 HTTP/1.1"),
    ],
    ids=lambda text: text[:30],
)
def test_secrets_in_text_are_redacted(text: str, redacted: str) -> None:
    """Error messages, stacks and scripts lose their secrets and nothing else."""
    assert redact_text(text) == redacted


def test_nested_secrets_in_metadata_are_redacted() -> None:
    """Key names announce secrets at any depth; short numbers, switches and everything else survive."""
    document = {
        "name": "nightly",
        "api_key": "abc",
        "max_tokens": 512,
        "db": {"host": "h", "password": "swordfish", "port": 5432},
        "credentials": {"user": "ada", "pin": 123456, "tries": 3, "ok": True, "none": None},
        "urls": ["https://u:p@h/", "https://h/"],
        "token": False,
        "secret": "",
    }

    assert redact_metadata(document) == {
        "name": "nightly",
        "api_key": REDACTED,
        "max_tokens": 512,
        "db": {"host": "h", "password": REDACTED, "port": 5432},
        "credentials": {"user": REDACTED, "pin": REDACTED, "tries": 3, "ok": True, "none": None},
        "urls": [f"https://u:{REDACTED}@h/", "https://h/"],
        "token": False,
        "secret": "",
    }


# -- properties

FRAGMENTS: Final = [
    "--token", "--password=", "TOKEN=", "API_KEY", "Authorization: ", "Bearer ", "Basic ", "cookie=",
    "Cookie: ", "password: ", '"password": "', "'secret': '", '\\"token\\": \\"', "https://u:",
    "https://", "@h/", "?sig=", "&access_token=", ";Pwd=", "Password=", ";",
    "-----BEGIN RSA PRIVATE KEY-----", "-----END RSA PRIVATE KEY-----", "ghp_", "AKIA", "sk-", "eyJ",
    "xoxb-", ".", "a1B2c3D4e5F6g7H8i9", "AAAAAAAAAAAAAAAAAAAA", "hunter2", "curl", "-u", "mysql", "-p",
    "bob:pw", REDACTED, "[", "]", "REDACTED", '"', "'", "\\", " ", "\n", "=", ":", ",", "&", "<", ">",
    "@tcp(", "false", "12345", "$(x)", "`", "|", "--", "é", "\udcff", "?", "#", "/", "-c", "=>", "==",
]  # fmt: skip
tangles = st.lists(st.sampled_from(FRAGMENTS) | st.text(max_size=3), max_size=12).map("".join)
words = tangles.map(lambda text: text.replace("\udcff", "?"))
"""The same as JSON can carry it."""


@given(tangles)
def test_text_redacted_twice_is_redacted_once(text: str) -> None:
    """Passing the redactor again, at the next door, changes nothing more."""
    once = redact_text(text)

    assert redact_text(once) == once


@given(st.lists(tangles, max_size=6))
def test_arguments_redacted_twice_are_redacted_once(argv: list[str]) -> None:
    """As many arguments as there were, each in its place, and stable."""
    once = redact_argv(argv)

    assert len(once) == len(argv)
    assert redact_argv(once) == once


@given(free_json | st.dictionaries(st.sampled_from(["token", "a", "db_password"]), free_json | words))
def test_metadata_redacted_twice_is_redacted_once(document: object) -> None:
    """JSON stays JSON of the same shape, and stable."""
    once = redact_metadata(document)

    assert redact_metadata(once) == once
    assert type(once) is type(document) or once == REDACTED
    assert msgspec.json.decode(msgspec.json.encode(once)) == once


secrets = st.text(
    alphabet="abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789", min_size=12, max_size=30
).filter(lambda text: not text.isalpha() and not text.isdigit())


@pytest.mark.parametrize(
    "form",
    [
        "--token={}", "TOKEN={}", "https://u:{}@h/x", "?api_key={}&b=1", "Authorization: Bearer {}",
        "x-api-key: {}", '{{"password":"{}"}}', "Server=h;Password={};Db=x",
        "export DB_PASSWORD='{}'; run", "Cookie: session={}",
    ],
)  # fmt: skip
@given(secret=secrets, before=st.text(max_size=5), after=st.text(max_size=5))
def test_no_place_lets_a_secret_through(form: str, secret: str, before: str, after: str) -> None:
    """Whatever stands around it, a secret in one of the known places is gone from texts and arguments."""
    text = f"{before} {form.format(secret)} {after}"

    assert secret not in redact_text(text)
    assert secret not in "".join(redact_argv(["x", form.format(secret)]))


@pytest.mark.parametrize(
    "text",
    [
        "a" * 500_000, "a=" * 250_000, "://" * 160_000, "eyJ" * 160_000, "-sk-" * 120_000,
        "?a&" * 160_000, '"' * 500_000, "-----BEGIN PRIVATE KEY-----" * 10_000, "token " * 80_000,
        "token=" * 80_000, "a:" * 250_000, "\\" * 500_000, "Bearer " * 70_000, "x." * 250_000,
        "://u:" * 100_000, "--a " * 120_000, ";pwd=" * 100_000,
    ],
    ids=lambda text: text[:6].strip(),
)  # fmt: skip
def test_a_text_made_to_confuse_is_redacted_in_time(text: str) -> None:
    """Half a megabyte against one pattern: anything worse than linear would take longer than a test may."""
    once = redact_text(text)

    assert redact_text(once) == once
    assert len(redact_argv([text])) == 1


def test_the_name_of_a_variable_behind_our_own_option_stays() -> None:
    """`runlore run --secret NAME` takes a name; a value there is still redacted."""
    assert redact_argv(["runlore", "run", "--secret", "DB_LOGIN", "x"])[3] == "DB_LOGIN"
    assert redact_argv(["tool", "--secret", "hunter2"])[2] == REDACTED
    assert redact_text("try `runlore run --secret DB_LOGIN`") == "try `runlore run --secret DB_LOGIN`"
    assert redact_text("try --secret hunter2-x") == f"try --secret {REDACTED}"
