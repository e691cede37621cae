"""The doctor finds each thing it knows, says what to type, and changes nothing."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from msgspec import structs

from runlore.journal import keys, machine, root
from runlore.journal.disk import REAL, RealDisk
from runlore.journal.errors import JournalIO
from runlore.journal.layout import Layout
from runlore.journal.packs import index_path
from runlore.journal.values import Identity, RunId
from runlore.journal.writer import Writer
from runlore.projections.findings import KINDS, Finding
from runlore.runtimes import doctor, doctor_machine, heartbeat, import_staging
from runlore.runtimes.identity import identify
from runlore.runtimes.owner_lock import OwnerLock
from runlore.runtimes.registry import Registry
from tests.doubles.drafts import booting, collecting, new_run_id, queued, started, succeeded
from tests.journal.packed import pack, packs
from tests.runtimes.foreign_folders import bare
from tests.runtimes.kept_runs import Owned, myself, registry_at

NOT_ALWAYS = {"kernel_without_pidfs", "no_bytecode", "disk_low", "disk_full"}
"""What this machine may well have."""
OLD_S = 1_000_000_000


class DaysAgo(RealDisk):
    """A disk of the day before yesterday."""

    def now(self) -> datetime:
        return super().now() - timedelta(days=2)


class Late(RealDisk):
    """A disk on which it was earlier when somebody wrote."""

    def monotonic(self) -> float:
        return super().monotonic() - 60


@pytest.fixture
def layout(registry_root: Path) -> Layout:
    """A registry in which nothing is wrong: one run ended well."""
    found = registry_at(registry_root)
    Owned(found).boot().start().succeed().die()
    return found


@pytest.fixture
def sleeper() -> Iterator[Identity]:
    """A process that lives as long as the test."""
    with subprocess.Popen(["sleep", "600"]) as process:
        found = identify(process.pid)
        assert found is not None
        yield found
        process.kill()


def found(layout: Layout) -> dict[str, Finding]:
    """What the doctor finds in a registry, the machine's own peculiarities left out."""
    before = contents(layout)
    items = doctor.examine(layout.root)
    assert contents(layout) == before, "it only looks"
    return {item.code: item for item in items if item.code not in NOT_ALWAYS}


def contents(layout: Layout) -> list[tuple[str, int, int, int]]:
    """Everything that a write would change, but for the index: it is derived, and any look may make it."""
    return [
        (folder, place.st_ino, place.st_mtime_ns, place.st_mode)
        for folder, _, names in os.walk(layout.root)
        if not (folder + "/").startswith(f"{layout.index}/")
        for place in (os.lstat(f"{folder}/{name}") for name in (".", *names))
    ]


def test_nothing(layout: Layout) -> None:
    """A registry as it should be has no findings."""
    assert found(layout) == {}


# -- one way to make each finding


def lost(layout: Layout, _: Identity) -> object:
    """Its owner died."""
    return Owned(layout).boot().start().die()


def unsupervised(layout: Layout, sleeper: Identity) -> object:
    """Its owner died, its command lives."""
    return Owned(layout).boot().start(command=sleeper).die()


def stalled(layout: Layout, _: Identity) -> object:
    """Its owner does not beat."""
    owned = Owned(layout).boot().start()
    heartbeat.beat_once(Late(), layout.in_run(owned.run_id, "heartbeat"), 1)
    return owned


def unknown(layout: Layout, _: Identity) -> object:
    """Its owner lives, and nobody holds the lock."""
    return Owned(layout).boot(by=myself()).start().die()


def waiting(layout: Layout, _: Identity) -> object:
    """It waits in a queue."""
    return Owned(layout, queue="gpu").die()


def paused(layout: Layout, sleeper: Identity) -> object:
    """Its command is stopped."""
    owned = Owned(layout).boot().start(command=sleeper)
    Registry(layout).get(owned.run_id).signal(signal.SIGSTOP)
    Registry(layout).get(owned.run_id).pause()
    return owned


def damaged(layout: Layout, _: Identity) -> None:
    """A line in the middle is no event."""
    path = Path(layout.journal(Owned(layout).boot().start().succeed().die()))
    first, second, *rest = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([first, b"x" * (len(second) - 1) + b"\n", *rest]))


def torn(layout: Layout, _: Identity) -> None:
    """The last line was cut."""
    path = Path(layout.journal(Owned(layout).boot().start().succeed().die()))
    path.write_bytes(path.read_bytes() + b'{"type":"run.no')


def unreadable(layout: Layout, _: Identity) -> None:
    """A folder stands in its place."""
    path = Path(layout.journal(Owned(layout).boot().start().succeed().die()))
    path.unlink()
    path.mkdir(mode=0o700)


def note_of_a_keeper(layout: Layout, _: Identity) -> None:
    """A keeper failed."""
    run_id = Owned(layout).boot().start().succeed().die()
    Path(layout.in_run(run_id, "keeper.error")).write_text("Traceback")
    os.chmod(layout.in_run(run_id, "keeper.error"), 0o600)


def live_files(layout: Layout, _: Identity) -> None:
    """A file of a live run is left."""
    run_id = Owned(layout).boot().start().succeed().die()
    os.mkfifo(layout.in_run(run_id, "bell"), 0o600)


def half_made(layout: Layout, _: Identity) -> None:
    """The journal never came."""
    run_id = Owned(layout).die()
    os.unlink(layout.journal(run_id))


@pytest.mark.parametrize(
    ("printed", "code"), [("precious", "journal_missing"), ("", "folder_without_journal")]
)
def test_an_empty_journal(layout: Layout, printed: str, code: str) -> None:
    """No list shows such a run, so nobody else tells of what it left."""
    run_id = Owned(layout).boot().start().succeed().die()
    Path(layout.journal(run_id)).write_bytes(b"")
    Path(layout.in_run(run_id, "transcript")).write_text(printed)

    assert set(found(layout)) == {code}


def lost_journal(layout: Layout, _: Identity) -> None:
    """Its command wrote something, so it had one."""
    run_id = Owned(layout).boot().start().succeed().die()
    Path(layout.in_run(run_id, "transcript")).write_text("done\n")
    os.unlink(layout.journal(run_id))
    text = '{"key":"deploy","spec":"' + "0" * 64 + f'","run_id":"{run_id}"}}'
    Path(layout.key_claim("deploy")).write_text(text)


def claimed(layout: Layout, _: Identity) -> None:
    """The claimed run never came."""
    text = '{"key":"deploy","spec":"' + "0" * 64 + '","run_id":"20261120-201400-k3f9x2ab"}'
    Path(layout.key_claim("deploy")).write_text(text)


def cut_claim(layout: Layout, _: Identity) -> None:
    """The claim was cut."""
    Path(layout.key_claim("deploy")).write_text('{"key":"dep')


def temporary(layout: Layout, _: Identity) -> None:
    """Never renamed."""
    path = f"{layout.settings}/.x.0123456789ab.tmp"
    Path(path).touch()
    os.utime(path, (OLD_S, OLD_S))


def unfinished(layout: Layout, _: Identity) -> None:
    """Killed before the new transcript took its place."""
    run_id = Owned(layout).boot().start().succeed().die()
    path = Path(layout.in_run(run_id, ".transcript.0123456789ab.tmp"))
    path.touch(0o600)
    os.utime(path, (OLD_S, OLD_S))


def cut_import(layout: Layout, _: Identity) -> None:
    """Killed before anything was decided."""
    with import_staging.import_lock(REAL, layout):
        import_staging.Staging(REAL, layout)


def stray(layout: Layout, _: Identity) -> None:
    """Somebody's own file."""
    Path(f"{layout.journals}/notes.txt").touch()


def quarantined(layout: Layout, _: Identity) -> None:
    """Something was cut out."""
    Path(f"{layout.quarantine}/x").touch()


def broken_position(layout: Layout, _: Identity) -> None:
    """What a named subscription has seen is half a file."""
    path = Path(layout.position("mail"))
    path.write_bytes(b'{"format":1,')
    path.chmod(0o600)


def old_feed(layout: Layout, _: Identity) -> None:
    """The machine was restarted."""
    for segment in Path(layout.feed).iterdir():
        segment.write_bytes(segment.read_bytes().replace(machine.boot_id().encode(), b"another-boot", 1))


def no_registry_file(layout: Layout, _: Identity) -> None:
    """It was cut."""
    Path(layout.registry_file).write_text("{")


def writable_by_others(layout: Layout, _: Identity) -> None:
    """The root is."""
    os.chmod(layout.root, 0o777)


def readable_by_others(layout: Layout, _: Identity) -> None:
    """A journal is."""
    os.chmod(layout.journal(Owned(layout).boot().start().succeed().die()), 0o644)


WAYS: dict[str, tuple[Callable[[Layout, Identity], object], str]] = {
    "run_lost": (lost, "runlore reconcile"),
    "run_unsupervised": (unsupervised, "runlore reconcile"),
    "run_stalled": (stalled, "runlore show"),
    "run_unknown": (unknown, "runlore show"),
    "run_waiting": (waiting, "runlore stop"),
    "run_paused": (paused, "runlore unpause"),
    "journal_damaged": (damaged, "runlore verify"),
    "journal_unreadable": (unreadable, "runlore verify"),
    "journal_missing": (lost_journal, "ls -l "),
    "journal_torn": (torn, "runlore repair"),
    "keeper_failed": (note_of_a_keeper, "cat "),
    "live_files_left": (live_files, "rm "),
    "folder_without_journal": (half_made, "rm -r "),
    "claim_without_journal": (claimed, "runlore run --key deploy"),
    "claim_damaged": (cut_claim, "ls -l"),
    "temporary_left": (temporary, "rm "),
    "import_unfinished": (cut_import, "runlore prune --apply"),
    "redaction_unfinished": (unfinished, "runlore redact "),
    "stray_file": (stray, "ls -l"),
    "quarantine_kept": (quarantined, "ls -l"),
    "position_broken": (broken_position, "runlore subscriptions reset mail"),
    "feed_old": (old_feed, "runlore"),
    "registry_damaged": (no_registry_file, "runlore info"),
    "open_to_others": (writable_by_others, "chmod go-w"),
    "readable_by_others": (readable_by_others, "chmod -R go="),
}


@pytest.mark.parametrize("code", WAYS)
def test_each_finding(layout: Layout, sleeper: Identity, code: str) -> None:
    """It is found, alone, with the command that helps."""
    make, todo = WAYS[code]
    kept_alive = make(layout, sleeper)
    items = found(layout)

    assert set(items) == {code}
    assert items[code].next.startswith(todo)
    assert items[code].severity == KINDS[code].severity
    del kept_alive


def test_every_code_is_tried_here() -> None:
    """A new kind of finding cannot be forgotten."""
    elsewhere = {
        *NOT_ALWAYS,
        "journal_newer",
        "imported_without_manifest",
        "registry_missing",
        "not_writable",
        "not_yours",
        "network_fs",
        "kernel_old",
        "logout_kills",
        "journals_packable",
        "pack_damaged",
        "pack_unreadable",
        "removal_unfinished",
        "trash_stray",
        "pruning_failed",
    }
    assert {*WAYS, *elsewhere} == set(KINDS)


def test_many_old_journals(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    """Packing is offered once it frees something worth while: the files of the packs count."""
    monkeypatch.setattr(doctor, "MANY", 2)
    for number in range(3):
        old_run(layout, new_run_id(number))
    assert found(layout) == {}
    old_run(layout, new_run_id(3))
    items = found(layout)

    assert set(items) == {"journals_packable"}
    assert items["journals_packable"].next == "runlore pack"
    assert items["journals_packable"].detail == "4 journals into 1 packs"


def test_a_damaged_pack(layout: Layout) -> None:
    """Its index is gone, and the line that named its first run is damaged."""
    for number in range(2):
        old_run(layout, new_run_id(number))
    pack(layout)
    path = packs(layout)[0]
    assert found(layout) == {}
    path.write_bytes(path.read_bytes().replace(b'"format":1', b'"format":!', 1))
    Path(index_path(str(path))).unlink()
    items = found(layout)

    assert set(items) == {"pack_damaged"}
    assert items["pack_damaged"].next == "runlore verify"
    assert items["pack_damaged"].severity == "error"


def test_the_outputs_of_a_run_that_a_damaged_pack_lost(layout: Layout) -> None:
    """Its folder may be all that is left of it: nobody is told to remove that, or that its key is free."""
    run_id = new_run_id(0)
    old_run(layout, run_id)
    OwnerLock.create(REAL, layout, run_id).release()
    keys.claim(REAL, layout, "nightly", "ab" * 32, lambda: run_id).close()
    pack(layout)
    path = packs(layout)[0]
    path.write_bytes(path.read_bytes().replace(b'"format":1', b'"format":!', 1))
    Path(index_path(str(path))).unlink()

    assert set(found(layout)) == {"pack_damaged"}


def test_a_pack_that_cannot_be_read(layout: Layout) -> None:
    """Without an index beside it nobody can list the runs, so the doctor is whom to ask, and names it."""
    Path(layout.packs, "2026-11-20-7.jsonl").mkdir()
    items = found(layout)

    assert set(items) == {"pack_unreadable"}
    assert items["pack_unreadable"].detail == "2026-11-20-7.jsonl: Is a directory"
    assert items["pack_unreadable"].next == f"ls -l {layout.packs}"
    with pytest.raises(JournalIO, match=r"packs: 2026-11-20-7\.jsonl: Is a directory"):
        Registry(layout).runs()


def test_half_a_pack(layout: Layout) -> None:
    """It was never renamed; the next packing removes it as well."""
    path = Path(layout.packs, ".2026-11-20-1.jsonl.0123456789ab.tmp")
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.touch(mode=0o600)
    os.utime(path, (OLD_S, OLD_S))

    assert set(found(layout)) == {"temporary_left"}


def old_run(layout: Layout, run_id: RunId) -> None:
    """A run that ended the day before yesterday, its owner lock free."""
    writer = Writer.create(DaysAgo(), layout, run_id, queued(run_id))
    for draft in (booting(), started(), collecting(), succeeded()):
        writer.append(draft)
    writer.close()


def test_a_journal_of_a_newer_release(layout: Layout) -> None:
    """It is told apart from damage: it can be read."""
    (view,) = Registry(layout).runs()
    newer = structs.replace(view, compatibility="newer_format")

    assert [item.code for item in doctor.examine_run(newer)] == ["journal_newer"]


def test_a_run_that_nobody_described(layout: Layout) -> None:
    """It came in from files alone, and how it ended is not known; that is told, and nothing to act on."""
    registry = Registry(layout)
    folder = bare(Path(f"{layout.root}-elsewhere"))
    (item,) = registry.import_directory(folder)

    told = doctor.examine_run(registry.view(RunId(item.run_id)))
    assert [(each.code, each.severity) for each in told] == [("imported_without_manifest", "info")]


# -- what somebody is in the middle of is nothing wrong


def test_a_submission_under_way(layout: Layout) -> None:
    """Its folder is there before its journal, and its lock is held."""
    with_lock = Owned(layout)
    run_id = with_lock.run_id
    os.rename(layout.journal(run_id), f"{layout.root}/aside")
    assert found(layout) == {}
    os.rename(f"{layout.root}/aside", layout.journal(run_id))
    with_lock.die()


def test_an_append_under_way(layout: Layout) -> None:
    """A line without an end is torn only if nobody holds the journal."""
    path = Path(layout.journal(Owned(layout).boot().start().succeed().die()))
    path.write_bytes(path.read_bytes() + b'{"type":"run.no')
    fd = REAL.open(str(path), os.O_RDWR)
    REAL.lock(fd)
    assert found(layout) == {}
    REAL.close(fd)

    assert set(found(layout)) == {"journal_torn"}


def test_a_file_that_is_being_replaced(layout: Layout) -> None:
    """A temporary file is left over once it is a minute old."""
    Path(f"{layout.settings}/.x.0123456789ab.tmp").touch()

    assert found(layout) == {}


# -- the machine


def test_there_is_no_registry(tmp_path: Path) -> None:
    """That is no failure, and says how to make one."""
    items = {item.code: item for item in doctor.examine(str(tmp_path / "none"))}

    assert items["registry_missing"].next == "runlore init"
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("release", "codes"),
    [
        ("5.4.0-150-generic", ["kernel_old"]),
        ("5.10.0", ["kernel_without_pidfs"]),
        ("6.8.12+deb", ["kernel_without_pidfs"]),
        ("6.9.1", []),
        ("10.0-rc1", []),
    ],
)
def test_kernels(release: str, codes: list[str]) -> None:
    """What is needed is a matter of numbers, not of letters."""
    assert [item.code for item in doctor_machine.examine_kernel(release)] == codes


@pytest.mark.parametrize(
    ("files", "kills"),
    [
        ({}, False),
        ({"etc/systemd/logind.conf": "[Login]\n#KillUserProcesses=yes\n"}, False),
        ({"etc/systemd/logind.conf": "[Login]\nKillUserProcesses=yes\n"}, True),
        ({"etc/systemd/logind.conf": "[Login]\nKillUserProcesses = Yes\n"}, True),
        (
            {
                "etc/systemd/logind.conf": "[Login]\nKillUserProcesses=yes\n",
                "run/systemd/logind.conf.d/50-keep.conf": "[Login]\nKillUserProcesses=no\n",
            },
            False,
        ),
        (
            {
                "usr/lib/systemd/logind.conf.d/10-kill.conf": "[Login]\nKillUserProcesses=1\n",
                "etc/systemd/logind.conf": "[Login]\nKillUserProcesses=no\n",
            },
            True,
        ),
    ],
)
def test_what_logging_out_does(tmp_path: Path, files: dict[str, str], kills: bool) -> None:
    """Only where systemd runs, is told to, and the user does not linger."""
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def codes() -> list[str]:
        return [item.code for item in doctor_machine.examine_logout("ada", str(tmp_path))]

    assert codes() == []
    (tmp_path / "run/systemd/system").mkdir(parents=True)
    assert codes() == (["logout_kills"] if kills else [])
    (tmp_path / "var/lib/systemd/linger").mkdir(parents=True)
    (tmp_path / "var/lib/systemd/linger/ada").touch()
    assert codes() == []


def test_a_disk_with_little_room(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    """Little and none are two findings; files can run out as well as bytes."""
    real = os.statvfs(layout.root)

    def codes(free: int, files: int) -> set[str]:
        values = list(real)
        values[1], values[4], values[7] = 1, free, files  # f_frsize, f_bavail, f_favail
        values[5] = 10**6
        monkeypatch.setattr(os, "statvfs", lambda _: os.statvfs_result(values))
        return {item.code for item in doctor_machine.examine_root(layout)}

    assert codes(1 << 40, 10**6) == set()
    assert codes(100 << 20, 10**6) == codes(1 << 40, 10) == {"disk_low"}
    assert codes(1000, 10**6) == codes(1 << 40, 0) == {"disk_full"}


def test_a_network_file_system(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    """It can be written only by consent, and its locks are not the truth about other machines even then."""
    monkeypatch.setattr(machine, "file_system", lambda _: "nfs4")

    assert set(found(layout)) == {"network_fs", "not_writable"}
    assert "--allow-network-fs" in found(layout)["not_writable"].detail
    root.consent_to_network_fs(REAL, layout)
    assert set(found(layout)) == {"network_fs"}


def test_a_registry_of_a_newer_release(layout: Layout) -> None:
    """It can be read, and the error says who can write it."""
    path = Path(layout.registry_file)
    path.write_bytes(path.read_bytes().replace(b'"format":1', b'"format":2'))

    assert "newer release" in found(layout)["not_writable"].detail


@pytest.mark.needs("root")
def test_a_mount_that_is_read_only(layout: Layout, tmp_path: Path) -> None:
    """Runs cannot be recorded there, and that is found before anybody tries."""
    view = tmp_path / "view"
    view.mkdir()
    subprocess.run(["mount", "--bind", layout.root, view], check=True)
    subprocess.run(["mount", "-o", "remount,bind,ro", view], check=True)
    try:
        codes = {item.code for item in doctor.examine(str(view))}
    finally:
        subprocess.run(["umount", view], check=True)

    assert codes - NOT_ALWAYS == {"not_writable"}


@pytest.mark.needs("root")
def test_a_registry_of_somebody_else(layout: Layout) -> None:
    """It may be read, and that is all there is to say."""
    os.chown(layout.root, 12345, 12345)

    assert set(found(layout)) == {"not_yours"}
    os.chown(layout.root, os.geteuid(), os.getegid())
