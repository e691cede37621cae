"""What a golden journal must be read as: its records, what stands behind them, and the run they tell of."""

from pathlib import Path
from typing import Any, Final

import msgspec

from runlore.journal.events import tag_of
from runlore.journal.scan import Scanner, Tail, redacted_seqs
from runlore.projections.fold import fold
from runlore.projections.present import run_view
from runlore.projections.status import STATUS
from tests.journal.forge import AT, RUN

FOLDER: Final = Path(__file__).parent / "format-1"
_OF_THE_RUN: Final = (
    *("run_id", "name", "status", "reason", "exit_code", "signal", "created_at", "started_at", "ended_at"),
    *("duration_s", "last_activity_at", "runtime", "handle", "owner", "command", "cwd", "tags", "metadata"),
    *("key", "origin", "parent", "preview", "progress", "result", "resources", "seq", "journal_head"),
    *("owner_epoch", "sealed"),
)
"""Fields of the run view that the journal alone decides; their meaning never changes."""


def expectation(data: bytes) -> dict[str, Any]:
    """Return everything that is read from a journal of run `RUN`, as plain JSON values."""
    redacted = redacted_seqs(Scanner(Tail.empty(RUN), check_chain=False).advance(data))
    scanner = Scanner(Tail.empty(RUN), redacted=redacted)
    records = scanner.feed(data)
    tail, verdict = scanner.tail, scanner.verdict()
    state = fold(STATUS, [record.event for record in records])
    view = run_view(state, as_of=AT.replace(year=2027), head=tail.head)
    damage = verdict.damage
    said: dict[str, Any] = msgspec.to_builtins(
        {
            "verdict": verdict.state,
            "damage": [damage.kind, damage.seq, damage.offset, verdict.length] if damage else None,
            "redacted": sorted(redacted),
            "tail": {name: getattr(tail, name) for name in Tail.__struct_fields__ if name != "digest"},
            "head": tail.head,
            "records": [
                [record.seq, record.offset, record.length, record.head, tag_of(record.event)]
                for record in records
            ],
            "run": {name: getattr(view, name) for name in _OF_THE_RUN},
        }
    )
    return said
