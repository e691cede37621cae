"""Prune by itself after a run has ended: only where `automatic` is set, at most hourly, one at a time.

Whoever has ended a run asks whether it is time, which costs a look at two files, and starts
`python -I -m runlore.runtimes.autoprune ROOT` if so. That process has nothing else to do and tells nobody;
what the disk refused stands in `trash/.pruned`, where `doctor` finds it. What is left goes with the next one.
"""

import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from runlore.journal.disk import REAL, Disk, write_whole
from runlore.journal.errors import Busy, RunloreError
from runlore.journal.layout import Layout

if TYPE_CHECKING:
    from runlore.runtimes.registry import Registry

EVERY_S: Final = 3600.0
STAMP: Final = ".pruned"
_SECTION: Final = b"automatic"
_MOST: Final = 1 << 20
_LONGEST: Final = 2000


def start_if_due(disk: Disk, layout: Layout) -> bool:
    """Start a pruning if the settings want one and the last one is an hour ago; say whether that was done.

    Never fails: whoever calls has just ended a run, and has done all that it owes anybody.
    """
    try:
        if not _is_wanted(layout) or not _is_due(disk, layout):
            return False
        from runlore.runtimes.launch import exec_pruner  # noqa: PLC0415 - once an hour, where it is wanted

        exec_pruner(os.fsencode(layout.root))
    except (OSError, RunloreError):
        return False
    return True


def _is_wanted(layout: Layout) -> bool:
    """Say whether the settings want it; where they are in doubt nobody does."""
    try:
        with open(layout.config_file, "rb") as file:
            if _SECTION not in file.read(_MOST):
                return False
    except OSError:
        return False
    from runlore.journal.settings import Settings  # noqa: PLC0415 - only where somebody has such settings
    from runlore.journal.settings_file import examine_settings, path_of  # noqa: PLC0415 - see above
    from runlore.projections.retention_policy import policy_of  # noqa: PLC0415 - see above

    return policy_of(examine_settings(layout.root) or Settings(), path_of(layout.root)).automatic


def _is_due(disk: Disk, layout: Layout) -> bool:
    """Say whether the last pruning is an hour ago; one of the future is none."""
    try:
        last_s = disk.stat_path(f"{layout.trash}/{STAMP}").mtime_ns / 1e9
    except FileNotFoundError:
        return True
    return not 0 <= disk.now().timestamp() - last_s < EVERY_S


def prune(registry: "Registry") -> bool:
    """Apply the policy, if it is still wanted and due; say whether that was done.

    Two that were started at once are told apart by the lock of removals: the second finds it taken, or the
    first one's stamp.
    """
    from runlore.runtimes.pruning import Pruning  # noqa: PLC0415 - not for whoever only asks

    disk, layout = registry.disk, registry.layout
    if not _is_wanted(layout) or not _is_due(disk, layout):
        return False
    pruning = Pruning(registry)
    try:
        applied = pruning.apply_if(lambda: _is_due(disk, layout) and _stamp(disk, layout, ""))
    except Busy:
        return False
    except RunloreError as error:
        _stamp(disk, layout, str(error))
        return True
    if pruning.failures:
        _stamp(disk, layout, pruning.failures[0])
    return applied


def failure(disk: Disk, layout: Layout) -> str:
    """Return what the last pruning by itself could not do; empty if there was nothing."""
    from runlore.journal.disk import read_whole  # noqa: PLC0415 - only `doctor` asks

    try:
        return read_whole(disk, f"{layout.trash}/{STAMP}", _LONGEST).decode("utf-8", "replace")
    except OSError:
        return ""


def _stamp(disk: Disk, layout: Layout, text: str) -> bool:
    """Note that a pruning took place now, and what it could not do; say whether that was possible."""
    with suppress(OSError):
        write_whole(disk, f"{layout.trash}/{STAMP}", text.encode("utf-8", "backslashreplace")[:_LONGEST])
        return True
    with suppress(OSError):  # no room for another file: the time alone is enough
        os.utime(f"{layout.trash}/{STAMP}")
        return True
    return True


def main() -> None:
    """Prune once, in a process of its own."""
    root = sys.argv[1]
    if os.fork():  # whoever started us must not have us for a child
        os._exit(0)
    try:
        os.setsid()
        from runlore.runtimes import detach  # noqa: PLC0415 - after the fork

        detach.silence()
        detach.close_all_but(())
        os.umask(0o077)
        os.chdir("/")
        os.nice(10)
        from runlore.journal.machine import actor  # noqa: PLC0415 - after the fork
        from runlore.runtimes.registry import Registry  # noqa: PLC0415 - after the fork

        with suppress(RunloreError, OSError):
            prune(Registry(Layout(root), disk=REAL, by=actor("runlore prune")))
    finally:
        os._exit(0)


if __name__ == "__main__":
    main()
