"""What an export answers with. Pure."""

from typing import Literal

from msgspec import Struct

from runlore.journal.values import RunId


class ExportedView(Struct, frozen=True, kw_only=True):
    """One run that is in a bundle."""

    run_id: RunId
    records: int
    """Of its journal."""
    journal_head: str
    outputs: int
    """Outputs whose bytes are in the bundle."""
    removed: bool
    """Its outputs were removed earlier; its journal tells when and by which rule."""


class ExportView(Struct, frozen=True, kw_only=True):
    """A bundle that was written."""

    schema: Literal["runlore.export/1"] = "runlore.export/1"
    to: str
    bytes: int
    """Of the whole file."""
    items: list[ExportedView]
