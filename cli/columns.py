"""Picked fields as tab-separated text, for shells: `runlore ls --fields run_id,status`. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import cast

import msgspec

from runlore.projections.fields import pick
from runlore.projections.printable import printable


def rows(view: object, names: Sequence[str]) -> Iterator[str]:
    """Yield one line per item of a view, or one for the view itself; null is empty text.

    Raises:
        BadInput: there is no such field.
    """
    picked = pick(view, names)
    items = picked.get("items")
    for item in cast("list[object]", items) if isinstance(items, list) else [picked]:
        yield "\t".join(_text(_reached(item, name)) for name in names)


def _reached(item: object, name: str) -> object:
    for step in name.split("."):
        item = cast("Mapping[str, object]", item).get(step) if isinstance(item, Mapping) else None
    return item


def _text(value: object) -> str:
    if value is None:
        return ""
    return printable(value if isinstance(value, str) else msgspec.json.encode(value).decode())
