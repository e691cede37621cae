"""What an import answers with, whatever it imported. Pure."""

from typing import Literal

from msgspec import Struct


class ImportedView(Struct, frozen=True, kw_only=True):
    """One run that is here now."""

    run_id: str
    outcome: Literal["imported", "existing"]
    source: str
    """File or folder, and name in it."""
    removed: bool = False
    """It is here already, and its outputs were removed here: they stay so, whatever a bundle has of them."""


class ImportRefusedView(Struct, frozen=True, kw_only=True):
    """One run of another tool that could not be imported, and why; the others were."""

    source: str
    """File or folder, and name in it."""
    exit_code: int
    """What the command exits with if it is the first of them."""
    text: str


class ImportView(Struct, frozen=True, kw_only=True):
    """The runs that were in what was imported."""

    schema: Literal["runlore.import/1"] = "runlore.import/1"
    items: list[ImportedView]
    refused: list[ImportRefusedView] = []
