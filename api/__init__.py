"""The supported Python API of runlore: run commands, be a run, and look at what ran.

    import runlore

    registry = runlore.open()
    run = registry.submit(["python", "train.py"], name="nightly")

Importing this costs next to nothing: what a name stands for is loaded when it is first used. Names
that are not listed in `__all__` may change without notice. How to: docs/how-to/use-from-python.md
"""

TYPE_CHECKING = False  # type checkers take it for True; importing it from typing costs 3 ms
if TYPE_CHECKING:
    from runlore._version import __version__ as __version__
    from runlore.aio import AsyncArtifact as AsyncArtifact
    from runlore.aio import AsyncNamedSubscription as AsyncNamedSubscription
    from runlore.aio import AsyncRegistry as AsyncRegistry
    from runlore.aio import AsyncRun as AsyncRun
    from runlore.aio import AsyncSubmitted as AsyncSubmitted
    from runlore.aio import AsyncTrackedRun as AsyncTrackedRun
    from runlore.aio import open_async as open_async
    from runlore.journal.errors import AlreadyEnded as AlreadyEnded
    from runlore.journal.errors import Ambiguous as Ambiguous
    from runlore.journal.errors import BadExpression as BadExpression
    from runlore.journal.errors import BadInput as BadInput
    from runlore.journal.errors import BrokenPosition as BrokenPosition
    from runlore.journal.errors import Busy as Busy
    from runlore.journal.errors import Conflict as Conflict
    from runlore.journal.errors import CorruptJournal as CorruptJournal
    from runlore.journal.errors import DamagedArtifact as DamagedArtifact
    from runlore.journal.errors import DamagedBundle as DamagedBundle
    from runlore.journal.errors import DidNotStart as DidNotStart
    from runlore.journal.errors import Elsewhere as Elsewhere
    from runlore.journal.errors import JournalIO as JournalIO
    from runlore.journal.errors import LostJournal as LostJournal
    from runlore.journal.errors import NewerFormat as NewerFormat
    from runlore.journal.errors import NoHandle as NoHandle
    from runlore.journal.errors import NoKeeper as NoKeeper
    from runlore.journal.errors import NoRoom as NoRoom
    from runlore.journal.errors import NotFound as NotFound
    from runlore.journal.errors import NotPermitted as NotPermitted
    from runlore.journal.errors import OutsideRun as OutsideRun
    from runlore.journal.errors import RunloreError as RunloreError
    from runlore.journal.errors import Unverifiable as Unverifiable
    from runlore.journal.errors import WrongDigest as WrongDigest
    from runlore.journal.scan import Record as Record
    from runlore.journal.values import RunId as RunId
    from runlore.journal.values import Status as Status
    from runlore.named import NamedSubscription as NamedSubscription
    from runlore.projections.artifact_views import ArtifactView as ArtifactView
    from runlore.projections.list_views import PsView as PsView
    from runlore.projections.promote_views import PromotionView as PromotionView
    from runlore.projections.run_view import RunView as RunView
    from runlore.projections.subscription_views import SubscriptionView as SubscriptionView
    from runlore.registry import Registry as Registry
    from runlore.registry import open_registry as open  # noqa: A004 - like gzip.open: used with its module
    from runlore.runtimes.artifact import Artifact as Artifact
    from runlore.runtimes.current import CurrentRun as CurrentRun
    from runlore.runtimes.current import current as current
    from runlore.runtimes.run import Run as Run
    from runlore.runtimes.sql import SqlRows as SqlRows
    from runlore.runtimes.submit_many import Submitted as Submitted
    from runlore.runtimes.track import current_run as current_run
    from runlore.runtimes.tracked import TrackedRun as TrackedRun
    from runlore.runtimes.transcript_lines import Line as Line
    from runlore.watcher.stream import Slow as Slow

_HOMES = {
    "_version": ("__version__",),
    "aio": (
        "AsyncArtifact",
        "AsyncNamedSubscription",
        "AsyncRegistry",
        "AsyncRun",
        "AsyncSubmitted",
        "AsyncTrackedRun",
        "open_async",
    ),
    "journal.errors": (
        "AlreadyEnded",
        "Ambiguous",
        "BadExpression",
        "BadInput",
        "BrokenPosition",
        "Busy",
        "Conflict",
        "CorruptJournal",
        "DamagedArtifact",
        "DamagedBundle",
        "DidNotStart",
        "Elsewhere",
        "JournalIO",
        "LostJournal",
        "NewerFormat",
        "NoHandle",
        "NoKeeper",
        "NoRoom",
        "NotFound",
        "NotPermitted",
        "OutsideRun",
        "RunloreError",
        "Unverifiable",
        "WrongDigest",
    ),
    "journal.scan": ("Record",),
    "journal.values": ("RunId", "Status"),
    "named": ("NamedSubscription",),
    "projections.artifact_views": ("ArtifactView",),
    "projections.list_views": ("PsView",),
    "projections.promote_views": ("PromotionView",),
    "projections.run_view": ("RunView",),
    "projections.subscription_views": ("SubscriptionView",),
    "registry": ("Registry", "open"),
    "runtimes.artifact": ("Artifact",),
    "runtimes.current": ("CurrentRun", "current"),
    "runtimes.run": ("Run",),
    "runtimes.sql": ("SqlRows",),
    "runtimes.submit_many": ("Submitted",),
    "runtimes.track": ("current_run",),
    "runtimes.tracked": ("TrackedRun",),
    "runtimes.transcript_lines": ("Line",),
    "watcher.stream": ("Slow",),
}
"""Where each name is defined, module by module."""
_HERE = {"open": "open_registry"}
"""Names that are something else at home."""

__all__ = [
    "AlreadyEnded",
    "Ambiguous",
    "Artifact",
    "ArtifactView",
    "AsyncArtifact",
    "AsyncNamedSubscription",
    "AsyncRegistry",
    "AsyncRun",
    "AsyncSubmitted",
    "AsyncTrackedRun",
    "BadExpression",
    "BadInput",
    "BrokenPosition",
    "Busy",
    "Conflict",
    "CorruptJournal",
    "CurrentRun",
    "DamagedArtifact",
    "DamagedBundle",
    "DidNotStart",
    "Elsewhere",
    "JournalIO",
    "Line",
    "LostJournal",
    "NamedSubscription",
    "NewerFormat",
    "NoHandle",
    "NoKeeper",
    "NoRoom",
    "NotFound",
    "NotPermitted",
    "OutsideRun",
    "PromotionView",
    "PsView",
    "Record",
    "Registry",
    "Run",
    "RunId",
    "RunView",
    "RunloreError",
    "Slow",
    "SqlRows",
    "Status",
    "Submitted",
    "SubscriptionView",
    "TrackedRun",
    "Unverifiable",
    "WrongDigest",
    "__version__",
    "current",
    "current_run",
    "open",
    "open_async",
]


if not TYPE_CHECKING:  # with it, type checkers would take every name for a public one

    def __getattr__(name: str) -> object:
        """Return a public name, loaded now (PEP 562)."""
        for home, names in _HOMES.items():
            if name in names:
                from importlib import import_module  # noqa: PLC0415 - not needed to be imported

                value: object = getattr(import_module(f"runlore.{home}"), _HERE.get(name, name))
                globals()[name] = value
                return value
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """Return the public names, loaded or not."""
    return sorted({*globals(), *__all__})
