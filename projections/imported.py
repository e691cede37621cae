"""What an import answers: the runs that came in, or were there before. Pure."""

from typing import Literal

from msgspec import Struct


class ImportedView(Struct, frozen=True, kw_only=True):
    """One run that came in."""

    run_id: str
    outcome: Literal["imported", "existing"]
    """existing: the same was imported before, so nothing was written."""
    source: str
    """File or folder, and name in it."""


class ImportView(Struct, frozen=True, kw_only=True):
    """The runs of an import, in the order in which they were found."""

    schema: Literal["runlore.import/1"] = "runlore.import/1"
    items: list[ImportedView]
