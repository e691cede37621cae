"""One registry behind every door: open it, submit to it, find runs in it."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from runlore.journal.errors import (
    Ambiguous,
    BadInput,
    NotFound,
    NotPermitted,
)
from runlore.journal.layout import Layout
from runlore.journal.values import RunId
from runlore.runtimes.registry import Registry
from runlore.runtimes.run import Run
from tests.runtimes.kept_runs import NOBODY, Owned, registry_at


@pytest.fixture
def layout(registry_root: Path) -> Layout:
    """A registry without runs."""
    return registry_at(registry_root)


@pytest.fixture
def registry(layout: Layout) -> Registry:
    """The same, as every door has it."""
    return Registry(layout)


# -- open


def test_opening_where_there_is_no_registry(tmp_path: Path) -> None:
    """It is made, private, and empty; or, if that is not wanted, reported missing and not made."""
    root = tmp_path / "new"
    with pytest.raises(NotFound):
        Registry.open(root, create=False)
    assert not root.exists()

    assert Registry.open(root).runs() == []
    assert root.stat().st_mode & 0o777 == 0o700


def test_opening_by_the_rules_of_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`RUNLORE_ROOT` comes before the project's own registry, and that before the user's."""
    project = tmp_path / "project"
    (project / "deep").mkdir(parents=True)
    monkeypatch.chdir(project / "deep")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert Registry.open().root == str(tmp_path / "data/runlore")

    Registry.open(project / ".runlore")
    assert Registry.open().root == str(project / ".runlore")

    monkeypatch.setenv("RUNLORE_ROOT", str(tmp_path / "chosen"))
    assert Registry.open().root == str(tmp_path / "chosen")
    assert Registry.open("elsewhere").root == str(project / "deep/elsewhere")


def test_opening_what_exists_changes_nothing(registry_root: Path) -> None:
    """A registry is not written to by being opened or looked at, but for its index."""
    registry_at(registry_root)

    def times() -> dict[Path, int]:
        found = (path for path in registry_root.rglob("*") if path.parts[len(registry_root.parts)] != "index")
        return {path: path.stat().st_mtime_ns for path in found}

    before = times()
    registry = Registry.open(registry_root)
    registry.runs()

    assert times() == before


def test_a_root_that_others_can_write(registry_root: Path) -> None:
    """It is read, because reading harms nobody, and not written."""
    owned = Owned(registry_at(registry_root)).boot()
    registry_root.chmod(0o777)
    registry = Registry.open(registry_root)

    assert [view.run_id for view in registry.runs()] == [owned.run_id]
    with pytest.raises(NotPermitted, match="chmod 700"):
        registry.get("latest").note("hello")
    with pytest.raises(NotPermitted):
        registry.submit(["true"])


def test_opening_a_file(tmp_path: Path) -> None:
    """A root that is none is bad input."""
    (tmp_path / "file").touch()
    with pytest.raises(BadInput):
        Registry.open(tmp_path / "file")


# -- find


def test_filters(layout: Layout, registry: Registry) -> None:
    """Status as shown, name, tags and time choose; the limit comes last."""
    lost = Owned(layout).boot().start().die()
    live = Owned(layout).boot().start()
    ended = Owned(layout).boot().start().succeed().die()
    registry.get(ended).tag(env="prod")
    registry.get(live.run_id).rename("train")

    def ids_of(**how: object) -> list[str]:
        return [view.run_id for view in registry.runs(**how)]  # type: ignore[arg-type]  # what it takes

    assert ids_of() == [ended, live.run_id, lost]
    assert ids_of(limit=1) == [ended]
    assert ids_of(status="failed") == [lost]
    assert ids_of(status=["running", "succeeded"], limit=5) == [ended, live.run_id]
    assert ids_of(name="train") == [live.run_id]
    assert ids_of(tags={"env": "prod"}) == ids_of(tags=["env"]) == [ended]
    assert ids_of(since="1h") == [ended, live.run_id, lost]
    assert ids_of(until=datetime.now(UTC) - timedelta(hours=1)) == []
    assert ids_of(status="running", limit=1) == [live.run_id]
    assert ids_of(where="status = failed") == [lost], "what is filtered is what is shown"
    assert ids_of(where="not status = failed and age < 1h", limit=1) == [ended]
    assert ids_of(where="exit_code = 0 or name ~ rai", status="running") == [live.run_id]
    assert [view.run_id for view in registry.runs("tags.env = 'prod'", limit=50)] == [ended]
    for wrong in ({"status": "dead"}, {"where": "status = dead"}, {"where": "name"}):
        with pytest.raises(BadInput):
            ids_of(**wrong)


def test_pages_while_runs_are_added(layout: Layout, registry: Registry) -> None:
    """Pages from newest to oldest neither repeat nor skip a run, and say when they are over."""
    old = [Owned(layout).boot().start().succeed().die() for _ in range(7)]
    seen, after = [], None
    while True:
        page = registry.page(limit=3, after=after)
        seen += [view.run_id for view in page.items]
        Owned(layout).boot().start().succeed().die()
        assert page.truncated == (page.next is not None)
        if page.next is None:
            break
        after = page.next

    assert seen == sorted(old, key=lambda run_id: registry.view(run_id).created_at or 0, reverse=True)


def test_counts_are_of_all_that_match(layout: Layout, registry: Registry) -> None:
    """What is not shown is counted, by the status as shown."""
    for _ in range(3):
        Owned(layout).boot().start().succeed().die()
    Owned(layout).boot().start().die()

    page = registry.page(limit=1)
    assert (len(page.items), page.truncated, page.counts) == (1, True, {"failed": 1, "succeeded": 3})


def test_the_recent_ones(layout: Layout, registry: Registry) -> None:
    """All live runs, and only the last few that ended."""
    live = Owned(layout).boot().start()
    ended = [Owned(layout).boot().start().succeed().die() for _ in range(4)]

    assert [view.run_id for view in registry.recent(2).items] == [ended[3], ended[2], live.run_id]


def test_a_damaged_journal_hides_nothing(layout: Layout, registry: Registry) -> None:
    """It is listed up to its damage, with the problem, and counted; nothing is concluded about its run."""
    damaged = Owned(layout).boot().start().succeed().die()
    good = Owned(layout).boot().start().succeed().die()
    path = Path(layout.journal(damaged))
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:3], b"\0" * 10 + b"\n", *lines[4:]]))

    page = registry.page()
    views = {view.run_id: view for view in page.items}
    assert page.damaged == 1
    assert views[good].status == "succeeded"
    assert (views[damaged].status, views[damaged].provisional) == ("running", False)
    assert views[damaged].problem is not None
    assert registry.view(damaged).problem == views[damaged].problem


def test_a_journal_without_its_first_event(layout: Layout, registry: Registry) -> None:
    """A crash cut it: the run never began, so there is none."""
    run_id = Owned(layout).die()
    path = Path(layout.journal(run_id))
    path.write_bytes(path.read_bytes()[:20])

    assert registry.runs() == []
    with pytest.raises(NotFound, match="never began"):
        registry.view(run_id)


def test_selectors(layout: Layout, registry: Registry) -> None:
    """Full id, short id, name, latest, latest with a status as shown, and the beginning of a short id."""
    first = Owned(layout).boot().start().succeed().die()
    lost = Owned(layout).boot(by=NOBODY).start().die()
    live = Owned(layout).boot().start()
    registry.get(first).rename("nightly")

    for selector, run_id in (
        (first, first),
        (first.upper(), first),
        (first[-8:], first),
        ("nightly", first),
        ("latest", live.run_id),
        ("latest:failed", lost),
        ("latest:succeeded", first),
        (lost[-8:-1], lost),
    ):
        assert registry.resolve(selector) == run_id, selector
    assert registry.choose().run_id == live.run_id


@pytest.mark.parametrize("odd", ["../outside", "/etc/passwd", "a/b", "..", ".", "", "nul\0"])
def test_an_id_that_would_be_a_path_reads_nothing(layout: Layout, registry: Registry, odd: str) -> None:
    """Whichever call is handed it: nothing outside the root is opened, not even if it is a journal."""
    ended = Owned(layout).boot().start().succeed().die()
    outside = Path(layout.root).parent / "outside.jsonl"
    outside.write_bytes(Path(layout.journal(ended)).read_bytes())
    run_id = RunId(odd)

    for call in (
        lambda: registry.view(run_id),
        lambda: registry.wait([run_id], timeout=0),
        lambda: registry.settle(run_id),
        lambda: registry.reconcile([run_id]),
        lambda: list(Run(registry, run_id).events()),
        lambda: Run(registry, run_id).tag(env="prod"),
        lambda: Run(registry, run_id).logs(),
        lambda: Run(registry, run_id).stop(),
        lambda: registry.get(odd),
    ):
        with pytest.raises((BadInput, NotFound)):
            call()
    assert len(outside.read_bytes().splitlines()) == 6


def test_selectors_that_mean_none_or_several(layout: Layout, registry: Registry) -> None:
    """None is not found, several are listed, and a destructive verb does not take the latest of a name."""
    with pytest.raises(NotFound):
        registry.get("latest")
    runs = [Owned(layout).boot().start().succeed().die() for _ in range(2)]
    for run_id in runs:
        registry.get(run_id).rename("nightly")

    assert registry.get("nightly").id == runs[1]
    with pytest.raises(Ambiguous) as caught:
        registry.get("nightly", destructive=True)
    assert set(caught.value.candidates) == set(runs)
    for selector in ("nobody", "20261120-201400-00000000", "key:none", "latest:cancelled"):
        with pytest.raises(NotFound):
            registry.get(selector)


def test_many_threads_and_one_registry(layout: Layout, registry: Registry) -> None:
    """A registry is shared without a thought."""
    runs = [Owned(layout).boot().start() for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        pages = list(pool.map(lambda _: registry.page(), range(32)))
        list(pool.map(lambda run: registry.get(run.run_id).tag(seen="yes"), runs * 4))

    assert all(page.counts == {"running": 8} for page in pages)
    assert len(registry.runs(tags={"seen": "yes"})) == 8


def test_looking_is_cheap_for_ended_runs(layout: Layout, registry: Registry) -> None:
    """Nobody asks the kernel about the owner of a run that has ended."""
    for _ in range(20):
        Owned(layout).boot().start().succeed().die()
    asked: list[str] = []
    registry.observer._is_locked = lambda path: bool(asked.append(path))  # type: ignore[method-assign,func-returns-value]

    registry.runs()

    assert asked == []
