"""Pruning by itself: only where that is set, at most hourly, one at a time, after a run has ended."""

import os
import time
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from runlore.journal.disk import REAL, RealDisk
from runlore.journal.layout import Layout
from runlore.runtimes import autoprune, launch, removal
from runlore.runtimes.autoprune import prune, start_if_due
from runlore.runtimes.cleanup_lock import cleanup_lock
from runlore.runtimes.doctor import examine
from runlore.runtimes.registry import Registry
from tests.journal.journals import registry as new_registry
from tests.runtimes.keeping import Keeping, python, until
from tests.runtimes.removable import RULES, RUN, Later, leave_run, lies, registry

AUTOMATIC = RULES + "automatic = true\n"


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A registry with one run that has ended."""
    layout = new_registry(tmp_path / "registry")
    leave_run(layout)
    return layout


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The roots for which a pruning was started."""
    started: list[bytes] = []
    monkeypatch.setattr(launch, "exec_pruner", started.append)
    return started


@pytest.mark.parametrize(
    "rules",
    [
        "",
        RULES,
        RULES + "automatic = false\n",
        '[retention]\nautomatic = true\nkeep = "x"\n',
        "automatic = true\n",
    ],
)
def test_it_is_not_started_unless_it_is_set(layout: Layout, begun: list[bytes], rules: str) -> None:
    """No file, other rules, or a file in doubt: nothing is removed by itself, and nothing fails."""
    Path(layout.config_file).write_text(rules)
    assert not start_if_due(REAL, layout)
    os.unlink(layout.config_file)
    assert not start_if_due(REAL, layout)
    assert begun == []
    assert lies(layout) == ["runs"]


def test_it_is_started_at_most_once_an_hour(layout: Layout, begun: list[bytes]) -> None:
    """Counted from the last one; a stamp of the future counts as none."""
    found = registry(layout, AUTOMATIC)
    assert start_if_due(found.disk, layout)
    assert prune(found)
    assert lies(layout) == ["trash"]
    os.utime(f"{layout.trash}/{autoprune.STAMP}")

    class InMinutes(RealDisk):
        def now(self) -> datetime:
            return super().now() + timedelta(minutes=minutes)

    for minutes, due in ((0, False), (59, False), (61, True), (-10, True)):
        assert start_if_due(InMinutes(), layout) == due, minutes
    assert begun == [os.fsencode(layout.root)] * 3


def test_two_that_were_started_at_once_prune_once(layout: Layout) -> None:
    """The second finds the lock taken, or the stamp of the first."""
    found = registry(layout, AUTOMATIC)
    with cleanup_lock(REAL, layout):
        assert not prune(found)
    assert lies(layout) == ["runs"]
    assert prune(found)
    os.utime(f"{layout.trash}/{autoprune.STAMP}", (found.disk.now().timestamp(),) * 2)
    assert not prune(found)


def test_what_could_not_be_removed_is_found_by_the_doctor(layout: Layout) -> None:
    """Nobody looks on; the next pruning goes on there."""
    found = registry(layout, AUTOMATIC)

    class Refusing(Later):
        def rename(self, source: str, target: str) -> None:  # type: ignore[override]
            if "/runs/" in source:
                raise PermissionError(13, "Permission denied")
            super().rename(source, target)

    assert prune(Registry(layout, disk=Refusing()))
    told = {each.code: each for each in examine(layout.root)}
    assert "Permission denied" in told["pruning_failed"].detail
    assert told["removal_unfinished"].next == "runlore prune --apply"
    found.prune(apply=True)
    assert lies(layout) == ["trash"]
    assert "removal_unfinished" not in {each.code for each in examine(layout.root)}


def test_the_doctor_finds_what_was_cut_short_in_the_trash(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half emptied, and what is nobody's."""

    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(removal.Remover, "_remove", stopped)
        with pytest.raises(KeyboardInterrupt):
            Registry(layout).get(RUN).remove(now=True)
    os.mkdir(f"{layout.trash}/mine")
    codes = {each.code for each in examine(layout.root)}
    assert {"removal_unfinished", "trash_stray"} <= codes
    Registry(layout).empty_trash()
    assert "removal_unfinished" not in {each.code for each in examine(layout.root)}
    assert os.path.isdir(f"{layout.trash}/mine")


def test_a_run_that_ends_has_old_ones_pruned(keeping: Keeping) -> None:
    """By a process of its own, with no command of ours running."""
    new_registry(keeping.layout.root)
    old = leave_run(keeping.layout)
    for path in Path(keeping.layout.run_dir(old)).rglob("*"):
        os.utime(path, (1_000_000, 1_000_000), follow_symlinks=False)
    time.sleep(1.1)
    Path(keeping.layout.config_file).write_text(
        '[retention]\nkeep = "1s"\nfloor = "1s"\nautomatic = true\n[retention.status]\nfailed = "forever"\n'
    )
    kept = keeping.run(*python("raise SystemExit(3)"))

    until(lambda: lies(keeping.layout, old) == ["trash"], "the old run is in the trash")
    until(lambda: not autoprune.failure(REAL, keeping.layout), "and nothing went wrong")
    assert lies(keeping.layout, kept.run_id) == ["runs"], "another rule keeps the one that ended"


def test_a_tracked_run_that_ends_has_old_ones_pruned(layout: Layout, begun: list[bytes]) -> None:
    """Where a program is its own run."""
    Path(layout.config_file).write_text(AUTOMATIC)
    with Registry(layout).track("work"):
        assert begun == []
    assert begun == [os.fsencode(layout.root)]
