"""Find secrets in running text by where they stand or what they look like. Pure.

Every pattern is anchored at the start of a word and bounded, so that no text takes more than linear
time. What a rule leaves behind is never touched again: redacting twice equals once.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

from runlore.journal.secret_names import looks_secret

if TYPE_CHECKING:
    import re
    from collections.abc import Callable

    SpanOf = Callable[[str, re.Match[str]], tuple[int, int] | None]

REDACTED: Final = "[REDACTED]"
ORDINARY: Final = frozenset(
    {"", "true", "false", "yes", "no", "on", "off", "none", "null", "nil", "undefined", "required"}
)
"""Values that are no secret under any name."""
SHORTEST_NUMBER: Final = 6
"""A shorter number that a text or a document only mentions is taken for a number."""
_LONG: Final = 20

_SHAPES: Final = (
    r"(?<![\w-])(?:"
    r"gh[oprsu]_[A-Za-z0-9]{16,}|github_pat_\w{20,}|glpat-[\w-]{16,}"
    r"|(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{12,}"
    r"|sk-(?:[A-Za-z0-9]{16,}|(?=[\w-]*[0-9A-Z])[\w-]{16,})|[rs]k_(?:live|test)_[A-Za-z0-9]{10,}"
    r"|xox[a-z]-[\w-]{10,}|xapp-[\w-]{10,}"
    r"|AIza[\w-]{30,}|ya29\.[\w-]{20,}"
    r"|hf_[A-Za-z0-9]{20,}|npm_[A-Za-z0-9]{30,}|pypi-[\w-]{40,}"
    r"|SG\.[\w-]{16,}\.[\w-]{16,}|dop_v1_[a-f0-9]{40,}|shp(?:at|ss|ca)_[a-fA-F0-9]{24,}|glsa_\w{30,}"
    r"|eyJ[\w-]{6,}\.[\w-]{4,}(?:\.[\w-]*)?"
    r")"
)
"""Tokens that say themselves what they are."""
_BEARER: Final = r"(?i)(?<![\w-])bearer\s{1,4}(?=[\w.~+/=-]{0,200}\d)([\w.~+/=-]{8,})"
_USERINFO: Final = r"(?<![\w+.-])[A-Za-z][\w+.-]{0,30}://([^\s/?#:@\"'<>]*)(?::([^\s/?#\"'<>]*))?@"
_HEADER: Final = (
    r"(?i)(?:(?<![\w-])|(?<=-H))(?:proxy-)?(?:authorization|(?:set-)?cookie)"
    r"(?:\\?[\"'])?\s{0,4}[:=]\s{0,4}(?:\\?[\"'])?"
    r"((?:bearer|basic|token|apikey|negotiate)\s{1,4})?"
)
_NAMED: Final = (
    r"(?<![\w.-])-{0,2}([A-Za-z_][\w.-]{0,100})"
    r"(?:(=)(?![=~])|((?:\\?[\"'])?\s{0,4}(?::|=>|=(?![=~>]))\s{0,4}))"
)
"""A name and what stands between it and its value: `name=`, `"name": `, `name = `, `name: `."""
_OPTION: Final = r"(?<![\w-])--?([A-Za-z][\w-]{0,100})\s{1,4}(?=[^\s-])"
_GO_DSN: Final = r"(?<=:)([^\s:@/\"']{1,200})@(?:tcp|unix)\("
_BARE: Final = r"(?:[^\s\"'`;&|<>\\]|\\(?![\"']))+"
_UP_TO_QUOTE: Final = r"(?:[^\r\n\"'\\]|\\(?![\"']))+"
_HEADERS: Final = frozenset({"authorization", "proxy-authorization", "cookie", "set-cookie"})


def redact(text: str, *, strict: bool) -> str:
    """Return the text without its secrets.

    strict: it is a command or a part of one, so what follows a secret's name is its value; otherwise
    a bare value is believed only if it does not look like a word of the sentence.
    """
    text = _private_keys(text)
    text = _compiled(_SHAPES).sub(REDACTED, text)
    text = _replaced(text, _USERINFO, _userinfo)
    text = _replaced(text, _GO_DSN, _first)
    text = _replaced(text, _HEADER, _header)
    text = _replaced(text, _BEARER, _first)
    text = _replaced(text, _NAMED, _named_strictly if strict else _named)
    return _replaced(text, _OPTION, _option_strictly if strict else _option)


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """Return the pattern, compiled when first needed: compiling them all costs a start-up 5 ms."""
    import re  # noqa: PLC0415 - see above

    return re.compile(pattern)


def _replaced(text: str, pattern: str, span_of: SpanOf) -> str:
    """Return the text with each span that `span_of` finds behind a match redacted."""
    search = _compiled(pattern).search
    parts: list[str] = []
    done = at = 0
    while found := search(text, at):
        span = span_of(text, found)
        if span is None or span[0] >= span[1] or text.startswith(REDACTED, span[0]):
            at = found.end()
            continue
        parts += (text[done : span[0]], REDACTED)
        done = at = span[1]
    return "".join(parts) + text[done:] if parts else text


def _private_keys(text: str) -> str:
    """Redact what stands between the BEGIN line of a private key and its END line, if it has one."""
    mark, at, done = "PRIVATE KEY-----", 0, 0
    parts: list[str] = []
    while (start := text.find(mark, at)) >= 0:
        at = start = start + len(mark)
        if "-----BEGIN" not in text[max(0, start - 60) : start]:
            continue
        end = text.find("-----END", start)
        end = len(text) if end < 0 else end
        parts += (text[done:start], REDACTED)
        done = at = end
    return "".join(parts) + text[done:] if parts else text


def _first(_text: str, found: re.Match[str]) -> tuple[int, int] | None:
    return found.span(1)


def _userinfo(_text: str, found: re.Match[str]) -> tuple[int, int] | None:
    user, password = found.group(1), found.group(2)
    if password is not None:
        return found.span(2)
    token = len(user) >= _LONG and not user.isalpha()
    return found.span(1) if token else None


def _header(text: str, found: re.Match[str]) -> tuple[int, int] | None:
    start = found.end()
    value = _compiled(_BARE if found.group(1) else _UP_TO_QUOTE).match(text, start)
    if value is None or value.group().strip().lower() in ORDINARY:
        return None
    return start, start + len(value.group().rstrip())


def _named(text: str, found: re.Match[str], *, strict: bool = False) -> tuple[int, int] | None:
    name, tight = found.group(1), found.group(2) is not None
    before = text[found.start() - 1 : found.start()]
    if not _is_secret_here(name, before, tight=tight):
        return None
    start = found.end()
    quoted = _quoted(text, start)
    if quoted is not None:
        return quoted
    if tight and before == ";":  # a connection string: blanks belong to the value
        found_end = _compiled(r"[;\r\n]|$").search(text, start)
        return start, found_end.start() if found_end else len(text)
    sure = strict or tight or len(name.replace("-", "_").split("_")) > 1
    return _bare(text, start, sure=sure, number=tight)


def _named_strictly(text: str, found: re.Match[str]) -> tuple[int, int] | None:
    return _named(text, found, strict=True)


def _is_secret_here(name: str, before: str, *, tight: bool) -> bool:
    folded = name.lower()
    if looks_secret(name):
        return folded not in _HEADERS  # those have a rule of their own
    if before in {"?", "&"}:
        return tight and folded.rpartition("-")[2] in {"sig", "signature", "auth", "session", "sessionid"}
    return tight and before == ";" and folded == "pwd"


def _option(text: str, found: re.Match[str]) -> tuple[int, int] | None:
    return _option_value(text, found, strict=False)


def _option_strictly(text: str, found: re.Match[str]) -> tuple[int, int] | None:
    return _option_value(text, found, strict=True)


def _option_value(text: str, found: re.Match[str], *, strict: bool) -> tuple[int, int] | None:
    if not looks_secret(found.group(1)):
        return None
    return _quoted(text, found.end()) or _bare(text, found.end(), sure=strict, number=strict)


def _quoted(text: str, start: int) -> tuple[int, int] | None:
    """Return the span inside the quotes that open at `start`: to the same quote, or the end of line."""
    escape = "\\" if text.startswith(('\\"', "\\'"), start) else ""
    mark = text[start + len(escape) : start + len(escape) + 1]
    if mark not in {'"', "'"}:
        return None
    begin = start + len(escape) + 1
    found = _compiled(_closing(escape + mark)).match(text, begin)
    assert found is not None  # noqa: S101 - the pattern matches the empty string, too
    return None if found.group().lower() in ORDINARY else found.span()


def _closing(mark: str) -> str:
    """Return the pattern of what a quote encloses."""
    if len(mark) > 1:
        return r"[^\r\n\\]*"
    return rf"(?:\\.|[^\\\r\n{mark}])*"


def _bare(text: str, start: int, *, sure: bool, number: bool) -> tuple[int, int] | None:
    """Return the span of an unquoted value; unless `sure`, only if it does not look like a word."""
    found = _compiled(_BARE).match(text, start)
    if found is None:
        return None
    value = found.group().rstrip(",.:)]}")
    if value.lower() in ORDINARY or (not number and value.isdigit() and len(value) < SHORTEST_NUMBER):
        return None
    return (start, start + len(value)) if sure or _looks_random(value) else None


def _looks_random(value: str) -> bool:
    """Say whether this is no word of a sentence: digits, capitals inside, signs, or great length."""
    inner = value[1:]
    return len(value) >= _LONG or not (value.isalpha() and (inner.islower() or not inner))
