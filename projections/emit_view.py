"""What is shown of speaking from inside a run: see `schema`. Pure."""

from typing import Literal

from msgspec import Struct

from runlore.journal.values import RunId, Seq


class EmitView(Struct, frozen=True, kw_only=True):
    """What was said from inside a run, on record."""

    schema: Literal["runlore.emit/1"] = "runlore.emit/1"
    run_id: RunId
    seq: Seq
    type: str
