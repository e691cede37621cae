"""Find a registry, make one, and refuse one that cannot be trusted."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from runlore.journal import machine
from runlore.journal.disk import REAL
from runlore.journal.errors import BadInput, JournalIO, NewerFormat, NotFound, NotPermitted
from runlore.journal.layout import FOLDERS
from runlore.journal.root import (
    consent_to_network_fs,
    find_root,
    open_for_reading,
    open_for_writing,
    registry_info,
)
from tests.doubles.recorder import recording

# -- finding


def test_the_order_of_places(tmp_path: Path) -> None:
    """The option wins over the environment, that over a project's own, that over the user's."""
    project = tmp_path / "project"
    inside = project / "src" / "deep"
    inside.mkdir(parents=True)
    open_for_writing(REAL, str(project / ".runlore"))
    environ = {"RUNLORE_ROOT": "/env", "XDG_DATA_HOME": "/data", "HOME": "/home/ada"}

    found = [find_root("/opt", environ, str(inside))]
    found.append(find_root(None, environ, str(inside)))
    del environ["RUNLORE_ROOT"]
    found.append(find_root(None, environ, str(inside)))
    found.append(find_root(None, environ, "/"))
    del environ["XDG_DATA_HOME"]
    found.append(find_root(None, environ, "/"))

    assert [(root.path, root.source) for root in found] == [
        ("/opt", "option"),
        ("/env", "environment"),
        (str(project / ".runlore"), "project"),
        ("/data/runlore", "user"),
        ("/home/ada/.local/share/runlore", "user"),
    ]


@pytest.mark.parametrize("environ", [{}, {"HOME": ""}, {"HOME": "relative"}, {"HOME": "/home/a\nb"}])
def test_no_home_to_fall_back_on(environ: dict[str, str]) -> None:
    """It is said what to set."""
    with pytest.raises(BadInput, match="--root DIR"):
        find_root(None, environ, "/")


@pytest.mark.parametrize("choice", ["", "a\0b"])
def test_a_choice_that_is_no_path(choice: str) -> None:
    """It is refused, not guessed at."""
    with pytest.raises(BadInput):
        find_root(choice, {}, "/")


def test_a_relative_choice() -> None:
    """It counts from where the user stands."""
    assert find_root("../there", {}, "/home/ada").path == "/home/there"


def test_an_empty_folder_named_like_a_project(tmp_path: Path) -> None:
    """Only what was made by init is a registry."""
    (tmp_path / ".runlore").mkdir()

    assert find_root(None, {"HOME": "/home/ada"}, str(tmp_path)).source == "user"


# -- making


def test_a_new_registry(tmp_path: Path) -> None:
    """Every folder is there, private, and the registry knows its id."""
    layout = open_for_writing(REAL, str(tmp_path / "a" / "b"))

    assert sorted(os.listdir(layout.root)) == sorted([*FOLDERS, "registry.json"])
    for name in ("", *FOLDERS):
        assert os.stat(f"{layout.root}/{name}").st_mode & 0o777 == 0o700
    assert os.stat(layout.registry_file).st_mode & 0o777 == 0o600
    assert len(registry_info(REAL, layout).registry_id) == 16


def test_a_registry_that_exists(tmp_path: Path) -> None:
    """Opening it changes nothing: not the id, and not a byte."""
    path = str(tmp_path / "registry")
    first = registry_info(REAL, open_for_writing(REAL, path))
    disk, recorder = recording(REAL)

    again = registry_info(disk, open_for_writing(disk, path))

    assert again == first
    assert recorder.named("write", "mkdir", "rename", "link", "unlink") == []


def test_a_registry_whose_file_was_lost(tmp_path: Path) -> None:
    """It is made anew around the journals that are there."""
    layout = open_for_writing(REAL, str(tmp_path / "registry"))
    Path(layout.journals, "kept").write_text("kept")
    os.unlink(layout.registry_file)

    open_for_writing(REAL, layout.root)

    assert Path(layout.journals, "kept").read_text() == "kept"


@pytest.mark.parametrize("exists", [False, True])
def test_a_registry_that_must_not_be_made(tmp_path: Path, exists: bool) -> None:
    """Without leave to create, a folder that is no registry stays as it is."""
    path = tmp_path / "registry"
    if exists:
        path.mkdir(mode=0o700)

    with pytest.raises(NotFound, match="runlore init"):
        open_for_writing(REAL, str(path), create=False)

    assert not exists or list(path.iterdir()) == []


MAKE = """
import os, sys
from runlore.journal.disk import REAL
from runlore.journal.root import open_for_writing, registry_info

children = []
for number in range(16):
    child = os.fork()
    if child == 0:
        try:
            layout = open_for_writing(REAL, sys.argv[1])
            os.write(1, registry_info(REAL, layout).registry_id.encode() + b"\\n")
            os._exit(0)
        except BaseException:
            import traceback
            traceback.print_exc()
            os._exit(1)
    children.append(child)
sys.exit(sum(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0 for child in children))
"""


def test_many_processes_make_one_registry(tmp_path: Path) -> None:
    """All of them agree on its id, and no temporary file stays."""
    path = tmp_path / "deep" / "registry"

    done = subprocess.run(
        [sys.executable, "-c", MAKE, str(path)], check=False, capture_output=True, text=True
    )

    assert done.returncode == 0, done.stderr
    assert len(set(done.stdout.split())) == 1
    assert sorted(os.listdir(path)) == sorted([*FOLDERS, "registry.json"])


def test_a_relative_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is made absolute, so that a later change of folder moves nothing."""
    monkeypatch.chdir(tmp_path)

    assert open_for_writing(REAL, "here").root == str(tmp_path / "here")


# -- refusing


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o702])
def test_a_root_others_can_write(tmp_path: Path, mode: int) -> None:
    """They could forge what runs did; the error says what to do."""
    path = tmp_path / "registry"
    path.mkdir()
    path.chmod(mode)

    with pytest.raises(NotPermitted, match="chmod 700"):
        open_for_writing(REAL, str(path))


@pytest.mark.needs("root")
def test_somebody_elses_root(tmp_path: Path) -> None:
    """It is theirs to write; reading works."""
    layout = open_for_writing(REAL, str(tmp_path / "registry"))
    os.chown(layout.root, 12345, 12345)

    with pytest.raises(NotPermitted, match="RUNLORE_ROOT"):
        open_for_writing(REAL, layout.root)
    assert open_for_reading(layout.root).root == layout.root


def test_a_root_behind_a_link(tmp_path: Path) -> None:
    """Who can change the link can change the registry; the error names the folder itself."""
    open_for_writing(REAL, str(tmp_path / "registry"))
    (tmp_path / "link").symlink_to(tmp_path / "registry")

    with pytest.raises(NotPermitted, match=str(tmp_path / "registry")):
        open_for_writing(REAL, str(tmp_path / "link"))


@pytest.mark.parametrize("below", ["", "/deeper"])
def test_a_root_that_is_a_file(tmp_path: Path, below: str) -> None:
    """It is left as it is."""
    path = tmp_path / "file"
    path.write_text("mine")

    with pytest.raises(BadInput, match="folder"):
        open_for_writing(REAL, f"{path}{below}")

    assert path.read_text() == "mine"


def test_a_dangling_link(tmp_path: Path) -> None:
    """Nothing is made where it points."""
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")

    with pytest.raises(BadInput):
        open_for_writing(REAL, str(tmp_path / "link"))

    assert not (tmp_path / "nowhere").exists()


def test_a_network_file_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Writing asks for consent once, and says what is lost."""
    path = str(tmp_path / "registry")
    monkeypatch.setattr(machine, "file_system", lambda _: "nfs4")

    with pytest.raises(NotPermitted, match="--allow-network-fs"):
        open_for_writing(REAL, path)
    consent_to_network_fs(REAL, open_for_writing(REAL, path, allow_network_fs=True))

    assert open_for_writing(REAL, path).root == path


@pytest.mark.parametrize("kind", ["nfs", "cifs", "9p", "virtiofs", "fuse.sshfs", "fuseblk"])
def test_file_systems_whose_locks_say_nothing(kind: str) -> None:
    """They are told apart from local ones."""
    assert machine.is_network(kind)
    assert not machine.is_network("ext4")


def test_a_newer_registry(tmp_path: Path) -> None:
    """It is refused for writing, and readable."""
    layout = open_for_writing(REAL, str(tmp_path / "registry"))
    data = Path(layout.registry_file).read_text()
    Path(layout.registry_file).write_text(data.replace('"format":1', '"format":2'))

    with pytest.raises(NewerFormat):
        open_for_writing(REAL, layout.root)
    assert open_for_reading(layout.root).root == layout.root


@pytest.mark.parametrize("data", [b"", b"{}", b"not json", b"\xff", b"[" * 9000, bytes(100)])
def test_a_registry_file_that_is_none(tmp_path: Path, data: bytes) -> None:
    """The error says that the journals stay, and what to do."""
    layout = open_for_writing(REAL, str(tmp_path / "registry"))
    Path(layout.registry_file).write_bytes(data)

    with pytest.raises(BadInput, match="move it aside"):
        open_for_writing(REAL, layout.root)


def test_a_registry_file_that_is_a_folder(tmp_path: Path) -> None:
    """The error is one of ours."""
    layout = open_for_writing(REAL, str(tmp_path / "registry"))
    os.unlink(layout.registry_file)
    os.mkdir(layout.registry_file)

    with pytest.raises(JournalIO):
        registry_info(REAL, layout)


# -- reading


def test_reading_what_is_not_there(tmp_path: Path) -> None:
    """There is none, and reading makes none."""
    with pytest.raises(NotFound, match="no registry"):
        open_for_reading(str(tmp_path / "registry"))

    assert list(tmp_path.iterdir()) == []


def test_reading_changes_nothing(tmp_path: Path) -> None:
    """A snapshot that cannot be written is good enough."""
    layout = open_for_writing(REAL, str(tmp_path / "registry"))
    before = {path: path.stat().st_mtime_ns for path in Path(layout.root).rglob("*")}

    open_for_reading(layout.root)

    assert {path: path.stat().st_mtime_ns for path in Path(layout.root).rglob("*")} == before
