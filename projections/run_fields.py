"""What an expression may ask about: the fields of the run view, by the names that `show --json` gives them.

A field inside another one is named with dots: `owner.host`. Where names are the user's own, as those of
tags, anything may follow. Grammar: docs/reference/filters.md. Pure.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import cache, cached_property
from typing import Final, Literal, cast

from msgspec import Struct
from msgspec import inspect as shapes

from runlore.projections.run_view import RunView

Kind = Literal["text", "choice", "flag", "whole", "number", "duration", "size", "time", "age", "any"]
Operator = Literal["=", "!=", "~", "<", "<=", ">", ">="]

SHORT: Final[Mapping[str, str]] = {
    "duration": "duration_s",
    "reason": "reason.code",
    "progress": "progress.fraction",
    "preview": "preview.state",
    "origin": "origin.kind",
    "problem": "problem.kind",
}
"""Shorter names of fields that are asked for often."""
ONLY_SHOWN: Final = frozenset(
    {"retention.eligible", "retention.at", "retention.reason", "retention.removal.can_return"}
)
"""What takes a look at the run's files and rules: null wherever there are many, so nothing to ask for."""
_SAME: Final = frozenset[Operator]({"=", "!="})
_TEXT: Final = frozenset[Operator]({"=", "!=", "~"})
_ORDER: Final = frozenset[Operator]({"<", "<=", ">", ">="})
OPERATORS: Final[Mapping[Kind, frozenset[Operator]]] = {
    "text": _TEXT,
    "choice": _SAME,
    "flag": _SAME,
    "whole": _SAME | _ORDER,
    "number": _SAME | _ORDER,
    "size": _SAME | _ORDER,
    "duration": _ORDER,
    "time": _ORDER,
    "age": _ORDER,
    "any": _TEXT | _ORDER,
}


class Field(Struct, frozen=True):
    """One field, or all those below a name."""

    path: str
    kind: Kind
    choices: tuple[str, ...] = ()
    """The values there are, if there are no others."""
    opens: bool = False
    """Names of the user's own follow."""
    bare: bool = True
    """It may be asked for without such a name."""


@cache
def fields() -> Mapping[str, Field]:
    """Return every field that lists know, by its path, in the order of the view; `age` is in no view."""
    every = _within("", shapes.type_info(RunView))
    found = {each.path: each for each in every if each.path not in ONLY_SHOWN}
    return {"age": Field("age", "age"), **found}


def field_of(word: str) -> Field | None:
    """Return the field that a word names; None if it names none."""
    path, known = SHORT.get(word, word), fields()
    exact = known.get(path)
    if exact is not None and exact.bare:
        return exact
    dot = path.find(".")
    while dot >= 0:
        above = known.get(path[:dot])
        if above is not None and above.opens and dot + 1 < len(path):
            return Field(path, above.kind)
        dot = path.find(".", dot + 1)
    return None


def fact(view: object, path: str) -> object:
    """Return what a view has at a path; None if it has nothing there."""
    value, rest = view, path
    while True:
        if isinstance(value, Mapping):
            named = cast("Mapping[str, object]", value)
            if rest in named:
                return named[rest]
        head, dot, rest = rest.partition(".")
        if isinstance(value, Struct):
            value = getattr(value, head, None)
        else:
            value = cast("Mapping[str, object]", value).get(head) if isinstance(value, Mapping) else None
        if not dot or value is None:
            return value


class ViewFacts:
    """What an expression asks a run: its view, which is made once it is asked for."""

    def __init__(self, view: Callable[[], RunView]) -> None:
        self._make: Final = view

    @cached_property
    def _view(self) -> RunView:
        return self._make()

    def fact(self, path: str) -> object:
        """Return what the view has at a path; None if it has nothing there."""
        return fact(self._view, path)


def _within(path: str, kind: shapes.Type) -> Iterator[Field]:
    """Yield the fields at a path, or below it."""
    match kind:
        case shapes.UnionType():
            (only,) = (each for each in kind.types if not isinstance(each, shapes.NoneType))
            yield from _within(path, only)
        case shapes.StructType():
            for inner in kind.fields:
                if path or inner.name != "schema":
                    yield from _within(f"{path}.{inner.name}" if path else inner.name, inner.type)
        case shapes.DictType():
            (below,) = _within(path, kind.value_type)
            yield Field(path, below.kind, opens=True, bare=False)
        case shapes.ListType():
            yield from _within(path, kind.item_type)
        case _:
            yield _alone(path, kind)


def _alone(path: str, kind: shapes.Type) -> Field:
    match kind:
        case shapes.LiteralType():
            return Field(path, "choice", tuple(str(value) for value in kind.values))
        case shapes.CustomType():  # `object`: whatever JSON can say
            return Field(path, "any", opens=True)
        case _:
            return Field(path, _kind(path, kind))


def _kind(path: str, kind: shapes.Type) -> Kind:
    """Return what is behind a name; the names say the units.

    Raises:
        TypeError: the view has a kind of field that the grammar does not know yet.
    """
    match kind:
        case shapes.StrType():
            return "text"
        case shapes.BoolType():
            return "flag"
        case shapes.IntType():
            return "size" if path.endswith("bytes") else "whole"
        case shapes.FloatType():
            return "duration" if path.endswith("_s") else "number"
        case shapes.DateTimeType():
            return "time"
        case _:
            raise TypeError(f"{path}: the grammar of filters does not know {kind}")
