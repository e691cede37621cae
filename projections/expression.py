"""Which runs are wanted, as one line of text: `status = failed and name ~ 'nightly'`.

Comparisons of a field with a value, joined by `and`, `or`, `not` and parentheses. A field that a run
has not is equal to nothing and differs from everything; it is neither before nor behind any value.
Grammar: docs/reference/python.md. Pure.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, NoReturn, assert_never, get_args
from unicodedata import normalize

from msgspec import Struct

from runlore.journal.errors import BadInput
from runlore.journal.values import Status
from runlore.projections import durations
from runlore.projections.filters import Facts

Operator = Literal["=", "!=", "~", "<", "<=", ">", ">="]
Value = str | int | datetime

_LONGEST: Final = 4096
"""Characters of an expression; nobody types more, and a program should ask for less."""
_DEEPEST: Final = 32
_TOKEN: Final = re.compile(
    r"""\s*(?:(?P<quoted>'[^']*'|"[^"]*")|(?P<sign>!=|<=|>=|[=~<>()])|(?P<word>[^\s'"=~<>()!]+))"""
)
_SIGNS: Final = frozenset({*get_args(Operator), "(", ")"})
_JOINING: Final = frozenset({"and", "or", "not"})
_TAG: Final = "tags."
_SAME: Final = frozenset[Operator]({"=", "!="})
_TEXT: Final = frozenset[Operator]({"=", "!=", "~"})
_ORDER: Final = frozenset[Operator]({"<", "<=", ">", ">="})
_OPERATORS: Final[Mapping[str, frozenset[Operator]]] = {
    "status": _SAME,
    "name": _TEXT,
    "key": _TEXT,
    "exit_code": _SAME | _ORDER,
    "age": _ORDER,
}
_MIRRORED: Final[Mapping[Operator, Operator]] = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


class Comparison(Struct, frozen=True):
    """A field, compared with a value; an age has become a time of creation."""

    field: str
    operator: Operator
    value: Value


class Not(Struct, frozen=True):
    """What its part is not."""

    part: "Expression"


class Every(Struct, frozen=True):
    """All of its parts hold."""

    parts: "tuple[Expression, ...]"


class Some(Struct, frozen=True):
    """One of its parts holds, at least."""

    parts: "tuple[Expression, ...]"


Expression = Comparison | Not | Every | Some


def parse_expression(text: str, now: datetime) -> Expression:
    """Return what `text` says; ages count back from `now`.

    Raises:
        BadInput: it is no expression; the message says where.
    """
    if len(text) > _LONGEST:
        raise BadInput(f"a filter of {len(text):,} characters; at most {_LONGEST:,} are read")
    parser = _Parser(text, now)
    expression = parser.either()
    parser.end()
    return expression


def holds(expression: Expression, run: Facts) -> bool:
    """Say whether a run is what the expression asks for."""
    match expression:
        case Comparison(field, operator, value):
            return _compared(_fact(run, field), operator, value)
        case Not(part):
            return not holds(part, run)
        case Every(parts):
            return all(holds(part, run) for part in parts)
        case Some(parts):
            return any(holds(part, run) for part in parts)
        case _:
            assert_never(expression)


def _fact(run: Facts, field: str) -> Value | None:
    if field.startswith(_TAG):
        return run.tags.get(field.removeprefix(_TAG))
    fact: Value | None = getattr(run, field)
    return fact


def _compared(fact: Value | None, operator: Operator, value: Value) -> bool:
    if operator == "=":
        return fact == value
    if operator == "!=":
        return fact != value
    if isinstance(fact, str) and isinstance(value, str):
        return value in fact
    if isinstance(fact, int) and isinstance(value, int):
        return _ordered((fact > value) - (fact < value), operator)
    if isinstance(fact, datetime) and isinstance(value, datetime):
        return _ordered((fact > value) - (fact < value), operator)
    return False


def _ordered(sign: int, operator: Operator) -> bool:
    """Say whether two values of which the first is lower (-1), the same (0) or higher (1) are in order."""
    return sign == 0 if operator.endswith("=") and sign == 0 else sign == (-1 if operator[0] == "<" else 1)


class _Token(Struct, frozen=True):
    text: str
    column: int
    quoted: bool = False


class _Parser:
    """Reads an expression from left to right; `or` binds least, `not` most."""

    def __init__(self, text: str, now: datetime) -> None:
        self._now, self._text = now, text
        self._tokens = list(_tokens(text))
        self._place = self._depth = 0

    def either(self) -> Expression:
        """Read parts that are joined by `or`."""
        parts = [self._both()]
        while self._take("or"):
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else Some(tuple(parts))

    def end(self) -> None:
        """Be sure that nothing follows."""
        if self._place < len(self._tokens):
            _refuse(self._tokens[self._place], "expected `and`, `or` or the end")

    def _both(self) -> Expression:
        parts = [self._one()]
        while self._take("and"):
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else Every(tuple(parts))

    def _one(self) -> Expression:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise BadInput(f"a filter nests at most {_DEEPEST} levels deep")
        try:
            if self._take("not"):
                return Not(self._one())
            if self._take("("):
                inner = self.either()
                if not self._take(")"):
                    _refuse(self._next("a `)`"), "expected `)`")
                return inner
            return self._comparison()
        finally:
            self._depth -= 1

    def _comparison(self) -> Comparison:
        field = self._next("a field")
        known = _TEXT if field.text.startswith(_TAG) and field.text != _TAG else _OPERATORS.get(field.text)
        if known is None or field.quoted:
            _refuse(field, f"no field; there are {', '.join(_OPERATORS)} and tags.NAME")
        sign = self._next("an operator")
        operator = next((each for each in _all_operators() if each == sign.text and not sign.quoted), None)
        if operator is None or operator not in known:
            choice = " ".join(each for each in _all_operators() if each in known)
            _refuse(sign, f"{field.text} is compared by {choice}")
        value = self._next("a value")
        if not value.quoted and (value.text in _SIGNS or value.text.lower() in _JOINING):
            _refuse(value, "expected a value; quote it if it is one")
        return self._meant(field.text, operator, value)

    def _meant(self, field: str, operator: Operator, value: _Token) -> Comparison:
        if field == "status":
            word = value.text.lower().replace("-", "_")
            if word not in get_args(Status):
                _refuse(value, f"no status; there are {', '.join(get_args(Status))}")
            return Comparison(field, operator, word)
        if field == "exit_code":
            if not (value.text.isascii() and value.text.isdigit() and len(value.text) <= len("255")):
                _refuse(value, "no exit code; those are 0 to 255")
            return Comparison(field, operator, int(value.text))
        if field == "age":
            ago = timedelta(seconds=durations.parse(value.text, zero=True))
            beginning = datetime.min.replace(tzinfo=UTC)
            created = self._now - ago if self._now - beginning > ago else beginning
            return Comparison("created_at", _MIRRORED[operator], created)
        return Comparison(field, operator, normalize("NFC", value.text))

    def _take(self, word: str) -> bool:
        """Go beyond the next token and return True, if it is this word or sign."""
        if self._place == len(self._tokens):
            return False
        token = self._tokens[self._place]
        found = not token.quoted and token.text.lower() == word
        self._place += found
        return found

    def _next(self, what: str) -> _Token:
        if self._place == len(self._tokens):
            raise BadInput(f"filter {self._text[:80]!a} ends where {what} was expected")
        self._place += 1
        return self._tokens[self._place - 1]


def _all_operators() -> tuple[Operator, ...]:
    operators: tuple[Operator, ...] = get_args(Operator)
    return operators


def _tokens(text: str) -> list[_Token]:
    found: list[_Token] = []
    place, end = 0, len(text.rstrip())
    while place < end:
        match = _TOKEN.match(text, place)
        if match is None:
            rest = text[place:].lstrip()
            what = "a quote that is not closed" if rest[0] in "'\"" else "not understood"
            _refuse(_Token(rest, text.index(rest, place) + 1), what)
        quoted = match["quoted"]
        word = quoted[1:-1] if quoted is not None else match["sign"] or match["word"]
        found.append(_Token(word, match.end() - len(match[0].lstrip()) + 1, quoted is not None))
        place = match.end()
    return found


def _refuse(token: _Token, why: str) -> NoReturn:
    raise BadInput(f"filter, column {token.column}, {token.text[:40]!a}: {why}")
