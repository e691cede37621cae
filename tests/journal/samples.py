"""One ordinary event of each kind, with every field set to something that is not its default."""

from datetime import timedelta
from typing import Any, Final

from runlore.journal import events as e
from runlore.journal import values as v
from tests.journal.forge import AT, OTHER_RUN, RUN

DIGEST: Final = "50d858e0985ecc7f60418aaf0cc5ab587f42c2570a884095a9e8ccacd0f6545c"
IDENTITY: Final = v.Identity(
    boot_id="6f0c2a9e-7d3e-4b0a-9c55-0d7f6b8a1c2d",
    pid_ns=4026531836,
    pid=4711,
    start_ticks=166738,
    pidfd_inode=9,
)
OWNER: Final = v.Owner(host="bellows", identity=IDENTITY, user="ada", version="1.0.0")
ACTOR: Final = v.Actor(user="ada", host="bellows", pid=4712, program="runlore")
REASON: Final = v.Reason(code="exit_nonzero", text="it said 3", by=ACTOR)
OBSERVATION: Final = v.Observation(
    at=AT, owner="free", command="gone", exit_record=True, boot_changed=True, detail="seen twice"
)
RECIPE_IN_FULL: Final = v.Recipe(
    argv=("train", "--rate", "0.1"),
    cwd="/home/ada",
    argv_bytes=("dHJhaW4=", "LS1yYXRl", "MC4x"),
    env={"SEED": "7"},
    secrets=("TOKEN",),
    secret_files={"CERT": "/home/ada/cert.pem"},
    runtime="tmux",
    stdin=True,
    timeout_s=3600.5,
    idle_timeout_s=60.0,
    output_limit=1 << 20,
    await_ready_s=30.0,
    artifacts=("out/**",),
    reports=("*.html",),
    required=("out/model.pt",),
    template="nightly",
)
_ENDED: Final[dict[str, Any]] = {
    "exit_code": 3,
    "signal": 9,
    "reason": REASON,
    "ended_at": AT,
    "observation": OBSERVATION,
}

_FIELDS: Final[dict[type[e.KnownEvent], dict[str, Any]]] = {
    e.RunQueued: {
        "format": 1,
        "run_id": RUN,
        "registry_id": "r1",
        "recipe": RECIPE_IN_FULL,
        "recipe_blob": DIGEST,
        "name": "nightly",
        "tags": {"env": "prod"},
        "metadata": {"ticket": 17, "labels": ["a", None, {"deep": [1.5, True]}]},
        "key": "2026-11-20",
        "spec": DIGEST,
        "queue": "gpu",
        "origin": v.Origin(
            kind="retry",
            run_id=OTHER_RUN,
            external_id="x-1",
            attempt=2,
            source="cron",
            imported_at=AT + timedelta(days=1),
            told_by="manifest",
            host="forge",
            git=v.GitState(commit="0123456789abcdef" * 2, branch="main", dirty=True, patch_sha256=DIGEST),
        ),
        "parent": OTHER_RUN,
        "retention": v.Retention(pinned=True, keep_s=86400.0, retain_until=AT + timedelta(days=30)),
        "durability": "process",
        "boot_id": IDENTITY.boot_id,
    },
    e.RunBooting: {
        "runtime": "background",
        "owner": OWNER,
        "protocol": 2,
        "masked": ("API_TOKEN",),
        "unmasked": {"DB_PASSWORD": "it is shorter than 6 bytes"},
    },
    e.RunStarted: {
        "handle": v.Handle(runtime="tmux", pid=4711, identity=IDENTITY, wrapper=IDENTITY, target="runlore:1")
    },
    e.RunReadied: {},
    e.RunProgressed: {"fraction": 0.25, "message": "epoch 3", "step": "train", "metrics": {"loss": 0.5}},
    e.RunPreviewChanged: {
        "state": "available",
        "url": "http://127.0.0.1:1/",
        "lease_until": AT + timedelta(hours=1),
        "detail": "ready",
    },
    e.RunCheckpointed: {"name": "epoch-3", "path": "ckpt/3.pt", "sha256": DIGEST},
    e.RunResultSet: {"result": {"accuracy": 0.93, "rows": [1, 2, 3]}},
    e.RunStopRequested: {"reason": "wrong data", "force": True, "grace_s": 2.5},
    e.RunCollecting: {
        "how": "signalled",
        "exit_code": 3,
        "signal": 15,
        "exited_at": AT,
        "usage": v.Usage(cpu_s=12.25, max_rss_bytes=1 << 30),
        "survivors": (v.Survivor(pid=5000, command="daemon"),),
        "transcript_bytes": 1024,
        "dropped_bytes": 1,
    },
    e.ArtifactDeclared: {"path": "/home/ada/loss.html", "kind": "report"},
    e.ArtifactCollected: {
        "path": "out/model.pt",
        "outcome": "oversized",
        "sha256": DIGEST,
        "bytes": 4096,
        "media_type": "application/octet-stream",
        "kind": "report",
        "redaction": "none",
        "reason": "more than 1 KiB",
        "files": 3,
    },
    e.RunSucceeded: _ENDED,
    e.RunFailed: _ENDED,
    e.RunTimedOut: _ENDED,
    e.RunCancelled: _ENDED,
    e.RunSealed: {"count": 4, "bytes": 1234, "head": DIGEST},
    e.OwnerAdopted: {
        "owner": OWNER,
        "previous": IDENTITY,
        "why": "the keeper was killed",
        "drops_output": True,
    },
    e.RunTagged: {"tags": {"env": "prod"}, "removed": ("draft",)},
    e.RunNoted: {"text": "looks fine"},
    e.RunRenamed: {"name": "nightly-2"},
    e.RunPinned: {"why": "the paper cites it"},
    e.RunUnpinned: {"why": "the paper is out"},
    e.ArtifactPromoted: {"path": "out/model.pt", "sha256": DIGEST, "bytes": 4096, "why": "best so far"},
    e.RunAccepted: {"why": "reviewed"},
    e.RunExpired: {
        "rule": "keep 30d",
        "expected_seq": 12,
        "detail": "31 days old",
        "files": 3,
        "bytes": 8192,
    },
    e.RunRemoved: {"files": 3, "bytes": 8192, "detail": "from trash"},
    e.RunRestored: {"detail": "asked for"},
    e.JournalRepaired: {
        "cause": "crash_tail",
        "offset": 512,
        "bytes": 7,
        "sha256": DIGEST,
        "quarantine": "20261120-201400-k3f9x2ab-512-0badcafe",
    },
    e.JournalContinued: {
        "run_id": RUN,
        "format": 1,
        "head": DIGEST,
        "offset": 2048,
        "pack": "2026-11-21-1.jsonl",
    },
    e.TextRedacted: {"seqs": (2, 3), "what": "a token", "why": "typed by mistake"},
}

_COMMON: Final[dict[str, Any]] = {"seq": 5, "at": AT, "by": ACTOR, "epoch": 1}
SAMPLES: Final[dict[type[e.Event], e.KnownEvent]] = {
    kind: kind(**(_COMMON | fields)) for kind, fields in _FIELDS.items()
}
