"""Read an expression: `status in (failed, timed_out) and age < 2d`. What is wrong is said with its place.

By recursive descent: `or` binds least, then `and`, then `not`. Grammar: docs/reference/filters.md. Pure.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Final, NoReturn, get_args

from msgspec import Struct

from runlore.journal.errors import BadExpression, BadInput
from runlore.projections.expression import Comparison, Every, Expression, Not, Some
from runlore.projections.expression_values import meant
from runlore.projections.run_fields import ONLY_SHOWN, OPERATORS, Field, Operator, field_of, fields

_LONGEST: Final = 4096
"""Characters of an expression; nobody types more, and a program should ask for less."""
_DEEPEST: Final = 32
_TOKEN: Final = re.compile(
    r"""\s*(?:(?P<quoted>'[^']*'|"[^"]*")|(?P<sign>!=|<=|>=|[=~<>()])|(?P<word>[^\s'"=~<>()!]+))"""
)
_SIGNS: Final = frozenset({*get_args(Operator), "(", ")"})
_JOINING: Final = frozenset({"and", "or", "not"})
_IN: Final = "in"
_MOST_NAMED: Final = 12


class _Token(Struct, frozen=True):
    text: str
    column: int
    length: int
    quoted: bool = False

    def says(self, word: str) -> bool:
        """It is this word or sign, and no value in quotes."""
        return not self.quoted and self.text.lower() == word


def parse_expression(text: str, now: datetime) -> Expression:
    """Return what `text` says; ages count back from `now`.

    Raises:
        BadExpression: it is no expression; it says where. BadInput: it is too long.
    """
    if len(text) > _LONGEST:
        raise BadInput(f"a filter of {len(text):,} characters; at most {_LONGEST:,} are read")
    parser = _Parser(text, now)
    expression = parser.either()
    parser.end()
    return expression


class _Parser:
    """Reads an expression from left to right."""

    def __init__(self, text: str, now: datetime) -> None:
        self._now, self._text = now, text
        self._tokens = list(self._read())
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
            self._refuse(self._tokens[self._place], "expected `and`, `or` or the end")

    def _both(self) -> Expression:
        parts = [self._one()]
        while self._take("and"):
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else Every(tuple(parts))

    def _one(self) -> Expression:
        self._depth += 1
        try:
            if self._depth > _DEEPEST:
                self._refuse(self._next("a field"), f"a filter nests at most {_DEEPEST} levels deep")
            if self._take("not"):
                return Not(self._one())
            if self._take("("):
                inner = self.either()
                if not self._take(")"):
                    self._refuse(self._next("a `)`"), "expected `)`")
                return inner
            return self._comparison()
        finally:
            self._depth -= 1

    def _comparison(self) -> Expression:
        field = self._field()
        sign = self._next("an operator")
        known = OPERATORS[field.kind]
        if "=" in known and (sign.says(_IN) or (sign.says("not") and self._take(_IN))):
            chosen = Some(tuple(self._meant(field, "=", each) for each in self._list()))
            return Not(chosen) if sign.says("not") else chosen
        operator = next((each for each in _operators() if sign.says(each)), None)
        if operator is None or operator not in known:
            choice = [each for each in _operators() if each in known] + ([_IN] if "=" in known else [])
            self._refuse(sign, f"{field.path} is compared by {' '.join(choice)}")
        return self._meant(field, operator, self._value(self._next("a value")))

    def _field(self) -> Field:
        token = self._next("a field")
        field = None if token.quoted else field_of(token.text)
        if token.text in ONLY_SHOWN:
            self._refuse(token, "only `runlore show` knows that; `runlore prune` tells it of all runs")
        if field is None:
            self._refuse(token, f"no field; {near_field(token.text)}")
        return field

    def _value(self, token: _Token) -> _Token:
        if not token.quoted and (token.text in _SIGNS or token.text.lower() in _JOINING):
            self._refuse(token, "expected a value; quote it if it is one")
        return token

    def _list(self) -> list[_Token]:
        """Read values in parentheses, with commas between them."""
        opening = self._next("a list")
        if not opening.says("("):
            self._refuse(opening, "expected a list in parentheses: (failed, timed_out)")
        found: list[_Token] = []
        pieces = self._pieces()
        for piece in pieces:
            found.append(self._value(self._no_comma(piece)))
            comma = next(pieces)
            if comma.says(")"):
                return found
            if not comma.says(","):
                self._refuse(comma, "expected `,` or `)`")
        raise AssertionError("pieces end only by a refusal")

    def _no_comma(self, token: _Token) -> _Token:
        if token.says(","):
            self._refuse(token, "expected a value")
        return token

    def _pieces(self) -> Iterator[_Token]:
        """Yield what follows, with the commas inside and around words by themselves."""
        while True:
            token = self._next("a value or `)`")
            if token.quoted or "," not in token.text:
                yield token
                continue
            for piece in re.finditer(r",|[^,]+", token.text):
                yield _Token(piece[0], token.column + piece.start(), len(piece[0]))

    def _meant(self, field: Field, operator: Operator, value: _Token) -> Comparison:
        try:
            return meant(field, operator, value.text, self._now)
        except BadInput as error:
            self._refuse(value, str(error))

    def _take(self, word: str) -> bool:
        """Go beyond the next token and return True, if it is this word or sign."""
        found = self._place < len(self._tokens) and self._tokens[self._place].says(word)
        self._place += found
        return found

    def _next(self, what: str) -> _Token:
        if self._place == len(self._tokens):
            end = len(self._text.rstrip())
            raise BadExpression(self._text, end + 1, 0, f"it ends where {what} was expected")
        self._place += 1
        return self._tokens[self._place - 1]

    def _read(self) -> Iterator[_Token]:
        place, end = 0, len(self._text.rstrip())
        while place < end:
            match = _TOKEN.match(self._text, place)
            if match is None:
                rest = self._text[place:end].lstrip()
                column = end - len(rest) + 1
                quote = rest[0] in "'\""
                what = "a quote that is not closed" if quote else "not understood; quote it if it is a value"
                self._refuse(_Token(rest, column, len(rest) if quote else 1), what)
            whole = match[0].lstrip()
            quoted = match["quoted"]
            word = quoted[1:-1] if quoted is not None else whole
            yield _Token(word, match.end() - len(whole) + 1, len(whole), quoted is not None)
            place = match.end()

    def _refuse(self, token: _Token, why: str) -> NoReturn:
        raise BadExpression(self._text, token.column, token.length, why)


def _operators() -> tuple[Operator, ...]:
    operators: tuple[Operator, ...] = get_args(Operator)
    return operators


def near_field(word: str) -> str:
    """Return which field was meant, or which there are."""
    from difflib import get_close_matches  # noqa: PLC0415 - only for a typing error

    known = [f"{each.path}{'' if each.bare else '.NAME'}" for each in fields().values()]
    near = get_close_matches(word.lower(), known, 1)
    if near:
        return f"did you mean {near[0]}?"
    return f"there are {', '.join(known[:_MOST_NAMED])}, and others (docs/reference/filters.md)"
