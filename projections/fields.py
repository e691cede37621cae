"""Pick fields of a view: `--fields run_id,owner.pid`. Works on what is printed, whatever struct made it.

Pure.
"""

from collections.abc import Mapping, Sequence
from typing import Final, cast, get_args

import msgspec

from runlore.journal.errors import BadInput
from runlore.projections.encoding import encode_view

_FREE: Final = frozenset({"tags", "metadata", "metrics", "result", "counts", "event"})
"""Objects whose keys are the user's: one that is not there is null, not a mistake."""


def parse_fields(text: str) -> tuple[str, ...]:
    """Return the names in a comma-separated list, in the order given.

    Raises:
        BadInput: it is empty, or names nothing between two commas or dots.
    """
    names = tuple(name.strip() for name in text.split(","))
    if not all(all(name.split(".")) for name in names):
        raise BadInput(f"--fields {text!a}: expected names with commas between, e.g. run_id,owner.pid")
    return tuple(dict.fromkeys(names))


def pick(view: object, fields: Sequence[str]) -> dict[str, object]:
    """Return a view's fields of these names, nested as they were; `a.b` reaches into `a`.

    Of a view with `items`, the fields are those of each item, and the rest stays as it is.

    Raises:
        BadInput: no such field; the message lists those there are.
    """
    whole = msgspec.json.decode(encode_view(view), type=dict[str, object])
    listed = whole.get("items")
    if isinstance(listed, list):
        items = cast("list[dict[str, object]]", listed)
        _check_of_none(view, items, fields)
        return whole | {"items": [_picked(item, fields) for item in items]}
    return _picked(whole, fields)


def _check_of_none(view: object, items: Sequence[object], fields: Sequence[str]) -> None:
    """Refuse a field that no item has, though there is no item to see it by."""
    if items or not isinstance(view, msgspec.Struct):
        return
    listed = next(field.type for field in msgspec.structs.fields(view) if field.name == "items")
    known: tuple[str, ...] = getattr(get_args(listed)[0], "__struct_fields__", ())
    for field in fields:
        if field.partition(".")[0] not in known:
            raise BadInput(f"--fields {field}: no such field; there are {', '.join(known)}")


def _picked(whole: Mapping[str, object], fields: Sequence[str]) -> dict[str, object]:
    picked: dict[str, object] = {}
    for field in fields:
        _put(picked, field.split("."), _reached(whole, field))
    return picked


def _reached(whole: Mapping[str, object], field: str) -> object:
    value: object = whole
    free = False
    for step in field.split("."):
        if value is None:
            return None
        if not isinstance(value, Mapping):
            raise BadInput(f"--fields {field}: there are no fields where {step!a} is looked for")
        inside: Mapping[str, object] = value  # pyright: ignore[reportUnknownVariableType]  # decoded JSON
        if step not in inside and not free:
            raise BadInput(f"--fields {field}: no field {step!a}; there are {', '.join(inside)}")
        value, free = inside.get(step), free or step in _FREE
    return value


def _put(target: dict[str, object], path: Sequence[str], value: object) -> None:
    for step in path[:-1]:
        inner = target.setdefault(step, {})
        if not isinstance(inner, dict):
            return
        target = cast("dict[str, object]", inner)
    target[path[-1]] = value
