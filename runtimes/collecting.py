"""How an owner collects the outputs of its run: what it passes on, and that nothing of it can go wrong.

Only what is needed to know that there is nothing to collect is loaded for every run.
"""

import stat
from collections.abc import Callable
from typing import TYPE_CHECKING

from runlore.journal import events
from runlore.journal.disk import Disk
from runlore.journal.errors import RunloreError
from runlore.journal.layout import Layout
from runlore.journal.values import RunId

if TYPE_CHECKING:
    from runlore.journal.settings import Settings
    from runlore.runtimes.collect import Limits, Wanted
    from runlore.runtimes.owned_run import OwnedRun
    from runlore.runtimes.record_outputs import Append

OUTPUTS = "artifacts"
"""`$RUNLORE_OUTPUTS`, in the run's folder: everything in it is declared."""


def has_outputs(disk: Disk, layout: Layout, run_id: RunId) -> bool:
    """Say whether anything lies in the run's `$RUNLORE_OUTPUTS`; if that cannot be told, something may."""
    path = layout.in_run(run_id, OUTPUTS)
    try:
        return not stat.S_ISDIR(disk.stat_path(path).mode) or bool(disk.listdir(path))
    except FileNotFoundError:
        return False
    except OSError:
        return True


def declares(run: "OwnedRun") -> bool:
    """Say whether anything was declared when the run was submitted, or lies where it need not be."""
    spec = run.spec
    given = spec.artifacts or spec.reports or spec.required
    return bool(given) or has_outputs(run.disk, run.layout, run.run_id)


def require_limits(settings: "Settings", root: str) -> None:
    """Return if the settings say clearly how much of a run is to be collected.

    Raises:
        BadSettings: they do not; a new run would not be collected as its user wants.
    """
    if settings.artifacts:
        from runlore.journal.settings_file import path_of  # noqa: PLC0415 - few set any
        from runlore.projections.collection_limits import limits_of  # noqa: PLC0415 - see above

        limits_of(settings, path_of(root))


def limits_in(root: str) -> "Limits":
    """Return how much of a run is collected; what has gone wrong in the settings since then counts not."""
    from runlore.journal.settings_file import examine_settings  # noqa: PLC0415 - most runs have no outputs
    from runlore.projections.collection_limits import understood  # noqa: PLC0415 - see above
    from runlore.runtimes.collect import Limits  # noqa: PLC0415 - see above

    found = examine_settings(root)
    limits, _ = understood(found.artifacts if found else ())
    return Limits(files=limits.max_files, bytes=limits.max_bytes)


def collect_for_keeper(
    run: "OwnedRun", tick: Callable[[], None], pause: Callable[[], None], *, may_empty: bool
) -> str:
    """Collect the outputs of a run that this process keeps; return which are not durable, if any."""
    from runlore.runtimes.collect import Wanted  # noqa: PLC0415 - most runs have no outputs

    spec = run.spec
    wanted = Wanted(
        disk=run.disk,
        layout=run.layout,
        run_id=run.run_id,
        cwd=spec.cwd,
        artifacts=spec.artifacts,
        reports=spec.reports,
        required=spec.required,
        redactor=None if run.drops_output else run.secrets.redactor,
        limits=limits_in(run.layout.root),
        may_empty=may_empty,
    )
    return collect_surely(wanted, run.append, tick, pause)


def collect_surely(
    wanted: "Wanted", append: "Append", tick: Callable[[], None], pause: Callable[[], None]
) -> str:
    """Collect the outputs; whatever goes wrong is on record, and never keeps the run from ending."""
    from runlore.runtimes.collect import collect  # noqa: PLC0415 - see above

    try:
        return collect(wanted, append, tick, pause)
    except RunloreError as error:
        return f"the outputs could not be collected: {error}"
    except Exception as error:  # noqa: BLE001 - a defect of ours must not cost the run its end
        what = f"the outputs could not be collected: {type(error).__name__}: {error}"
        try:
            append(events.RunNoted, text=what)
        except RunloreError:
            return what
        return what
