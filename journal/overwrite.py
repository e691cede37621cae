"""Overwrite a secret in a line of a journal: the line stays as long, and its event the event it was.

What a secret is, `spans` says; where text may be overwritten, the event's own type says. A name of ours,
a number, a time or a digest is no text: a secret that stands there cannot be taken out. Pure.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Final, Literal

from msgspec import Struct, inspect

from runlore.journal import chain, codec
from runlore.journal.errors import BadInput
from runlore.journal.events import RunQueued, UnknownEvent
from runlore.journal.json_parts import Part, Path, Unescaped, parts
from runlore.journal.secret_text import REDACTED
from runlore.journal.sought import merged
from runlore.journal.values import Recipe

Spans = Callable[[bytes], list[tuple[int, int]]]
"""Returns where secrets stand in some bytes: (start, end), merged, in order."""
Role = Literal["text", "free", "number", "base64", "ours"]

_REDACTED: Final = REDACTED.encode()
_FILLS: Final = (b" ", b"*", b"#")
"""What stands behind or in place of the mark; the next one where a value is part of the one before."""
_OURS: Final = frozenset({"run_id", "registry_id", "boot_id", "quarantine", "pack"})
"""Texts by which things are found again."""
_ENCODED: Final = "argv_bytes"


class _Edit(Struct, frozen=True):
    part: Part
    spans: list[tuple[int, int]]
    """Inside the part's bytes."""
    role: Role


def mark(length: int, fill: bytes = b" ") -> bytes:
    """Return what stands for so many bytes of a secret."""
    if length < len(_REDACTED) or fill == _FILLS[-1]:
        return (fill if fill != b" " else b"*") * length
    return _REDACTED + fill * (length - len(_REDACTED))


class Overwriter:
    """Takes secrets out of the lines of one journal.

    digests: of blobs whose text had to change, what names them now.
    """

    def __init__(self, spans: Spans, digests: Mapping[str, str] | None = None) -> None:
        self._spans = spans
        self._digests = {old.encode(): new.encode() for old, new in (digests or {}).items()}

    def may_change(self, lines: bytes) -> bool:
        """Say whether any of these whole lines has to be looked at by itself."""
        return (
            b"\\" in lines
            or _ENCODED.encode() in lines
            or any(digest in lines for digest in self._digests)
            or bool(self._spans(lines))
        )

    def line(self, line: bytes) -> bytes | None:
        """Return a journal's line, newline included, without the secrets on it; None if it holds none.

        Same length, same `h`; the same type, seq and time, and still an event.

        Raises:
            BadInput: a secret stands where there is no text to overwrite; nothing of it is in the message.
        """
        if not self.may_change(line):
            return None
        end = -chain.TRAILER_LENGTH - 1
        covered, trailer = line[:end], line[end:]
        event = codec.decode(line[:-1])
        where = f"seq {event.seq}"
        if any(stop > len(covered) + len(chain.FIELD) for _, stop in self._spans(line)):
            raise _refused(where, "h")
        kind = None if isinstance(event, UnknownEvent) else type(event)
        new = _overwritten(covered + b"}", self._spans, kind, where) or covered + b"}"
        for old_digest, digest in self._digests.items() if kind is RunQueued else ():
            new = new.replace(b'"' + old_digest + b'"', b'"' + digest + b'"')
        changed = new[:-1] + trailer
        after = codec.decode(changed[:-1])
        assert (type(after), after.seq, after.at) == (type(event), event.seq, event.at)  # noqa: S101 - see _role
        return None if changed == line else changed


def overwritten_recipe(data: bytes, spans: Spans) -> bytes | None:
    """Return a recipe that is kept as a blob without the secrets in it; None if it holds none."""
    return _overwritten(data, spans, Recipe, "the recipe")


def overwritten_bytes(data: bytes, spans: list[tuple[int, int]]) -> bytes:
    """Return plain bytes with these spans overwritten; newlines stay, and so do the numbers of lines."""
    whole = bytearray(data)
    for start, end in spans:
        whole[start:end] = b"\n".join(mark(len(each)) for each in data[start:end].split(b"\n"))
    return bytes(whole)


def _overwritten(data: bytes, spans: Spans, kind: type | None, where: str) -> bytes | None:
    new = data
    for fill in _FILLS:
        edits = list(_edits(new, spans, kind, where))
        if not edits:
            return None if new is data else new
        new = _edited(new, edits, fill)
    if not list(_edits(new, spans, kind, where)):
        return new
    raise BadInput(f"{where}: the value is part of what would stand in its place; nothing was changed")


def _edits(data: bytes, spans: Spans, kind: type | None, where: str) -> Iterator[_Edit]:
    """Yield what is to be overwritten in a JSON text."""
    found = spans(data)
    if not (found or b"\\" in data or _ENCODED.encode() in data):
        return
    for part in parts(data):
        inside = [
            (max(start, part.start) - part.start, min(end, part.end) - part.start)
            for start, end in found
            if start < part.end and end > part.start
        ]
        raw = data[part.start : part.end]
        if not inside and not (part.is_text and (b"\\" in raw or _ENCODED in part.path)):
            continue
        role = _role(kind, part)
        if role == "base64" and (encoded := _in_base64(raw, inside, spans)) is not None:
            inside = encoded
        elif part.is_text and (inside or b"\\" in raw):
            inside = _in_text(Unescaped(raw), inside, spans)
            role = "text" if role == "base64" else role
        if inside and not (role == "ours" and part.is_name):
            if role == "ours":
                raise _refused(where, ".".join(map(str, part.path)))
            yield _Edit(part, inside, role)


def _in_text(text: Unescaped, inside: list[tuple[int, int]], spans: Spans) -> list[tuple[int, int]]:
    """Return the spans in the raw text: those found there, and those found in what it stands for."""
    meant = [text.raw_span(start, end) for start, end in spans(text.data)]
    return merged([*(text.whole(start, end) for start, end in inside), *meant])


def _in_base64(raw: bytes, inside: list[tuple[int, int]], spans: Spans) -> list[tuple[int, int]] | None:
    """Return the spans in the decoded bytes, or None if this is not base64."""
    try:
        data = b64decode(raw, validate=True)
    except NotBase64:
        return None
    touched = [(start * 3 // 4, min(-(-end * 3 // 4), len(data))) for start, end in inside]
    return merged([*touched, *spans(data)])


def _edited(data: bytes, edits: list[_Edit], fill: bytes) -> bytes:
    whole = bytearray(data)
    for edit in edits:
        part = edit.part
        whole[part.start : part.end] = _edited_part(data[part.start : part.end], edit, fill)
    if any(edit.part.is_name for edit in edits):
        _tell_apart(data, whole, edits)
    return bytes(whole)


def _edited_part(raw: bytes, edit: _Edit, fill: bytes) -> bytes:
    if edit.role == "number":
        return b"0".ljust(len(raw))
    if not edit.part.is_text:  # a number or a word of JSON becomes a text of the same length
        return b'"' + mark(len(raw) - 2, fill) + b'"'
    text = bytearray(b64decode(raw) if edit.role == "base64" else raw)
    for start, end in edit.spans:
        text[start:end] = mark(end - start, fill)
    return b64encode(text) if edit.role == "base64" else bytes(text)


def _tell_apart(data: bytes, whole: bytearray, edits: list[_Edit]) -> None:
    """Number names of one object that have become the same, so that no member is lost."""
    changed = {edit.part.start: edit for edit in edits if edit.part.is_name}
    taken: dict[Path, dict[bytes, bytes]] = {}
    names = [part for part in parts(data) if part.is_name]
    for part in sorted(names, key=lambda part: part.start in changed):
        was, now = data[part.start : part.end], bytes(whole[part.start : part.end])
        known = taken.setdefault(part.path[:-1], {})
        count = 1
        while known.get(now, was) != was:
            _, end = changed[part.start].spans[-1]
            count += 1
            number = b"%d" % count
            room = whole[part.start : part.end]
            room[end - len(number) : end] = number
            now = bytes(room)
        known[now] = was
        whole[part.start : part.end] = now


def _refused(where: str, field: str) -> BadInput:
    return BadInput(
        f"{where}: the value is found in `{field}`, which is no text and cannot be overwritten; "
        "nothing was changed. If it stands there by chance, give a longer part of the secret; "
        "in any case replace the secret where it is used"
    )


def _role(kind: type | None, part: Part) -> Role:
    """Return what may be overwritten at a place of an event of this kind."""
    if kind is None:
        return "ours"
    shape: inspect.Type = _shape(kind)
    name: str | int = ""
    for step in part.path[:-1] if part.is_name else part.path:
        name = step
        inner = _inside(shape, step)
        if inner is None:
            return "ours"
        shape = inner
        if _is_free(shape):
            return "text" if part.is_text else "free"
    if part.is_name:
        return "text" if isinstance(shape, inspect.DictType) else "ours"
    if isinstance(shape, inspect.FloatType) and _is_entry(kind, part.path):
        return "number"
    if not isinstance(shape, inspect.StrType) or shape.pattern is not None or name in _OURS:
        return "ours"
    return "base64" if _ENCODED in part.path else "text"


def _inside(shape: inspect.Type, step: str | int) -> inspect.Type | None:
    """Return the type of a member or element, or None if this release knows none of that name."""
    inner: inspect.Type | None = None
    if isinstance(shape, inspect.StructType):
        inner = next((field.type for field in shape.fields if field.encode_name == step), None)
    elif isinstance(shape, inspect.DictType):
        inner = shape.value_type
    elif isinstance(shape, inspect.VarTupleType):
        inner = shape.item_type
    if isinstance(inner, inspect.UnionType):
        inner = next(one for one in inner.types if not isinstance(one, inspect.NoneType))
    return inner


def _is_free(shape: inspect.Type) -> bool:
    """Say whether any JSON may stand there."""
    return isinstance(shape, inspect.AnyType | inspect.CustomType)


def _is_entry(kind: type, path: Path) -> bool:
    """Say whether a path leads to a member whose name is free."""
    shape: inspect.Type | None = _shape(kind)
    for step in path[:-1]:
        shape = None if shape is None else _inside(shape, step)
    return isinstance(shape, inspect.DictType)


@cache
def _shape(kind: type) -> inspect.Type:
    return inspect.type_info(kind)
