"""What becomes of each thing that a pattern can mean: stored, or on record with the reason (corpus P)."""

import errno
import os
import socket
import stat
import threading
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from msgspec import json, structs

from runlore.journal import events as e
from runlore.journal import exits
from runlore.journal.disk import REAL, RealDisk
from runlore.journal.errors import JournalIO
from runlore.journal.redactor import Redactor
from runlore.journal.scan import Record
from runlore.projections.artifact_views import ManifestView
from runlore.runtimes.beneath import NO_FOLDER
from runlore.runtimes.check_outputs import check_outputs
from runlore.runtimes.collect import GiveUp, Limits, Wanted, collect
from runlore.runtimes.stored import artifacts_of
from tests.runtimes.kept_runs import Owned, registry_at


class World:
    """A run whose command has ended, its folder, and what is collected from it."""

    def __init__(self, folder: Path) -> None:
        self.cwd = folder / "work"
        self.cwd.mkdir()
        self.layout = registry_at(folder / "registry")
        self.owned = Owned(self.layout).boot().start()
        self.owned.append(lambda seq, at: e.RunCollecting(seq=seq, at=at, epoch=1, exit_code=0))
        self.run_id = self.owned.run_id
        self.outputs = Path(self.layout.in_run(self.run_id, "artifacts"))
        self.outputs.mkdir()
        self.bundle = Path(self.layout.in_run(self.run_id, "bundle"))
        self.redactor = Redactor()
        self.disk = REAL
        self.tick: Callable[[], None] = lambda: None
        self.append: Callable[..., Record] = self._append

    def _append(self, kind: type[e.Event], /, **fields: object) -> Record:
        def draft(seq: int, at: object) -> e.Event:
            event = kind(seq=seq, at=at, epoch=1, **fields)  # type: ignore[arg-type]
            return exits.redacted(event, lambda: self.redactor)

        return self.owned.writer.append(draft)

    def write(self, path: str, data: str | bytes = "x") -> Path:
        target = self.cwd / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data.encode() if isinstance(data, str) else data)
        return target

    def collect(self, *patterns: str, **fields: Any) -> str:  # noqa: ANN401 - what the callee takes
        wanted = Wanted(
            disk=self.disk,
            layout=self.layout,
            run_id=self.run_id,
            cwd=str(self.cwd),
            artifacts=patterns,
            **{"redactor": self.redactor, **fields},
        )
        return collect(wanted, self.append, self.tick, lambda: None)

    @property
    def entries(self) -> dict[str, e.ArtifactCollected]:
        """What is on record, by path; of several the first."""
        return {each.path: each for each in reversed(self.records)}

    @property
    def records(self) -> tuple[e.ArtifactCollected, ...]:
        return artifacts_of(REAL, self.layout, self.run_id).entries

    def reasons(self) -> dict[str, str]:
        return {path: f"{each.outcome}: {each.reason}".rstrip(": ") for path, each in self.entries.items()}

    def bytes_of(self, path: str) -> bytes:
        return (self.bundle / (self.entries[path].sha256 or "")).read_bytes()

    def stored(self) -> set[str]:
        return {name for name in os.listdir(self.bundle) if name != "manifest.json"}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.owned.die()


def test_outputs_are_stored_once_by_content(world: World) -> None:
    """Read-only, private, under their digest, whatever the workload's umask; the sources stay."""
    world.write("out/a", "same")
    world.write("out/b", "same").chmod(0o777)
    world.write("out/c", "")

    assert world.collect("out") == ""
    assert world.stored() == {sha256(b"same").hexdigest(), sha256(b"").hexdigest()}
    assert {path: entry.bytes for path, entry in world.entries.items()} == {
        "out/a": 4,
        "out/b": 4,
        "out/c": 0,
    }
    assert stat.S_IMODE((world.bundle / sha256(b"same").hexdigest()).stat().st_mode) == 0o400
    assert stat.S_IMODE(world.bundle.stat().st_mode) == 0o700
    assert (world.cwd / "out/a").read_text() == "same"


def test_what_a_later_writer_does_is_not_in_the_bundle(world: World) -> None:
    """A process of the run that lives on can write its file, and not what was stored of it."""
    source = world.write("a", "before")
    with source.open("r+b") as held:
        world.collect("a")
        held.write(b"behind")

    assert world.bytes_of("a") == b"before"


def test_kinds_and_media_types(world: World) -> None:
    """Reports are told apart; of several declarations the one that says more counts."""
    world.write("out/r.html", "<p>")
    world.write("out/x.json", "{}")
    world.write("out/tmp/y")
    world.write("need")
    world.collect("out", "!out/tmp", reports=("**/*.html",), required=("need",))

    assert {path: (each.kind, each.media_type) for path, each in world.entries.items()} == {
        "out/r.html": ("report", "text/html"),
        "out/x.json": ("file", "application/json"),
        "need": ("file", "text/plain"),
    }


def test_the_outputs_folder_needs_no_pattern(world: World) -> None:
    """All of it is declared; what is stored goes from there only if nobody of the run is left."""
    (world.outputs / "deep").mkdir()
    (world.outputs / "deep" / "x").write_text("x")
    (world.outputs / "link").symlink_to("/etc/passwd")
    world.collect(may_empty=True)

    assert world.reasons() == {"deep/x": "stored", "link": "skipped: a symbolic link"}
    assert {path.name for path in world.outputs.rglob("*")} == {"deep", "link"}


def test_the_outputs_folder_keeps_what_somebody_may_use(world: World) -> None:
    """Processes that outlived the command may still read there."""
    (world.outputs / "x").write_text("x")
    world.collect()

    assert world.bytes_of("x") == b"x"
    assert (world.outputs / "x").exists()


def test_a_link_in_place_of_the_outputs_folder(world: World) -> None:
    """Nothing is taken from where it leads, and nothing removed there; and it is told."""
    elsewhere = world.cwd.parent / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "mine").write_text("precious")
    world.outputs.rmdir()
    world.outputs.symlink_to(elsewhere)
    unmet = world.collect(may_empty=True)

    assert (elsewhere / "mine").read_text() == "precious"
    assert world.reasons() == {"": f"failed: {world.outputs} cannot be read: {NO_FOLDER}"}
    assert "outputs was not stored" in unmet


def test_a_link_that_comes_while_outputs_are_collected(world: World) -> None:
    """What was stored is not removed from where it leads, were it the same files."""
    kept = world.cwd.parent / "kept"
    (world.outputs / "x").write_text("x")

    def append(kind: type[e.Event], /, **fields: object) -> Record:
        if not world.outputs.is_symlink():
            world.outputs.rename(kept)
            world.outputs.symlink_to(kept)
        return world._append(kind, **fields)

    world.append = append
    assert not world.collect(may_empty=True)
    assert (kept / "x").read_text() == "x"


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO])
def test_an_outputs_folder_that_cannot_be_looked_at(
    world: World, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Something may lie there, so that is on record: the command, or the disk, has closed it."""

    class Closed(RealDisk):
        def listdir(self, path: str) -> list[str]:
            if path == str(world.outputs):
                raise OSError(number, os.strerror(number), path)
            return super().listdir(path)

    def closed(path: str) -> int:
        raise OSError(number, os.strerror(number), path)

    world.disk = Closed()
    monkeypatch.setattr("runlore.runtimes.collect.open_ours", closed)
    assert os.strerror(number) in world.collect()


def test_a_file_in_place_of_the_outputs_folder(world: World) -> None:
    """As `tar -f $RUNLORE_OUTPUTS` leaves one; without anything there, nothing was put aside."""
    world.outputs.rmdir()
    assert not world.collect()
    world.outputs.write_text("all of it")

    assert NO_FOLDER in world.collect()


def test_a_link_in_place_of_the_bundle(world: World) -> None:
    """Nothing is written, or tidied up, where it leads."""
    elsewhere = world.cwd.parent / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "x.tmp").write_text("mine")
    world.bundle.symlink_to(elsewhere)
    (world.outputs / "x").write_text("x")

    assert NO_FOLDER in world.collect(may_empty=True)
    assert os.listdir(elsewhere) == ["x.tmp"]
    assert (world.outputs / "x").exists()


def test_what_is_no_plain_file(world: World) -> None:
    """Links, pipes, sockets, devices, hard links: none is opened, all are on record (90, 92, 93)."""
    outside = world.cwd.parent / "secret"
    outside.write_text("secret")
    out = world.write("out/ok").parent
    (out / "link").symlink_to(outside)
    (out / "self").symlink_to("self")
    (out / "dangling").symlink_to("nowhere")
    (out / "proc").symlink_to("/proc/self/root")
    (out / "folder").symlink_to("/etc")
    os.link(outside, out / "hard")
    os.mkfifo(out / "fifo")
    os.mknod(out / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(out / "socket"))
        world.collect("out")
    link = "skipped: a symbolic link"

    assert world.reasons() == {
        "out/ok": "stored",
        "out/link": link,
        "out/self": link,
        "out/dangling": link,
        "out/proc": link,
        "out/folder": link,
        "out/hard": "skipped: a hard link: the same file has 1 other names, perhaps outside",
        "out/fifo": "skipped: a named pipe",
        "out/null": "skipped: a device",
        "out/socket": "skipped: a socket",
    }


def test_a_link_on_the_way(world: World) -> None:
    """A pattern that goes through a link finds nothing behind it, and says so."""
    (world.cwd / "out").symlink_to("/etc")
    world.collect("out/passwd", "out/**")

    assert world.reasons() == {"out": "skipped: a symbolic link"}


def test_names_that_others_would_misread(world: World) -> None:
    """Backslashes, drives, bytes that are no text; `%2e%2e` and the like are names like any other."""
    for name in ("a\\b", "c:x", "%2e%2e%2f", "..;", "#?x=..", "-rf", "\x1b[2J", "line\nfeed"):
        world.write(f"out/{name}" if name != "c:x" else name, name)
    Path(os.fsdecode(os.fsencode(world.cwd) + b"/out/\xff")).write_text("x")
    world.collect("**")
    reasons = world.reasons()

    assert "backslash" in reasons.pop("out/a\\b")
    assert "drive" in reasons.pop("c:x")
    assert "not UTF-8" in reasons.pop("out/\\xff")
    assert set(reasons.values()) == {"stored"}
    assert world.bytes_of("out/line\nfeed") == b"line\nfeed"


def test_names_that_differ_in_case_only(world: World) -> None:
    """The first one is stored; the second would take its place on other systems, and is told."""
    world.write("out/README", "big")
    world.write("out/readme", "small")
    (world.outputs / "out").mkdir()
    (world.outputs / "out" / "README").write_text("mine")
    world.collect("out")

    assert world.bytes_of("out/README") == b"mine"
    assert [each.reason for each in world.records[1:]] == [
        "another output has the same path",
        "its path differs from out/README in upper and lower case only",
    ]


def test_names_that_are_one_once_secrets_are_masked(world: World) -> None:
    """The second could not be told from the first: it is left where it is, on record with the reason."""
    world.redactor = Redactor([SECRET, "another-long-value", "the-third-of-them"])
    world.write(f"out/{SECRET}.txt", "1")
    world.write("out/another-long-value.txt", "2")
    world.write("OUT/the-third-of-them.txt", "3")
    assert world.collect("out", "OUT") == ""

    assert [(each.path, each.outcome) for each in world.records] == [
        ("OUT/[REDACTED].txt", "stored"),
        ("out/[REDACTED].txt", "skipped"),
        ("out/[REDACTED].txt", "skipped"),
    ]
    assert {each.reason for each in world.records[1:]} == {
        "its path differs from OUT/[REDACTED].txt in upper and lower case only, once secrets are masked"
    }
    assert check_outputs(REAL, world.layout, world.run_id).findings == []


def test_the_next_owner_masks_names_alike(world: World) -> None:
    """Killed between the two: the one that is on record is known, and the other is still the second."""
    world.redactor = Redactor([SECRET, "another-long-value"])
    world.write("out/another-long-value", "1")
    world.write(f"out/{SECRET}", "2")
    (world.cwd / "out/zz").symlink_to("x")
    appended: list[Record] = []

    def dies(kind: type[e.Event], /, **fields: object) -> Record:
        if appended:
            raise KeyboardInterrupt
        appended.append(world._append(kind, **fields))
        return appended[-1]

    world.append = dies
    with pytest.raises(KeyboardInterrupt):
        world.collect("out")
    world.append = world._append

    assert world.collect("out") == ""
    assert [(each.outcome, each.reason) for each in world.records] == [
        ("stored", ""),
        ("skipped", "another output has the same path once secrets are masked; rename one of them"),
        ("skipped", "a symbolic link"),
    ]
    assert check_outputs(REAL, world.layout, world.run_id).findings == []


def test_a_file_that_cannot_be_read(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """It failed, which is another thing than skipped: the run has not succeeded without it."""
    world.write("a")
    world.write("b")

    def refused(_folder: int, path: str) -> int:
        raise PermissionError(errno.EACCES, "Permission denied", path)

    monkeypatch.setattr("runlore.runtimes.outputs.open_beneath", refused)

    assert "a was not stored: Permission denied" in world.collect("a", "b")
    assert world.reasons() == dict.fromkeys("ab", "failed: Permission denied")


def test_a_file_that_vanishes(world: World) -> None:
    """Between the look and the opening: it is told, and the others are stored."""
    world.write("a")
    world.write("b")
    world.tick = lambda: (world.cwd / "a").unlink(missing_ok=True)
    unmet = world.collect("*")

    assert world.reasons() == {"a": "failed: No such file or directory", "b": "stored"}
    assert unmet == "a was not stored: No such file or directory"


def test_a_file_that_is_swapped_for_a_pipe(world: World) -> None:
    """What stands there when it is opened counts, and nobody waits for it."""
    world.write("a")

    def swap() -> None:
        if not (world.cwd / "a").is_fifo():
            (world.cwd / "a").unlink()
            os.mkfifo(world.cwd / "a")

    world.tick = swap
    world.collect("a")

    assert world.reasons() == {"a": "skipped: a named pipe"}


def test_a_file_that_grows_all_the_time(world: World) -> None:
    """It is tried three times; half of a file is never stored as if it were one."""
    source = world.write("log", b"x" * 100)

    def grow() -> None:
        with source.open("ab") as file:
            file.write(b"more")

    world.tick = grow

    assert "changed while it was copied" in world.collect("log")
    assert world.stored() == set()


def test_a_file_that_grew_once_is_whole(world: World) -> None:
    """The second try finds it at rest."""
    source = world.write("log", b"x" * 100)
    grown = threading.Event()

    def grow_once() -> None:
        if not grown.is_set() and any(name.endswith(".tmp") for name in os.listdir(world.bundle)):
            grown.set()
            with source.open("ab") as file:
                file.write(b"more")

    world.tick = grow_once

    assert world.collect("log") == ""
    assert grown.is_set()
    assert world.bytes_of("log") == b"x" * 100 + b"more"


def test_a_sparse_file_stays_sparse(world: World) -> None:
    """Its digest is that of the whole; the disk keeps no more than it holds."""
    source = world.cwd / "sparse"
    with source.open("wb") as file:
        file.seek(64 << 20)
        file.write(b"end")
    world.collect("sparse")
    entry = world.entries["sparse"]
    kept = (world.bundle / (entry.sha256 or "")).stat()

    assert (entry.bytes, kept.st_size) == ((64 << 20) + 3, (64 << 20) + 3)
    assert kept.st_blocks * 512 < 1 << 20
    assert entry.sha256 == sha256(bytes(64 << 20) + b"end").hexdigest()


def test_a_sparse_file_beyond_every_limit(world: World) -> None:
    """A tebibyte of nothing is told at once, and nothing of it is read."""
    with (world.cwd / "huge").open("wb") as file:
        file.truncate(1 << 40)
    world.write("small")
    world.collect("*")

    assert world.entries["huge"].outcome == "oversized"
    assert world.entries["huge"].bytes == 1 << 40
    assert world.entries["small"].outcome == "stored"


def test_too_many_files(world: World) -> None:
    """So many are stored, and one record says how many are not, and how large they are."""
    for number in range(30):
        world.write(f"out/{number:02}", "12345")
    world.collect("out", limits=Limits(files=10))
    more = world.entries[""]

    assert len(world.entries) == 11
    assert (more.outcome, more.files, more.bytes) == ("skipped", 20, 100)
    assert more.reason == "a run has 10 files at most"


def test_too_many_refusals(world: World) -> None:
    """A million links cannot fill the journal."""
    (world.cwd / "out").mkdir()
    for number in range(30):
        (world.cwd / "out" / f"{number:02}").symlink_to("x")
    world.collect("out", limits=Limits(refusals=10))

    assert world.entries[""].files == 20
    assert len(world.entries) == 11


def test_too_many_refusals_cost_no_output(world: World) -> None:
    """What comes behind a thousand links is stored; of both limits each is told."""
    (world.cwd / "out").mkdir()
    for number in range(30):
        (world.cwd / "out" / f"{number:02}").symlink_to("x")
        world.write(f"out/{number:02}.txt", f"{number}")
    world.collect("out", limits=Limits(files=20, refusals=10))
    more = world.entries[""]

    assert len([each for each in world.records if each.outcome == "stored"]) == 20
    assert more.files == 60 - 20 - 10
    assert more.reason == "a run has 10 records of what was not stored at most; a run has 20 files at most"


def test_an_adopter_goes_on_counting_refusals(world: World) -> None:
    """The limit is that of the run, whoever collects; an output is no refusal."""
    (world.cwd / "out").mkdir()
    world.write("out/zz")
    for number in range(6):
        (world.cwd / "out" / f"{number:02}").symlink_to("x")
    world.collect("out", limits=Limits(refusals=10))
    for number in range(6, 20):
        (world.cwd / "out" / f"{number:02}").symlink_to("x")
    world.collect("out", limits=Limits(refusals=10))

    assert len([each for each in world.records if each.outcome == "skipped" and not each.files]) == 10
    assert world.entries[""].files == 10


def test_an_end_to_the_counting(world: World) -> None:
    """A folder without end cannot keep the run from ending."""
    for number in range(30):
        world.write(f"out/{number:02}")
    world.collect("out", limits=Limits(files=5, counted=10))

    assert world.entries[""].files == 10
    assert world.entries[""].reason.startswith("at least 10 more")


def test_the_registry_is_no_output(world: World) -> None:
    """A project's registry below its own folder is not collected into itself."""
    inside = structs.replace(
        Wanted(disk=REAL, layout=world.layout, run_id=world.run_id, cwd=str(world.cwd.parent)),
        artifacts=("**",),
        redactor=world.redactor,
    )
    world.write("a")
    collect(inside, world.append, world.tick, lambda: None)

    assert world.reasons() == {"registry": "skipped: the registry's own folder", "work/a": "stored"}


SECRET = "hunter2-hunter2"


def test_secrets_in_files_are_masked(world: World) -> None:
    """Text is masked across every piece; what cannot be masked is not stored; names are masked on record."""
    world.redactor = Redactor([SECRET])
    world.write("text", b"x" * ((1 << 20) - 7) + SECRET.encode() + b"y")
    world.write("binary", b"\0" + SECRET.encode())
    world.write(f"out/{SECRET}", "plain")
    world.write("clean", "nothing here")
    world.collect("**")
    journal = Path(world.layout.journal(world.run_id)).read_bytes()

    assert world.bytes_of("text") == b"x" * ((1 << 20) - 7) + b"[REDACTED]y"
    assert [world.entries[path].redaction for path in ("text", "clean")] == ["masked", ""]
    assert world.reasons()["binary"] == "skipped: it holds a secret, which cannot be masked in such a file"
    assert world.bytes_of("out/[REDACTED]") == b"plain"
    assert SECRET.encode() not in journal
    assert not [path for path in world.bundle.iterdir() if SECRET.encode() in path.read_bytes()]


def test_without_the_secrets_nothing_is_stored(world: World) -> None:
    """Whoever does not know what to look for may not store what might hold it."""
    world.write("a")
    world.collect("a", redactor=None)

    assert world.reasons() == {"a": "skipped: no secret values are left to look for in it"}


def test_the_next_owner_goes_on_behind_what_is_on_record(world: World) -> None:
    """Killed anywhere: the second pass stores the rest, repeats nothing, and sweeps what was half done."""
    world.redactor = Redactor([SECRET])
    for number in range(6):
        world.write(f"out/{number}", str(number))
    world.write(f"out/{SECRET}", "a secret name")
    (world.cwd / "out/link").symlink_to("x")
    count = 0

    def dies(kind: type[e.Event], /, **fields: object) -> Record:
        nonlocal count
        count += 1
        if count > 3:
            raise KeyboardInterrupt  # like a kill: nothing of ours is done after it
        return world._append(kind, **fields)

    world.append = dies
    with pytest.raises(KeyboardInterrupt):
        world.collect("out")
    (world.bundle / ".half.tmp").write_text("half")
    world.append = world._append

    assert world.collect("out") == ""
    assert len(world.records) == len(world.entries) == 8
    assert len(world.stored()) == 7
    first = artifacts_of(REAL, world.layout, world.run_id)
    assert world.collect("out") == ""
    assert artifacts_of(REAL, world.layout, world.run_id) == first


class FullDisk(RealDisk):
    """A disk that takes no bundle file of a certain content."""

    def write(self, fd: int, data: bytes, /) -> int:  # type: ignore[override]  # RealDisk has the C function
        if b"too much" in data:
            raise OSError(errno.ENOSPC, "No space left on device")
        return os.write(fd, data)


def test_a_full_disk(world: World) -> None:
    """What fits is stored and listed; what does not is listed with the reason, and leaves nothing behind."""
    world.disk = FullDisk()
    world.write("a", "too much")
    world.write("b", "fits")

    assert world.collect("*") == "a was not stored: the disk refused it: No space left on device"
    assert world.reasons() == {
        "a": "failed: the disk refused it: No space left on device",
        "b": "stored",
    }
    assert world.stored() == {sha256(b"fits").hexdigest()}


class RefusesOnce(RealDisk):
    """A disk that refuses to sync one file of a certain content, as one does that finds no room so late."""

    def fdatasync(self, fd: int) -> None:  # type: ignore[override]  # RealDisk has the C function
        if os.pread(fd, 8, 0) == b"too much":
            raise OSError(errno.ENOSPC, "No space left on device")
        os.fdatasync(fd)


def test_a_disk_that_refuses_late(world: World) -> None:
    """Bytes that did not reach the disk are not named, whoever has them; their batch goes on."""
    world.disk = RefusesOnce()
    for name, content in (("a", "too much"), ("b", "fits"), ("c", "too much")):
        (world.outputs / name).write_text(content)
    unmet = world.collect(may_empty=True)
    refused = "failed: the disk refused it: No space left on device"

    assert world.reasons() == {"a": refused, "b": "stored", "c": refused}
    assert world.entries["a"].bytes == 8
    assert "a was not stored" in unmet
    assert world.stored() == {sha256(b"fits").hexdigest()}
    assert {path.name for path in world.outputs.iterdir()} == {"a", "c"}


def test_what_the_journal_cannot_name_stays_where_it_was(world: World) -> None:
    """The only copy of an output is not removed for one that was dropped again."""
    (world.outputs / "a").write_text("a")
    count = 0

    def refuses(kind: type[e.Event], /, **fields: object) -> Record:
        nonlocal count
        count += 1
        if count == 1:
            raise JournalIO(errno.ENOSPC, "No space left on device")
        return world._append(kind, **fields)

    world.append = refuses
    world.collect(may_empty=True)

    assert world.reasons() == {"": "failed: the journal could not name it: No space left on device"}
    assert world.stored() == set()
    assert (world.outputs / "a").read_text() == "a"


def test_a_journal_that_takes_no_more(world: World) -> None:
    """What cannot be named is removed again, which may be what gives the journal room for saying so."""
    for number in range(5):
        world.write(f"{number}", str(number))
    count = 0

    def refuses(kind: type[e.Event], /, **fields: object) -> Record:
        nonlocal count
        count += 1
        if count in {3, 4}:
            raise JournalIO(errno.ENOSPC, "No space left on device")
        return world._append(kind, **fields)

    world.append = refuses
    unmet = world.collect("*")

    assert {path: each.outcome for path, each in world.entries.items()} == {
        "0": "stored",
        "1": "stored",
        "": "failed",
    }
    assert world.entries[""].files == 3
    assert world.stored() == {sha256(b"0").hexdigest(), sha256(b"1").hexdigest()}
    assert "the journal could not name it" in unmet


def test_a_journal_that_never_takes_anything(world: World) -> None:
    """Then the run's own end says what is missing; nothing unnamed stays in the bundle."""
    world.write("a")

    def refuses(_kind: type[e.Event], /, **_fields: object) -> Record:
        raise JournalIO(errno.EIO, "Input/output error")

    world.append = refuses

    assert "could not be put on record" in world.collect("a")
    assert world.stored() == set()


def test_somebody_stops_it_by_force(world: World) -> None:
    """What is stored by then is listed; that there was more is, too."""
    for number in range(5):
        world.write(f"{number}", str(number))
    count = 0

    def gives_up() -> None:
        nonlocal count
        count += 1
        if count > 4:
            raise GiveUp

    world.tick = gives_up
    world.collect("*")

    assert "stopped by force" in world.entries[""].reason
    assert 0 < len(world.stored()) < 5


def test_what_the_workload_declared(world: World) -> None:
    """A file or a folder by its absolute path; what is outside or not there is told, and has failed."""
    world.write("loss.html")
    world.write("plots/a*.png")
    (world.outputs / "own.txt").write_text("x")
    for path, kind in (
        (f"{world.cwd}/loss.html", ""),
        (f"{world.cwd}/loss.html", "report"),
        (f"{world.cwd}/plots/a*.png", "plot"),
        (f"{world.outputs}/own.txt", "notes"),
        ("/etc/passwd", ""),
        (f"{world.cwd}/gone", ""),
        (f"{world.cwd}/../secret", ""),
    ):
        world.append(e.ArtifactDeclared, path=path, kind=kind)
    unmet = world.collect()

    assert {path: each.kind for path, each in world.entries.items() if each.outcome == "stored"} == {
        "own.txt": "notes",
        "loss.html": "report",
        "plots/a*.png": "plot",
    }
    assert "/etc/passwd was not stored: it lies outside the run's folders" in unmet
    assert world.reasons()["gone"] == "failed: it was declared, and is not there"


def test_a_declared_path_is_no_pattern(world: World) -> None:
    """Whatever its characters stand for elsewhere: it is collected, and costs no other output anything."""
    long = "/".join(["n" * 200] * 6)
    for path in ("!odd", "!odd dir/x", "...", f"{long}/x", "[a]*?/**/y", "[a]", "plain"):
        world.write(path if path != "[a]" else "[a]/z")
    for path in ("!odd", "!odd dir", "...", f"{long}/x", "[a]*?/**/y", "[a]"):
        world.append(e.ArtifactDeclared, path=f"{world.cwd}/{path}")

    assert not world.collect("plain")
    assert {path for path, each in world.entries.items() if each.outcome == "stored"} == {
        "!odd",
        "!odd dir/x",
        "...",
        f"{long}/x",
        "[a]*?/**/y",
        "[a]/z",
        "plain",
    }


def test_what_is_declared_while_outputs_are_collected(world: World) -> None:
    """Whoever outlived the command was told that it is on record, so it is collected; nothing twice."""
    for path in ("out/a", "late/x", "later"):
        world.write(path, path)
    (world.outputs / "own").write_text("own")
    late = [f"{world.cwd}/out/a", f"{world.cwd}/late", f"{world.cwd}/gone", f"{world.cwd}/later"]

    def append(kind: type[e.Event], /, **fields: object) -> Record:
        if late:
            world._append(e.ArtifactDeclared, path=late.pop(0))
        return world._append(kind, **fields)

    world.append = append
    unmet = world.collect("out")

    assert world.reasons() == {
        "own": "stored",
        "out/a": "stored",
        "late/x": "stored",
        "gone": "failed: it was declared, and is not there",
        "later": "stored",
    }
    assert "gone was not stored" in unmet
    assert len(world.records) == 5


def test_a_folder_that_is_gone(world: World) -> None:
    """The command removed its own folder: that is on record, and no traceback."""
    world.cwd.rmdir()

    assert "cannot be read: No such file" in world.collect("x")


def test_the_manifest_is_beside_the_files(world: World) -> None:
    """The same as anybody can make from the journal."""
    world.write("a", "a")
    (world.cwd / "b").symlink_to("a")
    world.collect("*")
    made = json.decode((world.bundle / "manifest.json").read_bytes(), type=ManifestView)

    assert [item.path for item in made.items] == ["a"]
    assert [item.path for item in made.left_out] == ["b"]
    assert made.bundle_id == sha256(f"{sha256(b'a').hexdigest()}  a\n".encode()).hexdigest()
