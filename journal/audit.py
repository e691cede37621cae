"""Verify many journals, against anchors kept elsewhere if there are any; reads only.

A crash tail is a finding only if nobody is appending: what looks cut may be a write under way.
"""

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from typing import Final

from runlore.journal.anchors import (
    LARGEST_DOCUMENT,
    LONGEST_LINE,
    Anchor,
    parse_document,
    parse_lines,
)
from runlore.journal.disk import Disk, write_whole
from runlore.journal.errors import JournalIO, NotFound, RunloreError
from runlore.journal.held import is_locked
from runlore.journal.layout import Layout
from runlore.journal.root import registry_info
from runlore.journal.values import Offset, RunId
from runlore.journal.verify import Finding, Verification, verify

_LOOKS: Final = 20
_BETWEEN_LOOKS_S: Final = 0.05


def audit(
    disk: Disk, layout: Layout, run_ids: Iterable[RunId], anchors: Mapping[RunId, Anchor]
) -> Iterator[Verification]:
    """Yield what is found in each journal; one that an anchor names and that is gone is a finding too.

    Raises:
        NotFound: no such journal, and no anchor names it. JournalIO: the disk refused.
    """
    for run_id in run_ids:
        anchor = anchors.get(run_id)
        try:
            yield settled(disk, layout, run_id, anchor)
        except NotFound:
            if anchor is None:
                raise
            yield _vanished(anchor)


def read_anchors(path: str) -> dict[RunId, Anchor]:
    """Return the anchors in the file at `path`, a pipe perhaps; `-` is standard input.

    Raises:
        BadInput: it holds none, or contradicts itself. NotFound, JournalIO: it cannot be read.
    """
    try:
        with open(0 if path == "-" else path, "rb", closefd=path != "-") as file:
            if (first := file.read(1)) == b"{":
                return parse_document(first + file.read(LARGEST_DOCUMENT), path)
            rest = iter(lambda: file.readline(LONGEST_LINE), b"")
            return parse_lines(chain([first + file.readline(LONGEST_LINE)], rest), path)
    except FileNotFoundError:
        raise NotFound(f"no file {path}; `runlore heads -o FILE` writes one") from None
    except OSError as error:
        raise JournalIO(f"{path}: {error.strerror or error}") from error


def save_anchors(disk: Disk, path: str, data: bytes) -> None:
    """Replace the file at `path` whole, durably; write into what is no ordinary file, a pipe perhaps.

    Raises:
        JournalIO: the disk refused.
    """
    try:
        if os.path.exists(path) and not os.path.isfile(path):
            with open(path, "wb") as file:
                file.write(data)
        else:
            write_whole(disk, os.path.realpath(path), data)
    except OSError as error:
        raise JournalIO(f"{path}: {error.strerror or error}; no heads were kept") from error


def registry_id(disk: Disk, layout: Layout) -> str:
    """Return the registry's id; empty if its file is lost, which harms no journal."""
    try:
        return registry_info(disk, layout).registry_id
    except RunloreError:
        return ""


def settled(
    disk: Disk,
    layout: Layout,
    run_id: RunId,
    anchor: Anchor | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Verification:
    """Return what is found in one journal once no append is under way, or after a second of looking."""
    expected = (anchor.seq, anchor.journal_head) if anchor else None
    found = verify(disk, layout, run_id, anchor=expected)
    for _ in range(_LOOKS):
        if not found.crash_tail:
            break
        appending = is_locked(disk, layout.journal(run_id))
        if appending:
            sleep(_BETWEEN_LOOKS_S)
        found = verify(disk, layout, run_id, anchor=expected)
        if not appending:
            break
    return found


def _vanished(anchor: Anchor) -> Verification:
    detail = f"the anchor names seq {anchor.seq} {anchor.journal_head}, but there is no journal"
    finding = Finding(kind="anchor", seq=anchor.seq, offset=Offset(0), detail=detail)
    return Verification(
        run_id=anchor.run_id,
        integrity="anchor_mismatch",
        records=0,
        journal_head=None,
        findings=[finding],
    )
