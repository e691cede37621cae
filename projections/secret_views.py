"""What is shown of secrets that were recorded, never the secrets: see `schema`. Pure."""

from typing import Literal

from msgspec import Struct

from runlore.journal.values import RunId, Seq


class RedactedPlaceView(Struct, frozen=True, kw_only=True):
    """A file besides the journal that was rewritten, or would be."""

    kind: str
    """transcript, quarantine, keeper.error, exit, manifest or recipe."""
    path: str
    """Below the root."""
    count: int
    """Times that a value was found in it."""


class StillThereView(Struct, frozen=True, kw_only=True):
    """A file that holds a value and is not rewritten."""

    path: str
    """Below the root; a value in the name itself is left out."""
    why: str


class RedactView(Struct, frozen=True, kw_only=True):
    """Where a value was taken out of a run, or would be, and where it still is."""

    schema: Literal["runlore.redact/1"] = "runlore.redact/1"
    run_id: RunId
    applied: bool
    """False: nothing was found, or nothing was to be changed yet."""
    seqs: list[Seq]
    """Lines of the journal."""
    places: list[RedactedPlaceView]
    still_there: list[StillThereView]
    out_of_reach: list[str]
    """What nobody here can rewrite: replace the secret where it is used."""
    why: str


class SecretFoundView(Struct, frozen=True, kw_only=True):
    """A likely secret: where it is, and of which kind; never the secret."""

    run_id: RunId
    place: str
    """journal, recipe, transcript, keeper.error, exit, quarantine or artifact."""
    path: str
    """The file, below the root."""
    seq: int | None
    """Of the event, in a journal."""
    field: str | None
    """Names that lead to it, in an event or a recipe."""
    stream: str | None
    line: int | None
    """Counted from 1; in a transcript, within its stream."""
    kind: str
    """Such as github-token; named-value for what stands behind a name, value-of:$NAME for your own."""
    name: str | None


class ScanView(Struct, frozen=True, kw_only=True):
    """Likely secrets in runs."""

    schema: Literal["runlore.scan/1"] = "runlore.scan/1"
    items: list[SecretFoundView]
    counts: dict[str, int]
    """By kind, all that was found."""
    runs: int
    """Runs that were looked at."""
    truncated: bool
    """More was found than is listed."""
