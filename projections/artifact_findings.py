"""What can be wrong with a run's stored outputs, one code a kind of damage, and what the manifest tells.

The journal is the truth, the manifest is its shadow beside the files: a check holds both against each
other, and the files against both. Pure.
"""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Final, Literal, cast

from msgspec import MsgspecError, Struct, json

from runlore.journal.values import RunId
from runlore.projections.artifact_paths import folded, refusal
from runlore.projections.artifacts import Artifacts, bundle_id, ref_of

FindingCode = Literal[
    "missing-manifest",
    "malformed-manifest",
    "invalid-manifest-shape",
    "invalid-path",
    "case-fold-duplicate",
    "missing-file",
    "orphaned-file",
    "unsafe-file",
    "hardlink",
    "missing-file-hash",
    "file-hash-mismatch",
    "digest-mismatch",
    "bundle-id-mismatch",
    "malformed-reference",
    "review-evidence-mismatch",
    "payload-schema-violation",
]
SCHEMA: Final = "runlore.manifest/1"
_DIGEST: Final = re.compile("[0-9a-f]{64}")


class ArtifactFinding(Struct, frozen=True, kw_only=True):
    """One thing that is wrong."""

    kind: FindingCode
    path: str
    """Of the output, or of the file in the bundle where no output names it; empty for the whole."""
    detail: str


class ArtifactsVerifiedView(Struct, frozen=True, kw_only=True):
    """What a check of a run's stored outputs found."""

    schema: Literal["runlore.artifacts_verified/1"] = "runlore.artifacts_verified/1"
    run_id: RunId
    bundle_id: str
    """From the journal."""
    files: int
    """Files whose bytes were read."""
    bytes: int
    findings: list[ArtifactFinding]
    counts: dict[str, int]
    """Findings by kind."""
    removed: bool = False
    """The outputs were removed, or are in the trash, so only what was promoted was looked at."""


def check_manifest(data: bytes | None, state: Artifacts) -> Iterator[ArtifactFinding]:
    """Yield what is wrong with the manifest by itself, and what the journal says otherwise.

    data: None if there is none.
    """
    if data is None:
        if state.entries:
            yield _finding("missing-manifest", "", "there is no bundle/manifest.json; the journal has it all")
        return
    try:
        document: object = json.decode(data)
    except (MsgspecError, UnicodeError, RecursionError) as error:
        yield _finding("malformed-manifest", "", f"it is not JSON: {error}")
        return
    items = _items(document)
    if isinstance(items, str):
        yield _finding("invalid-manifest-shape", "", items)
        return
    for item in items:
        yield from _check_item(item, state)
    yield from _doubles([cast("str", item["path"]) for item in items])
    yield from _against_journal(cast("dict[str, object]", document), items, state)


def counted(findings: list[ArtifactFinding]) -> dict[str, int]:
    """Return how many there are of each kind."""
    return dict(Counter(each.kind for each in findings))


def check_report(path: str, data: bytes) -> Iterator[ArtifactFinding]:
    """Yield it if a report that calls itself JSON is none."""
    try:
        json.decode(data)
    except (MsgspecError, UnicodeError, RecursionError) as error:
        yield _finding("payload-schema-violation", path, f"a report that calls itself JSON is none: {error}")


def _items(document: object) -> list[dict[str, object]] | str:
    """Return the items of a manifest, or what is wrong with its shape."""
    if not isinstance(document, dict):
        return "it is no object"
    fields = cast("dict[str, object]", document)
    if fields.get("schema") != SCHEMA:
        return f"its schema is {str(fields.get('schema'))[:80]!a}, not {SCHEMA}"
    for name in ("registry_id", "run_id", "bundle_id"):
        if not isinstance(fields.get(name), str):
            return f"{name} is no text"
    items = fields.get("items")
    if not isinstance(items, list):
        return "items is no list"
    for item in cast("list[object]", items):
        if not isinstance(item, dict) or not isinstance(cast("dict[str, object]", item).get("path"), str):
            return "an item has no path"
    return cast("list[dict[str, object]]", items)


def _check_item(item: dict[str, object], state: Artifacts) -> Iterator[ArtifactFinding]:
    path, digest = cast("str", item["path"]), item.get("sha256")
    if why := refusal(path):
        yield _finding("invalid-path", path, why)
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        yield _finding("missing-file-hash", path, "the manifest has no SHA-256 of it")
    ref = item.get("ref")
    if ref != ref_of(state.registry_id, state.run_id, path):
        yield _finding("malformed-reference", path, f"its ref {str(ref)[:80]!a} does not name it")


def _doubles(paths: list[str]) -> Iterator[ArtifactFinding]:
    seen: dict[str, str] = {}
    for path in paths:
        other = seen.setdefault(folded(path), path)
        if other is path:
            continue
        if other == path:
            yield _finding("invalid-path", path, "the manifest names it twice")
        else:
            yield _finding(
                "case-fold-duplicate", path, f"it differs from {other} in upper and lower case only"
            )


def _against_journal(
    document: dict[str, object], items: list[dict[str, object]], state: Artifacts
) -> Iterator[ArtifactFinding]:
    given = {cast("str", item["path"]): item.get("sha256") for item in items}
    known = {each.path: each.sha256 for each in state.stored}
    for path in sorted({*given, *known}):
        if path not in known:
            yield _finding("digest-mismatch", path, "the manifest names it, and the journal does not")
        elif path not in given:
            yield _finding("digest-mismatch", path, "the journal names it, and the manifest does not")
        elif given[path] != known[path] and isinstance(given[path], str):
            yield _finding("digest-mismatch", path, "manifest and journal have different digests of it")
    listed = bundle_id((path, digest) for path, digest in given.items() if isinstance(digest, str))
    if document["bundle_id"] != listed:
        yield _finding("bundle-id-mismatch", "", "the manifest's bundle id is not that of its items")
    if (document["run_id"], document["registry_id"]) != (state.run_id, state.registry_id):
        yield _finding("bundle-id-mismatch", "", "the manifest is one of another run")


def _finding(kind: FindingCode, path: str, detail: str) -> ArtifactFinding:
    return ArtifactFinding(kind=kind, path=path, detail=detail)
