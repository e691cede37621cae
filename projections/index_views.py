"""What is shown of the index, and what it answers to questions in SQL: see `schema`. Pure."""

from typing import Literal

from msgspec import Struct

from runlore.journal.values import RunId


class IndexFindingView(Struct, frozen=True, kw_only=True):
    """A row of the index that is not what its journal says."""

    run_id: RunId
    detail: str


class SqlView(Struct, frozen=True, kw_only=True):
    """What a question in SQL gave."""

    schema: Literal["runlore.sql/1"] = "runlore.sql/1"
    views: int
    """The version of the views that were asked: it grows when a column changes its meaning."""
    columns: list[str]
    items: list[dict[str, str | int | float | None]]
    """Rows, by the names of columns; bytes are written in hexadecimal."""


class IndexView(Struct, frozen=True, kw_only=True):
    """How the index is, and what `verify` found in it."""

    schema: Literal["runlore.index/1"] = "runlore.index/1"
    action: Literal["info", "verify", "rebuild"]
    state: Literal["ready", "missing", "older", "newer", "damaged", "not_here"]
    """Mended in passing if missing, older or damaged; not used if newer or not_here."""
    settled: int
    """Runs that are found without looking at their journals."""
    unsettled: int
    """Runs whose journals are folded at each read."""
    bytes: int
    items: list[IndexFindingView] = []
