"""Files and folders that are swapped for links all the time: nothing outside is ever stored or shown."""

import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from hashlib import sha256
from itertools import cycle
from pathlib import Path

import pytest

from runlore.journal.disk import REAL, RealDisk
from runlore.journal.errors import RunloreError
from runlore.projections.globs import Place, Selection
from runlore.runtimes import beneath
from runlore.runtimes.beneath import open_folder
from runlore.runtimes.bundle import Bundle, NotKept
from runlore.runtimes.check_outputs import check_outputs
from runlore.runtimes.get_outputs import get_outputs
from runlore.runtimes.outputs import Candidate, Unfit, find, open_candidate
from runlore.runtimes.stored import open_stored, pieces
from tests.crash.swaps import are_enough, both_met, swapping
from tests.proof import record
from tests.runtimes.test_collect import World

MINE, SECRET = b"mine", b"secret"
NAME = sha256(MINE).hexdigest()
Try = Callable[[], Iterator[bytes]]
"""Yields what came from the disk; whatever is refused raises."""


class Unsynced(RealDisk):
    """A disk that is not waited for: these tries are about names."""

    def fdatasync(self, fd: int) -> None:  # type: ignore[override]  # there it needs no object
        """Do nothing."""

    def sync_dir(self, path: str) -> None:
        """Do nothing."""


@pytest.fixture(params=["openat2", "name by name"])
def _opening(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways in which a file is opened below a folder."""
    if request.param == "name by name":
        monkeypatch.setattr(beneath, "_openat2", lambda: None)


@pytest.fixture
def _evil(tmp_path: Path) -> None:
    """A folder outside with a file of every name that is asked for, and what leads there."""
    folder = tmp_path / "evil"
    folder.mkdir()
    for name in ("file", NAME, "manifest.json"):
        (folder / name).write_bytes(SECRET)
    (tmp_path / "to-folder").symlink_to(folder)
    (tmp_path / "to-file").symlink_to(folder / "file")


def tried(times: int, tries: list[Try]) -> Counter[str]:
    """Try so often at least, and until both were met; return what each try came to."""
    found: Counter[str] = Counter(tries=0, mine=0, refused=0, escaped=0)
    for one in cycle(tries):
        if are_enough(found["tries"], found["mine"], times):
            return found
        found["tries"] += 1
        came = b""
        try:
            for piece in one():
                came += piece
        except (OSError, RunloreError, Unfit, NotKept):
            found["refused"] += not came
        if SECRET in came:
            found["escaped"] += 1
        elif came:
            found["mine"] += 1
    raise ValueError("nothing to try")


@pytest.mark.timeout(1800)
@pytest.mark.usefixtures("_opening", "_evil")
def test_nothing_outside_is_collected(
    tmp_path: Path, sized: Callable[[int, int], int], request: pytest.FixtureRequest
) -> None:
    """The file is swapped for a link, and its folder as well, while both are looked for and copied."""
    work = tmp_path / "work"
    (work / "out").mkdir(parents=True)
    (work / "out" / "file").write_bytes(MINE)
    (tmp_path / "run").mkdir()
    bundle = Bundle(Unsynced(), str(tmp_path / "run" / "bundle"), None, lambda: None)
    bundle.begin()
    top = open_folder(str(work))
    groups = [("file", Place(Selection(("out/file",))))]

    def collect() -> Iterator[bytes]:
        for found in find(top, groups):
            if isinstance(found, Candidate):
                with open(open_candidate(found), "rb", buffering=0) as source:
                    kept = bundle.keep(source.fileno())
                    bundle.settle()
                yield Path(bundle.folder, kept.sha256).read_bytes()

    def look_first() -> Iterator[bytes]:
        if not (work / "out").is_symlink() and not (work / "out/file").is_symlink():
            yield (work / "out/file").read_bytes()

    times = sized(1_500, 150_000)
    with swapping([(work / "out/file", tmp_path / "to-file"), (work / "out", tmp_path / "to-folder")]):
        careless = tried(20_000, [look_first])
        found = tried(times, [collect])

    assert careless["escaped"] > 0  # who checks first and opens later is caught by this
    assert found["escaped"] == 0
    assert both_met(found["tries"], found["mine"])
    assert {path.name for path in Path(bundle.folder).iterdir()} == {NAME}
    told(request, "swapped for links while they are collected", found)


@pytest.mark.timeout(1800)
@pytest.mark.usefixtures("_opening", "_evil")
def test_nothing_outside_is_read(
    tmp_path: Path, sized: Callable[[int, int], int], request: pytest.FixtureRequest
) -> None:
    """`cat`, `get` and `verify`, while entries of the bundle and the bundle itself are swapped for links."""
    world = World(tmp_path)
    world.write("file", MINE)
    world.collect("file")
    world.owned.die()
    entry, to = world.entries["file"], tmp_path / "to"

    def cat() -> Iterator[bytes]:
        with open(open_stored(world.layout, world.run_id, entry), "rb", buffering=0) as source:
            yield from pieces(source.fileno(), entry)

    def get() -> Iterator[bytes]:
        try:
            get_outputs(world.layout, world.run_id, [entry], str(to))
        finally:
            with suppress(FileNotFoundError):
                yield (to / "file").read_bytes()
            shutil.rmtree(to, ignore_errors=True)

    def verify() -> Iterator[bytes]:
        view = check_outputs(REAL, world.layout, world.run_id)
        hashed = sha256(SECRET).hexdigest() in str(view)
        yield SECRET if hashed else MINE if not view.findings else b""

    times, bundle = sized(700, 150_000), world.bundle
    with swapping([(bundle / NAME, tmp_path / "to-file"), (bundle, tmp_path / "to-folder")]):
        found = tried(times, [cat, get, verify])

    assert found["escaped"] == 0
    assert both_met(found["tries"], found["mine"])
    told(request, "swapped for links while they are read", found)


def told(request: pytest.FixtureRequest, what: str, found: Counter[str]) -> None:
    """Say what was proved."""
    way = request.node.callspec.id
    record(
        f"outputs {what}, {way}",
        "a link that takes the place of a file or a folder at any moment leads nobody out",
        {"tries": found["tries"], "my file": found["mine"], "escapes": found["escaped"]},
    )
