"""Check what users call their runs: names, tags, keys, metadata.

Labels are never part of a path, so nothing in them can harm a file; but they are read by people and
typed again, so what cannot be seen or could be taken for something else is refused. Text is stored in
Unicode's composed form (NFC): two names that look alike because one is decomposed are one name. Pure.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, cast

import msgspec

from runlore.journal.errors import BadInput
from runlore.journal.ids import is_run_id
from runlore.journal.values import MAX_INT
from runlore.projections.printable import printable

RESERVED: Final = frozenset({"latest", "all"})
"""Words that selectors understand; so is anything with a colon."""
LONGEST: Final = 255
"""Bytes of a name, tag or key, in UTF-8."""
MOST_TAGS: Final = 64
METADATA_BYTES: Final = 64 * 1024
"""Bytes of a metadata document as JSON: with everything else in `run.queued` it has to fit a line."""
METADATA_DEPTH: Final = 32

_Object = Mapping[object, object]
_JOINERS: Final = frozenset("\u200c\u200d\ufe0e\ufe0f")
"""Invisible, and right only inside scripts and emoji that need them: after a character beyond ASCII."""
_NEVER: Final = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0\u2800\u180b\u180c\u180d\u180f")
"""Characters that look like nothing at all, although Unicode counts them as letters, marks or signs."""


def name(text: str) -> str:
    """Return a run's name as it is stored.

    Raises:
        BadInput: it is empty, too long, reserved, or holds what people could not see or type.
    """
    checked = _label("name", text)
    if checked.lower() in RESERVED or ":" in checked:
        raise BadInput(
            f"name {_shown(checked)} is reserved: `latest`, `all` and words with a colon select runs"
        )
    if checked.startswith("-"):
        raise BadInput(f"name {_shown(checked)} begins with a dash, so it would be taken for an option")
    if is_run_id(checked.lower()):
        raise BadInput(f"name {_shown(checked)} has the form of a run id; ids are minted, never chosen")
    return checked


def key(text: str) -> str:
    """Return an idempotency key as it is stored.

    Raises:
        BadInput: it is empty, too long, or holds what people could not see or type.
    """
    return _label("key", text)


def of_record(what: str, text: str) -> str:
    """Return what another tool calls something, as it is stored.

    Raises:
        BadInput: it is empty, too long, or holds what people could not see or type.
    """
    return _label(what, text)


def tag(text: str) -> tuple[str, str]:
    """Return (name, value) of a tag given as `NAME=VALUE`, or as `NAME` alone for an empty value.

    Raises:
        BadInput: the name or the value is not one.
    """
    left, _, right = text.partition("=")
    return tag_name(left), tag_value(right)


def tag_name(text: str) -> str:
    """Return a tag's name as it is stored; it holds no blank and no `=`.

    Raises:
        BadInput: it is none.
    """
    checked = _label("tag", text)
    if " " in checked or "=" in checked or checked.startswith("-"):
        raise BadInput(f"tag {_shown(checked)}: its name holds no blank or `=` and begins with no dash")
    return checked


def tag_value(text: str) -> str:
    """Return a tag's value as it is stored; it may be empty.

    Raises:
        BadInput: it is too long, or holds what people could not see or type.
    """
    return "" if text == "" else _label("tag value", text)


def tags(given: Iterable[str] | Mapping[str, str]) -> dict[str, str]:
    """Return tags as they are stored, from `NAME=VALUE` words or from a mapping.

    Raises:
        BadInput: one of them is none, one comes twice with different values, or there are too many.
    """
    if isinstance(given, Mapping):
        items = cast("Mapping[str, str]", given).items()
        pairs = [(tag_name(left), tag_value(right)) for left, right in items]
    else:
        pairs = [tag(word) for word in given]
    kept: dict[str, str] = {}
    for left, right in pairs:
        if kept.setdefault(left, right) != right:
            raise BadInput(f"tag {_shown(left)} is given twice: {_shown(kept[left])} and {_shown(right)}")
    if len(kept) > MOST_TAGS:
        raise BadInput(f"{len(kept)} tags; a run has at most {MOST_TAGS}")
    return kept


def metadata_from(text: str) -> dict[str, object]:
    """Return a metadata document from JSON text.

    Raises:
        BadInput: it is no JSON object, names a field twice, or is none that can be stored.
    """
    if len(text) > METADATA_BYTES:
        raise BadInput(_too_big(len(text)))
    import json  # noqa: PLC0415 - 5 ms, and the only one that shows a field given twice

    try:
        document = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_number)
    except RecursionError:
        raise BadInput(_too_deep()) from None
    except ValueError as error:
        if isinstance(error, BadInput):
            raise
        raise BadInput(f"metadata is not JSON: {error}") from None
    return metadata(document)


def metadata(document: object) -> dict[str, object]:
    """Return a metadata document as it is stored: a plain JSON object, bounded in size and depth.

    Raises:
        BadInput: it is none; the message names the place.
    """
    if not isinstance(document, Mapping):
        raise BadInput(f'metadata is a JSON object, like {{"a": 1}}; this is a {type(document).__name__}')
    checked = _json_object(cast("_Object", document), "metadata", METADATA_DEPTH)
    size = len(msgspec.json.encode(checked))
    if size > METADATA_BYTES:
        raise BadInput(_too_big(size))
    return checked


def _label(what: str, text: object) -> str:
    """Return a label in composed form, if it can be seen, typed and told from others."""
    if not isinstance(text, str):
        raise BadInput(f"{what} {text!r:.40} is no text; write it as one")
    checked = text if text.isascii() else _composed(text)
    if not checked:
        raise BadInput(f"an empty {what}; leave it out instead")
    if checked != checked.strip():
        raise BadInput(f"{what} {_shown(checked)} begins or ends with a blank")
    size = len(checked.encode("utf-8", "surrogatepass"))
    if size > LONGEST:
        raise BadInput(f"{what} {_shown(checked)} takes {size} bytes; at most {LONGEST}")
    hidden = _hidden(checked)
    if hidden:
        raise BadInput(f"{what} {_shown(checked)} holds {hidden}, which people can neither see nor type")
    return checked


def _composed(text: str) -> str:
    import unicodedata  # noqa: PLC0415 - half a MiB that ASCII never needs

    return unicodedata.normalize("NFC", text)


def _hidden(text: str) -> str:
    """Return the first character that does not show, as U+…; empty if there is none."""
    before = ""
    for character in text:
        joins = character in _JOINERS and before > "\x7f"
        blank = character != " " and character.isspace()
        if character in _NEVER or blank or (not joins and character in _JOINERS):
            return f"U+{ord(character):04X}"
        if not joins and printable(character) != character:
            return f"U+{ord(character):04X}"
        before = character
    return ""


def _json(value: object, place: str, depth: int) -> object:
    """Return plain JSON, or say where it stops being that."""
    if isinstance(value, bool | None):
        return value
    if isinstance(value, str):
        return _json_text(value, place)
    if isinstance(value, int):
        if abs(value) > MAX_INT:
            raise BadInput(f"{place}: an integer beyond 2**53, where JSON readers differ; write it as text")
        return int(value)
    if isinstance(value, float):
        if value - value != 0:
            raise BadInput(f"{place}: {value} is not a JSON number")
        return float(value)
    if depth == 0:
        raise BadInput(_too_deep())
    if isinstance(value, Mapping):
        return _json_object(cast("_Object", value), place, depth)
    if isinstance(value, list | tuple):
        items = cast("Sequence[object]", value)
        return [_json(item, f"{place}[{index}]", depth - 1) for index, item in enumerate(items)]
    raise BadInput(f"{place}: a {type(value).__name__} is not JSON")


def _json_object(value: _Object, place: str, depth: int) -> dict[str, object]:
    checked: dict[str, object] = {}
    for field, item in value.items():
        if not isinstance(field, str):
            raise BadInput(f"{place}: the name of a field is a text, not {field!a}")
        inside = f"{place}.{printable(field)[:40]}"
        checked[_json_text(field, inside)] = _json(item, inside, depth - 1)
    return checked


def _json_text(text: str, place: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise BadInput(f"{place} holds half a surrogate pair, which is no text") from None
    return str(text)


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        twice = next(field for field, _ in pairs if [left for left, _ in pairs].count(field) > 1)
        raise BadInput(f"metadata names {_shown(twice)} twice in one object")
    return fields


def _no_number(word: str) -> object:
    raise BadInput(f"metadata holds {word}, which is not JSON")


def _too_big(size: int) -> str:
    return f"metadata of {size:,} bytes; at most {METADATA_BYTES:,}. Store it as a file and name that"


def _too_deep() -> str:
    return f"metadata nests deeper than {METADATA_DEPTH}"


def _shown(text: str) -> str:
    """Return a label as it may stand in a message."""
    shown = printable(text)
    return f'"{shown[:60]}…"' if len(shown) > 60 else f'"{shown}"'  # noqa: PLR2004 - a message's worth
