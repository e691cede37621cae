"""JSON Schema (draft 2020-12) of everything that is printed, or read, as JSON, by name.

Made from the same structs that are encoded, so schema and output cannot disagree. Extra fields are
allowed everywhere, because fields get added. Pure.
"""

from typing import Final

import msgspec

from runlore.journal.errors import NotFound
from runlore.journal.events import KnownEvent
from runlore.projections import (
    artifact_findings,
    artifact_views,
    delivery,
    exported,
    hold,
    import_record,
    imported,
    promote_views,
    retention_views,
    run_line,
    subscription_views,
    views,
)

_DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
_NEWER_EVENT: Final = {
    "title": "An event of a newer release",
    "type": "object",
    "required": ["type", "seq", "at"],
    "properties": {"type": {"type": "string"}, "seq": {"type": "integer"}, "at": {"type": "string"}},
}

SHOWN: Final[dict[str, type]] = {
    "run": views.RunView,
    "ps": views.PsView,
    "submit": views.SubmitView,
    "submit_line": run_line.RunLine,
    "submitted": views.SubmittedRecord,
    "submit_end": views.SubmitEnd,
    "wait": views.WaitView,
    "stop": views.StopView,
    "labelled": views.LabelledView,
    "emit": views.EmitView,
    "signal": views.SignalView,
    "verify": views.VerifyView,
    "heads": views.HeadsView,
    "reconcile": views.ReconcileView,
    "repair": views.RepairView,
    "redact": views.RedactView,
    "scan": views.ScanView,
    "pack": views.PackView,
    "doctor": views.DoctorView,
    "info": views.InfoView,
    "index": views.IndexView,
    "sql": views.SqlView,
    "init": views.InitView,
    "config": views.ConfigView,
    "prune": retention_views.PruneView,
    "remove": retention_views.RemoveView,
    "trash": retention_views.TrashView,
    "retention": retention_views.RetainedView,
    "df": retention_views.DfView,
    "spec": views.SpecView,
    "names": views.NamesView,
    "subscription": subscription_views.SubscriptionView,
    "subscriptions": subscription_views.SubscriptionsView,
    "removed_subscription": subscription_views.RemovedSubscriptionView,
    "import": imported.ImportView,
    "import_record": import_record.ImportRecord,
    "artifacts": artifact_views.ArtifactsListView,
    "manifest": artifact_views.ManifestView,
    "artifacts_got": artifact_views.ArtifactsGotView,
    "promote": promote_views.PromoteView,
    "artifacts_verified": artifact_findings.ArtifactsVerifiedView,
    "export": exported.ExportView,
    "completion": views.CompletionView,
    "history": views.HistoryView,
    "ps_record": views.PsRecord,
    "record": views.EventRecord,
    "delivery": delivery.DeliveryRecord,
    "line": views.LineRecord,
    "control": views.ControlRecord,
}
"""What `runlore schema NAME` knows, but for what comes in several kinds."""
_KINDS: Final[dict[str, object]] = {"hold_message": hold.Message, "hold_answer": hold.Answer}
NAMES: Final = (*SHOWN, *_KINDS, "event")


def json_schema(name: str) -> dict[str, object]:
    """Return the JSON Schema of what is printed under this name; `runlore.run/1` and `run` are the same.

    Raises:
        NotFound: no such name; the message lists them.
    """
    short = name.removeprefix("runlore.").partition("/")[0]
    if short == "event":
        return _whole("event", _event_schema())
    if short not in NAMES:
        raise NotFound(f"no schema {name!a}; there are {', '.join(NAMES)}")
    return _whole(short, _generated(SHOWN.get(short) or _KINDS[short]))


def _whole(name: str, schema: dict[str, object]) -> dict[str, object]:
    return {"$schema": _DRAFT, "$id": f"urn:runlore:schema:{name}:1", **schema}


def _generated(shown: object) -> dict[str, object]:
    return msgspec.json.schema(shown, schema_hook=_anything)


def _anything(kind: type) -> dict[str, object]:
    """Return the schema of what users put in: any JSON."""
    if kind is object:
        return {"description": "any JSON value"}
    raise NotImplementedError


def _event_schema() -> dict[str, object]:
    """Return the events of this release, or any object that could be one of a later release."""
    known = _generated(KnownEvent)
    choices = known.pop("anyOf")
    assert isinstance(choices, list)  # noqa: S101 - a union's schema is a choice
    known.pop("discriminator", None)
    return {"anyOf": [*choices, _NEWER_EVENT], **known}
