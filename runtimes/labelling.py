"""Label a run: tags, a note for people, another name. One record each, durable on return."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from runlore.journal.errors import BadInput
from runlore.journal.events import RunNoted, RunRenamed, RunTagged
from runlore.journal.values import RunId
from runlore.projections import labels
from runlore.runtimes.run_secrets import secrets_about

if TYPE_CHECKING:
    from runlore.runtimes.registry import Registry


def tag(registry: "Registry", run_id: RunId, tags: Mapping[str, str], remove: Iterable[str]) -> None:
    """Set tags, and remove others: see `Run.tag`."""
    secrets = secrets_about(registry.disk, registry.layout, run_id)
    kept = secrets.tags(labels.tags(tags))
    removed = tuple(secrets.tags({labels.tag_name(name): "" for name in remove}))
    if not kept and not removed:
        raise BadInput("no tag given; run.tag(name=value)")
    by = registry.by
    registry.append(run_id, lambda seq, at: RunTagged(seq=seq, at=at, by=by, tags=kept, removed=removed))


def note(registry: "Registry", run_id: RunId, text: str) -> None:
    """Leave a note for people: see `Run.note`."""
    if not text.strip():
        raise BadInput("an empty note")
    by, kept = registry.by, text.encode("utf-8", "backslashreplace").decode()
    registry.append(run_id, lambda seq, at: RunNoted(seq=seq, at=at, by=by, text=kept))


def rename(registry: "Registry", run_id: RunId, name: str) -> None:
    """Give a run another name, or none: see `Run.rename`."""
    by, kept = registry.by, labels.name(name) if name else ""
    registry.append(run_id, lambda seq, at: RunRenamed(seq=seq, at=at, by=by, name=kept))
