"""Build the run view from a run's state. Pure."""

from datetime import datetime
from typing import Final, Literal

from runlore.journal import ids
from runlore.journal.events import FORMAT
from runlore.journal.values import GitState, Head
from runlore.projections import shell
from runlore.projections.health import Health
from runlore.projections.replay import replay_command
from runlore.projections.run_state import BEGINNING, IMPORTED, OWN_PROCESS, RunState
from runlore.projections.run_view import (
    AcceptanceView,
    ArtifactsView,
    EvidenceView,
    GitView,
    HandleView,
    ObservationView,
    OriginView,
    OwnerView,
    PreviewView,
    Problem,
    ProgressView,
    ReasonView,
    RemovalView,
    ResourcesView,
    RetentionView,
    RunView,
    SecretsView,
    SeenView,
    ShownHealth,
    StopView,
    TranscriptView,
    actor_view,
)


def run_view(
    state: RunState,
    *,
    as_of: datetime,
    health: Health | None = None,
    provisional: bool = False,
    paused: bool = False,
    seen: SeenView | None = None,
    head: Head | None = None,
    transcript: TranscriptView | None = None,
    problem: Problem | None = None,
) -> RunView:
    """Return the view of a run as it was found at `as_of`.

    health, provisional: from `health.assess`, together with the state it gives back.
    paused, seen: from the look that this rests on.
    transcript: what the transcript itself says, if anybody looked; else what the journal knows of it.
    """
    queued, recipe, final = state.queued, state.recipe, state.final
    return RunView(
        run_id=state.run_id,
        short_id=ids.short(state.run_id),
        name=state.name or None,
        status=state.status,
        provisional=provisional,
        health=_shown_health(state, health),
        reason=_reason(state),
        exit_code=state.exit_code,
        signal=state.signal,
        created_at=state.created_at,
        started_at=state.started_at,
        ended_at=state.ended_at,
        duration_s=_duration_s(state, as_of),
        last_activity_at=state.last_activity_at if state.last_activity_at > BEGINNING else None,
        runtime=state.runtime or None,
        handle=_handle(state),
        owner=_owner(state),
        command=shell.join(recipe.argv) if recipe else None,
        cwd=recipe.cwd if recipe else None,
        tags=state.tags,
        metadata=queued.metadata if queued else {},
        key=state.key or None,
        origin=_origin(state),
        parent=(queued.parent or None) if queued else None,
        attempt=(state.origin.attempt or None) if state.origin else None,
        preview=_preview(state),
        progress=_progress(state),
        result=state.result.result if state.result and final else None,
        resources=_resources(state),
        artifacts=_artifacts(state),
        transcript=transcript or _transcript(state),
        retention=_retention(state),
        rerun=replay_command(state.name, recipe) if recipe and (recipe.argv or recipe.argv_bytes) else None,
        seq=state.seq,
        journal_head=head,
        owner_epoch=state.epoch,
        sealed=state.sealed,
        compatibility=_compatibility(state),
        durability=state.durability,
        stop=_stop(state),
        observation=_observation(state),
        seen=seen if provisional or _shown_health(state, health) else None,
        secrets=_secrets(state),
        paused=paused and not state.ended,
        problem=problem,
    )


_HIDDEN: Final = frozenset({"ended", "queued"})


def _shown_health(state: RunState, health: Health | None) -> ShownHealth | None:
    if state.ended or health in _HIDDEN:
        return None
    return health  # type: ignore[return-value]  # what is hidden was just taken out


def _duration_s(state: RunState, as_of: datetime) -> float | None:
    if state.started_at is None:
        return None
    end = state.ended_at or as_of
    return max(0.0, (end - state.started_at).total_seconds())


def _reason(state: RunState) -> ReasonView | None:
    reason = state.reason
    if reason is None:
        return None
    return ReasonView(code=reason.code, text=reason.text, by=actor_view(reason.by))


def _handle(state: RunState) -> HandleView | None:
    handle = state.handle
    if handle is None:
        return None
    return HandleView(
        runtime=handle.runtime,
        pid=handle.pid or None,
        wrapper_pid=handle.wrapper.pid if handle.wrapper else None,
        target=handle.target or None,
    )


def _owner(state: RunState) -> OwnerView | None:
    owner = state.owner
    if owner is None:
        return None
    return OwnerView(host=owner.host, pid=owner.identity.pid, user=owner.user, version=owner.version)


def _origin(state: RunState) -> OriginView | None:
    origin = state.origin
    if origin is None:
        return None
    return OriginView(
        kind=origin.kind,
        run_id=origin.run_id or None,
        external_id=origin.external_id or None,
        source=origin.source or None,
        imported_at=origin.imported_at,
        host=origin.host or None,
        git=_git(origin.git),
    )


def _git(git: GitState | None) -> GitView | None:
    if git is None:
        return None
    return GitView(
        commit=git.commit, branch=git.branch or None, dirty=git.dirty, patch_sha256=git.patch_sha256
    )


def _compatibility(state: RunState) -> Literal["newer_format", "no_manifest"] | None:
    if state.format > FORMAT:
        return "newer_format"
    return "no_manifest" if state.origin is not None and state.origin.told_by == "files" else None


def _preview(state: RunState) -> PreviewView | None:
    preview = state.preview
    if preview is None:
        return None
    return PreviewView(
        state=preview.state,
        url=preview.url or None,
        lease_until=preview.lease_until,
        detail=preview.detail,
    )


def _progress(state: RunState) -> ProgressView | None:
    progress = state.progress
    if progress is None:
        return None
    return ProgressView(
        at=progress.at,
        fraction=progress.fraction,
        message=progress.message,
        step=progress.step,
        metrics=progress.metrics,
    )


def _resources(state: RunState) -> ResourcesView | None:
    usage = state.usage
    if usage is None:
        return None
    return ResourcesView(cpu_s=usage.cpu_s, max_rss_bytes=usage.max_rss_bytes)


def _artifacts(state: RunState) -> ArtifactsView | None:
    if state.queued is None or not (state.declares or state.artifact_count):
        return None
    registry_id = state.queued.registry_id
    return ArtifactsView(
        count=state.artifact_count,
        bytes=state.artifact_bytes,
        bundle=f"runlore://{registry_id}/{state.run_id}/artifacts",
        manifest=f"runlore://{registry_id}/{state.run_id}/manifest",
    )


def _transcript(state: RunState) -> TranscriptView | None:
    if state.booting is None or state.queued is None or state.runtime == OWN_PROCESS:
        return None
    counted = state.collecting
    if state.runtime == IMPORTED and not (counted and counted.transcript_bytes):
        return None
    return TranscriptView(
        ref=f"runlore://{state.queued.registry_id}/{state.run_id}/transcript",
        bytes=(counted.transcript_bytes or None) if counted else None,
        dropped=(counted.dropped_bytes or None) if counted else None,
    )


def _retention(state: RunState) -> RetentionView:
    """Return what the journal alone knows; whether a rule takes the run is told by `retention_view`."""
    return RetentionView(
        pinned=state.pinned,
        promoted=state.promoted,
        accepted=state.accepted,
        evidence=_evidence(state),
        acceptance=_acceptance(state),
        removal=_removal(state),
    )


def _evidence(state: RunState) -> EvidenceView | None:
    last = state.promotion
    if last is None:
        return None
    return EvidenceView(outputs=state.promotions, at=last.at, by=actor_view(last.by), why=last.why)


def _acceptance(state: RunState) -> AcceptanceView | None:
    first = state.acceptance
    if first is None:
        return None
    return AcceptanceView(at=first.at, by=actor_view(first.by), why=first.why)


def _removal(state: RunState) -> RemovalView | None:
    expired, at, receipt = state.expired, state.expired_at, state.removed
    if expired is None or at is None:
        return None
    return RemovalView(
        at=at,
        rule=expired.rule,
        detail=expired.detail,
        by=actor_view(expired.by),
        removed_at=state.removed_at,
        files=receipt.files if receipt else expired.files,
        bytes=receipt.bytes if receipt else expired.bytes,
    )


def _secrets(state: RunState) -> SecretsView | None:
    booting = state.booting
    if booting is None or not (booting.masked or booting.unmasked or state.output_dropped):
        return None
    return SecretsView(
        masked=list(booting.masked), unmasked=booting.unmasked, output_kept=not state.output_dropped
    )


def _stop(state: RunState) -> StopView | None:
    stop, at = state.stop, state.stop_at
    if stop is None or at is None:
        return None
    return StopView(at=at, reason=stop.reason, force=stop.force, by=actor_view(stop.by))


def _observation(state: RunState) -> ObservationView | None:
    seen = state.observation
    if seen is None:
        return None
    return ObservationView(
        at=seen.at,
        owner=seen.owner,
        command=seen.command,
        exit_record=seen.exit_record,
        boot_changed=seen.boot_changed,
        detail=seen.detail,
    )
