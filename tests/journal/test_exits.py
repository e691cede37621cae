"""Every text of every event passes the redactor, or says why it need not."""

import ast
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from msgspec import inspect as shapes

from runlore.journal import events as e
from runlore.journal import exits
from runlore.journal import values as v
from runlore.journal.exits import RULES, STRUCTURAL, redacted
from runlore.journal.redactor import Redactor
from tests.journal.samples import SAMPLES

SECRET = "pä\"ss'word-ßecret"
REDACTOR = Redactor([SECRET])
EVENTS = get_args(e.KnownEvent)


def carries_text(kind: shapes.Type) -> bool:
    """Say whether a field of this type can hold what somebody typed."""
    match kind:
        case shapes.StrType():
            return not kind.pattern
        case shapes.DictType() | shapes.AnyType():
            return True
        case shapes.VarTupleType():
            return carries_text(kind.item_type)
        case shapes.UnionType():
            return any(map(carries_text, kind.types))
        case shapes.StructType():
            return True
        case _:
            return isinstance(kind, shapes.CustomType)


def structs_in(kind: shapes.Type) -> Iterator[type[msgspec.Struct]]:
    """Yield the structs that a field of this type holds."""
    match kind:
        case shapes.StructType():
            yield kind.cls
        case shapes.VarTupleType():
            yield from structs_in(kind.item_type)
        case shapes.UnionType():
            for one in kind.types:
                yield from structs_in(one)
        case _:
            return


def fields(kind: type) -> tuple[shapes.Field, ...]:
    """Return what a struct is made of."""
    found = shapes.type_info(kind)
    assert isinstance(found, shapes.StructType)
    return found.fields


def kinds() -> list[type[msgspec.Struct]]:
    """All kinds of events, and all structs inside them."""
    found: dict[type[msgspec.Struct], None] = dict.fromkeys(EVENTS)
    for kind in list(found):
        for field in fields(kind):
            found |= dict.fromkeys(structs_in(field.type))
    todo = [kind for kind in found if kind not in EVENTS]
    for kind in todo:
        for field in fields(kind):
            inner = [one for one in structs_in(field.type) if one not in found]
            found |= dict.fromkeys(inner)
            todo += inner
    return list(found)


ONLY_STRUCTURAL = {v.Actor, v.Identity, v.Owner}


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.__name__)
def test_a_new_text_cannot_forget_the_redactor(kind: type[msgspec.Struct]) -> None:
    """Each field that can hold text is in one of the two tables, and in one only."""
    for field in fields(kind):
        inside = set(structs_in(field.type))
        if not carries_text(field.type) or (inside and inside <= {*ONLY_STRUCTURAL, v.Retention, v.Usage}):
            continue
        ruled = field.name in RULES.get(kind, {})
        declared = next(
            (
                why
                for (owner, name), why in STRUCTURAL.items()
                if name == field.name and owner in kind.__mro__
            ),
            "",
        )
        assert ruled != bool(declared), f"{kind.__name__}.{field.name}"


def test_nothing_is_declared_that_does_not_exist() -> None:
    """A field that was renamed leaves no rule behind that looks as if it held."""
    for kind, rules in RULES.items():
        assert set(rules) <= {field.name for field in fields(kind)}, kind
    for kind, name in STRUCTURAL:
        assert name in {field.name for field in fields(kind)}, (kind, name)


def poisoned(value: object) -> object:
    """The value with the secret wherever it has room for text."""
    if isinstance(value, str):
        return f"before {SECRET} after"
    if isinstance(value, dict):
        numbers = all(isinstance(item, float | int) for item in value.values())
        return {f"a {SECRET}": 1.0} if numbers else {"a": f"x {SECRET}", f"b {SECRET}": [SECRET]}
    if isinstance(value, tuple | list):
        return tuple(poisoned(item) for item in value)
    return value


def poison(event: Any) -> Any:  # noqa: ANN401 - any struct
    """The struct with the secret in each text that passes the redactor, its inner ones included."""
    changed: dict[str, Any] = {}
    for name in RULES.get(type(event), {}):
        value = getattr(event, name)
        if isinstance(value, msgspec.Struct):
            changed[name] = poison(value)
        elif isinstance(value, tuple) and value and isinstance(value[0], msgspec.Struct):
            changed[name] = tuple(map(poison, value))
        elif name in {"env", "tags", "unmasked", "secret_files"}:
            changed[name] = {"a": f"x {SECRET}", f"b {SECRET}": SECRET}
        elif name == "metadata":
            changed[name] = {"a": [{"b": SECRET}], f"c {SECRET}": None}
        else:
            changed[name] = poisoned(value)
    return msgspec.structs.replace(event, **changed)


@pytest.mark.parametrize("event", SAMPLES.values(), ids=lambda event: type(event).__name__)
def test_a_registered_value_leaves_no_event(event: e.Event) -> None:
    """Wherever it stands, it is gone, and the event is still one; twice is the same as once."""
    clean = redacted(poison(event), lambda: REDACTOR)
    line = msgspec.json.encode(clean)

    assert SECRET not in line.decode()
    assert b"word-" not in line
    assert msgspec.json.decode(line, type=type(event)) == clean
    assert redacted(clean, lambda: REDACTOR) == clean


def test_a_redactor_is_not_made_where_there_is_no_text() -> None:
    """`emit ready` costs nothing."""
    at = datetime(2026, 11, 20, tzinfo=UTC)

    def never() -> Redactor:
        raise AssertionError

    ready = e.RunReadied(seq=3, at=at)
    assert redacted(ready, never) is ready
    assert redacted(e.RunProgressed(seq=3, at=at, fraction=0.5), never).fraction == 0.5


UNREDACTED = {"reconcile.py", "redact.py"}
"""They write words of ours, and what an exit record says, which was redacted when that was written."""


def test_whoever_appends_passes_the_redactor() -> None:
    """Each writer in the rooms that act is given one."""
    rooms = Path(exits.__file__).parents[1]
    found = 0
    for path in [*rooms.joinpath("runtimes").rglob("*.py"), *rooms.joinpath("cli").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or ast.unparse(node.func) not in {"Writer", "Writer.create"}:
                continue
            found += 1
            given = "redact" in {keyword.arg for keyword in node.keywords}
            assert given != (path.name in UNREDACTED), f"{path}:{node.lineno}"
    assert found >= 7
