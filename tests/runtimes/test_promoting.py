"""What is promoted is evidence: its bytes are right, it is on record, and nothing removes it."""

import errno
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from runlore.journal.disk import REAL, RealDisk
from runlore.journal.errors import (
    BadInput,
    Conflict,
    DamagedArtifact,
    JournalIO,
    NotFound,
    NotPermitted,
    Removed,
    RunloreError,
)
from runlore.journal.events import ArtifactPromoted
from runlore.journal.layout import Layout
from runlore.journal.reader import read
from runlore.runtimes import promoting, run_secrets
from runlore.runtimes.check_outputs import check_outputs
from runlore.runtimes.disk_use import disk_use
from runlore.runtimes.registry import Registry
from runlore.runtimes.run import Run
from runlore.runtimes.secret_scan import SecretScan
from tests.doubles.drafts import new_run_id
from tests.doubles.failer import failing
from tests.runtimes.kept_runs import Owned, registry_at
from tests.runtimes.removable import RULES, RUN, Later, leave_run, lies

OUTPUTS = {"out/model.bin": b"weights" * 1000, "out/same": b"weights" * 1000, "r.html": b"<p>", "empty": b""}
PATHS = sorted(OUTPUTS)
WRITES = frozenset({"open", "write", "pwrite", "truncate", "fdatasync", "rename", "sync_dir", "mkdir"})
SPARSE = b"a" + bytes(3 << 20) + b"b"


class Copying(RealDisk):
    """A disk on which files cannot share blocks."""

    def clone(self, source: int, target: int) -> bool:
        del source, target
        return False


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A registry with one run that has four stored outputs, two of them the same."""
    layout = registry_at(tmp_path / "registry")
    leave_run(layout, outputs=OUTPUTS)
    return layout


@pytest.fixture
def run(layout: Layout) -> Run:
    return Registry(layout).get(RUN)


def promotions(layout: Layout) -> list[ArtifactPromoted]:
    """What the journal says."""
    events = (record.event for record in read(REAL, layout, RUN))
    return [event for event in events if isinstance(event, ArtifactPromoted)]


def evidence(layout: Layout, path: str) -> Path:
    """Where the bytes of an output are."""
    return Path(layout.evidence, sha256(OUTPUTS[path]).hexdigest())


def bundled(layout: Layout, path: str) -> Path:
    """Where the run has them."""
    return Path(layout.in_run(RUN, "bundle"), sha256(OUTPUTS[path]).hexdigest())


def damage(path: Path) -> None:
    """Put other bytes of the same number in a file."""
    path.chmod(0o600)
    path.write_bytes(b"w" + path.read_bytes()[1:-1] + b"x")


def test_one_output_becomes_evidence(layout: Layout, run: Run) -> None:
    """Its bytes, read-only, under their digest; who did it, when and why in every view."""
    view = run.promote("out/model.bin", reason="it went live")

    assert [(item.path, item.done) for item in view] == [("out/model.bin", "promoted")]
    kept = evidence(layout, "out/model.bin")
    assert kept.read_bytes() == OUTPUTS["out/model.bin"]
    assert [stat.S_IMODE(path.stat().st_mode) for path in (kept, kept.parent)] == [0o400, 0o700]
    assert os.listdir(layout.evidence) == [kept.name]
    (event,) = promotions(layout)
    assert (event.path, event.sha256, event.bytes, event.why) == (
        "out/model.bin",
        kept.name,
        7000,
        "it went live",
    )
    shown = {item.path: item.promoted for item in run.artifacts()}
    assert [path for path, promoted in shown.items() if promoted] == ["out/model.bin"]
    by = shown["out/model.bin"].by  # type: ignore[union-attr]
    told = run.view().retention.evidence
    assert by is not None
    assert by.pid == os.getpid()
    assert told is not None
    assert (told.outputs, told.why, told.by, told.at) == (1, "it went live", by, event.at)
    assert disk_use(run.registry).evidence >= 7000


def test_all_of_them_and_again(layout: Layout, run: Run) -> None:
    """Two outputs with the same bytes are one file; a second time nothing is copied and nothing appended."""
    view = run.promote()
    before = {name: os.stat(f"{layout.evidence}/{name}").st_ino for name in os.listdir(layout.evidence)}
    journal = Path(layout.journal(RUN)).read_bytes()
    again = run.promote("**", reason="another one")

    assert [item.path for item in view] == [item.path for item in again] == PATHS
    assert {item.done for item in view} == {"promoted"}
    assert {item.done for item in again} == {"already"}
    assert len(before) == 3
    assert {
        name: os.stat(f"{layout.evidence}/{name}").st_ino for name in os.listdir(layout.evidence)
    } == before
    assert Path(layout.journal(RUN)).read_bytes() == journal
    assert check_outputs(REAL, layout, RUN).findings == []


def test_a_plan_changes_nothing(layout: Layout, run: Run) -> None:
    """It says what is evidence already, and what would be."""
    run.promote("r.html")
    before = (Path(layout.journal(RUN)).read_bytes(), os.listdir(layout.evidence))
    plan = promoting.Promotion(Registry(layout, writable=False), RUN, ["*.html", "empty"]).plan()

    assert [(item.path, item.done) for item in plan] == [("empty", None), ("r.html", "already")]
    assert (Path(layout.journal(RUN)).read_bytes(), os.listdir(layout.evidence)) == before


def test_holes_stay_holes(tmp_path: Path) -> None:
    """A sparse output takes no more disk among the evidence than where it was."""
    layout = registry_at(tmp_path / "registry")
    leave_run(layout, outputs={"sparse": SPARSE})
    Registry(layout, disk=Copying()).get(RUN).promote()
    kept = Path(layout.evidence, sha256(SPARSE).hexdigest())

    assert kept.read_bytes() == SPARSE
    assert kept.stat().st_blocks * 512 <= 2 << 20


# -- nothing removes it


def test_no_rule_and_nobody_by_name_removes_a_promoted_run(layout: Layout) -> None:
    """Neither `prune --apply --now` nor `rm --force`; nor a run that was accepted."""
    accepted = leave_run(layout, new_run_id(2))
    gone = leave_run(layout, new_run_id(3))
    Path(layout.config_file).write_text(RULES)
    registry = Registry(layout, disk=Later())
    registry.get(RUN).promote("r.html")
    registry.get(accepted).accept("well done")
    registry.get(accepted).accept("again")

    view = registry.prune(apply=True, now=True)
    assert [(each.run_id, each.code) for each in view.items] == [
        (RUN, "promoted"),
        (accepted, "accepted"),
        (gone, "age"),
    ]
    for run_id in (RUN, accepted):
        for force, now in ((False, False), (True, False), (False, True)):
            with pytest.raises(Conflict, match=r"an output of it is evidence|its outcome was accepted"):
                registry.get(run_id).remove(force=force, now=now)
        assert lies(layout, run_id) == ["runs"]
    assert lies(layout, gone) == []
    told = registry.view(accepted).retention.acceptance
    assert told is not None
    assert told.why == "well done"


def test_evidence_outlives_a_run_removed_by_hand(layout: Layout, run: Run, tmp_path: Path) -> None:
    """Listed, read, saved and verified from the evidence; what was not promoted is missing, and told."""
    run.promote("out/model.bin", "r.html")
    shutil.rmtree(layout.run_dir(RUN))

    assert [item.path for item in run.artifacts() if item.promoted] == ["out/model.bin", "r.html"]
    assert run.get_artifact("r.html").read() == b"<p>"
    assert run.get_artifact("out/model.bin").save(tmp_path).read_bytes() == OUTPUTS["out/model.bin"]
    found = check_outputs(REAL, layout, RUN)
    assert {(each.kind, each.path) for each in found.findings} == {
        ("missing-manifest", ""),
        ("missing-file", "empty"),
    }
    assert [item.done for item in run.promote("r.html")] == ["already"]
    with pytest.raises(NotFound, match="its bytes are not there any more"):
        run.promote("empty")


def test_a_run_removed_by_hand_of_which_everything_is_evidence(layout: Layout, run: Run) -> None:
    """Nothing is lost, and nothing is found."""
    run.promote()
    shutil.rmtree(layout.run_dir(RUN))

    assert check_outputs(REAL, layout, RUN).findings == []


# -- what is refused


def test_a_run_that_goes_on(layout: Layout) -> None:
    """Its outputs are not collected, and it has no outcome."""
    live = Owned(layout).boot().start()
    run = Registry(layout).get(live.run_id)
    for deed in (run.promote, run.accept):
        with pytest.raises(Conflict, match=f"goes on.*`runlore wait {live.run_id}` first"):
            deed()
    live.die()


def test_a_run_in_the_trash(layout: Layout, run: Run) -> None:
    """It comes back first; then it can be promoted, and stays."""
    run.remove()
    for deed in (run.promote, run.accept):
        with pytest.raises(Removed, match="`runlore restore"):
            deed()
    assert os.listdir(layout.evidence) == []
    run.restore()
    run.promote("r.html")

    assert evidence(layout, "r.html").read_bytes() == b"<p>"


def test_a_run_removed_while_its_bytes_are_copied(layout: Layout, run: Run) -> None:
    """The decision comes too late, and is refused; nothing is on record."""
    promotion = promoting.Promotion(run.registry, RUN, ())

    def removing(entries: object) -> Iterator[object]:
        yield from entries  # type: ignore[misc]  # any outputs
        run.remove(now=True)

    with pytest.raises(Removed):
        promotion.apply(each=removing)  # type: ignore[arg-type]  # it passes them through
    assert promotions(layout) == []


HOSTILE = [
    *("../../etc/passwd", "/etc/passwd", "//etc/passwd", "a/../../b", "%2e%2e%2f", "%252e%252e%252f"),
    *("..%5c", "..;/", "a\0b", "file:///etc/passwd", "\\\\host\\share", "C:\\x", "#/../", "?x=../"),
    *("../registry-evil/x", "..", ".", "", "/proc/self/fd/0", "out/../../../journals", "x" * 5000),
]


@pytest.mark.parametrize("path", HOSTILE)
def test_paths_that_lead_elsewhere(layout: Layout, run: Run, path: str) -> None:
    """They are bad input, or no output is called so (corpus P); beside a good one, too."""
    for paths in ([path], ["r.html", path]):
        with pytest.raises((BadInput, NotFound)):
            run.promote(*paths)
    with pytest.raises(NotFound):
        run.get_artifact(path)
    assert (promotions(layout), os.listdir(layout.evidence)) == ([], [])


def test_a_path_that_is_not_stored(layout: Layout, run: Run) -> None:
    """Those that are there are listed, and nothing is promoted, though another path was right."""
    with pytest.raises(NotFound, match=r"no such output; it has empty, out/model\.bin, out/same, r\.html"):
        run.promote("r.html", "r.htm")
    assert promotions(layout) == []


def test_damaged_bytes_never_become_evidence(layout: Layout, run: Run) -> None:
    """Nothing is on record for them, nothing of them is left, and the others are promoted all the same."""
    damage(bundled(layout, "out/model.bin"))
    bundled(layout, "r.html").unlink()
    bundled(layout, "r.html").symlink_to("/etc/passwd")

    with pytest.raises(DamagedArtifact, match=r"out/model\.bin: its bytes are not those on record"):
        run.promote()
    assert [event.path for event in promotions(layout)] == ["empty"]
    assert os.listdir(layout.evidence) == [evidence(layout, "empty").name]


def _linked(path: Path) -> None:
    (path.parent.parent / "victim").write_text("mine")
    path.unlink()
    path.symlink_to(path.parent.parent / "victim")


def _longer(path: Path) -> None:
    path.chmod(0o600)
    path.write_bytes(path.read_bytes() + b"x")


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


SPOILED: dict[str, Callable[[Path], object]] = {
    "missing": Path.unlink,
    "other bytes": damage,
    "longer": _longer,
    "a link": _linked,
    "writable by others": lambda path: path.chmod(0o622),
    "another name": lambda path: os.link(path, path.parent.parent / "hard"),
    "a pipe": _pipe,
}


@pytest.mark.parametrize("how", SPOILED)
def test_evidence_that_was_damaged_is_mended(layout: Layout, run: Run, how: str) -> None:
    """By the right bytes, in a file of its own; nothing is followed, and nothing more is on record."""
    run.promote("r.html")
    kept = evidence(layout, "r.html")
    SPOILED[how](kept)
    assert check_outputs(REAL, layout, RUN).findings

    assert [item.done for item in run.promote("r.html")] == ["mended"]
    assert (kept.read_bytes(), kept.is_symlink(), kept.stat().st_nlink) == (b"<p>", False, 1)
    assert stat.S_IMODE(kept.stat().st_mode) == 0o400
    assert (check_outputs(REAL, layout, RUN).findings, len(promotions(layout))) == ([], 1)
    victim = Path(layout.root, "victim")
    assert not victim.exists() or victim.read_text() == "mine"


def test_right_evidence_needs_no_bundle(layout: Layout, run: Run) -> None:
    """The run's own copy was damaged since: what is evidence stays so."""
    run.promote("r.html")
    damage(bundled(layout, "r.html"))

    assert [item.done for item in run.promote("r.html")] == ["already"]


def test_a_link_in_the_place_of_the_evidence(layout: Layout, run: Run, tmp_path: Path) -> None:
    """Nothing is written through it, read through it, or on record."""
    run.promote("empty")
    os.rename(layout.evidence, tmp_path / "elsewhere")
    os.symlink(tmp_path / "elsewhere", layout.evidence)
    with pytest.raises(NotPermitted, match="or a symbolic link"):
        run.promote("r.html")

    assert len(os.listdir(tmp_path / "elsewhere")) == 1
    assert [event.path for event in promotions(layout)] == ["empty"]
    assert {each.kind for each in check_outputs(REAL, layout, RUN).findings} == {"review-evidence-mismatch"}
    shutil.rmtree(layout.run_dir(RUN))
    with pytest.raises(DamagedArtifact):
        run.get_artifact("empty").read()


def test_a_folder_that_was_removed_by_hand(layout: Layout, run: Run) -> None:
    """It is made again, for its owner alone."""
    os.rmdir(layout.evidence)
    run.promote("r.html")

    assert stat.S_IMODE(os.stat(layout.evidence).st_mode) == 0o700


def test_secrets(layout: Layout, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """One in a reason is not recorded; a path that would be masked is refused: it would name nothing."""
    run.promote("r.html", reason="for https://me:s3cr3t-value@host/")
    run.accept("for https://me:s3cr3t-value@host/")
    assert b"s3cr3t-value" not in Path(layout.journal(RUN)).read_bytes()

    monkeypatch.setattr(run_secrets, "environment", lambda: {b"MY_TOKEN": b"model.bin"})
    with pytest.raises(BadInput, match="holds the value of a secret"):
        run.promote("out/model.bin")
    assert [event.path for event in promotions(layout)] == ["r.html"]


def test_secrets_among_the_evidence_are_told(tmp_path: Path) -> None:
    """By `redact`, which cannot take them out there, and by `scan`, also once the run's own copy is gone."""
    layout = registry_at(tmp_path / "registry")
    leave_run(layout, outputs={"key": b"AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCYzzzzzzzzzz\n"})
    run = Registry(layout).get(RUN)
    run.promote()
    name = f"evidence/{run.get_artifact('key').view.sha256}"

    left = run.redact("wJalrXUtnFEMI/K7MDENG/bPxRfiCYzzzzzzzzzz", dry_run=True).still_there
    assert name in {each.path for each in left}
    shutil.rmtree(layout.in_run(RUN, "bundle"))
    assert any(each.path.endswith(name) for each in SecretScan(REAL, layout, {}).scan(RUN))


# -- a disk that refuses


def test_a_disk_that_is_full_at_any_call(tmp_path: Path) -> None:
    """The error is one of ours; what is on record is right, nothing half is left; a repeat completes it."""
    number, failed = 0, True
    while failed:
        number += 1
        layout = registry_at(tmp_path / f"r{number}")
        leave_run(layout, size=10, outputs={"a": b"one", "b": b"two" * 2000})
        disk, failer = failing(REAL, number, errno.ENOSPC, "once", only=WRITES)
        with suppress(RunloreError):  # any other error is a finding
            Registry(layout, disk=disk).get(RUN).promote(reason="x")
        failed = bool(failer.failed)
        for event in promotions(layout):
            kept = Path(layout.evidence, event.sha256).read_bytes()
            assert sha256(kept).hexdigest() == event.sha256, f"{failer.failed} {number}"
        assert [name for name in os.listdir(layout.evidence) if name.startswith(".")] == []

        Registry(layout).get(RUN).promote()
        assert [event.path for event in promotions(layout)] == ["a", "b"], f"{failer.failed} {number}"
        assert check_outputs(REAL, layout, RUN).findings == []
    assert number > 20


class Tight(Copying):
    """A disk that is full once so many pieces were written."""

    def __init__(self, room: int) -> None:
        self.room = room

    def pwrite(self, fd: int, data: bytes, offset: int, /) -> int:  # type: ignore[override]  # RealDisk has os.pwrite
        self.room -= 1
        if self.room < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return os.pwrite(fd, data[:3], offset)


def test_a_disk_that_fills_up_in_between(layout: Layout) -> None:
    """What was promoted before stays, and the message says what to do; the rest follows later."""
    run = Registry(layout, disk=Tight(1 + 2333)).get(RUN)
    with pytest.raises(JournalIO, match=r"r\.html: No space left on device; what could be promoted is"):
        run.promote()
    assert [event.path for event in promotions(layout)] == ["empty", "out/model.bin", "out/same"]

    assert len(Registry(layout).get(RUN).promote()) == 4


# -- what a crash leaves


def test_half_copies_are_swept_after_a_day(layout: Layout, run: Run) -> None:
    """By `prune --apply`, and told before; what somebody is at, and whatever else is there, stays."""
    run.promote("r.html")
    names = (".0123456789ab.tmp", ".note.tmp", "notes", ".cccccccccccc.tmp", ".aaaaaaaaaaaa.tmp")
    for name in names:
        Path(layout.evidence, name).write_bytes(b"x" * 5000)
    young = Path(layout.evidence, names[-1])
    os.utime(young, (young.stat().st_mtime + 86400 * 3,) * 2)
    busy = REAL.open(f"{layout.evidence}/{names[3]}", os.O_RDWR)
    assert REAL.lock(busy)
    Path(layout.config_file).write_text(RULES)
    tomorrow = Registry(layout, disk=Later(timedelta(days=1, minutes=1)))

    plan = tomorrow.prune()
    assert (plan.halves, plan.freed_bytes >= 5000) == (1, True)
    assert Registry(layout).prune(apply=True).halves == 0
    assert set(names) < set(os.listdir(layout.evidence))
    assert tomorrow.prune(apply=True).halves == 1
    assert set(os.listdir(layout.evidence)) == {*names[1:], evidence(layout, "r.html").name}
    REAL.close(busy)
    assert tomorrow.prune(apply=True).halves == 1
    assert tomorrow.prune(apply=True).halves == 0
