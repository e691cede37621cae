"""The artifacts projection: what a run declared, what of it is stored, and what was promoted. Pure.

The bundle is the set of stored outputs. Its id is the SHA-256 of its checksum list: one line per
output, as `sha256sum` writes it, in the order of the paths' bytes.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Final

from msgspec import Struct

from runlore.journal import events as e
from runlore.journal.values import Actor, Recipe, RunId
from runlore.projections.fold import Step, TableProjection
from runlore.projections.globs import Selection, as_recorded, parsed

FILE: Final = "file"
REPORT: Final = "report"
"""The kinds of outputs that nobody gave another."""
_UNQUOTED: Final = re.compile(r"[A-Za-z0-9_.~/-]*")
"""A path that stands in a reference as it is (RFC 3986, section 2.3)."""


class Promotion(Struct, frozen=True, kw_only=True):
    """An output that became evidence."""

    at: datetime
    by: Actor | None
    why: str
    path: str
    sha256: str
    bytes: int


class Artifacts(Struct):
    """What a journal says about its run's outputs. Not to be changed by whoever was handed it."""

    run_id: RunId = RunId("")
    registry_id: str = ""
    recipe: Recipe | None = None
    declared: tuple[e.ArtifactDeclared, ...] = ()
    """What the workload named, oldest first."""
    entries: tuple[e.ArtifactCollected, ...] = ()
    """What was collected and what was not, in the order of the journal."""
    promoted: Mapping[str, Promotion] = {}
    """By path; of several promotions the first one."""
    is_collected: bool = False
    """The run has ended, so that nothing more will be collected."""
    is_removed: bool = False
    """They were removed, or are in the trash; what was promoted is not."""

    @property
    def stored(self) -> tuple[e.ArtifactCollected, ...]:
        """The outputs whose bytes were stored, by path."""
        kept = [each for each in self.entries if each.outcome == "stored" and each.sha256 is not None]
        return tuple(sorted(kept, key=lambda each: each.path))

    @property
    def left_out(self) -> tuple[e.ArtifactCollected, ...]:
        """What was found, or asked for, and is not stored, in the order of the journal."""
        return tuple(each for each in self.entries if each.outcome != "stored")

    @property
    def bytes(self) -> int:
        """Bytes of all stored outputs; two with the same content count twice."""
        return sum(each.bytes for each in self.stored)

    @property
    def bundle_id(self) -> str:
        """What names exactly this set of outputs, whichever run made it."""
        return bundle_id((each.path, each.sha256 or "") for each in self.stored)


def ref_of(registry_id: str, run_id: str, path: str | None = None) -> str:
    """Return the name of an output that says nothing of where it lies; without a path, of the bundle."""
    whole = f"runlore://{registry_id}/{run_id}/artifacts"
    if path is None:
        return whole
    if _UNQUOTED.fullmatch(path):
        return f"{whole}/{path}"
    from urllib.parse import quote  # noqa: PLC0415 - 5 ms that only few names need

    return f"{whole}/{quote(path, safe='/~')}"


def manifest_ref(registry_id: str, run_id: str) -> str:
    """Return the name of a run's manifest."""
    return f"runlore://{registry_id}/{run_id}/manifest"


def checksum_list(outputs: Iterable[tuple[str, str]]) -> str:
    """Return (path, SHA-256) of outputs as `sha256sum` writes them, in the order of the paths' bytes."""
    lines = sorted((path.encode("utf-8", "surrogatepass"), digest) for path, digest in outputs)
    return "".join(_checksum_line(path.decode("utf-8", "surrogatepass"), digest) for path, digest in lines)


def bundle_id(outputs: Iterable[tuple[str, str]]) -> str:
    """Return the SHA-256 of the checksum list."""
    return sha256(checksum_list(outputs).encode("utf-8", "surrogatepass")).hexdigest()


def unmet(recipe: Recipe | None, entries: Iterable[e.ArtifactCollected]) -> str:
    """Return which declared outputs are not durable; nothing if all are.

    Each required pattern must have a stored output, and nothing that was declared may have failed. What
    was skipped by rule or limit is on record, and missing only where it was required.
    """
    found = tuple(entries)
    missing = [_missing(each, found) for each in recipe.required] if recipe else []
    failed = [f"{each.path or 'outputs'} was not stored: {each.reason}" for each in found if _failed(each)]
    problems = [*filter(None, missing), *failed]
    more = f" (and {len(problems) - _TOLD} more)" if len(problems) > _TOLD else ""
    return "; ".join(problems[:_TOLD]) + more


_TOLD: Final = 3
"""Problems that a reason names; the journal has them all."""


def _missing(pattern: str, entries: tuple[e.ArtifactCollected, ...]) -> str:
    """Return what is to be said of a required pattern; nothing if it is met."""
    glob = parsed(as_recorded(pattern))
    meant = [each for each in entries if not each.files and glob.means(each.path)]
    if any(each.outcome == "stored" for each in meant):
        return ""
    if not meant:
        return f"nothing was found for {pattern}, which is required"
    return f"{meant[0].path}, which is required, was {meant[0].outcome}: {meant[0].reason}"


def _failed(entry: e.ArtifactCollected) -> bool:
    return entry.outcome == "failed"


def _checksum_line(path: str, digest: str) -> str:
    """Return one line of sha256sum(1): a backslash in front says that the name is escaped."""
    if "\n" not in path and "\r" not in path and "\\" not in path:
        return f"{digest}  {path}\n"
    escaped = path.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    return f"\\{digest}  {escaped}\n"


def selected(entries: Iterable[e.ArtifactCollected], patterns: Iterable[str]) -> list[e.ArtifactCollected]:
    """Return the entries whose paths are meant; all of them without a pattern.

    A pattern that is exactly the path of an entry means that one, whatever its characters stand for.

    Raises:
        BadInput: a pattern is none.
    """
    given, found = tuple(patterns), list(entries)
    if not given:
        return found
    exact = {each.path for each in found}.intersection(given)
    chosen = Selection(each for each in given if each not in exact)
    return [each for each in found if each.path in exact or (not each.files and chosen.means(each.path))]


# -- the fold


def _queued(state: Artifacts, event: e.RunQueued) -> None:
    if not state.run_id:
        state.run_id, state.registry_id = RunId(event.run_id), event.registry_id
        state.recipe = event.recipe


def _declared(state: Artifacts, event: e.ArtifactDeclared) -> None:
    state.declared = (*state.declared, event)


def _ended(state: Artifacts, _event: e.FinalEvent) -> None:
    state.is_collected = True


def _removed(state: Artifacts, _event: e.RunExpired) -> None:
    state.is_removed = True


def _restored(state: Artifacts, _event: e.RunRestored) -> None:
    state.is_removed = False


def _promoted(state: Artifacts, event: e.ArtifactPromoted) -> None:
    if event.path not in state.promoted:
        one = Promotion(
            at=event.at, by=event.by, why=event.why, path=event.path, sha256=event.sha256, bytes=event.bytes
        )
        state.promoted = {**state.promoted, event.path: one}


_STEPS: Final[Mapping[type, Step]] = {
    e.RunQueued: _queued,
    e.ArtifactDeclared: _declared,
    e.ArtifactPromoted: _promoted,
    e.RunExpired: _removed,
    e.RunRestored: _restored,
    **dict.fromkeys(e.FINAL, _ended),
}


class ArtifactsProjection(TableProjection[Artifacts]):
    """Folds events into what is known of a run's outputs; as quick for many of them as for a few."""

    def __init__(self) -> None:
        super().__init__("artifacts", 2, Artifacts, _STEPS)

    def fold(self, events: Iterable[e.AnyEvent], state: Artifacts) -> Artifacts:
        """Return the state after all of `events`; `state` itself stays as it was."""
        given = tuple(events)
        entries = tuple(each for each in given if isinstance(each, e.ArtifactCollected))
        working = super().fold((each for each in given if type(each) in _STEPS), state)
        working.entries = (*state.entries, *entries)
        return working


ARTIFACTS: Final = ArtifactsProjection()
