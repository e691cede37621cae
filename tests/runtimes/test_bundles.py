"""Runs go out into one file and come in elsewhere: the same runs, once, or not at all."""

import errno
import io
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from hashlib import sha256
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from msgspec import json, structs

import runlore
from runlore.journal import keys
from runlore.journal.disk import REAL, RealDisk
from runlore.journal.errors import (
    BadInput,
    Busy,
    Conflict,
    CorruptJournal,
    DamagedArtifact,
    JournalIO,
    NotFound,
    NotPermitted,
    RunloreError,
)
from runlore.journal.journal_ids import journal_ids
from runlore.journal.layout import Layout
from runlore.journal.reader import read
from runlore.journal.values import RunId
from runlore.journal.verify import verify
from runlore.journal.writer import Writer
from runlore.runtimes import import_staging
from runlore.runtimes.export import export, export_to_file
from runlore.runtimes.export_plan import Item
from runlore.runtimes.import_bundle import import_bundle
from runlore.runtimes.owner_lock import OwnerLock
from runlore.runtimes.packing import Packing
from runlore.runtimes.registry import Registry
from tests.doubles.drafts import LIFE, booting, new_run_id, queued
from tests.doubles.recorder import recording
from tests.journal.journals import ended_run
from tests.runtimes.bundles import (
    PACKED,
    REMOVED,
    SHARED,
    leave_every_kind,
    leave_outputs,
    members,
    new_registry,
    shown,
)
from tests.runtimes.kept_runs import registry_at
from tests.runtimes.removable import Later, files
from tests.runtimes.test_golden_views import layout as golden_runs

__all__ = ["golden_runs"]

RUN = new_run_id()


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A registry without runs."""
    return registry_at(tmp_path / "registry")


def exported(layout: Layout, *run_ids: RunId) -> bytes:
    """The bundle of these runs, or of all."""
    out = io.BytesIO()

    def put(data: bytes) -> None:
        out.write(data)

    export(REAL, layout, run_ids or journal_ids(REAL, layout), put, to="-")
    return out.getvalue()


def imported(layout: Layout, data: bytes, **how: int) -> dict[str, str]:
    """What became of each run of a bundle."""
    items = import_bundle(REAL, layout, io.BytesIO(data).read, "it", **how)  # type: ignore[arg-type]  # max_bytes
    return {item.run_id: item.outcome for item in items}


def contents(layout: Layout) -> dict[str, bytes]:
    """Every file that importing may touch."""
    return {path: data for path, data in files(layout).items() if not path.endswith(".lock")}


def test_what_comes_in_is_what_went_out(layout: Layout, tmp_path: Path) -> None:
    """Outputs, shared bytes, evidence, transcripts, blobs; packed, labelled, redacted and removed runs."""
    runs = leave_every_kind(layout)
    bundle, other = exported(layout), new_registry(tmp_path)

    assert imported(other, bundle) == dict.fromkeys(runs, "imported")
    assert list(shown(other)) == list(shown(layout))
    assert exported(other) == bundle
    assert os.listdir(other.imports) == [".lock"]
    digest = sha256(SHARED).hexdigest()
    stored = Path(other.run_dir(runs[0]), "bundle", digest).stat()
    assert (stat.S_IMODE(stored.st_mode), stored.st_nlink) == (0o400, 1)
    assert Path(other.evidence, digest).read_bytes() == SHARED
    assert not os.path.lexists(other.run_dir(REMOVED))
    assert {stat.S_IMODE(path.stat().st_mode) for path in Path(other.runs).rglob("*")} <= {
        0o700,
        0o600,
        0o400,
    }


def test_a_folder_that_an_import_makes_is_durable(layout: Layout, tmp_path: Path) -> None:
    """Evidence whose folder is gone after a power cut would be no evidence."""
    leave_every_kind(layout)
    bundle, other = exported(layout), new_registry(tmp_path)
    os.rmdir(other.evidence)
    told: list[tuple[str, str]] = []

    class Telling(RealDisk):
        def mkdir(self, path: str) -> None:
            told.append(("made", path))
            REAL.mkdir(path)

        def sync_dir(self, path: str) -> None:
            told.append(("synced", path))
            REAL.sync_dir(path)

    import_bundle(Telling(), other, io.BytesIO(bundle).read, "it")
    assert ("synced", other.root) in told[told.index(("made", other.evidence)) :]


def test_nothing_is_imported_through_a_link(layout: Layout, tmp_path: Path) -> None:
    """Somebody else's folder stays empty, and so does the registry."""
    leave_every_kind(layout)
    bundle, other = exported(layout), new_registry(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    os.rmdir(other.evidence)
    os.symlink(tmp_path / "elsewhere", other.evidence)
    with pytest.raises(NotPermitted, match="symbolic link"):
        imported(other, bundle)
    assert os.listdir(tmp_path / "elsewhere") == []
    assert (journal_ids(REAL, other), os.listdir(other.imports)) == ([], [".lock"])


def test_nothing_is_imported_that_could_not_be_moved(layout: Layout, tmp_path: Path) -> None:
    """Folders on several file systems: that is said before anything is decided, and nobody is held up."""
    leave_every_kind(layout)
    bundle, there = exported(layout), new_registry(tmp_path)
    with TemporaryDirectory(dir="/dev/shm") as elsewhere:
        os.rmdir(there.runs)
        os.symlink(elsewhere, there.runs)
        with pytest.raises(NotPermitted, match="another file system"):
            imported(there, bundle)
        assert import_staging.leftovers(REAL, there) == []
        os.unlink(there.runs)
    os.mkdir(there.runs)

    assert set(imported(there, bundle).values()) == {"imported"}


def test_a_bundle_holds_each_output_once_and_nothing_of_the_machine(layout: Layout) -> None:
    """No locks, no keys, no notes of keepers; a stranger's tar lists what the description says."""
    leave_every_kind(layout)
    Path(layout.in_run(next(iter(journal_ids(REAL, layout))), "keeper.error")).parent.mkdir(exist_ok=True)
    parts = members(exported(layout))
    described = json.decode(parts["bundle.json"])

    assert list(parts) == ["bundle.json", *(each["path"] for each in described["members"]), "SHA256SUMS"]
    assert [name for name in parts if sha256(SHARED).hexdigest() in name] == [
        f"outputs/{sha256(SHARED).hexdigest()}"
    ]
    lines = [f"{sha256(data).hexdigest()}  {name}\n" for name, data in parts.items() if name != "SHA256SUMS"]
    assert parts["SHA256SUMS"].decode() == "".join(lines)
    assert {run["run_id"] for run in described["runs"] if run["removed"]} == {REMOVED}


def test_packing_changes_nothing_in_a_bundle(layout: Layout, tmp_path: Path) -> None:
    """Wherever the history lies, and however often it was packed; what came in can be packed as well."""
    leave_every_kind(layout)
    bundle = exported(layout)
    later = Later(timedelta(days=60))
    Packing(later, layout, older_than_s=0).apply()
    assert exported(layout) == bundle
    other = new_registry(tmp_path)
    imported(other, bundle)
    assert Packing(later, other, older_than_s=0).apply().runs == len(journal_ids(REAL, other))
    assert os.listdir(other.journals) == []
    assert exported(other) == bundle
    assert set(imported(other, bundle).values()) == {"existing"}


def test_the_index_of_a_pack_is_loaded_once(layout: Layout) -> None:
    """However many of its runs are exported, and whether or not they were labelled since."""
    runs = [new_run_id(number) for number in range(1, 30)]
    for run_id in runs:
        ended_run(layout, run_id)
    bundle = exported(layout)
    assert Packing(REAL, layout, older_than_s=0).apply().runs == len(runs)
    for run_id in runs[:5]:
        OwnerLock.create(REAL, layout, run_id).release()
        Registry(layout).get(run_id).note("seen")
    disk, recorder = recording(REAL)
    export(disk, layout, runs, lambda _: None, to="-")

    opened = [call.arguments[0] for call in recorder.named("open")]
    assert sum(path.endswith(".idx") for path in opened) == 1
    assert exported(layout, *runs[5:]) != bundle


def test_what_is_packed_while_it_is_exported(layout: Layout) -> None:
    """Which packs there are is looked at again for each run, though indexes are kept."""
    for number in (1, 2):
        ended_run(layout, new_run_id(number))
    Packing(REAL, layout, older_than_s=0).apply()
    Registry(layout).get(RUN).note("before it")
    bundle, out = exported(layout), io.BytesIO()

    def pack(items: Sequence[Item]) -> Iterator[Item]:
        assert Packing(REAL, layout, older_than_s=0).apply().runs == 1
        yield from items

    def put(data: bytes) -> None:
        out.write(data)

    export(REAL, layout, journal_ids(REAL, layout), put, to="-", watch=pack)
    assert out.getvalue() == bundle
    assert b"before it" in bundle


def test_a_key_comes_along(layout: Layout, tmp_path: Path) -> None:
    """What was submitted elsewhere is found here; also where the import was killed in front of that."""
    draft = queued(RUN, key="nightly")
    writer = Writer.create(
        REAL, layout, RUN, lambda seq, at: structs.replace(draft(seq, at), registry_id="elsewhere")
    )
    for step in LIFE:
        writer.append(step())
    writer.close()
    bundle, other, third = exported(layout), new_registry(tmp_path), new_registry(tmp_path, "third")
    imported(other, bundle)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(keys, "claim_arrived", _dies)
        with pytest.raises(KeyboardInterrupt):
            imported(third, bundle)
    assert imported(third, bundle) == {RUN: "existing"}
    for each in (other, third):
        with keys.claim(REAL, each, "nightly", "ab" * 32, lambda: new_run_id(9)) as held:
            assert (held.run_id, held.existing) == (RUN, True)


def _dies(*_: object) -> None:
    raise KeyboardInterrupt


def test_importing_twice_changes_nothing(layout: Layout, tmp_path: Path) -> None:
    """Not even a byte, and a history that has gone on here since is the same run."""
    runs = leave_every_kind(layout)
    bundle, other = exported(layout), new_registry(tmp_path)
    imported(other, bundle)
    registry = Registry(other)
    registry.get(PACKED).note("seen here")
    registry.get(runs[0]).pin("and kept")
    before = contents(other)

    assert imported(other, bundle) == dict.fromkeys(runs, "existing")
    assert contents(other) == before
    assert imported(layout, bundle) == dict.fromkeys(runs, "existing")


def test_a_run_that_came_in_is_a_run_like_any_other(layout: Layout, tmp_path: Path) -> None:
    """It can be labelled, pinned, removed and brought back, and its numbers are there for a submission."""
    run_id = leave_outputs(layout, {"a": b"a"})
    other = new_registry(tmp_path)
    imported(other, exported(layout, run_id))
    run = Registry(other).get(run_id)
    run.tag({"env": "prod"})
    run.pin()
    with pytest.raises(Conflict, match="pinned"):
        run.remove()
    run.unpin()
    run.remove()
    run.restore()
    assert verify(REAL, other, run_id).integrity == "sealed"
    assert Registry(other).runs("tags.env = prod")


def test_another_history_is_refused_and_nothing_comes_in(layout: Layout, tmp_path: Path) -> None:
    """All or nothing: the runs beside it do not come in either."""
    ended_run(layout, RUN)
    leave_outputs(layout, {"a": b"a"})
    bundle, other = exported(layout), new_registry(tmp_path)
    writer = Writer.create(REAL, other, RUN, queued(RUN, name="another"))
    for draft in LIFE:
        writer.append(draft())
    writer.close()
    before = contents(other)

    with pytest.raises(Conflict, match=f"run {RUN} is here with another history.*the other 1 as little"):
        imported(other, bundle)
    assert contents(other) == before
    assert os.listdir(other.imports) == [".lock"]


def test_a_bundle_that_knows_more_is_no_update(layout: Layout, tmp_path: Path) -> None:
    """Two registries would go on in two ways; nothing is appended to a history by an import."""
    ended_run(layout, RUN)
    other = new_registry(tmp_path)
    imported(other, exported(layout))
    Registry(layout).get(RUN).note("more")

    with pytest.raises(Conflict, match="does not reach as far"):
        imported(other, exported(layout))


@pytest.mark.parametrize("place", ["runs", "trash", "going"])
def test_what_lies_in_the_place_of_a_run_stays(layout: Layout, tmp_path: Path, place: str) -> None:
    """A folder without a journal may be all that is left of something."""
    ended_run(layout, RUN)
    other = new_registry(tmp_path)
    path = {"runs": other.run_dir(RUN), "trash": other.in_trash(RUN), "going": other.going(RUN)}[place]
    os.mkdir(path)
    with pytest.raises(Conflict, match="is there; see `runlore doctor`"):
        imported(other, exported(layout))
    assert os.listdir(other.journals) == []


def damaged_journal(layout: Layout, run_id: RunId) -> None:
    """Change a word of its history."""
    path = Path(layout.journal(run_id))
    path.write_bytes(path.read_bytes().replace(b"background", b"foreground", 1))


def lost_output(layout: Layout, run_id: RunId) -> None:
    """Delete the bytes of an output."""
    Path(layout.run_dir(run_id), "bundle", sha256(b"a").hexdigest()).unlink()


def changed_output(layout: Layout, run_id: RunId) -> None:
    """Put other bytes in their place."""
    path = Path(layout.run_dir(run_id), "bundle", sha256(b"a").hexdigest())
    path.chmod(0o600)
    path.write_bytes(b"b")


def linked_output(layout: Layout, run_id: RunId) -> None:
    """Put a link in their place."""
    path = Path(layout.run_dir(run_id), "bundle", sha256(b"a").hexdigest())
    path.unlink()
    path.symlink_to("/etc/passwd")


def changed_manifest(layout: Layout, run_id: RunId) -> None:
    """Let the manifest name another path."""
    path = Path(layout.run_dir(run_id), "bundle", "manifest.json")
    path.write_bytes(path.read_bytes().replace(b'"a"', b'"c"'))


def cut_transcript(layout: Layout, run_id: RunId) -> None:
    """Cut what it printed."""
    os.truncate(layout.in_run(run_id, "transcript"), 2)


def lost_transcript(layout: Layout, run_id: RunId) -> None:
    """Delete what tells its streams apart."""
    Path(layout.in_run(run_id, "transcript.index")).unlink()


def linked_transcript(layout: Layout, run_id: RunId) -> None:
    """Put a link in the place of what it printed."""
    path = Path(layout.in_run(run_id, "transcript"))
    path.unlink()
    path.symlink_to("/etc/passwd")


@pytest.mark.parametrize(
    ("hurt", "error"),
    [
        (damaged_journal, CorruptJournal),
        (lost_output, DamagedArtifact),
        (changed_output, DamagedArtifact),
        (linked_output, DamagedArtifact),
        (changed_manifest, DamagedArtifact),
        (cut_transcript, DamagedArtifact),
        (lost_transcript, DamagedArtifact),
        (linked_transcript, DamagedArtifact),
    ],
)
def test_what_is_damaged_does_not_go_out(
    layout: Layout, tmp_path: Path, hurt: Callable[[Layout, RunId], None], error: type[RunloreError]
) -> None:
    """It is said what is wrong, with 65, and there is no file, nor half of one."""
    run_id = leave_outputs(layout, {"a": b"a"})
    hurt(layout, run_id)
    to = tmp_path / "to"
    to.mkdir()

    with pytest.raises(error) as refused:
        export_to_file(REAL, layout, [run_id], f"{to}/runs.tar")
    assert refused.value.exit_code == 65
    assert os.listdir(to) == []


def test_a_manifest_that_was_lost_goes_out_all_the_same(layout: Layout, tmp_path: Path) -> None:
    """The journal has it all, so the bundle is the same."""
    run_id = leave_outputs(layout, {"a": b"a"})
    before = exported(layout)
    Path(layout.run_dir(run_id), "bundle", "manifest.json").unlink()
    assert exported(layout) == before
    other = new_registry(tmp_path)
    imported(other, before)


def test_only_what_has_ended_goes_out(layout: Layout, tmp_path: Path) -> None:
    """And what there is."""
    writer = Writer.create(REAL, layout, RUN, queued(RUN))
    writer.append(booting())
    writer.close()
    with pytest.raises(Conflict, match=f"has not ended; wait for it first: `runlore wait {RUN}`"):
        export_to_file(REAL, layout, [RUN], f"{tmp_path}/runs.tar")
    with pytest.raises(NotFound):
        export_to_file(REAL, layout, [new_run_id(9)], f"{tmp_path}/runs.tar")
    with pytest.raises(BadInput, match="no runs"):
        export_to_file(REAL, layout, [], f"{tmp_path}/runs.tar")
    assert not (tmp_path / "runs.tar").exists()


def test_no_file_is_written_over(layout: Layout, tmp_path: Path) -> None:
    """Unless it is asked for, and then only a plain one."""
    ended_run(layout, RUN)
    taken, link = tmp_path / "taken", tmp_path / "link"
    taken.write_text("mine")
    link.symlink_to(taken)
    for path, force in (
        (taken, False),
        (link, False),
        (link, True),
        (tmp_path, True),
        (tmp_path / "no/x", False),
    ):
        with pytest.raises(BadInput):
            export_to_file(REAL, layout, [RUN], str(path), force=force)
    assert taken.read_text() == "mine"
    view = export_to_file(REAL, layout, [RUN], str(taken), force=True)
    assert taken.read_bytes() == exported(layout)
    assert (view.bytes, stat.S_IMODE(taken.stat().st_mode)) == (taken.stat().st_size, 0o600)


def test_limits(layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What would make more bytes than allowed, or than there is room for, is refused before it is written."""
    leave_outputs(layout, {"a": b"a" * 5000})
    bundle, other = exported(layout), new_registry(tmp_path)
    with pytest.raises(BadInput, match="Allow more with --max-bytes"):
        imported(other, bundle, max_bytes=5000)
    monkeypatch.setattr(os, "statvfs", lambda _: os.statvfs_result([1] * 10))
    with pytest.raises(JournalIO, match="bytes free"):
        imported(other, bundle)
    assert os.listdir(other.imports) == [".lock"]


class Impatient(RealDisk):
    """A disk on which ten seconds are over soon."""

    def monotonic(self) -> float:
        return super().monotonic() * 1000


def test_one_import_at_a_time(layout: Layout, tmp_path: Path) -> None:
    """Whoever comes second waits, and says so when that takes long."""
    ended_run(layout, RUN)
    other = new_registry(tmp_path)
    with import_staging.import_lock(REAL, other), pytest.raises(Busy):
        import_bundle(Impatient(), other, io.BytesIO(exported(layout)).read, "it")


class ReadOnly(RealDisk):
    """A disk that was mounted so."""

    def mkdir(self, path: str) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), path)


def test_a_registry_that_may_not_be_written(layout: Layout, tmp_path: Path) -> None:
    """Because it was opened so, or because the disk says so: nothing is made there, not even a folder."""
    ended_run(layout, RUN)
    other = new_registry(tmp_path)
    with pytest.raises(NotPermitted):
        Registry(other, writable=False).import_bundle(io.BytesIO(exported(layout)))
    with pytest.raises(NotPermitted, match="only who may write a registry imports into it"):
        import_bundle(ReadOnly(), other, io.BytesIO(exported(layout)).read, "it")
    assert not os.path.exists(other.imports)


def test_an_import_is_in_every_list_and_stream_at_once(layout: Layout, tmp_path: Path) -> None:
    """An index that was there finds it, the feed tells of it, and whoever subscribed gets all of it."""
    run_id = leave_outputs(layout, {"a": b"a"})
    other = new_registry(tmp_path)
    ended_run(other, RUN)
    registry = Registry(other)
    assert [view.run_id for view in registry.runs()] == [RUN]
    with runlore.open(other.root).subscribe() as records:
        imported(other, exported(layout, run_id))
        history = list(read(REAL, layout, run_id))
        assert list(islice(iter(records), len(history))) == history
    assert {view.run_id for view in registry.runs()} == {RUN, run_id}
    told = b"".join(path.read_bytes() for path in Path(other.feed).iterdir())
    assert told.count(run_id.encode()) == 2


class FailsToLink(RealDisk):
    """A disk that is full when the first journal is to get its name."""

    def link(self, source: str, target: str) -> None:
        if "/journals/" in target:
            raise OSError(28, "No space left on device")
        super().link(source, target)


@pytest.mark.parametrize("by", ["import", "prune"])
def test_what_was_decided_is_finished_by_whoever_comes(layout: Layout, tmp_path: Path, by: str) -> None:
    """The bytes are in their places, the journal is not: no run yet, and a whole one afterwards."""
    run_id = leave_outputs(layout, {"a": b"a"}, promoted=["a"])
    bundle, other = exported(layout), new_registry(tmp_path)
    with pytest.raises(JournalIO):
        import_bundle(FailsToLink(), other, io.BytesIO(bundle).read, "it")
    assert journal_ids(REAL, other) == []
    if by == "import":
        assert imported(other, bundle) == {run_id: "existing"}
    else:
        Registry(other).prune(apply=True)
    assert list(shown(other)) == list(shown(layout))
    assert os.listdir(other.imports) == [".lock"]


def test_what_was_not_decided_is_swept(layout: Layout, tmp_path: Path) -> None:
    """By the next import, or by a pruning; nothing else is looked for there."""
    other = new_registry(tmp_path)
    with import_staging.import_lock(REAL, other):
        import_staging.Staging(REAL, other)
    Registry(other).prune(apply=True)
    assert os.listdir(other.imports) == [".lock"]
    Path(other.imports, "left").write_text("x")
    ended_run(layout, RUN)
    imported(other, exported(layout))
    assert os.listdir(other.imports) == [".lock"]


def test_a_label_that_comes_meanwhile_is_not_in_the_bundle(layout: Layout) -> None:
    """What goes out is the history as it was when the export began."""
    ended_run(layout, RUN)
    before = exported(layout)
    out = io.BytesIO()

    def put(data: bytes) -> None:
        out.write(data)

    def label(items: list[object]) -> list[object]:
        Registry(layout).get(RUN).note("late")
        return items

    export(REAL, layout, [RUN], put, to="-", watch=label)  # type: ignore[arg-type]  # what comes in goes out
    assert out.getvalue() == before


def test_golden_runs_look_the_same_elsewhere(tmp_path: Path, golden_runs: Layout) -> None:
    """Every run that has ended in the registry of the golden views, byte for byte in every view."""
    ended = [view.run_id for view in Registry(golden_runs).runs() if view.sealed]
    other = new_registry(tmp_path, "golden-elsewhere")
    imported(other, exported(golden_runs, *ended))

    assert len(ended) == 16
    assert list(shown(other)) == list(shown(golden_runs, sorted(ended)))
