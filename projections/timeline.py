"""The history of a run for people: one sentence per event, oldest first.

A row of progress reports is one line, the last of them, with their number. Texts come from the journal
as they are; whoever prints them makes them printable. Pure.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Final, Literal

from msgspec import Struct

from runlore.journal import events as e
from runlore.journal.events import AnyEvent, RunProgressed, tag_of
from runlore.journal.values import Owner, RunId, Seq
from runlore.projections import shell
from runlore.projections.fold import TableProjection
from runlore.projections.run_view import ActorView, actor_view


class HistoryLine(Struct, frozen=True, kw_only=True):
    """One event, as a sentence."""

    seq: Seq
    at: datetime
    """Effective time: never before the line above."""
    type: str
    text: str
    by: ActorView | None = None
    count: int = 1
    """How many reports of progress in a row this line stands for; it tells the last of them."""


class HistoryView(Struct, frozen=True, kw_only=True):
    """What happened to a run, oldest first."""

    schema: Literal["runlore.history/1"] = "runlore.history/1"
    run_id: RunId
    items: list[HistoryLine]


_WORTH_TELLING_S: Final = 0.5
"""Seconds by which a command's end may precede its event before that is said."""

Timeline = tuple[HistoryLine, ...]


class TimelineProjection(TableProjection[Timeline]):
    """Folds events into lines of history."""

    def __init__(self) -> None:
        super().__init__("timeline", 1, tuple, {})

    def fold(self, events: Iterable[AnyEvent], state: Timeline) -> Timeline:
        """Return the lines after all of `events`; `state` itself stays as it was."""
        lines = list(state)
        for event in events:
            last = lines[-1] if lines else None
            line = _line(event, last)
            if line.count > 1:
                lines[-1] = line
            else:
                lines.append(line)
        return tuple(lines)


def describe(event: AnyEvent) -> str:
    """Return what the event says, as a sentence for people."""
    text: str = _TEXTS[type(event)](event)
    return text


def _line(event: AnyEvent, last: HistoryLine | None) -> HistoryLine:
    kind = tag_of(event)
    again = type(event) is RunProgressed and last is not None and last.type == kind
    return HistoryLine(
        seq=Seq(event.seq),
        at=event.at if last is None else max(event.at, last.at),
        type=kind,
        text=describe(event),
        by=actor_view(event.by),
        count=last.count + 1 if again and last is not None else 1,
    )


def _joined(*parts: str, by: str = " ") -> str:
    return by.join(part for part in parts if part)


def _because(what: str, why: str) -> str:
    return f"{what}: {why}" if why else what


def _queued(event: e.RunQueued) -> str:
    name = f"as {event.name}" if event.name else ""
    queue = f"in queue {event.queue}" if event.queue else ""
    return _because(_joined("submitted", name, queue), shell.join(event.recipe.argv))


def _keeper(owner: Owner) -> str:
    return f"keeper {owner.identity.pid} on {owner.host}"


def _started(event: e.RunStarted) -> str:
    handle = event.handle
    place = f"pid {handle.pid}" if handle.pid else handle.target
    return _joined("started", place, by=", ")


def _readied(_event: e.RunReadied) -> str:
    return "said that it is ready"


def _progressed(event: e.RunProgressed) -> str:
    share = f"{event.fraction:.0%}" if event.fraction is not None else ""
    metrics = " ".join(f"{name}={value:g}" for name, value in event.metrics.items())
    return _joined(share, event.step, event.message, metrics) or "a sign of life"


def _stop(event: e.RunStopRequested) -> str:
    return _because("asked to stop by force" if event.force else "asked to stop", event.reason)


def _collecting(event: e.RunCollecting) -> str:
    how = "the command ended, and nobody saw how"
    if event.signal is not None:
        how = f"the command was killed by signal {event.signal}"
    elif event.exit_code is not None:
        how = f"the command ended with exit code {event.exit_code}"
    if (
        event.exited_at is not None
        and (drained := (event.at - event.exited_at).total_seconds()) >= _WORTH_TELLING_S
    ):
        how += f", {drained:.1f}s before this was written"
    left = ", ".join(f"{one.pid} {one.command}".strip() for one in event.survivors)
    dropped = f"{event.dropped_bytes:,} bytes of output could not be stored" if event.dropped_bytes else ""
    return _joined(how, f"still alive: {left}" if left else "", dropped, by="; ")


def _declared(event: e.ArtifactDeclared) -> str:
    return f"declared {event.path} as {event.kind}" if event.kind else f"declared {event.path}"


def _artifact(event: e.ArtifactCollected) -> str:
    if event.files:
        more = f"{event.files:,} more in {event.path}" if event.path else f"{event.files:,} more"
        return _because(f"{event.outcome} {more}", event.reason)
    if event.outcome == "stored":
        return f"stored {event.path} ({event.bytes:,} bytes)"
    return _because(f"{event.outcome} {event.path}", event.reason)


def _final(event: e.FinalEvent) -> str:
    status = tag_of(event).removeprefix("run.").replace("_", " ")
    found = " (found so, and written down later)" if event.observation is not None else ""
    return _because(status, event.reason.text if event.reason else "") + found


def _tagged(event: e.RunTagged) -> str:
    put = " ".join(f"{name}={value}" if value else name for name, value in event.tags.items())
    gone = " ".join(event.removed)
    said = _joined(f"tagged {put}" if put else "", f"untagged {gone}" if gone else "", by=", ")
    return said or "tagged with nothing"


def _repaired(event: e.JournalRepaired) -> str:
    cause = event.cause.replace("_", " ")
    kept = f", kept as {event.quarantine}" if event.quarantine else ""
    return f"repaired after {cause}: {event.bytes:,} bytes cut at byte {event.offset:,}{kept}"


def _booting(event: e.RunBooting) -> str:
    return f"{_keeper(event.owner)} took it ({event.runtime})"


def _preview_changed(event: e.RunPreviewChanged) -> str:
    return _joined("preview", event.state, event.url, event.detail)


def _checkpointed(event: e.RunCheckpointed) -> str:
    return f"saved checkpoint {event.name} at {event.path}"


def _result_set(_event: e.RunResultSet) -> str:
    return "set its result"


def _sealed(event: e.RunSealed) -> str:
    return f"sealed after {event.count:,} records"


def _owner_adopted(event: e.OwnerAdopted) -> str:
    return _because(f"{_keeper(event.owner)} took over", event.why)


def _noted(event: e.RunNoted) -> str:
    return f"note: {event.text}"


def _renamed(event: e.RunRenamed) -> str:
    return f"named {event.name}" if event.name else "its name was taken away"


def _pinned(event: e.RunPinned) -> str:
    return _because("pinned", event.why)


def _unpinned(event: e.RunUnpinned) -> str:
    return _because("unpinned", event.why)


def _artifact_promoted(event: e.ArtifactPromoted) -> str:
    return _because(f"promoted {event.path}", event.why)


def _accepted(event: e.RunAccepted) -> str:
    return _because("accepted", event.why)


def _expired(event: e.RunExpired) -> str:
    return _because(f"to be removed by rule {event.rule}", event.detail)


def _removed(event: e.RunRemoved) -> str:
    return f"removed {event.files:,} files, {event.bytes:,} bytes"


def _restored(event: e.RunRestored) -> str:
    return _because("restored", event.detail)


def _journal_continued(event: e.JournalContinued) -> str:
    return _joined("goes on from pack", event.pack)


def _text_redacted(event: e.TextRedacted) -> str:
    lines = f" in lines {', '.join(map(str, event.seqs))}" if event.seqs else ""
    return _because(f"redacted {event.what}{lines}", event.why)


def _unknown_event(event: e.UnknownEvent) -> str:
    return f"{event.type}: an event of a newer release"


_TEXTS: Final[Mapping[type, Callable[..., str]]] = {
    e.RunQueued: _queued,
    e.RunBooting: _booting,
    e.RunStarted: _started,
    e.RunReadied: _readied,
    e.RunProgressed: _progressed,
    e.RunPreviewChanged: _preview_changed,
    e.RunCheckpointed: _checkpointed,
    e.RunResultSet: _result_set,
    e.RunStopRequested: _stop,
    e.RunCollecting: _collecting,
    e.ArtifactDeclared: _declared,
    e.ArtifactCollected: _artifact,
    e.RunSucceeded: _final,
    e.RunFailed: _final,
    e.RunTimedOut: _final,
    e.RunCancelled: _final,
    e.RunSealed: _sealed,
    e.OwnerAdopted: _owner_adopted,
    e.RunTagged: _tagged,
    e.RunNoted: _noted,
    e.RunRenamed: _renamed,
    e.RunPinned: _pinned,
    e.RunUnpinned: _unpinned,
    e.ArtifactPromoted: _artifact_promoted,
    e.RunAccepted: _accepted,
    e.RunExpired: _expired,
    e.RunRemoved: _removed,
    e.RunRestored: _restored,
    e.JournalRepaired: _repaired,
    e.JournalContinued: _journal_continued,
    e.TextRedacted: _text_redacted,
    e.UnknownEvent: _unknown_event,
}

TIMELINE: Final = TimelineProjection()
