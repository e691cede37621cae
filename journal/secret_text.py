"""Find secrets in running text by where they stand or what they look like. Pure.

Every pattern is anchored at the start of a word and bounded, so that no text takes more than linear
time. What a rule leaves behind is never touched again: redacting twice equals once.
"""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING, Final

from runlore.journal.secret_names import ENDINGS, NameRule, looks_secret
from runlore.journal.veil import VEIL, Veil, signs_in, without

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

_START: Final = r"(?<![^\W\d])(?<!-)"
"""A word begins here: after anything but a letter, `_` or `-`; a stream may be cut after a digit."""
RUN: Final = 17
"""In each token that says itself what it is, so many of `A-Za-z0-9_-` stand in a row."""
_SHAPES: Final = (
    _START + r"(?a:"
    r"gh[oprsu]_[A-Za-z0-9]{16,}|github_pat_\w{20,}|glpat-[\w-]{16,}"
    r"|(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{13,}"
    r"|sk-(?:[A-Za-z0-9]{16,}|(?=[\w-]*[0-9A-Z])[\w-]{16,})|[rs]k_(?:live|test)_[A-Za-z0-9]{10,}"
    r"|xox[a-z]-[\w-]{12,}|xapp-[\w-]{12,}"
    r"|AIza[\w-]{30,}|ya29\.[\w-]{20,}"
    r"|hf_[A-Za-z0-9]{20,}|npm_[A-Za-z0-9]{30,}|pypi-[\w-]{40,}"
    r"|SG\.[\w-]{17,}\.[\w-]{16,}|dop_v1_[a-f0-9]{40,}|shp(?:at|ss|ca)_[a-fA-F0-9]{24,}|glsa_\w{30,}"
    r"|eyJ[\w-]{14,}\.[\w-]{4,}(?:\.[\w-]*)?"
    r"|AKC[A-Za-z0-9]{40,}|sq0(?:csp|atp)-[\w-]{20,}|SK[0-9a-f]{32}(?![\w-])"
    r"|(?<=:)AA[\w-]{33}(?![\w-])|[a-f][0-9a-f]{15,31}-us\d{1,2}(?![\w-])"
    r"|(?:[MNO][DTjz]\w{2}){6}[\w-]{0,4}\.[\w-]{6}\.[\w-]{27,}"
    r")"
)
"""Tokens that say themselves what they are.

The last two kinds: bytes of hex before a data centre, of which leading digits stay, because a stream may
be cut after a digit; and the decimal number of a bot in base64, so every fourth letter is one of three.
"""
_SHAPE_HEADS: Final = (
    *("gho_", "ghp_", "ghr_", "ghs_", "ghu_", "github_pat_", "glpat-", "AKIA", "ASIA", "ABIA", "ACCA", "sk-"),
    *("k_live_", "k_test_", "xox", "xapp-", "AIza", "ya29.", "hf_", "npm_", "pypi-", "SG.", "dop_v1_"),
    *("shpat_", "shpss_", "shpca_", "glsa_", "eyJ", "AKC", "sq0", "SK", ":AA", "-us"),
    *("MD", "MT", "Mj", "Mz", "ND", "NT", "Nj", "Nz", "OD", "OT", "Oj", "Oz"),
)
"""One of these is in each of them."""
_NAME_WORDS: Final = (*ENDINGS, "sig", "session")
_CODES: Final = VEIL + "{0,8}"
"""Colour codes, as they stand while the rules look."""
_GAP: Final = rf"{_CODES}\s{{0,4}}{_CODES}"
_BLANKS: Final = rf"{_CODES}\s{{1,4}}{_CODES}+"
_BEARER: Final = rf"(?ai){_START}bearer{_BLANKS}(?=[\w.~+/=-]{{0,200}}\d)([\w.~+/=-]{{8,}})"
_USERINFO: Final = _START + r"(?<!\+)[A-Za-z][\w+.-]{0,30}://([^\s/?#:@\"'<>]*)(?::([^\s/?#\"'<>]*))?@"
_HEADER: Final = (
    rf"(?ai)(?:{_START}|(?<=-H))"
    r"(?:proxy-)?(?:authorization|(?:set-)?cookie)"
    rf"{_CODES}(?:\\?[\"'])?{_GAP}[:=]{_GAP}(?:\\?[\"'])?"
    rf"((?:bearer|basic|token|apikey|negotiate){_BLANKS})?"
)
_NAMED: Final = (
    _START + r"-{0,2}([A-Za-z_](?:[\w-]|\.(?!\.)){0,100}+)"
    rf"{_CODES}+(?:(=)(?![=~]){_CODES}+|((?:\\?[\"'])?{_GAP}(?::|=>|=(?![=~>])){_GAP}+))"
)
"""A name and what stands between it and its value: `name=`, `"name": `, `name = `, `name: `."""
_OPTION: Final = _START + rf"--?([A-Za-z][\w-]{{0,100}}+){_BLANKS}(?=[^\s-])"
_JSON_NUMBER: Final = (
    _START + r"([A-Za-z_](?:[\w-]|\.(?!\.)){0,100}+)"
    rf"(\\?\")({_GAP}:{_GAP})-?[\d.eE+-]{{6,64}}(?![\w.+-])"
)
"""A number in JSON, which needs quotes to be JSON afterwards."""
_KEY_BEGIN: Final = r"-{5,}BEGIN[A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
_KEY_BODY: Final = r"(?:\\{1,4}[nr]|[A-Za-z0-9+/=\s])*"
_CODE: Final = (
    r"(?:self|cls|this|os|sys|args?|opts?|options|config|settings|env|request|kwargs)\b[.\[(].*"
    r"|[A-Za-z_][\w.]*[\[(].*|[A-Za-z_]+(?:\.[A-Za-z_]+)+"
    r"|\$[A-Z_][A-Z0-9_]*|\$?[{(\[].*|%[\w(].*|\*{3,}|\.{3}|x{4,}"
)
"""Values that stand for a value: calls, attributes, variables, templates, and what others masked."""
_HEADER_CODE: Final = rf"(?:{_CODE}|[a-z_]{{1,30}}[,)\]}}]+)"
"""A header's value in a program that sends it."""
_GO_DSN: Final = r"(?<=:)([^\s:@/\"']{1,200})@(?:tcp|unix)\("
_BARE: Final = r"(?:[^\s\"'`;&|<>\\]|\\(?![\"']))+"
_UP_TO_QUOTE: Final = r"(?:[^\r\n\"'\\]|\\(?![\"']))+"
LEADERS: Final = "?&;\"':"
"""Signs before a word that count: of a parameter, a connection string, a quotation, a bot's number."""
_HEADERS: Final = frozenset({"authorization", "proxy-authorization", "cookie", "set-cookie"})


def redact(text: str, *, strict: bool, names: NameRule = looks_secret) -> str:
    """Return the text without its secrets.

    strict: it is a command or a part of one, so what follows a secret's name is its value; otherwise
    a bare value is believed only if it does not look like a word of the sentence, or like code.
    names: says which names announce a secret.
    """
    veil = Veil()
    return veil.off(_redacted(veil.over(text), strict=strict, names=names))


def _redacted(text: str, *, strict: bool, names: NameRule) -> str:
    hints = _Hints(text, names)
    if "-----BEGIN" in text:
        text = _private_keys(text)
    if hints.shape:
        text = _compiled(_SHAPES).sub(REDACTED, text)
    if "://" in text:
        text = _replaced(text, _USERINFO, _userinfo)
    if "@tcp(" in text or "@unix(" in text:
        text = _replaced(text, _GO_DSN, _first)
    if hints.header:
        text = _replaced(text, _HEADER, partial(_header, strict=strict))
    if hints.bearer:
        text = _replaced(text, _BEARER, _first)
    if not hints.name:
        return text
    if '"' in text:
        text = _compiled(_JSON_NUMBER).sub(partial(_number, names=names), text)
    text = _replaced(text, _NAMED, partial(_named, names=names, strict=strict))
    return _replaced(text, _OPTION, partial(_option, names=names, strict=strict)) if "-" in text else text


def opening(text: str, names: NameRule = looks_secret) -> int:
    """Return where the first thing stands that `redact` may take for a secret; the length if there is none.

    text: its colour codes are covered (see veil).
    What is before needs no redaction, and redacting the rest alone gives the same.
    """
    hints = _Hints(text, names)
    needed = (
        (_KEY_BEGIN, "-----BEGIN" in text),
        (_SHAPES, hints.shape),
        (_USERINFO, "://" in text),
        (_HEADER, hints.header),
        (_BEARER, hints.bearer),
    )
    starts = [len(text)]
    for pattern, is_needed in needed:
        if is_needed and (found := _compiled(pattern).search(text)):
            starts.append(found.start() - (text[found.start() - 1 : found.start()] == ":"))
    return min(*starts, *_first_name(text, names)) if hints.name else min(starts)


def _first_name(text: str, names: NameRule) -> tuple[int, int]:
    """Return where the first secret's name stands before its value, as a field and as an option."""
    field = option = len(text)
    for found in _compiled(_NAMED).finditer(text):
        before = text[found.start() - 1 : found.start()]
        if _is_secret_here(found.group(1), before, names, tight=found.group(2) is not None):
            field = found.start() - (before != "" and before in LEADERS)
            break
    for found in _compiled(_OPTION).finditer(text):
        if names(found.group(1)):
            option = found.start()
            break
    return field, option


class _Hints:
    """Which rules a text may need at all; looking for a few words is faster than any pattern."""

    def __init__(self, text: str, names: NameRule) -> None:
        folded = text.lower()
        self.shape: Final = any(head in text for head in _SHAPE_HEADS)
        self.header: Final = "authorization" in folded or "cookie" in folded
        self.bearer: Final = "bearer" in folded
        self.name: Final = names is not looks_secret or any(word in folded for word in _NAME_WORDS)


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
    """Redact what stands between the BEGIN line of a private key and its END line.

    Where no END follows, only what may belong to a key.
    """
    at = done = border = 0
    parts: list[str] = []
    while found := _compiled(_KEY_BEGIN).search(text, at):
        at = start = found.end()
        border = text.find("-----END", start) if border >= 0 else border
        end = border
        if end < 0:
            body = _compiled(_KEY_BODY).match(text, start)
            end = (
                body.end() if body and _compiled(r"(?<!\\)[A-Za-z0-9+/=]{3}").search(body.group()) else start
            )
        if start < end:
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


def _header(text: str, found: re.Match[str], *, strict: bool) -> tuple[int, int] | None:
    start = found.end()
    value = _compiled(_BARE if found.group(1) else _UP_TO_QUOTE).match(text, start)
    bare = without(value.group()).strip() if value else ""
    if value is None or bare.lower() in ORDINARY:
        return None
    if not strict and _compiled(_HEADER_CODE).fullmatch(bare):
        return None
    return start, start + len(_colourless(value.group()))


def _number(found: re.Match[str], *, names: NameRule) -> str:
    name, quote, between = found.groups()
    if not _is_secret_here(name, "", names, tight=False):
        return found.group()
    return f"{name}{quote}{between}{quote}{REDACTED}{quote}"


def _named(text: str, found: re.Match[str], *, names: NameRule, strict: bool) -> tuple[int, int] | None:
    name, tight = found.group(1), found.group(2) is not None
    before = text[found.start() - 1 : found.start()]
    if not _is_secret_here(name, before, names, tight=tight):
        return None
    start = found.end()
    if before in {'"', "'"} and text.startswith(before, start) and before not in found.group():
        return None  # the quote that closes `"Password: "`
    quoted = _quoted(text, start)
    if quoted is not None:
        return quoted
    if _compiled(r"[BFRbfru]{1,2}[\"']").match(text, start):
        return None  # an empty one
    if tight and before == ";":  # a connection string: blanks belong to the value
        found_end = _compiled(r"[;\r\n]|$").search(text, start)
        return start, found_end.start() if found_end else len(text)
    if not strict and _is_code(text, start, name):
        return None
    sure = strict or tight or len(name.replace("-", "_").strip("_").split("_")) > 1
    return _bare(text, start, sure=sure, number=tight)


def _is_secret_here(name: str, before: str, names: NameRule, *, tight: bool) -> bool:
    folded = name.lower()
    if names(name):
        return folded not in _HEADERS  # those have a rule of their own
    if before in {"?", "&"}:
        return tight and folded.rpartition("-")[2] in {"sig", "signature", "auth", "session", "sessionid"}
    return tight and before == ";" and folded == "pwd"


def _is_code(text: str, start: int, name: str) -> bool:
    """Say whether the value at `start` is an expression that a value is taken from, and not the value."""
    found = _compiled(r"[^\s,;]{1,200}").match(text, start)
    if found is None:
        return False
    value = without(_trimmed(found.group()))
    if value == name or _compiled(_CODE).fullmatch(value or found.group()):
        return True
    if _compiled(r"\s=\s").match(text, found.end()):
        return True  # what stands between is a type
    if text[start - 1 : start].isspace() and _compiled(r"_?[A-Z]+(?:_[A-Z]+)+").fullmatch(value):
        return True  # a constant
    return _compiled(r"[A-Za-z_]+").fullmatch(value) is not None and looks_secret(value)


def _option(text: str, found: re.Match[str], *, names: NameRule, strict: bool) -> tuple[int, int] | None:
    start = found.end()
    word = _compiled(r"[^\s\"'`,;:)]*").match(text, start)
    if not names(found.group(1)) or (word and names_a_variable(found.group(1), word.group())):
        return None
    return _quoted(text, start) or _bare(text, start, sure=strict, number=strict)


def names_a_variable(option: str, value: str) -> bool:
    """Say whether it is `--secret NAME`: ours takes the name of a variable, and no value."""
    return option == "secret" and _compiled(r"[A-Z][A-Z_]*").fullmatch(value) is not None


def _quoted(text: str, start: int) -> tuple[int, int] | None:
    """Return the span inside the quotes that open at `start`: to the same quote, or the end of line.

    The quotes may be those of `b"…"` or `r"…"`.
    """
    prefix = _compiled(r"[BFRbfru]{1,2}(?=[\"'])").match(text, start)
    start = prefix.end() if prefix else start
    escape = "\\" if text.startswith(('\\"', "\\'"), start) else ""
    mark = text[start + len(escape) : start + len(escape) + 1]
    if mark not in {'"', "'"}:
        return None
    begin = start + len(escape) + 1
    found = _compiled(_closing(escape + mark)).match(text, begin)
    assert found is not None  # noqa: S101 - the pattern matches the empty string, too
    value = found.group()
    return found.span() if value.lower() not in ORDINARY and _compiled(r"\w").search(value) else None


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
    value = _trimmed(found.group())
    if value.lower() in ORDINARY or (not number and value.isdigit() and len(value) < SHORTEST_NUMBER):
        return None
    return (start, start + len(value)) if sure or _looks_random(value) else None


def _trimmed(value: str) -> str:
    """Return a bare value without what a sentence, a document or a colour puts behind it."""
    return value.rstrip(",.:)]}" + signs_in(value))


def _colourless(value: str) -> str:
    """Return a value without the blanks and colour codes behind it."""
    while value != (value := value.rstrip().rstrip(signs_in(value))):
        pass
    return value


def _looks_random(value: str) -> bool:
    """Say whether this is no word of a sentence: digits, capitals inside, signs, or great length."""
    inner = value[1:]
    return len(value) >= _LONG or not (value.isalpha() and (inner.islower() or value.isupper()))
