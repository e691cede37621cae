"""Which texts of an event pass the redactor before it is recorded, and which need not, and why.

Whoever appends events passes each through `redacted`. A test walks all kinds of events: a text that
stands in neither table fails it, so that a new event cannot forget the redactor. Pure.
"""

from collections.abc import Callable, Mapping
from typing import Final, TypeVar, cast

from msgspec import Struct, structs

from runlore.journal import events as e
from runlore.journal import values as v
from runlore.journal.redactor import Redactor

S = TypeVar("S", bound=Struct)
Rule = Callable[[Callable[[], Redactor], object], object]


def redacted(event: S, redactor: Callable[[], Redactor]) -> S:
    """Return the event, or a struct inside one, without secrets.

    redactor: asked for only if there is any text; making one costs time.
    """
    changed: dict[str, object] = {}
    for field, rule in RULES.get(type(event), _NOTHING).items():
        value = getattr(event, field)
        if value:  # nothing stands in what is empty
            clean = rule(redactor, value)
            if clean != value:
                changed[field] = clean
    return structs.replace(event, **changed) if changed else event


def _text(redactor: Callable[[], Redactor], value: object) -> object:
    return redactor().text(cast("str", value))


def _texts(redactor: Callable[[], Redactor], value: object) -> object:
    text = redactor().text
    return tuple(text(each) for each in cast("tuple[str, ...]", value))


def _argv(redactor: Callable[[], Redactor], value: object) -> object:
    return redactor().argv(cast("tuple[str, ...]", value))


def _named(redactor: Callable[[], Redactor], value: object) -> object:
    """Redact values, each by its name as well."""
    return redactor().values(cast("dict[str, str]", value))


def _both(redactor: Callable[[], Redactor], value: object) -> object:
    """Redact names and values, although the names announce secrets: the values are none."""
    text = redactor().text
    return {text(name): text(said) for name, said in cast("dict[str, str]", value).items()}


def _names(redactor: Callable[[], Redactor], value: object) -> object:
    """Redact names; the values are numbers."""
    text = redactor().text
    return {text(name): number for name, number in cast("dict[str, float]", value).items()}


def _document(redactor: Callable[[], Redactor], value: object) -> object:
    return redactor().metadata(value)


def _inside(redactor: Callable[[], Redactor], value: object) -> object:
    return redacted(cast("Struct", value), redactor)


def _each(redactor: Callable[[], Redactor], value: object) -> object:
    return tuple(redacted(one, redactor) for one in cast("tuple[Struct, ...]", value))


_NOTHING: Final[Mapping[str, Rule]] = {}
_WHY: Final[Mapping[str, Rule]] = {"why": _text}
_DETAIL: Final[Mapping[str, Rule]] = {"detail": _text}
_ENDED: Final[Mapping[str, Rule]] = {"reason": _inside, "observation": _inside}

RULES: Final[Mapping[type, Mapping[str, Rule]]] = {
    e.RunQueued: {
        "recipe": _inside,
        "name": _text,
        "tags": _named,
        "metadata": _document,
        "queue": _text,
        "origin": _inside,
    },
    e.RunBooting: {"masked": _texts, "unmasked": _both},
    e.RunStarted: {"handle": _inside},
    e.RunProgressed: {"message": _text, "step": _text, "metrics": _names},
    e.RunPreviewChanged: {"url": _text, "detail": _text},
    e.RunCheckpointed: {"name": _text, "path": _text},
    e.RunResultSet: {"result": _document},
    e.RunStopRequested: {"reason": _text},
    e.RunCollecting: {"survivors": _each},
    e.ArtifactDeclared: {"path": _text, "kind": _text},
    e.ArtifactCollected: {"path": _text, "media_type": _text, "kind": _text, "reason": _text},
    e.RunSucceeded: _ENDED,
    e.RunFailed: _ENDED,
    e.RunTimedOut: _ENDED,
    e.RunCancelled: _ENDED,
    e.OwnerAdopted: _WHY,
    e.RunTagged: {"tags": _named, "removed": _texts},
    e.RunNoted: {"text": _text},
    e.RunRenamed: {"name": _text},
    e.RunPinned: _WHY,
    e.RunUnpinned: _WHY,
    e.ArtifactPromoted: {"path": _text, "why": _text},
    e.RunAccepted: _WHY,
    e.RunExpired: _DETAIL,
    e.RunRemoved: _DETAIL,
    e.RunRestored: _DETAIL,
    e.TextRedacted: {"what": _text, "why": _text},
    v.Recipe: {
        "argv": _argv,
        "cwd": _text,
        "env": _named,
        "secrets": _texts,
        "secret_files": _both,
        "artifacts": _texts,
        "reports": _texts,
        "required": _texts,
        "template": _text,
    },
    v.Origin: {"external_id": _text, "source": _text, "host": _text, "git": _inside},
    v.GitState: {"branch": _text},
    v.Handle: {"target": _text},
    v.Reason: {"text": _text},
    v.Survivor: {"command": _text},
    v.Observation: _DETAIL,
}
"""By kind of event, or of a struct inside one: what passes the redactor, and how."""

_ID: Final = "an id that we mint"
_WORD: Final = "a word of ours"
STRUCTURAL: Final[Mapping[tuple[type, str], str]] = {
    (e.RunQueued, "run_id"): _ID,
    (e.RunQueued, "registry_id"): _ID,
    (e.RunQueued, "parent"): _ID,
    (e.RunQueued, "key"): "refused if the redactor would change it: a key must stay what it is",
    (e.RunQueued, "boot_id"): "the kernel's",
    (e.RunBooting, "runtime"): _WORD,
    (e.ArtifactCollected, "redaction"): _WORD,
    (e.RunExpired, "rule"): _WORD,
    (e.JournalRepaired, "quarantine"): "a file name that we make",
    (e.JournalContinued, "run_id"): _ID,
    (e.JournalContinued, "pack"): "a file name that we make",
    (v.Actor, "user"): "an account's name",
    (v.Actor, "host"): "a machine's name",
    (v.Actor, "program"): _WORD,
    (v.Identity, "boot_id"): "the kernel's",
    (v.Owner, "host"): "a machine's name",
    (v.Owner, "user"): "an account's name",
    (v.Owner, "version"): _WORD,
    (v.Handle, "runtime"): _WORD,
    (v.Recipe, "argv_bytes"): "made from the redacted arguments",
    (v.Recipe, "runtime"): _WORD,
    (v.Origin, "run_id"): _ID,
    (v.GitState, "commit"): "hex digits, checked where it is read",
}
"""Texts that hold nothing anybody typed, and why."""
