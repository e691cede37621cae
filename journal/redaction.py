"""Structural redaction: secrets known by where they stand or what they look like, not by their value.

Everything that could carry one passes here before it is recorded or shown: argv, replay command, error
texts, labels, metadata. A secret is told by its name (`--token X`, `TOKEN=X`, `"password": "x"`), its
place (URL userinfo and query, `Authorization`) or its shape (`ghp_…`, `AKIA…`, a JWT, a private key).
Ordinary words survive, because over-redaction destroys diagnostics. Redacting twice equals once. Pure.
"""

from collections.abc import Mapping, Sequence
from typing import Final, cast

from runlore.journal.secret_names import NameRule, looks_secret
from runlore.journal.secret_text import ORDINARY, REDACTED, SHORTEST_NUMBER, names_a_variable, redact

__all__ = ["REDACTED", "looks_secret", "redact_argv", "redact_metadata", "redact_text", "redact_values"]

_SECRET_OPTIONS: Final[dict[str, tuple[frozenset[str], str]]] = {
    "curl": (frozenset({"-u", "--user", "-U", "--proxy-user"}), ":"),
    "sshpass": (frozenset({"-p"}), ""),
    "redis-cli": (frozenset({"-a"}), ""),
}
"""Options of well-known programs that take a secret; it begins behind the mark, if there is one."""
_NAME: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")
_SCRIPT_OPTIONS: Final = frozenset({"-c", "-lc", "-ec", "-xc", "eval"})
"""After these, `NAME=value words` is a line of shell and not one long value."""
_GLUED_PASSWORD: Final = frozenset({"mysql", "mysqldump", "mysqladmin", "mariadb", "mariadb-dump"})
"""Programs that take `-pPASSWORD` in one word."""


def redact_argv(argv: Sequence[str], names: NameRule = looks_secret) -> tuple[str, ...]:
    """Return the arguments without their secrets: as many as there were, in their places."""
    redacted: list[str] = []
    program = before = ""
    expected = False
    for argument in argv:
        base = argument.rpartition("/")[2]
        if base in _SECRET_OPTIONS or base in _GLUED_PASSWORD:
            program = base
        if expected and not _is_option(argument) and not names_a_variable(before.lstrip("-"), argument):
            redacted.append(_value(argument))
            expected = False
        else:
            redacted.append(_by_program(program, before, argument) or _argument(argument, before, names))
            expected = _expects_secret(argument, names)
        before = argument
    return tuple(redacted)


def redact_text(text: str, names: NameRule = looks_secret) -> str:
    """Return a text for people, such as an error message, without the secrets in it."""
    return redact(text, strict=False, names=names)


def redact_metadata(value: object, names: NameRule = looks_secret) -> object:
    """Return a JSON document without its secrets: the same shape, and still JSON.

    Under a key that announces a secret every text is redacted, however deep, and every number that is
    long enough to be one.
    """
    return _metadata(value, names, secret=False)


def redact_values(values: Mapping[str, str], names: NameRule = looks_secret) -> dict[str, str]:
    """Return tags or variables without their secrets; a name that announces one redacts its value."""
    return cast("dict[str, str]", redact_metadata(dict(values), names))


def _is_option(argument: str) -> bool:
    """Say whether this is the next option, and not the value that was expected."""
    return argument.startswith("--") or (argument.startswith("-") and len(argument) == len("-x"))


def _expects_secret(argument: str, names: NameRule) -> bool:
    """Say whether the next argument is this option's secret."""
    return argument.startswith("-") and "=" not in argument and names(argument.lstrip("-"))


def _argument(argument: str, before: str, names: NameRule) -> str:
    name, equals, value = argument.partition("=")
    is_script = before in _SCRIPT_OPTIONS and " " in value
    if equals and not is_script and _NAME.issuperset(name) and names(name.lstrip("-")):
        return f"{name}={_value(value)}"
    return redact(argument, strict=True, names=names)


def _by_program(program: str, before: str, argument: str) -> str | None:
    """Return the argument redacted by what its program takes, or None if that says nothing."""
    if program in _GLUED_PASSWORD and argument.startswith("-p") and len(argument) > len("-p"):
        return f"-p{REDACTED}"
    options, mark = _SECRET_OPTIONS.get(program, (frozenset[str](), ""))
    if before not in options or not mark:
        return REDACTED if before in options else None
    known, found, _secret = argument.partition(mark)
    return f"{known}{mark}{REDACTED}" if found else None


def _value(value: str) -> str:
    """Return the value of something that is called a secret."""
    return value if value.lower() in ORDINARY else REDACTED


def _metadata(value: object, names: NameRule, *, secret: bool) -> object:
    if isinstance(value, str):
        return _value(value) if secret else redact(value, strict=True, names=names)
    if isinstance(value, dict):
        fields = cast("dict[str, object]", value)
        return {
            redact(key, strict=False, names=names): _metadata(item, names, secret=secret or names(key))
            for key, item in fields.items()
        }
    if isinstance(value, list | tuple):
        return [_metadata(item, names, secret=secret) for item in cast("Sequence[object]", value)]
    if secret and isinstance(value, int | float) and not isinstance(value, bool):
        return REDACTED if len(f"{value}") >= SHORTEST_NUMBER else value
    return value
