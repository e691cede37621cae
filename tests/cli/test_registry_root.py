"""Which registry is used, how one is made, and when it is refused: `--root`, `init`, `info`."""

import os
import stat
from pathlib import Path

import pytest

from tests.cli.command import Runlore


def root_of(runlore: Runlore, *words: str, **how: object) -> tuple[str, str]:
    """Return the root that a command uses, and the rule that chose it."""
    view = runlore.ok(*words, "info", "--json", **how).json
    return view["root"], view["source"]


def test_the_rules_that_choose_a_root_in_their_order(runlore: Runlore, tmp_path: Path) -> None:
    """--root, RUNLORE_ROOT, the nearest .runlore upwards, the user's own."""
    below = runlore.home / "project" / "below"
    below.mkdir(parents=True)
    runlore.ok("init", "project", env={"RUNLORE_ROOT": None})
    project = str(runlore.home / "project" / ".runlore")
    nowhere = {"RUNLORE_ROOT": None}

    assert root_of(runlore, "--root", "x", cwd=below) == (str(below / "x"), "option")
    assert root_of(runlore, cwd=below) == (str(runlore.root), "environment")
    assert root_of(runlore, cwd=below, env=nowhere) == (project, "project")
    assert root_of(runlore, env=nowhere) == (f"{runlore.home}/.local/share/runlore", "user")
    assert root_of(runlore, env={**nowhere, "XDG_DATA_HOME": str(tmp_path)}) == (
        f"{tmp_path}/runlore",
        "user",
    )


def test_the_root_may_stand_before_or_behind_the_command(runlore: Runlore) -> None:
    """Both places are usual."""
    assert runlore.ok("info", "--root", "/x", "--fields", "root").stdout == "/x\n"
    assert runlore.ok("--root", "/x", "info", "--fields", "root").stdout == "/x\n"
    assert runlore.ok("--root=/x", "info", "--root=/y", "--fields", "root").stdout == "/y\n"


def test_init_makes_a_registry_for_this_folder(runlore: Runlore) -> None:
    """Private whatever the umask; a second time it is left as it is."""
    nowhere: dict[str, str | None] = {"RUNLORE_ROOT": None}
    first = runlore.ok("init", env=nowhere)
    view = runlore.ok("init", "--json", env=nowhere).json
    root = runlore.home / ".runlore"

    assert first.stdout == f"made a registry at {root}\n"
    assert (view["schema"], view["root"], view["existing"]) == ("runlore.init/1", str(root), True)
    assert stat.S_IMODE(root.stat().st_mode) == 0o700


def test_init_makes_the_root_that_was_chosen(runlore: Runlore) -> None:
    """With --root or RUNLORE_ROOT exactly that folder; with DIR its .runlore, whatever the environment."""
    assert runlore.ok("init", "-q").lines == [str(runlore.root)]
    assert runlore.ok("init", "--root", "other", "-q").lines == [str(runlore.home / "other")]
    assert runlore.ok("init", "third", "-q").lines == [str(runlore.home / "third" / ".runlore")]


def test_info_writes_nothing(runlore: Runlore) -> None:
    """It tells of a registry that does not exist yet, and leaves it so."""
    view = runlore.ok("info", "--json").json
    runlore.ok("info")

    assert (view["exists"], view["runs"], view["registry_id"]) == (False, 0, None)
    assert list(runlore.root.iterdir()) == []


def test_info_tells_what_the_registry_stands_on(ended: Runlore) -> None:
    """Root and rule, format, durability, file system, counts, versions."""
    view = ended.ok("info", "--json").json
    told = ended.ok("info").stdout

    assert (view["schema"], view["format"], view["durability"], view["writable"]) == (
        "runlore.info/1",
        1,
        "power",
        True,
    )
    assert view["counts"] == {"failed": 3, "succeeded": 2, "timed_out": 1}
    assert view["kernel"] == os.uname().release
    assert f"{ended.root} (given by RUNLORE_ROOT)" in told
    assert "6 runs: 3 failed, 2 succeeded, 1 timed out" in told


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o777])
def test_modes_do_not_depend_on_the_umask(runlore: Runlore, umask: int) -> None:
    """Folders 0700, files 0600."""
    runlore.shell(f'umask {umask:04o}; "$RUNLORE" run -q true')
    modes = {
        stat.S_IMODE(path.lstat().st_mode)
        for path in runlore.root.rglob("*")
        if not stat.S_ISFIFO(path.lstat().st_mode)
    }

    assert modes == {0o700, 0o600}
    assert runlore.ok("ps", "--json").json["counts"] == {"succeeded": 1}


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda path: path.write_text("a file"), 2),
        (lambda path: path.symlink_to("elsewhere"), 4),
        (lambda path: (path.mkdir(), path.chmod(0o777)), 4),
        (lambda path: (path.mkdir(), path.chmod(0o770)), 4),
        (lambda path: path.symlink_to(path), 74),
    ],
    ids=["file", "link", "world-writable", "group-writable", "loop"],
)
def test_a_root_that_others_could_change_is_refused_for_writing(
    runlore: Runlore, make: object, code: int
) -> None:
    """The error says what to do; no run is made, and nothing is written there."""
    path = runlore.home / "odd"
    (runlore.home / "elsewhere").mkdir()
    make(path)  # type: ignore[operator]
    detached = runlore("run", "-d", "--root", str(path), "true")

    assert detached.code == code
    assert detached.stderr.startswith("error: ")
    assert detached.stderr.count("\n") == 1
    assert runlore("run", "--root", str(path), "true").code == 125
    assert list((runlore.home / "elsewhere").iterdir()) == []


@pytest.mark.parametrize(
    ("root", "code"),
    [("/dev/null", 2), ("/proc/1/nope", 74), ("/etc/passwd/x", 2), ("", 2), ("a\nb", 0), ("x" * 300, 74)],
    ids=["device", "proc", "below a file", "empty", "newline", "too long"],
)
def test_odd_roots(runlore: Runlore, root: str, code: int) -> None:
    """Each has its verdict, in one line, with no traceback; only what can be a folder becomes one."""
    done = runlore("run", "-d", "--root", root, "true")

    assert done.code == code, done
    assert done.stderr.count("\n") == (1 if code else 0)


@pytest.mark.needs("root")
def test_somebody_elses_root_is_refused_for_writing_and_can_be_read(runlore: Runlore) -> None:
    """Reading an explicit root works for anyone who can read it."""
    runlore.ok("run", "-q", "true")
    os.chown(runlore.root, 12345, 12345)

    assert "belongs to uid 12345" in runlore("run", "-d", "true", code=4).stderr
    assert runlore("tag", "latest", "x", code=4).stderr.startswith("error: ")
    assert runlore.ok("ps", "--json").json["counts"] == {"succeeded": 1}


@pytest.mark.parametrize("home", [None, "", "relative", "/a\nb"])
def test_without_a_home_a_root_has_to_be_named(runlore: Runlore, home: str | None) -> None:
    """The message says how."""
    done = runlore("ps", env={"HOME": home, "RUNLORE_ROOT": None}, code=2)

    assert "--root DIR" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_home_that_is_the_root_folder_is_an_ordinary_one(runlore: Runlore) -> None:
    """HOME=/ as in containers."""
    assert root_of(runlore, env={"HOME": "/", "RUNLORE_ROOT": None}) == ("/.local/share/runlore", "user")


def test_a_folder_that_was_removed_under_us_is_no_reason_to_fail(ended: Runlore) -> None:
    """Looking works from anywhere; running needs to be told where."""
    gone = 'mkdir gone; cd gone; rmdir ../gone; "$RUNLORE" '

    assert ended.shell(gone + "ps -q").code == 0
    done = ended.shell(gone + "run --dry-run true")
    assert done.code == 125
    assert "--cwd DIR" in done.stderr


def test_a_registry_of_a_newer_release_can_be_read_and_not_written(runlore: Runlore) -> None:
    """65 for writing, as it says; looking goes on."""
    runlore.ok("run", "-q", "true")
    path = runlore.root / "registry.json"
    path.write_text(path.read_text().replace('"format":1', '"format":99'))

    assert "newer release" in runlore("run", "-d", "true", code=65).stderr
    assert runlore.ok("ps", "--json").json["counts"] == {"succeeded": 1}


@pytest.mark.parametrize("text", ["", "not json", "[]", '{"format":"x"}', "\x00" * 100])
def test_a_damaged_registry_file_is_told_and_hides_no_run(runlore: Runlore, text: str) -> None:
    """Journals are the truth; the file only describes the folder."""
    runlore.ok("run", "-q", "true")
    (runlore.root / "registry.json").write_text(text)

    assert "registry.json" in runlore("run", "-d", "true", code=2).stderr
    assert runlore.ok("ps", "--json").json["counts"] == {"succeeded": 1}
    assert runlore.ok("info", "--json").json["detail"]
