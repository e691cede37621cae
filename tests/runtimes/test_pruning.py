"""`Registry.prune`: what the rules remove, told before and done after; the trash, ceilings, tombstones."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest
from msgspec import structs

from runlore.journal.disk import REAL
from runlore.journal.errors import BadInput, BadSettings, Conflict, NotFound, NotPermitted
from runlore.journal.keys import claim
from runlore.journal.layout import Layout
from runlore.journal.packs import index_path
from runlore.journal.values import RunId
from runlore.projections.retention import Verdict
from runlore.projections.retention_views import PruneView
from runlore.runtimes import removal, retaining
from runlore.runtimes.packing import Packing
from runlore.runtimes.pruning import Pruning
from runlore.runtimes.registry import Registry
from runlore.runtimes.tombstones import remove
from tests.doubles.drafts import new_run_id
from tests.journal.journals import registry as new_registry
from tests.runtimes.removable import RULES, RUN, Later, files, leave_run, lies, owned, registry

if TYPE_CHECKING:
    from collections.abc import Callable

RUNS = [new_run_id(number) for number in (1, 2, 3)]


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A registry with three runs that have ended."""
    layout = new_registry(tmp_path / "registry")
    for run_id in RUNS:
        leave_run(layout, run_id, name="nightly")
    return layout


def codes(view: PruneView) -> list[str]:
    """What becomes of each run, in order."""
    return [each.code for each in view.items]


def test_without_rules_nothing_goes(layout: Layout) -> None:
    """However old, however it is asked for."""
    before = files(layout)
    for now, free in ((False, None), (True, None), (True, 1 << 40)):
        view = Registry(layout, disk=Later()).prune(apply=True, now=now, free=free)
        assert not view.has_rules
        assert codes(view) == ["no_rule"] * 3
    assert files(layout) == before


def test_a_dry_run_is_what_applying_then_does(layout: Layout) -> None:
    """Run by run: verdict, reason, files and bytes; and it changes nothing."""
    found = registry(layout)
    found.get(RUNS[1]).pin()
    before = files(layout)
    told = found.prune()
    assert files(layout) == before
    done = found.prune(apply=True)

    assert codes(told) == ["age", "pinned", "age"]
    assert [structs.replace(each, done=None) for each in done.items] == told.items
    assert [each.done for each in done.items] == ["moved", None, "moved"]
    assert (told.keep, told.remove) == (done.keep, done.remove) == (1, 2)
    assert (told.moved_bytes, told.freed_bytes) == (done.moved_bytes, done.freed_bytes)
    assert done.moved_bytes == sum(each.bytes for each in done.items if not each.keep) > 0
    assert done.freed_bytes == 0
    assert [lies(layout, run_id) for run_id in RUNS] == [["trash"], ["runs"], ["trash"]]


def test_how_far_it_is_is_told(layout: Layout) -> None:
    """Run by run, and of how many as soon as that is known."""
    told: list[tuple[int, int]] = []
    Pruning(registry(layout), tell=lambda *far: told.append(far)).apply()

    assert told == [(1, 3), (2, 3), (3, 3)]


def test_a_second_pruning_finds_nothing(layout: Layout) -> None:
    """Nothing is counted twice, nothing recorded twice."""
    found = registry(layout)
    found.prune(apply=True)
    before = files(layout)
    again = found.prune(apply=True)

    assert (again.remove, again.trash, again.moved_bytes, again.freed_bytes) == (0, [], 0, 0)
    assert files(layout) == before


def test_past_the_trash_what_is_freed_is_told_apart(layout: Layout) -> None:
    """`now`: freed, not moved; in a dry run as well."""
    found = registry(layout)
    told, done = found.prune(now=True), found.prune(apply=True, now=True)

    assert told.moved_bytes == done.moved_bytes == 0
    assert told.freed_bytes == done.freed_bytes > 0
    assert [each.done for each in done.items] == ["freed"] * 3
    assert [lies(layout, run_id) for run_id in RUNS] == [[], [], []]


def test_the_trash_is_emptied_of_what_was_there_for_long_enough(layout: Layout) -> None:
    """A day, unless told otherwise."""
    found = registry(layout)
    found.prune(apply=True)
    assert registry(layout, days=40.9).prune().trash == []
    later = registry(layout, days=41.1)
    told = later.prune()
    assert [(each.run_id, each.state) for each in told.trash] == [(run_id, "whole") for run_id in RUNS]
    done = later.prune(apply=True)

    assert done.freed_bytes == told.freed_bytes == sum(each.bytes for each in told.trash) > 0
    assert later.trash().items == []
    assert registry(layout, RULES + '[trash]\nkeep = "0s"\n').prune().trash == []


def test_as_much_as_is_wanted_the_oldest_first(layout: Layout) -> None:
    """`free` takes no more than that; what is in the trash already goes before anything else."""
    found = registry(layout)
    one = found.prune().items[0].bytes
    assert codes(found.prune(free=one + 1)) == ["age", "age", "enough"]
    found.get(RUNS[2]).remove()
    done = found.prune(apply=True, free=one + 1)

    assert [each.run_id for each in done.trash] == [RUNS[2]]
    assert codes(done) == ["age", "enough"]
    assert done.freed_bytes >= one + 1
    assert [lies(layout, run_id) for run_id in RUNS] == [[], ["runs"], []]


def test_less_than_is_wanted_is_told(layout: Layout) -> None:
    """What the rules do not allow is not taken, however much is wanted."""
    found = registry(layout)
    found.get(RUNS[0]).pin()
    done = found.prune(apply=True, free=1 << 40)

    assert done.wanted_bytes == 1 << 40
    assert 0 < done.freed_bytes < 1 << 40
    assert lies(layout, RUNS[0]) == ["runs"]


def test_what_happens_between_plan_and_removal_keeps_a_run(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pin, a label, a new byte, an owner, another folder: each is found right before."""
    real = removal.Remover.expire
    deeds: dict[RunId, Callable[[], object]] = {
        RUNS[0]: lambda: Registry(layout).get(RUNS[0]).pin(),
        RUNS[1]: lambda: Path(layout.in_run(RUNS[1], "artifacts/new")).write_text("x"),
        RUNS[2]: lambda: os.unlink(layout.owner_lock(RUNS[2])),
    }

    def expire(self: removal.Remover, planned: Verdict, *rest: object, **more: object) -> object:
        deeds[planned.run_id]()
        return real(self, planned, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(removal.Remover, "expire", expire)
    view = registry(layout).prune(apply=True)

    assert codes(view) == ["pinned", "changed", "owner_unverifiable"]
    assert view.remove == view.moved_bytes == 0
    assert [lies(layout, run_id) for run_id in RUNS] == [["runs"]] * 3


def test_an_owner_keeps_its_run_from_being_pruned(layout: Layout) -> None:
    """Planned or not."""
    with owned(layout):
        assert codes(registry(layout).prune(apply=True)) == ["owner_live", "age", "age"]


def test_what_was_cut_short_goes_on_with_the_next_pruning(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Decided and not moved; moved and half emptied: seen in a dry run, done when applied."""

    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    found = registry(layout)
    for step, run_id in (("_move", RUNS[0]), ("_remove", RUNS[1])):
        with monkeypatch.context() as patched:
            patched.setattr(removal.Remover, step, stopped)
            with pytest.raises(KeyboardInterrupt):
                found.get(run_id).remove(now=True)
    told = found.prune()
    assert {(each.run_id, each.state) for each in told.trash} == {(RUNS[0], "not_moved"), (RUNS[1], "going")}
    found.prune(apply=True)

    assert [lies(layout, run_id) for run_id in RUNS[:2]] == [["trash"], []]
    assert found.view(RUNS[1]).retention.removal.removed_at is not None  # type: ignore[union-attr]


def test_what_the_rules_would_have_removed_then(layout: Layout) -> None:
    """Pins of then count, later ones do not; runs that had not begun are not there."""
    now = datetime.now(UTC)
    found = registry(layout, days=60)
    found.get(RUNS[0]).pin()
    then = found.prune(as_of=now + timedelta(days=59))
    assert codes(then) == ["age", "age", "age"]
    assert codes(found.prune()) == ["pinned", "age", "age"]
    assert codes(found.prune(as_of=now + timedelta(days=20))) == ["too_young"] * 3
    assert found.prune(as_of=now - timedelta(days=1)).items == []
    assert then.removed_since == 0
    found.get(RUNS[1]).remove()
    removed_at = datetime.now(UTC) + timedelta(days=60)
    later = found.prune(as_of=now + timedelta(days=59))
    assert (codes(later), later.removed_since) == (["age", "age"], 1)
    assert found.prune(as_of=removed_at).removed_since == 0
    assert found.prune(as_of=now - timedelta(days=1)).removed_since == 0
    with pytest.raises(BadInput, match="as_of"):
        found.prune(apply=True, as_of=now)


@pytest.mark.parametrize("spare", [0, 1])
def test_the_last_of_a_name_are_those_that_are_left(
    layout: Layout, spare: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many newer ones were removed: what is said of one run is what a pruning does."""
    monkeypatch.setattr(retaining, "_SPARE", spare)
    found = registry(layout, rules='[retention]\nkeep = "30d"\nkeep_last = 1\n')
    for run_id in RUNS[1:]:
        found.get(run_id).remove()

    assert codes(found.prune()) == ["last_of_name"]
    assert found.retaining.one(RUNS[0], found.disk.now()).code == "last_of_name"


def test_what_comes_back_frees_nothing(layout: Layout) -> None:
    """A return that was cut short is no room that somebody asked for."""
    found = registry(layout)
    os.rename(layout.run_dir(RUNS[0]), layout.in_trash(RUNS[0]))
    dry = found.prune(free=1)
    done = found.prune(apply=True, free=1)

    assert codes(dry) == ["nothing_left", "age", "enough"]
    assert done.freed_bytes == dry.freed_bytes > 0
    assert lies(layout, RUNS[0]) == ["runs"]


def test_what_could_not_be_moved_stays(layout: Layout) -> None:
    """The trash on another file system: that is said, and no removal is decided that could not be done."""
    found = registry(layout, days=60)
    before = files(layout)
    with TemporaryDirectory(dir="/dev/shm") as elsewhere:
        os.rmdir(layout.trash)
        os.symlink(elsewhere, layout.trash)
        for view in (found.prune(), found.prune(apply=True)):
            assert codes(view) == ["foreign_shape"] * 3
            assert f"another file system than {layout.trash}" in view.items[0].reason
        with pytest.raises(Conflict, match="another file system"):
            found.get(RUNS[0]).remove()
        os.unlink(layout.trash)
    os.mkdir(layout.trash)

    assert files(layout) == before
    assert codes(found.prune(apply=True)) == ["age"] * 3


def test_what_cannot_be_read_stays_in_the_past_as_well(layout: Layout) -> None:
    """A damaged journal is not passed over."""
    now = datetime.now(UTC)
    path = Path(layout.journal(RUNS[0]))
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([lines[0], b"?" * (len(lines[1]) - 1) + b"\n", *lines[2:]]))
    found = registry(layout, days=60)
    assert codes(found.prune())[0] == "unreadable"

    assert codes(found.prune(as_of=now + timedelta(days=59)))[0] == "unreadable"
    assert len(found.prune(as_of=now - timedelta(days=1)).items) == 0


def test_files_that_changed_since_then_tell_nothing_about_then(layout: Layout) -> None:
    """Doubt keeps."""
    now = datetime.now(UTC)
    late = (now + timedelta(days=58)).timestamp()
    os.utime(layout.in_run(RUN, "transcript"), (late, late))
    view = registry(layout, days=60).prune(as_of=now + timedelta(days=57))

    assert codes(view) == ["foreign_shape", "age", "age"]
    assert "changed since then" in view.items[0].reason


def test_a_policy_in_doubt_removes_nothing(layout: Layout) -> None:
    """A misspelt key, or a value that means nothing."""
    before = files(layout)
    for rules in ('[retention]\nkeep = "1x"\n', '[retention]\nkep = "1d"\n'):
        with pytest.raises(BadSettings, match="config check"):
            registry(layout, rules).prune(apply=True)
        Path(layout.config_file).unlink()
    assert files(layout) == before


def test_a_registry_for_reading_is_not_pruned(layout: Layout) -> None:
    """Looking is allowed."""
    registry(layout)
    reading = Registry(layout, writable=False, disk=Later())
    assert reading.prune().remove == 3
    with pytest.raises(NotPermitted):
        reading.prune(apply=True)
    with pytest.raises(NotPermitted):
        reading.empty_trash()


def test_a_symbolic_link_in_the_place_of_the_runs_is_not_followed(layout: Layout) -> None:
    """One run's folder is a link to another one's."""
    os.rename(layout.run_dir(RUNS[0]), f"{layout.root}/elsewhere")
    os.symlink(f"{layout.root}/elsewhere", layout.run_dir(RUNS[0]))
    view = registry(layout).prune(apply=True, now=True)

    assert codes(view) == ["foreign_shape", "age", "age"]
    assert os.path.exists(f"{layout.root}/elsewhere/transcript")


# -- tombstones


def tomb(layout: Layout, run_id: RunId = RUN) -> bool:
    """Whether the run's journal is there."""
    return os.path.exists(layout.journal(run_id))


def test_a_tombstone_goes_when_its_own_age_has_passed(layout: Layout) -> None:
    """Not before, not without the rule, and never that of a run that still has its outputs."""
    rules = RULES + 'journal = "100d"\n'
    registry(layout, rules).get(RUN).remove(now=True)
    assert registry(layout, rules, days=139).prune(apply=True).journals == []
    assert registry(layout, RULES, days=300).prune().journals == []
    later = registry(layout, rules, days=141)
    assert [each.run_id for each in later.prune().journals] == [RUN]
    assert tomb(layout)
    done = later.prune(apply=True)

    assert [(each.run_id, each.done) for each in done.journals] == [(RUN, "freed")]
    assert not tomb(layout)
    assert all(tomb(layout, run_id) for run_id in RUNS[1:])
    with pytest.raises(NotFound):
        later.view(RUN)
    assert RUN not in [each.run_id for each in later.page().items]


def test_the_claim_of_a_key_lives_as_long_as_its_tombstone(layout: Layout) -> None:
    """Then the key is free, and never gives a removed run's id to another run."""
    run_id = new_run_id(9)
    leave_run(layout, run_id, key="nightly")
    with claim(REAL, layout, "nightly", "ab" * 32, lambda: new_run_id(10)) as held:
        assert (held.run_id, held.existing) == (run_id, True)
    rules = RULES + 'journal = "100d"\n'
    registry(layout, rules).get(run_id).remove(now=True)
    with claim(REAL, layout, "nightly", "ab" * 32, lambda: new_run_id(10)) as held:
        assert (held.run_id, held.existing) == (run_id, True)
    registry(layout, rules, days=400).prune(apply=True)
    with claim(REAL, layout, "nightly", "ab" * 32, lambda: new_run_id(10)) as held:
        assert (held.run_id, held.existing) == (new_run_id(10), False)


def test_the_claim_of_another_run_outlives_the_tombstone(layout: Layout) -> None:
    """A run that came with the same key is let go of, and the key stays with the run that has it."""
    keeper, other = new_run_id(9), new_run_id(10)
    leave_run(layout, keeper, key="nightly")
    with claim(REAL, layout, "nightly", "ab" * 32, lambda: new_run_id(11)) as held:
        assert held.run_id == keeper
    leave_run(layout, other, key="nightly")
    rules = RULES + 'journal = "100d"\n'
    registry(layout, rules).get(other).remove(now=True)
    registry(layout, rules, days=400).prune(apply=True)
    assert not tomb(layout, other)

    assert os.path.exists(layout.key_claim("nightly"))


def test_the_tombstone_of_a_packed_run_stays_and_is_counted(layout: Layout) -> None:
    """Without its end, the packed part would tell of a run that was never removed."""
    rules = RULES + 'journal = "100d"\n'
    Packing(REAL, layout, older_than_s=0).apply()
    registry(layout, rules).get(RUN).remove(now=True)
    done = registry(layout, rules, days=400).prune(apply=True)

    assert done.journals == []
    assert done.journals_kept == {"packed": 1}
    assert tomb(layout)


@pytest.mark.parametrize("is_damaged", [True, False])
def test_a_tombstone_stays_whose_beginning_is_missing(layout: Layout, is_damaged: bool) -> None:
    """Its pack is damaged where it names the run, or is gone, and may be brought back."""
    rules = RULES + 'journal = "100d"\n'
    Packing(REAL, layout, older_than_s=0).apply()
    registry(layout, rules).get(RUN).remove(now=True)
    (pack,) = Path(layout.packs).glob("*.jsonl")
    whole = pack.read_bytes()
    pack.write_bytes(whole.replace(b'"format":1', b'"format":!') if is_damaged else b"")
    Path(index_path(str(pack))).unlink()
    done = registry(layout, rules, days=400).prune(apply=True)

    assert (done.journals, done.journals_kept) == ([], {"packed": 1})
    assert tomb(layout)
    remove(REAL, layout, RUN)
    assert tomb(layout)
    pack.write_bytes(whole)
    assert Registry(layout).view(RUN).retention.removal is not None
