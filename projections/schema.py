"""JSON Schema (draft 2020-12) of everything that is printed, or read, as JSON, by name.

Each answer is an object that names its schema; each record of a stream names its type. Schemas are
made from the same structs that are encoded, so schema and output cannot disagree. Fields only ever get
added, so extra ones are allowed everywhere. Pure.
"""

from typing import Final

import msgspec

from runlore.journal.errors import NotFound
from runlore.journal.events import KnownEvent
from runlore.projections import (
    about_views,
    acting_views,
    artifact_findings,
    artifact_views,
    config_views,
    delivery,
    emit_view,
    exported,
    hold,
    import_record,
    imported,
    index_views,
    integrity_views,
    list_views,
    pack_views,
    promote_views,
    reconcile_views,
    retention_views,
    run_line,
    run_view,
    secret_views,
    stream_records,
    submit_views,
    subscription_views,
    timeline,
    wait_view,
)

_DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
_NEWER_EVENT: Final = {
    "title": "An event of a newer release",
    "type": "object",
    "required": ["type", "seq", "at"],
    "properties": {"type": {"type": "string"}, "seq": {"type": "integer"}, "at": {"type": "string"}},
}

SHOWN: Final[dict[str, type]] = {
    "run": run_view.RunView,
    "ps": list_views.PsView,
    "submit": submit_views.SubmitView,
    "submit_line": run_line.RunLine,
    "submitted": submit_views.SubmittedRecord,
    "submit_end": submit_views.SubmitEnd,
    "wait": wait_view.WaitView,
    "stop": acting_views.StopView,
    "labelled": acting_views.LabelledView,
    "emit": emit_view.EmitView,
    "signal": acting_views.SignalView,
    "verify": integrity_views.VerifyView,
    "heads": integrity_views.HeadsView,
    "reconcile": reconcile_views.ReconcileView,
    "repair": integrity_views.RepairView,
    "redact": secret_views.RedactView,
    "scan": secret_views.ScanView,
    "pack": pack_views.PackView,
    "doctor": integrity_views.DoctorView,
    "info": about_views.InfoView,
    "index": index_views.IndexView,
    "sql": index_views.SqlView,
    "init": about_views.InitView,
    "config": config_views.ConfigView,
    "prune": retention_views.PruneView,
    "remove": retention_views.RemoveView,
    "trash": retention_views.TrashView,
    "retention": retention_views.RetainedView,
    "df": retention_views.DfView,
    "spec": submit_views.SpecView,
    "names": about_views.NamesView,
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
    "completion": about_views.CompletionView,
    "history": timeline.HistoryView,
    "ps_record": list_views.PsRecord,
    "record": stream_records.EventRecord,
    "delivery": delivery.DeliveryRecord,
    "line": stream_records.LineRecord,
    "control": stream_records.ControlRecord,
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
