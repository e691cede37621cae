"""Anchors: what `heads` writes down to be kept elsewhere, and `verify --heads` compares with.

One line per run, `run_id seq head`; `#` begins a comment. A head names a whole history, so a journal
that no longer contains it was cut or rewritten, which its own chain alone cannot show. Pure.
"""

from collections.abc import Iterable
from typing import Final, Protocol

import msgspec

from runlore.journal.errors import BadInput
from runlore.journal.ids import is_run_id
from runlore.journal.values import MAX_INT, Head, RunId, Seq

LIMIT: Final = 1 << 30
"""A file of anchors has at most so many bytes."""
_HEAD_LENGTH: Final = 64


class Named(Protocol):
    """What a history is named by."""

    @property
    def run_id(self) -> RunId: ...
    @property
    def seq(self) -> Seq: ...
    @property
    def journal_head(self) -> Head: ...


class Anchor(msgspec.Struct, frozen=True, kw_only=True):
    """What a run's history was called when it had `seq` records."""

    run_id: RunId
    seq: Seq
    journal_head: Head
    sealed: bool = False


class _Document(msgspec.Struct, frozen=True):
    items: list[Anchor]


def format_anchors(anchors: Iterable[Named]) -> str:
    """Return the lines to keep."""
    return "".join(f"{each.run_id} {each.seq} {each.journal_head}\n" for each in anchors)


def parse_anchors(data: bytes, path: str) -> dict[RunId, Anchor]:
    """Return the anchors in a file, as lines or as `heads --json` prints them.

    Raises:
        BadInput: a line is not an anchor, or two lines contradict each other.
    """
    found: dict[RunId, Anchor] = {}
    for place, anchor in _parsed(data, path):
        first = found.setdefault(anchor.run_id, anchor)
        if first.seq == anchor.seq and first.journal_head != anchor.journal_head:
            raise BadInput(f"{path}: {place} and an earlier one disagree about run {anchor.run_id}")
        if anchor.seq > first.seq:
            found[anchor.run_id] = anchor
    return found


def _parsed(data: bytes, path: str) -> Iterable[tuple[str, Anchor]]:
    try:
        if data.lstrip().startswith(b"{"):
            items = msgspec.json.decode(data, type=_Document).items
            return [(f"item {place}", _checked(item)) for place, item in enumerate(items, 1)]
        return _lines(data.decode("ascii"), path)
    except (msgspec.MsgspecError, UnicodeError, ValueError, RecursionError) as error:
        if isinstance(error, BadInput):
            raise
        raise BadInput(f"{path} holds no anchors ({error}); `runlore heads -o FILE` writes them") from error


def _lines(text: str, path: str) -> list[tuple[str, Anchor]]:
    found: list[tuple[str, Anchor]] = []
    for number, line in enumerate(text.split("\n"), 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        try:
            run_id, seq, head = words
            anchor = Anchor(run_id=RunId(run_id), seq=Seq(int(seq)), journal_head=Head(head))
            found.append((f"line {number}", _checked(anchor)))
        except ValueError:
            raise BadInput(f"{path}: line {number} is not `run_id seq head`") from None
    return found


def _checked(anchor: Anchor) -> Anchor:
    """Return an anchor that could be one."""
    if (
        not is_run_id(anchor.run_id)
        or not 0 < anchor.seq <= MAX_INT
        or len(anchor.journal_head) != _HEAD_LENGTH
    ):
        raise ValueError(f"{anchor.run_id!a} {anchor.seq} is not an anchor")
    return anchor
