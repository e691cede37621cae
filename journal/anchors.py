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

LONGEST_LINE: Final = 512
"""Bytes of a line, its comment included."""
LARGEST_DOCUMENT: Final = 1 << 28
"""Bytes of a document: two million runs."""
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


def parse_lines(lines: Iterable[bytes], path: str) -> dict[RunId, Anchor]:
    """Return the anchors on these lines, none of them longer than LONGEST_LINE.

    Raises:
        BadInput: a line is not an anchor, or two of them contradict each other.
    """
    found: dict[RunId, Anchor] = {}
    for number, line in enumerate(lines, 1):
        words = line.partition(b"#")[0].split()
        if words:
            _keep(found, _anchor(words, path, number), f"{path}: line {number}")
    return found


def parse_document(data: bytes, path: str) -> dict[RunId, Anchor]:
    """Return the anchors in what `heads --json` prints.

    Raises:
        BadInput: it is no such document, or contradicts itself.
    """
    try:
        items = msgspec.json.decode(data, type=_Document).items
        checked = [_checked(item) for item in items]
    except (msgspec.MsgspecError, UnicodeError, ValueError, RecursionError) as error:
        raise BadInput(f"{path} holds no anchors ({error}); `runlore heads -o FILE` writes them") from error
    found: dict[RunId, Anchor] = {}
    for number, anchor in enumerate(checked, 1):
        _keep(found, anchor, f"{path}: item {number}")
    return found


def _keep(found: dict[RunId, Anchor], anchor: Anchor, place: str) -> None:
    """Note an anchor; of several of one run the one with the longest history counts."""
    first = found.setdefault(anchor.run_id, anchor)
    if first.seq == anchor.seq and first.journal_head != anchor.journal_head:
        raise BadInput(f"{place} and an earlier one disagree about run {anchor.run_id}")
    if anchor.seq > first.seq:
        found[anchor.run_id] = anchor


def _anchor(words: list[bytes], path: str, number: int) -> Anchor:
    try:
        run_id, seq, head = (word.decode("ascii") for word in words)
        return _checked(Anchor(run_id=RunId(run_id), seq=Seq(int(seq)), journal_head=Head(head)))
    except ValueError:
        raise BadInput(f"{path}: line {number} is not `run_id seq head`") from None


def _checked(anchor: Anchor) -> Anchor:
    """Return an anchor that could be one."""
    if (
        not is_run_id(anchor.run_id)
        or not 0 < anchor.seq <= MAX_INT
        or len(anchor.journal_head) != _HEAD_LENGTH
    ):
        raise ValueError(f"{anchor.run_id!a} {anchor.seq} is not an anchor")
    return anchor
