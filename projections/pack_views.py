"""What is shown of packing: see `schema`. Pure."""

from typing import Literal

from msgspec import Struct


class PackedView(Struct, frozen=True, kw_only=True):
    """A pack that was written, or would be."""

    path: str
    """Below the root."""
    runs: int
    bytes: int


class PackView(Struct, frozen=True, kw_only=True):
    """What was moved into packs, or would be."""

    schema: Literal["runlore.pack/1"] = "runlore.pack/1"
    dry_run: bool
    packs: list[PackedView]
    runs: int
    """Runs whose journals went, or would go."""
    bytes: int
    """Of those journals."""
    freed_inodes: int
    freed_bytes: int
    """Of disk, in blocks that were not full and in what was preallocated."""
    kept: dict[str, int]
    """Journals that stay, by why: unsealed, young, too_big, owned, changed or unreadable."""
