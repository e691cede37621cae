"""What a workload may say about its own run, checked: each returns the event to append.

Place and time are filled in by whoever appends it (see `placed`), who also takes the secrets out. Pure.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from math import isfinite, isnan
from typing import Final, Literal, cast

import msgspec

from runlore.journal import events
from runlore.journal.errors import BadInput
from runlore.journal.events import Event
from runlore.journal.values import Actor, Seq

RESULT_BYTES: Final = 64 * 1024
PreviewState = Literal["starting", "available", "released", "expired", "failed"]
PREVIEW_STATES: Final[tuple[PreviewState, ...]] = ("starting", "available", "released", "expired", "failed")

_SOMETIME: Final = datetime.min.replace(tzinfo=UTC)
"""Stands in an event until its place and time are known."""
_HEX: Final = frozenset("0123456789abcdef")
_DIGEST_LENGTH: Final = 64
_LONGEST_KIND: Final = 32
_KIND: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")


def placed(event: Event, seq: Seq, at: datetime, *, by: Actor | None = None, epoch: int = 0) -> Event:
    """Return the event with its place, its time, and who says it."""
    return msgspec.structs.replace(event, seq=seq, at=at, by=by, epoch=epoch)


def readied() -> events.RunReadied:
    """Return what says that the run is ready."""
    return events.RunReadied(seq=1, at=_SOMETIME)


def progressed(
    fraction: float | None = None,
    message: str = "",
    *,
    step: str = "",
    metrics: Mapping[str, float] | None = None,
) -> events.RunProgressed:
    """Return what says how far the work is; a fraction is cut to 0…1, an infinite metric is left out.

    Raises:
        BadInput: the fraction is no number.
    """
    if fraction is not None:
        if isnan(fraction):
            raise BadInput("a fraction is a number from 0 to 1")
        fraction = min(1.0, max(0.0, float(fraction)))
    kept = {_text(name): float(value) for name, value in (metrics or {}).items() if isfinite(value)}
    return events.RunProgressed(
        seq=1, at=_SOMETIME, fraction=fraction, message=_text(message), step=_text(step), metrics=kept
    )


def result_set(result: object) -> events.RunResultSet:
    """Return what sets the run's own result document.

    Raises:
        BadInput: it is not JSON, or takes more than 64 KiB.
    """
    try:
        kept: object = msgspec.to_builtins(result, str_keys=True)
        size = len(msgspec.json.encode(kept))
    except (TypeError, ValueError, RecursionError, msgspec.MsgspecError) as error:
        raise BadInput(f"the result is not JSON: {error}") from error
    if not _is_finite(kept):
        raise BadInput("the result holds a number that is not finite, which JSON cannot carry")
    if size > RESULT_BYTES:
        raise BadInput(f"a result of {size:,} bytes; at most {RESULT_BYTES:,}. Name a file instead")
    return events.RunResultSet(seq=1, at=_SOMETIME, result=kept)


def preview_changed(
    state: str, url: str = "", *, lease_until: datetime | None = None, detail: str = ""
) -> events.RunPreviewChanged:
    """Return what says that the run's preview is in another state, and until when it may be used.

    Raises:
        BadInput: there is no such state.
    """
    if state not in PREVIEW_STATES:
        raise BadInput(f"no preview state {state!a}; there are {', '.join(PREVIEW_STATES)}")
    return events.RunPreviewChanged(
        seq=1, at=_SOMETIME, state=state, url=_text(url), lease_until=lease_until, detail=_text(detail)
    )


def checkpointed(name: str, path: str, *, sha256: str | None = None) -> events.RunCheckpointed:
    """Return what says that something was saved to resume from.

    Raises:
        BadInput: name or path is empty, or the digest is none.
    """
    if not name.strip() or not path:
        raise BadInput("a checkpoint has a name and a path")
    if sha256 is not None and (len(sha256) != _DIGEST_LENGTH or not _HEX.issuperset(sha256)):
        raise BadInput(f"{sha256[:80]!a} is no SHA-256: 64 digits from 0 to 9 and a to f")
    return events.RunCheckpointed(seq=1, at=_SOMETIME, name=_text(name), path=_text(path), sha256=sha256)


def declared(path: str, *, kind: str = "") -> events.ArtifactDeclared:
    """Return what names a file, or a folder, that is to be collected when the run has ended.

    path: absolute, as this process sees it.

    Raises:
        BadInput: it is not, or the kind is no plain word.
    """
    if not path.startswith("/") or "\0" in path:
        raise BadInput(f"an artifact has a path that is absolute by now; {path[:80]!a} is none")
    if kind and (len(kind) > _LONGEST_KIND or not _KIND.issuperset(kind)):
        raise BadInput(f"kind {kind[:80]!a}: write a word of small letters, digits and `-`, such as report")
    return events.ArtifactDeclared(seq=1, at=_SOMETIME, path=_text(path), kind=kind)


def saved_at(path: str, absolute: Callable[[str], str]) -> str:
    """Return a path so that it means the same from everywhere; a URL is one already."""
    return path if "://" in path or not path else absolute(path)


def noted(text: str) -> events.RunNoted:
    """Return what leaves a note for people.

    Raises:
        BadInput: it is empty.
    """
    if not text.strip():
        raise BadInput("an empty note")
    return events.RunNoted(seq=1, at=_SOMETIME, text=_text(text))


def _text(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _is_finite(value: object) -> bool:
    """Say whether every number in a JSON document is one that JSON has."""
    if isinstance(value, float):
        return isfinite(value)
    if isinstance(value, dict):
        value = list(cast("dict[str, object]", value).values())
    return not isinstance(value, list | tuple) or all(map(_is_finite, cast("list[object]", value)))
