"""Which names announce a secret: `GITHUB_TOKEN`, `--api-key`, `dbPassword`. Pure."""

from collections.abc import Callable, Iterable
from typing import Final

NameRule = Callable[[str], bool]
"""Says whether what has this name holds a secret."""

_SECRET: Final = frozenset(
    {
        "PASSWORD",
        "PASSWD",
        "PASSPHRASE",
        "PASSCODE",
        "SECRET",
        "TOKEN",
        "APIKEY",
        "CREDENTIAL",
        "CREDENTIALS",
        "AUTHORIZATION",
        "COOKIE",
        "JWT",
    }
)
"""A name that ends in one of these words."""
_SECRET_AFTER: Final[dict[str, frozenset[str]]] = {
    "KEY": frozenset(
        {
            "API",
            "PRIVATE",
            "SSH",
            "ACCESS",
            "SECRET",
            "ACCOUNT",
            "SIGNING",
            "ENCRYPTION",
            "MASTER",
            "AUTH",
            "SHARED",
            "LICENSE",
        }
    ),
    "STRING": frozenset({"CONNECTION"}),
    "URL": frozenset({"DATABASE"}),
    "PASS": frozenset(
        {
            "DB",
            "DATABASE",
            "SMTP",
            "FTP",
            "IMAP",
            "MAIL",
            "MYSQL",
            "POSTGRES",
            "PG",
            "REDIS",
            "MONGO",
            "USER",
            "ADMIN",
            "ROOT",
            "LOGIN",
            "SUDO",
            "SSH",
            "HTTP",
            "PROXY",
            "KEY",
            "STORE",
            "BASIC",
        }
    ),
    "PWD": frozenset(
        {
            "DB",
            "DATABASE",
            "SMTP",
            "FTP",
            "MYSQL",
            "POSTGRES",
            "PG",
            "REDIS",
            "USER",
            "ADMIN",
            "ROOT",
            "LOGIN",
            "SA",
        }
    ),
    "PAT": frozenset({"GITHUB", "GH", "GITLAB", "AZURE", "ADO", "BITBUCKET"}),
    "AUTH": frozenset({"REDIS", "NPM", "BASIC", "REGISTRY", "DOCKER", "HTTP", "PROXY", "X"}),
}
"""A name that ends in this word, right after one of those: `PWD` alone is the current folder."""
_HARMLESS_BEFORE: Final[dict[str, frozenset[str]]] = {
    "TOKEN": frozenset(
        {
            "NEXT",
            "PREVIOUS",
            "PAGE",
            "CONTINUATION",
            "EOS",
            "BOS",
            "PAD",
            "UNK",
            "SEP",
            "CLS",
            "MASK",
            "STOP",
            "END",
            "START",
            "PER",
            "SPECIAL",
        }
    ),
    "COOKIE": frozenset({"MAGIC"}),
}
"""Pagination and language models have tokens that are no secrets."""
_TOO_LONG: Final = 128
ENDINGS: Final = tuple(word.lower() for word in (*sorted(_SECRET), *_SECRET_AFTER))
"""Any name that looks secret ends in one of these, but for signs after it."""
_FOLDED_ENDINGS: Final = tuple(ending.encode() for ending in ENDINGS)


def name_rule(allow: Iterable[str], deny: Iterable[str]) -> NameRule:
    """Return the rule with a user's exceptions: globs of names, in any case; `deny` is the stronger."""
    allowed, denied = tuple(map(str.upper, allow)), tuple(map(str.upper, deny))
    if not allowed and not denied:
        return looks_secret
    from fnmatch import fnmatchcase  # noqa: PLC0415 - it brings `re`, which hardly anybody needs here

    def holds_secret(name: str) -> bool:
        folded = name.strip("-").upper()
        if any(fnmatchcase(folded, glob) for glob in denied):
            return True
        return looks_secret(name) and not any(fnmatchcase(folded, glob) for glob in allowed)

    return holds_secret


def looks_secret(name: str) -> bool:
    """Say whether a variable, option, field or header of this name holds a secret.

    The last words count: `--token-file`, `max_tokens`, `tokenizer` and `author` are no secrets.
    """
    folded = name.rstrip("_.-").encode("utf-8", "surrogatepass").lower()
    if len(name) > _TOO_LONG or not folded.endswith(_FOLDED_ENDINGS):
        return False  # as nearly every name
    words = _words(name)
    if not words or words[0] in {"NO", "WITHOUT"}:
        return False
    last = words[-1]
    before = words[-2] if len(words) > 1 else ""
    if last in _SECRET or last.endswith(("PASSWORD", "PASSWD", "APIKEY")):
        return before not in _HARMLESS_BEFORE.get(last, ())
    return before in _SECRET_AFTER.get(last, ())


def _words(name: str) -> list[str]:
    """Return the words of snake_case, kebab-case, dotted and camelCase names, in capitals."""
    spaced: list[str] = []
    before = ""
    for character, after in zip(name, name[1:] + " ", strict=True):
        starts = character.isupper() and (before.islower() or (before.isupper() and after.islower()))
        if not character.isalnum():
            spaced.append(" ")
        else:
            spaced.append(f" {character}" if starts else character)
        before = character
    return "".join(spaced).upper().split()
