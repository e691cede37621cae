"""What must be on the disk before what: files before the journal, output before the end is told."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from runlore.journal.disk import REAL, Disk
from runlore.journal.errors import JournalIO
from runlore.journal.exit_record import ExitRecord
from runlore.runtimes import boot
from runlore.runtimes.finish import Evidence, put_on_record
from runlore.runtimes.owned_run import OwnedRun
from runlore.runtimes.run_secrets import Secrets
from runlore.runtimes.spec import RunSpec
from tests.doubles.failer import Failer
from tests.doubles.recorder import Recorder, recording
from tests.runtimes.keeping import ME

AT = datetime(2026, 11, 20, tzinfo=UTC)


def created(disk: Disk, root: Path, **fields: Any) -> OwnedRun:  # noqa: ANN401 - whatever a spec has
    """A new run, owned by this process."""
    spec = RunSpec(root=str(root), argv=("true",), cwd="/", by=ME, **fields)
    run = boot.create_run(disk, spec, Secrets({}))
    assert isinstance(run, OwnedRun)
    return run


def places(recorder: Recorder, name: str, first: object) -> list[int]:
    """Where in the order of all calls this call stands."""
    return [at for at, call in enumerate(recorder.calls) if call.name == name and call.arguments[0] == first]


def test_the_files_of_a_run_come_before_its_journal(registry_root: Path) -> None:
    """No journal comes back from a power cut without the lock and the exit block beside it."""
    created(REAL, registry_root).let_go()
    disk, recorder = recording(REAL)
    run = created(disk, registry_root)
    folder = run.layout.run_dir(run.run_id)
    (journal,) = places(recorder, "open", run.layout.journal(run.run_id))[:1]
    made = max(places(recorder, "open", run.path(name))[0] for name in ("exit", "transcript", "owner.lock"))

    assert any(made < at < journal for at in places(recorder, "sync_dir", folder))
    assert any(made < at < journal for at in places(recorder, "sync_dir", str(Path(folder).parent)))
    run.let_go()


@pytest.mark.parametrize(("durability", "synced"), [("power", True), ("process", False)])
def test_the_transcript_is_on_disk_before_the_end_is_told(
    registry_root: Path, durability: str, synced: bool
) -> None:
    """Both files are synced before the journal says that the command ended, unless nothing is promised."""
    disk, recorder = recording(REAL)
    run = created(disk, registry_root, durability=durability)
    boot.take_over(run)
    run.transcript.store("stdout", b"output")
    begin = len(recorder.calls)
    ended = put_on_record(run, Evidence(record=ExitRecord(at=AT, exit_code=0)))
    fds = {run.transcript._data_fd, run.transcript._index_fd}
    syncs = [at for fd in fds for at in places(recorder, "fdatasync", fd) if at >= begin]
    told = [at for at, call in enumerate(recorder.calls) if call.name == "write" and at >= begin]

    assert ended is not None
    assert ended.status == "succeeded"
    assert (len(syncs) == len(fds)) is synced
    assert not syncs or max(syncs) < min(told)
    run.let_go()


def test_a_transcript_that_cannot_be_synced(registry_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run ends with its true result, and a note says what may be missing."""

    def refuse() -> None:
        raise OSError(5, "Input/output error")

    run = created(REAL, registry_root)
    boot.take_over(run)
    monkeypatch.setattr(run.transcript, "sync", refuse)
    put_on_record(run, Evidence(record=ExitRecord(at=AT, exit_code=0)))
    journal = Path(run.layout.journal(run.run_id)).read_text()
    run.let_go()

    assert '"run.succeeded"' in journal
    assert "transcript could not be synced (Input/output error)" in journal


@pytest.fixture
def root_in_memory() -> Iterator[Path]:
    """A root on a file system where a sync costs nothing."""
    with TemporaryDirectory(dir="/dev/shm") as folder:
        yield Path(folder)


def test_a_disk_that_fails_while_a_run_is_made(root_in_memory: Path) -> None:
    """At whichever call it fails: an error that says so, and nothing is left behind."""
    registry_root, failures = root_in_memory, 0
    created(REAL, registry_root).let_go()
    before = everything(registry_root)
    for at in range(1, 500):
        failer = Failer(REAL, at, 28, "once")
        with suppress(JournalIO):
            created(failer, registry_root).let_go()  # type: ignore[arg-type]
            if not failer.failed:
                break
            before = everything(registry_root)  # it could do without that call
            continue
        failures += 1
        assert everything(registry_root) == before, failer.failed

    assert failures > 10


def everything(root: Path) -> set[str]:
    """Every path below a root that belongs to a run."""
    return {str(path) for name in ("runs", "journals", "keys") for path in (root / name).rglob("*")}
