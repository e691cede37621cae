"""One run as lines for people: its outcome in a word or two, and all that `show` tells."""

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Final

from runlore.cli import outcomes, phrases, progress_bar
from runlore.projections.printable import printable
from runlore.projections.run_view import RunView

if TYPE_CHECKING:
    from runlore.cli.outcomes import Tint
    from runlore.projections.artifact_views import PromotedView
    from runlore.projections.run_view import AcceptanceView, EvidenceView

DROPPED: Final = "since its keepers died no secret values are left to redact with"
"""Why output was counted and not kept."""


def outcome(view: RunView) -> str:
    """Return the status and what a person asks next: `failed (3)`, `failed (SIGKILL)`, `running, stalled`."""
    if view.status is None:
        return view.problem.kind if view.problem else "unknown"
    if view.status == "failed" or view.status in outcomes.PLAIN_ENDS:
        code = view.reason.code if view.reason else None
        return outcomes.ended(view.status, view.exit_code, view.signal, code)
    health = "" if view.health in {"live", None} else f", {view.health}"
    return outcomes.word(view.status) + (", paused" if view.paused else "") + health


def tint(view: RunView) -> "Tint | None":
    """Return the colour of the status; None for one that needs none."""
    return "red" if view.status is None else outcomes.TINTS.get(view.status)


def tags(view: RunView) -> str:
    """Return the tags as `a=1 b=2`."""
    return printable(" ".join(f"{name}={value}" if value else name for name, value in view.tags.items()))


def progress(view: RunView, *, plain: bool = False) -> str:
    """Return how far the run says it is, printable; with a bar while it goes on. Empty if it said nothing."""
    said = view.progress
    if said is None:
        return ""
    drawn = view.ended_at is None
    return progress_bar.told(said.fraction, said.step, said.message, drawn=drawn, plain=plain)


def details(view: RunView, now: datetime, *, utc: bool, plain: bool = False) -> Iterator[tuple[str, str]]:
    """Yield (what, value) of everything known about a run that a person may want to see."""
    yield "run", view.run_id
    yield "name", view.name or ""
    yield "status", _status(view)
    yield "health", _health(view)
    yield "reason", view.reason.text if view.reason and view.reason.code != "exit_nonzero" else ""
    yield "problem", view.problem.detail if view.problem else ""
    yield "command", view.command or ""
    yield "folder", view.cwd or ""
    yield from _times(view, now, utc=utc)
    yield from _labels(view)
    yield from _results(view, plain=plain)
    yield from _retention(view, now, utc=utc)
    yield "secrets", _secrets(view)
    yield "owner", _owner(view)
    yield "stop asked", _stop(view, now, utc=utc)
    yield "observed", _observed(view)
    yield "journal", _journal(view)
    yield "head", view.journal_head or ""
    yield "again", view.rerun or ""


def _status(view: RunView) -> str:
    provisional = f"; not written down yet: `runlore reconcile {view.short_id}`" if view.provisional else ""
    return outcome(view) + provisional


def _observed(view: RunView) -> str:
    """Return what the end of a run whose owner could not tell it rests on, written down or not."""
    if view.provisional and view.seen:
        return view.seen.text
    return view.observation.detail if view.observation else ""


def _health(view: RunView) -> str:
    """Return the health with what it rests on, and with what can be done about it."""
    if view.health is None:
        return ""
    todo = {
        "unsupervised": f"; `runlore reconcile {view.short_id}` gives it a keeper",
        "stalled": f"; `runlore logs {view.short_id}` shows whether it gets on",
    }
    return f"{view.health}: {view.seen.text if view.seen else 'nobody could look'}{todo.get(view.health, '')}"


def _times(view: RunView, now: datetime, *, utc: bool) -> Iterator[tuple[str, str]]:
    for what, at in (("created", view.created_at), ("started", view.started_at), ("ended", view.ended_at)):
        if at is not None:
            yield what, phrases.absolute(at) + ("" if utc else f" ({phrases.moment(at, now, utc=False)})")
    if view.ended_at is None and view.last_activity_at is not None:
        when = "" if utc else f" ({phrases.moment(view.last_activity_at, now, utc=False)})"
        yield "last active", phrases.absolute(view.last_activity_at) + when
    yield ("took" if view.ended_at else "running for"), phrases.took(view.duration_s)


def _labels(view: RunView) -> Iterator[tuple[str, str]]:
    import msgspec  # noqa: PLC0415 - loaded long since; only metadata needs it here

    yield "tags", tags(view)
    yield "metadata", msgspec.json.encode(view.metadata).decode() if view.metadata else ""
    yield "key", view.key or ""
    yield from _origin(view)
    yield "parent", view.parent or ""


def _origin(view: RunView) -> Iterator[tuple[str, str]]:
    """Yield where the run comes from; of an imported one, what tells so, and what of it is not known."""
    origin = view.origin
    if origin is None:
        return
    if origin.imported_at is None:
        yield "origin", f"{origin.kind} of {origin.run_id or origin.external_id}"
        return
    where = f", ran on {origin.host}" if origin.host else ""
    when = phrases.absolute(origin.imported_at)
    yield "origin", f"imported {when}: {origin.external_id} of {origin.source}{where}"
    if git := origin.git:
        branch = f" on {git.branch}" if git.branch else ""
        yield "code", f"commit {git.commit}{branch}{', with changes' if git.dirty else ''}"
    if view.compatibility == "no_manifest":
        yield "known from", "files alone: no manifest says how it ended"


def _results(view: RunView, *, plain: bool) -> Iterator[tuple[str, str]]:
    import msgspec  # noqa: PLC0415 - see above

    output, used = view.transcript, view.resources
    yield "progress", progress(view, plain=plain)
    yield "preview", _preview(view)
    yield "result", msgspec.json.encode(view.result).decode() if view.result is not None else ""
    if output is not None and output.bytes is not None:
        lines = f", {phrases.counted(output.lines, 'line')}" if output.lines is not None else ""
        lost = f"; {phrases.size(output.dropped)} not kept" if output.dropped else ""
        if view.secrets is not None and not view.secrets.output_kept:
            lost += f"; {DROPPED}"
        yield "output", f"{phrases.size(output.bytes)}{lines}{lost}"
    stored = view.artifacts
    if stored is not None and stored.count:
        what = f"{phrases.counted(stored.count, 'file')}, {phrases.size(stored.bytes)}"
        yield "artifacts", f"{what}; see `runlore artifacts ls {view.short_id}`"
    if used is not None:
        yield "used", f"{phrases.took(used.cpu_s)} of CPU, {phrases.size(used.max_rss_bytes)} of memory"


def _retention(view: RunView, now: datetime, *, utc: bool) -> Iterator[tuple[str, str]]:
    """Yield what became of the run's outputs, or what keeps them once it has ended."""
    kept = view.retention
    yield "removed", removal(view, now, utc=utc)
    if kept.evidence is not None:
        count = phrases.counted(kept.evidence.outputs, "output")
        yield "evidence", f"{count}; the last {decided(kept.evidence, now, utc=utc)}"
    if kept.acceptance is not None:
        yield "accepted", decided(kept.acceptance, now, utc=utc)
    if view.ended_at is not None and kept.removal is None and kept.reason:
        yield ("may go" if kept.eligible else "kept"), kept.reason


def decided(made: "EvidenceView | AcceptanceView | PromotedView", now: datetime, *, utc: bool) -> str:
    """Return when, by whom and why something was decided."""
    by = f" by {made.by.user}@{made.by.host}" if made.by else ""
    return phrases.moment(made.at, now, utc=utc) + by + (f": {made.why}" if made.why else "")


def removal(view: RunView, now: datetime, *, utc: bool) -> str:
    """Return when a run's outputs were removed, by which rule, and whether they can come back."""
    gone = view.retention.removal
    if gone is None:
        return ""
    when = phrases.moment(gone.removed_at or gone.at, now, utc=utc)
    by = f" by {gone.by.user}@{gone.by.host}" if gone.by else ""
    why = f" ({gone.detail})" if gone.detail else ""
    what = f"{phrases.counted(gone.files, 'file')}, {phrases.size(gone.bytes)}"
    is_gone = gone.removed_at is not None or gone.can_return is False
    place = "for good" if is_gone else f"to the trash; `runlore restore {view.short_id}` brings it back"
    return f"{when}{by}, rule {gone.rule}{why}: {what}, {place}"


def _secrets(view: RunView) -> str:
    known = view.secrets
    if known is None:
        return ""
    masked = f"masked {', '.join(known.masked)}" if known.masked else ""
    unmasked = ", ".join(f"{name} ({why})" for name, why in known.unmasked.items())
    return "; ".join(part for part in (masked, f"not masked {unmasked}" if unmasked else "") if part)


def _preview(view: RunView) -> str:
    preview = view.preview
    if preview is None:
        return ""
    until = f", until {phrases.absolute(preview.lease_until)}" if preview.lease_until else ""
    return " ".join(part for part in (preview.state, preview.url or "", preview.detail) if part) + until


def _owner(view: RunView) -> str:
    if view.owner is None or view.ended_at is not None:
        return ""
    return f"pid {view.owner.pid} on {view.owner.host}"


def _stop(view: RunView, now: datetime, *, utc: bool) -> str:
    stop = view.stop
    if stop is None:
        return ""
    by = f" by {stop.by.user}@{stop.by.host}" if stop.by else ""
    reason = f": {stop.reason}" if stop.reason else ""
    return f"{phrases.moment(stop.at, now, utc=utc)}{by}{reason}"


def _journal(view: RunView) -> str:
    sealed = "sealed" if view.sealed else "not sealed"
    mode = "" if view.durability == "power" else f", durability {view.durability}"
    newer = ", written by a newer release" if view.compatibility == "newer_format" else ""
    return f"{phrases.counted(view.seq, 'record')}, {sealed}{mode}{newer}"
