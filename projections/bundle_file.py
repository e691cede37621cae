"""What a bundle says of itself: which runs it holds, and every member that follows, in order. Pure.

A bundle is one file with the whole of some runs: their journals byte for byte, their outputs by digest, their
transcripts. Its first member is this description, its last one the list that `sha256sum -c` takes.
Format: docs/reference/bundle-format.md
"""

import re
from collections.abc import Container, Iterable
from typing import Final, Literal

from msgspec import MsgspecError, Struct, json

from runlore.journal import ids
from runlore.journal.values import Count, Digest, RunId

DESCRIPTION: Final = "bundle.json"
SUMS: Final = "SHA256SUMS"
MANIFEST: Final = "manifest.json"
TRANSCRIPT: Final = "transcript"
INDEX: Final = "transcript.index"
SCHEMA: Final = "runlore.bundle/1"
LARGEST_DESCRIPTION: Final = 64 << 20
_OF_RUNS: Final = (MANIFEST, TRANSCRIPT, INDEX)
_DIGEST: Final = re.compile("[0-9a-f]{64}")
_GROUPS: Final = ("journals", "runs", "blobs", "outputs")
"""In this order: whoever reads a bundle knows from the journals what else belongs into it."""


class BundledRun(Struct, frozen=True, kw_only=True):
    """One run in a bundle."""

    run_id: str
    records: Count
    """Of its journal."""
    journal_bytes: Count
    journal_head: Digest
    outputs: Count
    """Outputs whose bytes are in the bundle."""
    removed: bool = False
    """Its outputs were removed before it was exported, so only its journal and its evidence are here."""


class BundledFile(Struct, frozen=True, kw_only=True):
    """One member of a bundle."""

    path: str
    bytes: Count


class Description(Struct, frozen=True, kw_only=True):
    """The first member of a bundle."""

    schema: Literal["runlore.bundle/1"] = SCHEMA
    runlore: str
    """Release that wrote it."""
    runs: tuple[BundledRun, ...]
    """In the order of their ids."""
    members: tuple[BundledFile, ...]
    """All members between this one and the list of digests, in their order."""

    @property
    def bytes(self) -> int:
        """Bytes of all those members."""
        return sum(each.bytes for each in self.members)


class _Schema(Struct, frozen=True):
    """What tells whether the rest can be understood."""

    schema: str


class BadDescription(Exception):
    """It is no description of a bundle; the message says why."""


class NewerBundle(Exception):
    """It describes a bundle of a later release; the message is its schema."""


def encode(described: Description) -> bytes:
    """Return the bytes of a description."""
    return json.format(json.encode(described), indent=1) + b"\n"


def decode(data: bytes) -> Description:
    """Return what a bundle says of itself, every path in it one that a bundle can have, and in order.

    Raises:
        BadDescription: it is none. NewerBundle: a later release wrote it.
    """
    try:
        schema = json.decode(data, type=_Schema).schema
        if schema != SCHEMA:
            raise NewerBundle(schema) if re.fullmatch(r"runlore\.bundle/[0-9]{1,9}", schema) else _bad(schema)
        found = json.decode(data, type=Description)
    except (MsgspecError, UnicodeError, RecursionError) as error:
        raise BadDescription(f"it cannot be understood: {error}") from error
    run_ids = [each.run_id for each in found.runs]
    if not run_ids or run_ids != sorted(set(run_ids)) or not all(map(ids.is_run_id, run_ids)):
        raise BadDescription("it names no runs, or not in the order of their ids, or one twice")
    paths, known = [each.path for each in found.members], frozenset(run_ids)
    for path in paths:
        if why := refusal(path, known):
            raise BadDescription(f"it names {path[:80]!a}: {why}")
    if paths != in_order(set(paths)):
        raise BadDescription("its members are not in order, or one is there twice")
    if [journal_path(run_id) for run_id in run_ids] != [
        path for path in paths if path.startswith(_GROUPS[0])
    ]:
        raise BadDescription("it does not have one journal for each run")
    return found


def refusal(path: str, run_ids: Container[str]) -> str:
    """Return why no member can have this path; nothing if it can."""
    group, _, name = path.partition("/")
    if group == "journals":
        known = name.endswith(".jsonl") and name.removesuffix(".jsonl") in run_ids
        return "" if known else "no journal of a run in it is called so"
    if group == "runs":
        run_id, _, rest = name.partition("/")
        return "" if run_id in run_ids and rest in _OF_RUNS else "nothing of a run in it is called so"
    if group in {"blobs", "outputs"}:
        return "" if _DIGEST.fullmatch(name) else "it is not called after its SHA-256"
    return "bundles have no such member"


def in_order(paths: Iterable[str]) -> list[str]:
    """Return paths as they stand in a bundle."""
    return sorted(paths, key=lambda path: (_GROUPS.index(path.partition("/")[0]), path))


def journal_path(run_id: str) -> str:
    """Return where a run's journal stands in a bundle."""
    return f"journals/{run_id}.jsonl"


def run_path(run_id: str, name: str) -> str:
    """Return where something of a run stands in a bundle."""
    return f"runs/{run_id}/{name}"


def blob_path(digest: str) -> str:
    """Return where a payload that did not fit a line stands in a bundle."""
    return f"blobs/{digest}"


def output_path(digest: str) -> str:
    """Return where the bytes of outputs and of evidence stand, once each, whoever has them."""
    return f"outputs/{digest}"


def stated(path: str) -> str:
    """Return the SHA-256 that a member's path states; empty if it states none."""
    group, _, name = path.partition("/")
    return name if group in {"blobs", "outputs"} else ""


def run_of(path: str) -> RunId | None:
    """Return the run whose journal or file a path is."""
    group, _, name = path.partition("/")
    if group == "journals":
        return RunId(name.removesuffix(".jsonl"))
    return RunId(name.partition("/")[0]) if group == "runs" else None


def sums_line(path: str, digest: str) -> str:
    """Return one line of the list of digests, as `sha256sum` writes it."""
    return f"{digest}  {path}\n"


def sums_size(paths: Iterable[str]) -> int:
    """Return how many bytes the list of digests has."""
    return sum(len(sums_line(path, "0" * 64)) for path in paths)


def _bad(schema: str) -> BadDescription:
    return BadDescription(f"its schema is {schema[:80]!a}, not {SCHEMA}")
