"""What is shown of outputs: lists, the manifest, what a check found, what became evidence. Pure."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Literal

from msgspec import Struct, json

from runlore.journal.events import ArtifactCollected
from runlore.journal.values import RunId
from runlore.projections.artifacts import Artifacts, Promotion, manifest_ref, ref_of
from runlore.projections.run_view import ActorView, actor_view

Outcome = Literal["stored", "skipped", "oversized", "failed"]


class PromotedView(Struct, frozen=True, kw_only=True):
    """Who made it evidence, when, and why."""

    at: datetime
    by: ActorView | None
    why: str


class ArtifactView(Struct, frozen=True, kw_only=True):
    """One declared output, stored or not."""

    path: str
    outcome: Outcome
    kind: str
    media_type: str | None
    bytes: int
    """Size of what is stored, or else of the file that was found."""
    sha256: str | None
    """Of the stored bytes; null if none are."""
    redaction: str | None
    """`masked`: the values of secrets in it were."""
    reason: str | None
    """Why it is not stored."""
    files: int
    """1; of a truncation, how many files it stands for."""
    ref: str | None
    """Null if it is not stored."""
    promoted: PromotedView | None


class ArtifactsListView(Struct, frozen=True, kw_only=True):
    """The outputs of a run: those that match, stored ones by path, then the others."""

    schema: Literal["runlore.artifacts/1"] = "runlore.artifacts/1"
    run_id: RunId
    items: list[ArtifactView]
    counts: dict[str, int]
    """Of the items, by outcome; a truncation counts once."""
    bytes: int
    """Of the items that are stored."""
    bundle_id: str
    """Names the whole set of stored outputs: the SHA-256 of `artifacts manifest`."""
    bundle: str
    manifest: str
    collected: bool
    """False while the run goes on: then more may come."""
    removed: bool = False
    """They were removed, or are in the trash; what was promoted is not."""


class ManifestItem(Struct, frozen=True, kw_only=True):
    """One stored output."""

    path: str
    kind: str
    media_type: str | None
    bytes: int
    sha256: str
    redaction: str | None
    ref: str


class LeftOutItem(Struct, frozen=True, kw_only=True):
    """What was declared, and is not stored."""

    path: str
    outcome: Outcome
    bytes: int
    reason: str
    files: int


class ManifestView(Struct, frozen=True, kw_only=True):
    """The list that proves a bundle; also the file `bundle/manifest.json` of the run."""

    schema: Literal["runlore.manifest/1"] = "runlore.manifest/1"
    registry_id: str
    run_id: RunId
    bundle_id: str
    """SHA-256 of the items as `sha256sum` lists them, in the order of the paths' bytes."""
    items: list[ManifestItem]
    left_out: list[LeftOutItem]


class GotView(Struct, frozen=True, kw_only=True):
    """One output that was written elsewhere."""

    path: str
    to: str
    bytes: int
    sha256: str


class ArtifactsGotView(Struct, frozen=True, kw_only=True):
    """The outputs that were written elsewhere, each checked against its digest on the way."""

    schema: Literal["runlore.artifacts_got/1"] = "runlore.artifacts_got/1"
    run_id: RunId
    items: list[GotView]
    bytes: int


def artifact_view(state: Artifacts, entry: ArtifactCollected) -> ArtifactView:
    """Return one output as it is shown."""
    stored = entry.outcome == "stored"
    return ArtifactView(
        path=entry.path,
        outcome=entry.outcome,
        kind=entry.kind,
        media_type=entry.media_type or None,
        bytes=entry.bytes,
        sha256=entry.sha256,
        redaction=entry.redaction or None,
        reason=entry.reason or None,
        files=entry.files or 1,
        ref=ref_of(state.registry_id, state.run_id, entry.path) if stored else None,
        promoted=promoted_view(state.promoted.get(entry.path)),
    )


def promoted_view(promotion: Promotion | None) -> PromotedView | None:
    """Return who promoted it, as shown."""
    if promotion is None:
        return None
    return PromotedView(at=promotion.at, by=actor_view(promotion.by), why=promotion.why)


def list_view(state: Artifacts, entries: Iterable[ArtifactCollected]) -> ArtifactsListView:
    """Return these entries as they are shown: stored ones by path, then what is not stored."""
    chosen = sorted(entries, key=lambda each: (each.outcome != "stored", each.path))
    items = [artifact_view(state, each) for each in chosen]
    return ArtifactsListView(
        run_id=state.run_id,
        items=items,
        counts=dict(Counter(item.outcome for item in items)),
        bytes=sum(item.bytes for item in items if item.outcome == "stored"),
        bundle_id=state.bundle_id,
        bundle=ref_of(state.registry_id, state.run_id),
        manifest=manifest_ref(state.registry_id, state.run_id),
        collected=state.is_collected,
        removed=state.is_removed,
    )


def manifest_file(state: Artifacts) -> bytes:
    """Return what lies beside the outputs: the manifest of everything collected so far."""
    return json.format(json.encode(manifest(state)), indent=1) + b"\n"


def manifest(state: Artifacts) -> ManifestView:
    """Return the manifest of everything collected so far."""
    return ManifestView(
        registry_id=state.registry_id,
        run_id=state.run_id,
        bundle_id=state.bundle_id,
        items=[
            ManifestItem(
                path=each.path,
                kind=each.kind,
                media_type=each.media_type or None,
                bytes=each.bytes,
                sha256=each.sha256 or "",
                redaction=each.redaction or None,
                ref=ref_of(state.registry_id, state.run_id, each.path),
            )
            for each in state.stored
        ],
        left_out=[
            LeftOutItem(
                path=each.path,
                outcome=each.outcome,
                bytes=each.bytes,
                reason=each.reason,
                files=each.files or 1,
            )
            for each in state.left_out
        ],
    )
