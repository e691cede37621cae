"""Runs of other tools: what becomes of them here, whatever lies in their folders."""

import errno
import json
import os
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runlore.journal.disk import REAL
from runlore.journal.errors import BadInput, Conflict, JournalIO, NotPermitted, RunloreError, WrongDigest
from runlore.journal.layout import Layout
from runlore.journal.reader import read
from runlore.journal.values import RunId
from runlore.journal.verify import verify
from runlore.projections.index.care import differences
from runlore.projections.run_view import RunView
from runlore.runtimes import run_folder
from runlore.runtimes.check_outputs import check_outputs
from runlore.runtimes.foreign import import_bytes, import_directory, import_foreign
from runlore.runtimes.registry import Registry
from runlore.runtimes.stored import artifacts_of
from tests.doubles.failer import How, failing
from tests.journal.journals import registry as made_registry
from tests.runtimes.foreign_folders import ENDED, STARTED, bare, codebox, guild, homeboy, put, record

GOLDEN = Path(__file__).with_name("golden_imports.json")
KINDS: dict[str, Callable[[Path], Path]] = {
    "homeboy": homeboy,
    "codebox": codebox,
    "guild": guild,
    "bare": bare,
}
VOLATILE = {
    "run_id", "short_id", "owner", "journal_head", "retention", "duration_s", "secrets", "last_activity_at"
}  # fmt: skip


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    """An empty registry."""
    return Registry(made_registry(tmp_path / "registry"))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A folder for what is to be imported."""
    (tmp_path / "source").mkdir()
    return tmp_path / "source"


def imported(registry: Registry, path: Path) -> RunView:
    """Return the one run that comes from there."""
    (item,) = import_foreign(registry, path)
    assert item.outcome == "imported"
    return registry.view(RunId(item.run_id))


def outputs(registry: Registry, run_id: str) -> dict[str, tuple[str, str]]:
    """Return what became of each file: outcome, and kind or reason."""
    state = artifacts_of(REAL, registry.layout, RunId(run_id))
    return {
        each.path: (each.outcome, each.kind if each.outcome == "stored" else each.reason)
        for each in state.entries
    }


def told(registry: Registry, view: RunView) -> dict[str, Any]:
    """Return all of a run that is the same each time, as JSON."""
    shown = {
        name: value for name, value in msgspec.to_builtins(view).items() if name not in VOLATILE and value
    }
    assert shown["origin"].pop("imported_at")
    for part, ref in (("artifacts", "bundle"), ("artifacts", "manifest"), ("transcript", "ref")):
        assert view.run_id in shown[part].pop(ref)
    shown["files"] = {path: list(what) for path, what in outputs(registry, view.run_id).items()}
    shown["printed"] = [f"{line.stream}: {line.data.decode()}" for line in registry.get(view.run_id).logs()]
    again: dict[str, Any] = json.loads(json.dumps(shown))
    return again


def write_records(folder: Path, *records: dict[str, Any]) -> Path:
    """Return a file of records, one a line."""
    path = folder / "runs.ndjson"
    path.write_text("".join(f"{json.dumps(each)}\n" for each in records))
    return path


def is_sound(registry: Registry, run_id: str) -> None:
    """Nothing is wrong with the run, its outputs, its folder, or the index."""
    found = verify(REAL, registry.layout, RunId(run_id))
    assert (found.integrity, found.findings) == ("sealed", [])
    assert check_outputs(REAL, registry.layout, RunId(run_id)).findings == []
    folder = run_folder.look(registry.layout.run_dir(RunId(run_id)))
    assert folder is not None
    assert not folder.problem
    registry.runs()  # which makes an index, if there is none
    assert list(differences(REAL, registry.layout, iter)) == []


def is_empty(layout: Layout) -> bool:
    """Say whether nothing of any run is there."""
    return not os.listdir(layout.journals) and not os.listdir(layout.runs)


# -- what comes out


@pytest.mark.parametrize("kind", KINDS)
def test_the_golden_view_of_each_kind_of_folder(kind: str, registry: Registry, source: Path) -> None:
    """Everything that the folder tells, and nothing that it does not; see the file for each field."""
    folder = KINDS[kind](source / "run-7")
    before = {path: path.lstat() for path in source.rglob("*")}
    view = imported(registry, folder)

    shown = told(registry, view)
    golden = json.loads(GOLDEN.read_text())
    assert shown == golden[kind]
    is_sound(registry, view.run_id)
    for path, found in before.items():
        assert (path.lstat().st_mtime_ns, path.lstat().st_ctime_ns) == (found.st_mtime_ns, found.st_ctime_ns)


def test_a_record_in_full(registry: Registry, source: Path) -> None:
    """Each of its fields is shown as it was given, and its files are stored by digest."""
    put(source, {"out/a.txt": b"a", "err.txt": b"late\n"})
    given = record(
        argv=["train", "--rate", "a b"],
        exit_code=3,
        name="nightly",
        tags={"env": "prod"},
        metadata={"n": 1, "deep": {"a": [None, 1.5]}},
        cwd="/srv/é",
        host="db1",
        git={"commit": "0123456789abcdef" * 2 + "01234567", "branch": "main", "dirty": True},
        logs=[{"text": "hello\n"}, {"stream": "stderr", "path": "err.txt"}],
        artifacts=["out/a.txt"],
    )
    view = imported(registry, write_records(source, given))

    assert (view.status, view.exit_code, view.signal) == ("failed", 3, None)
    assert (view.created_at, view.started_at, view.ended_at) == (STARTED, STARTED, ENDED)
    assert (view.name, view.tags, view.metadata) == ("nightly", given["tags"], given["metadata"])
    assert (view.command, view.cwd) == ("train --rate 'a b'", "/srv/é")
    assert view.origin is not None
    assert (view.origin.kind, view.origin.source, view.origin.external_id, view.origin.host) == (
        "imported", "cron", "nightly-17", "db1"
    )  # fmt: skip
    assert view.origin.git is not None
    assert (view.origin.git.branch, view.origin.git.dirty) == ("main", True)
    assert view.compatibility is None
    assert registry.resolve("nightly-17") == view.run_id
    printed = [(line.stream, line.data) for line in registry.get("nightly-17").logs()]
    assert printed == [("stdout", b"hello\n"), ("stderr", b"late\n")]
    assert outputs(registry, view.run_id) == {"out/a.txt": ("stored", "file")}
    is_sound(registry, view.run_id)


def test_time_is_that_of_the_evidence(registry: Registry, source: Path) -> None:
    """In lists, in the past, in its id; when it was imported is beside it."""
    view = imported(registry, write_records(source, record()))

    assert view.run_id.startswith("20261120-201400-")
    assert view.origin is not None
    assert view.origin.imported_at is not None
    assert view.origin.imported_at > ENDED
    assert registry.view(view.run_id, at=ENDED).status == "succeeded"
    with pytest.raises(RunloreError):
        registry.view(view.run_id, at=datetime(2026, 11, 20, tzinfo=UTC))


_labels = st.text(st.sampled_from("abcXYZ 0-_.é☕"), min_size=1, max_size=12).map(lambda text: f"a{text}z")


def test_whatever_a_record_says_is_shown(tmp_path: Path, sized: Callable[[int, int], int]) -> None:
    """The view has exactly what was given, for any record that is one; again gives the same run."""
    registry = Registry(made_registry(tmp_path / "registry"))
    assert registry.runs() == []  # so that there is an index to bring up to date
    numbers = iter(range(1 << 30))

    @settings(max_examples=sized(10, 1000))
    @given(
        argv=st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0")), max_size=4),
        end=st.one_of(
            st.integers(0, 255).map(lambda code: {"exit_code": code}),
            st.integers(1, 64).map(lambda number: {"exit_code": None, "signal": number}),
            st.sampled_from(["failed", "timed_out", "cancelled"]).map(
                lambda word: {"exit_code": None, "outcome": word}
            ),
        ),
        times=st.tuples(*[st.datetimes(datetime(1971, 1, 1), datetime(2026, 1, 1))] * 2).map(sorted),  # noqa: DTZ001
        name=_labels,
        metadata=st.dictionaries(_labels, st.one_of(st.none(), st.booleans(), _labels, st.integers(0, 99))),
    )
    def each(
        argv: list[str], end: dict[str, Any], times: list[datetime], name: str, metadata: dict[str, object]
    ) -> None:
        started, ended = (at.replace(tzinfo=UTC) for at in times)
        more = {"external_id": f"{next(numbers)}", "argv": argv, "name": name, "metadata": metadata, **end}
        given = record(**more, started_at=started.isoformat(), ended_at=ended.isoformat())
        (item,) = registry.import_records([given])
        view = registry.view(RunId(item.run_id))
        queued = next(read(REAL, registry.layout, RunId(item.run_id))).event
        assert queued.recipe.argv == registry.secrets.found.redactor.argv(argv)  # type: ignore[union-attr]
        assert (view.name, view.metadata) == (name, metadata)
        assert (view.started_at, view.ended_at) == (started, ended)
        assert (view.exit_code, view.signal) == (end["exit_code"], end.get("signal"))
        expected = end.get("outcome") or ("succeeded" if end["exit_code"] == 0 else "failed")
        assert view.status == expected
        assert [each.outcome for each in registry.import_records([given])] == ["existing"]

    each()
    assert list(differences(REAL, registry.layout, iter)) == []


# -- once


def test_importing_again_changes_nothing(registry: Registry, source: Path) -> None:
    """The same is there already; a claim that was lost is found in the journals."""
    folder = homeboy(source / "a")
    first = imported(registry, folder)
    for path in Path(registry.layout.keys).iterdir():
        path.unlink()
    (again,) = import_foreign(registry, folder)

    assert (again.run_id, again.outcome) == (first.run_id, "existing")
    assert len(registry.runs()) == 1


def test_two_who_import_the_same_at_once(registry: Registry, source: Path) -> None:
    """One of them does it, the other finds it done."""
    folder = homeboy(source / "a")
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: import_directory(Registry(registry.layout), str(folder)), range(4)))

    assert sorted(item.outcome for (item,) in done) == ["existing"] * 3 + ["imported"]
    assert len({item.run_id for (item,) in done}) == 1
    assert len(registry.runs()) == 1


def test_an_id_that_another_run_has_is_not_taken(
    registry: Registry, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many runs started in the same second: nothing of the other one is touched."""
    draws = iter([b"aaaaa", b"aaaaa", b"bbbbb"])
    monkeypatch.setattr("runlore.runtimes.foreign_install._draw", lambda: next(draws))
    put(source, {"a.txt": b"a"})
    first = imported(registry, write_records(source, record(artifacts=["a.txt"])))
    second = imported(registry, write_records(source, record(external_id="b")))

    assert first.run_id != second.run_id
    is_sound(registry, first.run_id)


def test_other_content_under_the_same_id(registry: Registry, source: Path) -> None:
    """It is refused, and what was imported first stays as it is; times of bare files are no content."""
    path = write_records(source, record())
    first = imported(registry, path)
    with pytest.raises(Conflict, match="other content"):
        import_foreign(registry, write_records(source, record(exit_code=1)))
    assert registry.view(first.run_id) == registry.view(first.run_id)

    folder = bare(source / "run-7")
    imported(registry, folder)
    os.utime(folder / "stdout.log")
    assert [each.outcome for each in import_foreign(registry, folder)] == ["existing"]
    (folder / "stdout.log").write_text("other")
    with pytest.raises(Conflict):
        import_foreign(registry, folder)
    assert [each.outcome for each in import_directory(registry, str(folder), tool="hand")] == ["imported"]


def test_a_folder_of_folders(registry: Registry, source: Path) -> None:
    """Each of them is a run; one that cannot be read hides none, and is told."""
    homeboy(source / "a")
    bare(source / "c")
    put(source, {"b/retention-summary.json": b"{}", "notes.txt": b"beside"})
    (source / "d").symlink_to(source / "a")
    (source / "e").mkdir()
    told: list[tuple[str, RunloreError]] = []
    items = import_foreign(registry, source, refused=lambda where, error: told.append((where, error)))

    assert [Path(item.source).name for item in items] == ["a", "c"]
    assert [(Path(where).name, error.exit_code) for where, error in told] == [("b", 2), ("d", 2), ("e", 2)]
    with pytest.raises(BadInput):
        import_foreign(registry, source)


def test_records_are_looked_at_before_any_is_imported(registry: Registry, source: Path) -> None:
    """A wrong one among many leaves nothing behind; one whose file is missing spares the others."""
    wrong = record(external_id="b", ended_at="2031-01-01T00:00:00Z")
    with pytest.raises(BadInput, match="record 2"):
        import_foreign(registry, write_records(source, record(), wrong))
    assert is_empty(registry.layout)

    with pytest.raises(BadInput, match="missing is named"):
        import_foreign(
            registry, write_records(source, record(artifacts=["missing"]), record(external_id="b"))
        )
    assert [run.origin.external_id for run in registry.runs() if run.origin] == ["b"]


def test_records_without_a_folder_name_no_files(registry: Registry) -> None:
    """What comes through a pipe cannot make anybody read a file."""
    data = json.dumps(record(artifacts=["a"])).encode()
    with pytest.raises(BadInput, match="no folder"):
        import_bytes(registry, data, "-")
    assert [each.outcome for each in import_bytes(registry, json.dumps(record()).encode(), "-")] == [
        "imported"
    ]


# -- what must not come in


def test_a_file_that_the_manifest_does_not_mean(registry: Registry, source: Path) -> None:
    """Other bytes under a listed name: the file is named, and nothing is imported."""
    folder = homeboy(source / "a")
    (folder / "report/index.html").write_bytes(b"<p>3 of 3 passed</p>\n")
    with pytest.raises(WrongDigest, match=r"report/index.html") as caught:
        import_foreign(registry, folder)

    assert caught.value.exit_code == 65
    assert is_empty(registry.layout)


def hostile(folder: Path, secret: Path) -> None:
    """Leave one of everything in a folder that must not be followed, waited for, or read."""
    put(folder, {"good.txt": b"good", "README": b"1", "readme": b"2", "a\\b": b"3"})
    for name, target in {
        "outside": str(secret), "itself": "itself", "gone": "nowhere", "up": "..", "stdin": "/proc/self/fd/0",
        "root": "/proc/self/root",
    }.items():  # fmt: skip
        (folder / name).symlink_to(target)
    for step in range(41):
        (folder / f"chain{step}").symlink_to(f"chain{step + 1}")
    os.link(secret, folder / "hard")
    os.mkfifo(folder / "fifo")
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff")).write_bytes(b"4")
    (folder / "folder").symlink_to(secret.parent)


def test_a_folder_full_of_traps(registry: Registry, source: Path, tmp_path: Path) -> None:
    """Each is on record with the reason; nothing from outside comes in, and nothing is waited for."""
    (tmp_path / "else").mkdir()
    secret = tmp_path / "else" / "secret"
    secret.write_text("do not read me")
    hostile(source / "run", secret)
    view = imported(registry, source / "run")
    found = outputs(registry, view.run_id)

    assert {path for path, (outcome, _) in found.items() if outcome == "stored"} == {"good.txt", "README"}
    assert found["outside"] == found["folder"] == found["chain40"] == ("skipped", "a symbolic link")
    assert found["fifo"] == ("skipped", "a named pipe")
    assert found["hard"][1].startswith("a hard link")
    assert "upper and lower case" in found["readme"][1]
    assert "backslash" in found["a\\b"][1]
    assert "not UTF-8" in found["\\xff"][1]
    stored = Path(registry.layout.in_run(view.run_id, "bundle")).rglob("*")
    assert all(b"do not read me" not in path.read_bytes() for path in stored)
    is_sound(registry, view.run_id)


@pytest.mark.parametrize("trap", ["link", "parent link", "hard link", "pipe", "folder", "missing", "device"])
def test_a_record_that_names_a_trap(trap: str, registry: Registry, source: Path, tmp_path: Path) -> None:
    """It is refused, naming the file, and so is a log; nothing of the run is left."""
    secret = tmp_path / "secret"
    secret.write_text("x")
    path = source / "x"
    name = "x"
    if trap == "link":
        path.symlink_to(secret)
    elif trap == "parent link":
        path.symlink_to(tmp_path)
        name = "x/secret"
    elif trap == "hard link":
        os.link(secret, path)
    elif trap == "pipe":
        os.mkfifo(path)
    elif trap == "folder":
        path.mkdir()
    elif trap == "device":
        if os.geteuid():
            pytest.skip("needs root")
        os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 3))
    for fields in ({"artifacts": [name]}, {"logs": [{"path": name}]}):
        with pytest.raises(BadInput, match=name):
            import_foreign(registry, write_records(source, record(**fields)))
    assert is_empty(registry.layout)


@pytest.mark.parametrize(
    "manifest",
    ["a symlink", "a pipe", "too long", "artifact outside", "artifact absolute", "artifact twice by case"],
)
def test_a_manifest_that_is_a_trap(
    manifest: str, registry: Registry, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is refused; the folder is not taken for one that nobody described."""
    put(source, {"a": b"a", "A": b"a"})
    path = source / "retention-summary.json"
    paths = {"outside": ["../a"], "absolute": ["/etc/passwd"], "case": ["a", "A"]}.get(
        manifest.rsplit(maxsplit=1)[-1], []
    )
    summary = {
        "run_id": "1",
        "status": "passed",
        "tool": "x",
        "artifacts": [{"path": each} for each in paths],
    }
    if manifest == "a symlink":
        path.symlink_to("a")
    elif manifest == "a pipe":
        os.mkfifo(path)
    else:
        path.write_text(json.dumps(summary))
    if manifest == "too long":
        monkeypatch.setattr("runlore.projections.foreign_manifest.MOST_BYTES", 8)
    with pytest.raises(BadInput):
        import_foreign(registry, source)
    assert is_empty(registry.layout)


def test_secrets_stay_outside(registry: Registry, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Values that this process knows, and what looks like one, are masked in all that is recorded."""
    value, looks = "correct horse battery", "ghp_" + "0123456789abcdefghij" * 2
    monkeypatch.setenv("DEPLOY_TOKEN", value)
    put(source, {"a.txt": f"it is {value}".encode(), "b.bin": b"\0" + value.encode()})
    given = record(
        argv=["login", "--token", looks],
        metadata={"password": looks, "said": value},
        tags={"x": value},
        cwd=f"/srv/{value}",
        host=f"{value}",
        git={"commit": "0" * 40, "branch": value},
        logs=[{"text": f"{value} and token={looks}\n"}],
        artifacts=["a.txt", "b.bin"],
    )
    view = imported(registry, write_records(source, given))

    for path in Path(registry.root).rglob("*"):
        if path.is_file():
            assert value.encode() not in path.read_bytes(), path
            assert looks.encode() not in path.read_bytes(), path
    assert outputs(registry, view.run_id)["a.txt"] == ("stored", "file")
    assert outputs(registry, view.run_id)["b.bin"][0] == "skipped"
    with pytest.raises(BadInput) as caught:
        import_foreign(registry, write_records(source, record(external_id=value)))
    assert value not in str(caught.value)


def test_two_files_whose_names_are_one_once_masked(
    registry: Registry, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first is stored, the second on record with the reason; a record that names both is refused."""
    one, other = "correct horse battery", "staple of another horse"
    monkeypatch.setenv("DEPLOY_TOKEN", one)
    monkeypatch.setenv("OTHER_TOKEN", other)
    put(source / "runs" / "a", {f"of-{one}": b"1", f"of-{other}": b"2"})
    view = imported(registry, source / "runs" / "a")

    entries = artifacts_of(REAL, registry.layout, view.run_id).entries
    assert [(each.path, each.outcome) for each in entries] == [
        ("of-[REDACTED]", "stored"),
        ("of-[REDACTED]", "skipped"),
    ]
    assert "the same path once secrets are masked" in entries[1].reason
    is_sound(registry, view.run_id)
    put(source, {f"of-{one}": b"1", f"of-{other}": b"2"})
    with pytest.raises(BadInput, match="the same path once secrets are masked") as caught:
        import_foreign(registry, write_records(source, record(artifacts=[f"of-{one}", f"of-{other}"])))
    assert other not in str(caught.value)


def test_a_registry_that_is_read_only(registry: Registry, source: Path) -> None:
    """Nothing is written where nothing may be."""
    reading = Registry(registry.layout, writable=False)
    with pytest.raises(NotPermitted):
        reading.import_records([record()])
    with pytest.raises(NotPermitted):
        reading.import_directory(bare(source / "a"))


@pytest.mark.parametrize("what", ["nothing", "an empty folder", "a pipe", "a NUL"])
def test_what_is_nothing_to_import(what: str, registry: Registry, source: Path) -> None:
    """It is told, and nobody waits."""
    path = {"nothing": "gone", "an empty folder": "empty", "a pipe": "pipe", "a NUL": "a\0b"}[what]
    (source / "empty").mkdir()
    os.mkfifo(source / "pipe")
    with pytest.raises(BadInput):
        import_foreign(registry, str(source / path))


@pytest.mark.parametrize(
    ("names", "said"), [(("bundle.json", "SHA256SUMS"), "unpacked"), (("registry.json",), "export ID")]
)
def test_a_folder_of_our_own_is_no_run(
    names: tuple[str, ...], said: str, registry: Registry, source: Path
) -> None:
    """A registry, or a bundle that was unpacked, would come in as a run that never was."""
    for name in names:
        (source / name).write_text("{}")
    with pytest.raises(BadInput, match=said):
        import_foreign(registry, str(source))
    assert not registry.runs()


# -- a disk that refuses


@pytest.mark.parametrize("how", ["once", "for ever"])
def test_a_full_disk_leaves_nothing_half(how: How, tmp_path: Path, sized: Callable[[int, int], int]) -> None:
    """Whichever call is refused, the run is whole or not there; and when there is room again it comes in."""
    folder = homeboy(tmp_path / "source")
    layout = made_registry(tmp_path / "registry")
    Registry(layout).import_records([record()])  # so that feed and claims are there
    counting, calls = failing(REAL, None, errno.ENOSPC, "once")
    import_directory(Registry(made_registry(tmp_path / "other"), disk=counting), str(folder))
    for at in range(1, calls.count + 1, sized(11, 1)):
        disk, failer = failing(REAL, at, errno.ENOSPC, how)
        try:
            (item,) = import_directory(Registry(layout, disk=disk), str(folder))
        except JournalIO:
            failer.repair()
            seen = [run.run_id for run in Registry(layout).runs() if run.name is None and run.exit_code]
            for run_id in seen:
                is_sound(Registry(layout), run_id)
            (item,) = import_directory(Registry(layout), str(folder))
            assert item.outcome == ("existing" if seen else "imported"), failer.failed
        is_sound(Registry(layout), item.run_id)
        assert len(Registry(layout).runs()) == 2
        forget(layout, item.run_id)


def test_a_disk_that_does_not_tell_which_ids_are_free(registry: Registry) -> None:
    """It is told, instead of looking for one for ever."""
    registry.import_records([record()])
    disk, _ = failing(REAL, 2, errno.EIO, "for ever", only=frozenset({"stat_path"}))
    with pytest.raises(JournalIO, match="free"):
        Registry(registry.layout, disk=disk).import_records([record(external_id="b")])


def forget(layout: Layout, run_id: str) -> None:
    """Remove every trace of a run, for the next attempt."""
    os.unlink(layout.journal(RunId(run_id)))
    folder = layout.run_dir(RunId(run_id))
    for above, _, names in os.walk(folder, topdown=False):
        for name in names:
            os.unlink(f"{above}/{name}")
        os.rmdir(above)
    for name in os.listdir(layout.keys):
        if not name.startswith("."):
            os.unlink(f"{layout.keys}/{name}")
