"""The fast path of `ps`: it says what the whole command says, or nothing; and it imports next to nothing."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from runlore.cli import quick_ps
from runlore.journal.disk import REAL
from runlore.journal.layout import Layout
from runlore.journal.root import find_root
from runlore.projections.index import survey, version
from runlore.projections.status import STATUS
from runlore.runtimes.packing import Packing
from tests.cli.command import COMMAND, Runlore
from tests.runtimes.keeping import until

PYTHON = str(Path(COMMAND).with_name("python"))
MODULES = """
import os, sys
from runlore.cli import start
os._exit = lambda code: (sys.stderr.write(' '.join(sys.modules)), sys.exit(code))
sys.argv[1:] = ['ps']
start.start()
"""
WHOLE = "import sys; sys.argv[1:] = ['ps']; from runlore.cli.main import main; sys.exit(main())"
ALLOWED = {"_signal", "_sqlite3", "_sha256", "_sha2", "__future__", "time", "sys", "os", "signal", "enum"}


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Runlore:
    """A registry whose runs have all ended, in different ways; tests take a copy of it."""
    home = tmp_path_factory.mktemp("home")
    runlore = Runlore(root=home / "registry", home=home)
    for number in range(7):
        runlore("run", "--name", f"größe {number}", "--tag", "env=prod", "sh", "-c", f"exit {number % 3}")
    runlore("run", "sh", "-c", "kill -9 $$")
    return runlore


@pytest.fixture
def settled(runlore: Runlore, lived: Runlore) -> Runlore:
    """A registry of ended runs whose index is up to date."""
    shutil.copytree(lived.root, runlore.root, dirs_exist_ok=True)
    settle(runlore)
    return runlore


def settle(runlore: Runlore) -> None:
    """Return when the index is up to date: the folder's time is believed only once it is a little old."""
    while not is_quick(runlore):
        runlore.ok("ls", "-q")


def is_quick(runlore: Runlore) -> bool:
    """Say whether the fast path answers."""
    return "click" not in imported(runlore)[0]


def imported(runlore: Runlore) -> tuple[set[str], str]:
    """Return what `ps` imports beyond a bare interpreter, and what it says on standard output."""
    env = runlore.environment()
    done = subprocess.run([PYTHON, "-c", MODULES], env=env, capture_output=True, text=True, check=True)
    bare = subprocess.run(
        [PYTHON, "-c", "import sys; print(*sys.modules)"], env=env, capture_output=True, text=True, check=True
    )
    return set(done.stderr.splitlines()[-1].split()) - set(bare.stdout.split()), done.stdout


def whole(runlore: Runlore, **env: str) -> tuple[list[str], list[str]]:
    """Return what the whole command says, in words; how long ago something was changes between two looks."""
    done = subprocess.run(
        [PYTHON, "-c", WHOLE], env=runlore.environment(**env), capture_output=True, text=True, check=True
    )
    return timeless(done.stdout), done.stderr.splitlines()


def timeless(text: str) -> list[str]:
    """Return the words of a table without what passes while one looks."""
    passing = re.compile(r"[0-9.]+(ms|[smhd%])|ago|just|now")
    return [word for word in text.split() if not passing.fullmatch(word)]


def test_it_says_what_the_whole_command_says(settled: Runlore) -> None:
    """Table and remark are the same, in colour, in a narrow window, and in a pipe."""
    for env in ({}, {"COLUMNS": "40"}, {"COLUMNS": "200", "NO_COLOR": "1"}):
        done = settled.ok("ps", env=env)

        assert (timeless(done.stdout), done.stderr.splitlines()) == whole(settled, **env)
    assert "SIGKILL" in done.stdout
    assert done.stderr == "5 of 8 runs; more: `runlore ls`\n"


def test_it_imports_next_to_nothing(settled: Runlore) -> None:
    """No library, no room that reads journals, nothing of the standard library that costs a millisecond."""
    modules, shown = imported(settled)

    assert shown.startswith("ID")
    ours = {name for name in modules if name.startswith("runlore")}
    assert modules - ours <= ALLOWED | {"types", "operator", "functools", "collections", "_collections"} | {
        "keyword",
        "reprlib",
        "itertools",
        "_operator",
        "_functools",
    }
    assert ours == {
        "runlore",
        "runlore.cli",
        "runlore.cli.cells",
        "runlore.cli.looks",
        "runlore.cli.outcomes",
        "runlore.cli.quick_ps",
        "runlore.cli.spans",
        "runlore.cli.start",
        "runlore.cli.run_columns",
        "runlore.cli.table",
        "runlore.projections",
        "runlore.projections.index",
        "runlore.projections.index.version",
        "runlore.projections.printable",
    }


def test_a_label_is_seen_at_once(settled: Runlore) -> None:
    """An ended run that is labelled has announced it: the fast path steps back."""
    settled.ok("tag", "latest", "env=test")

    assert not is_quick(settled)
    assert "env=test" in settled.ok("ps").stdout
    settle(settled)
    assert "env=test" in settled.ok("ps").stdout


def test_a_journal_placed_or_removed_by_hand_is_seen(settled: Runlore) -> None:
    """The folder's time has moved, though nobody announced anything."""
    newest = max((settled.root / "journals").glob("*.jsonl"))
    away = settled.home / newest.name
    shutil.move(newest, away)

    assert "5 of 7 runs" in settled.ok("ps").stderr
    settle(settled)
    assert "5 of 7 runs" in settled.ok("ps").stderr
    shutil.move(away, newest)
    assert "5 of 8 runs" in settled.ok("ps").stderr


@pytest.mark.parametrize("lost", ["index", "feed", "index/current"])
def test_what_is_derived_may_be_deleted(settled: Runlore, lost: str) -> None:
    """The answer is the same; the next time it is quick again, or as soon as somebody announces something."""
    before = settled.ok("ps")
    place = settled.root / lost
    shutil.rmtree(place) if place.is_dir() else place.unlink()

    after = settled.ok("ps")

    assert (timeless(after.stdout), after.stderr) == (timeless(before.stdout), before.stderr)


def test_a_live_run_is_looked_at(settled: Runlore) -> None:
    """Whether it lives cannot be known from an index."""
    run_id = settled.begin("sleep", "60")

    assert "running" in settled.ok("ps").stdout
    settled.ok("stop", "--force", run_id)
    assert "cancelled" in settled.ok("ps").stdout


def test_a_database_that_is_none_is_not_believed(settled: Runlore) -> None:
    """Damage is noticed, and all is folded, and a new index made."""
    database = next((settled.root / "index").glob("*/runs.sqlite"))
    database.write_bytes(os.urandom(8192))

    assert settled.ok("ps").stderr == "5 of 8 runs; more: `runlore ls`\n"
    settle(settled)


def test_its_numbers_are_those_of_their_owners() -> None:
    """What is written down twice, to import less, is the same."""
    assert STATUS.version == version.STATUS


@pytest.mark.parametrize(
    "environ",
    [
        {"RUNLORE_ROOT": "/a/b/../c"},
        {"RUNLORE_ROOT": "relative"},
        {"XDG_DATA_HOME": "/x/", "HOME": "/h"},
        {"XDG_DATA_HOME": "relative", "HOME": "/h/"},
        {"RUNLORE_ROOT": "", "HOME": "/h"},
    ],
)
@pytest.mark.parametrize("folder", ["", "deep/er", "other"])
def test_it_looks_where_the_whole_command_looks(environ: dict[str, str], folder: str, tmp_path: Path) -> None:
    """Both choose a root by the same rules."""
    (tmp_path / ".runlore").mkdir()
    (tmp_path / ".runlore/registry.json").touch()
    (tmp_path / "other/.runlore").mkdir(parents=True)
    place = tmp_path / folder
    place.mkdir(parents=True, exist_ok=True)

    assert quick_ps._root(environ, str(place)) == find_root(None, environ, str(place)).path


def test_runs_that_go_on_stay_on_the_fast_path(settled: Runlore) -> None:
    """Each is looked at; what it reports is shown, and what else happens is left to the whole command."""
    go_on = settled.home / "go on"
    said = f"while [ ! -e '{go_on}' ]; do sleep 0.05; done; runlore emit progress 3/4 more; exec sleep 60"
    settled.begin("sleep", "60")
    settled.begin("sh", "-c", f"runlore emit progress 1/4 some; {said}")
    until(lambda: "25%" in settled.ok("ps").stdout)
    while not is_quick(settled):
        settled.ok("ps")

    done = settled.ok("ps")
    assert (timeless(done.stdout), done.stderr.splitlines()) == whole(settled)
    assert done.stdout.count("running") == 2
    assert done.stderr == "7 of 10 runs; more: `runlore ls`\n"
    go_on.touch()
    journals = settled.root / "journals"
    until(lambda: any(b'"message":"more"' in path.read_bytes() for path in journals.iterdir()))
    modules, shown = imported(settled)
    assert "click" not in modules
    assert "75% more" in shown
    assert {name for name in modules if name.startswith("runlore")} >= {"runlore.cli.quick_live"}
    settled.ok("stop", "--force", "latest")
    assert "cancelled" in settled.ok("ps").stdout


def test_beside_packs_the_index_has_to_know_them(settled: Runlore) -> None:
    """A pack that came since is a doubt; packs that were seen are none, as long as no packed run is shown."""
    root = str(settled.root)
    assert survey._NO_FOLDER == quick_ps._NO_FOLDER
    pack = settled.root / "packs/2026-11-20-1.jsonl"
    pack.touch()
    with pytest.raises(quick_ps._Doubt):
        quick_ps._read(root)
    settle(settled)
    assert quick_ps._read(root)[2] == 8
    pack.unlink()

    # of runs that began within one second the names do not tell the order
    first = settled.journal(settled.ok("ls", "-q").lines[-1])
    layout = Layout(root)
    aside = [path for path in sorted((settled.root / "journals").iterdir()) if path != first]
    for path in aside:
        path.rename(settled.root / path.name)
    assert Packing(REAL, layout, older_than_s=0).apply().runs == 1
    for path in aside:
        (settled.root / path.name).rename(path)
    with pytest.raises(quick_ps._Doubt):
        quick_ps._read(root)
    settle(settled)
    assert quick_ps._read(root)[2] == 8
    assert not first.exists()


def test_a_packed_run_is_shown_by_the_whole_command(settled: Runlore) -> None:
    """It says the same as before the run was packed."""
    shown = settled.ok("ps")
    assert Packing(REAL, Layout(str(settled.root)), older_than_s=0).apply().runs == 8
    for _ in range(2):
        after = settled.ok("ps")
        assert (timeless(after.stdout), after.stderr) == (timeless(shown.stdout), shown.stderr)
    with pytest.raises(OSError, match="journals"):
        quick_ps._read(str(settled.root))
    assert settled.ok("index", "verify").stdout
