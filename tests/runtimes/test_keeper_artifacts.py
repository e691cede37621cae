"""Whatever ends a run, what it declared is collected; and only what is durable lets it succeed."""

import os
import signal
from pathlib import Path

import pytest

from runlore.journal import events
from runlore.journal.disk import REAL
from runlore.journal.errors import BadInput, Conflict
from runlore.journal.values import RunId
from runlore.runtimes.registry import Registry
from runlore.runtimes.stored import artifacts_of
from tests.runtimes.keeping import Keeping, Kept, until
from tests.runtimes.kept_runs import Owned, registry_at
from tests.runtimes.test_keeper_care import LIMIT_BY_FILE, PATCHED

WRITES = "mkdir -p out; echo made > out/a; echo own > $RUNLORE_OUTPUTS/own; "
COMPLETE = ["RunQueued", "RunBooting", "RunStarted", "RunCollecting"]


def stored(kept: Kept) -> dict[str, bytes]:
    """The bytes of every stored output."""
    found = artifacts_of(REAL, kept.layout, kept.run_id).stored
    return {each.path: (kept.path("bundle") / (each.sha256 or "")).read_bytes() for each in found}


BOTH = {"out/a": b"made\n", "own": b"own\n"}


def test_after_success(keeping: Keeping) -> None:
    """Between the command's end and the run's; of what went into the outputs folder only one copy stays."""
    kept = keeping.run("sh", "-c", WRITES, artifacts=("out/**",))

    assert kept.tags() == [*COMPLETE, *["ArtifactCollected"] * 2, "RunSucceeded", "RunSealed"]
    assert stored(kept) == BOTH
    assert list(kept.path("artifacts").iterdir()) == []
    assert (keeping.folder / "out/a").exists()
    assert kept.path("bundle/manifest.json").exists()


def test_a_run_without_outputs_has_no_bundle(keeping: Keeping) -> None:
    """Nothing declared, nothing made: its history and its folder are as they always were."""
    kept = keeping.run("true")

    assert kept.tags() == [*COMPLETE, "RunSucceeded", "RunSealed"]
    assert not kept.path("bundle").exists()


@pytest.mark.parametrize("code", [1, 42])
def test_after_failure(keeping: Keeping, code: int) -> None:
    """Its outputs may tell why, and its exit code is what it was."""
    kept = keeping.run("sh", "-c", f"{WRITES} exit {code}", artifacts=("out/**",), required=("model",))

    assert (kept.end().status, kept.end().exit_code) == ("failed", code)
    assert kept.event(events.RunFailed).reason.code == "exit_nonzero"  # type: ignore[union-attr]
    assert stored(kept) == BOTH


def test_after_a_timeout(keeping: Keeping) -> None:
    """It has timed out all the same."""
    argv = f"'sh', '-c', {WRITES + 'touch up; exec sleep 60'!r}, artifacts=('out/**',), timeout_s=600.0"
    patch = LIMIT_BY_FILE.format(path=str(keeping.folder / "up"))
    told = keeping.as_caller(PATCHED.format(patch=patch, argv=argv)).split()
    kept = keeping.watch(RunId(told[0].decode()))

    assert told[1:] == [b"timed_out"]
    assert stored(kept) == BOTH


def test_after_a_stop(keeping: Keeping) -> None:
    """It is cancelled all the same."""
    kept = keeping.submit("sh", "-c", f"{WRITES} echo up; exec sleep 60", artifacts=("out/**",))
    until(kept.output)
    kept.stop(reason="enough")

    assert kept.end().status == "cancelled"
    assert stored(kept) == BOTH


def test_after_a_signal(keeping: Keeping) -> None:
    """Killed by somebody else."""
    kept = keeping.run("sh", "-c", f"{WRITES} kill -9 $$", artifacts=("out/**",))

    assert (kept.end().status, kept.end().signal) == ("failed", signal.SIGKILL)
    assert stored(kept) == BOTH


def test_after_an_adoption(keeping: Keeping) -> None:
    """The keeper that took over collects what the first one was asked to."""
    os.mkfifo(keeping.folder / "go")
    kept = keeping.submit("sh", "-c", f"{WRITES} echo up; read x < go", artifacts=("out/**",))
    until(kept.output)
    kept.kill(kept.keeper())
    (keeping.folder / "go").write_text("x\n")
    kept.end()

    assert kept.event(events.RunSucceeded).epoch == 2
    assert stored(kept) == BOTH


def test_keeper_and_wrapper_are_killed(keeping: Keeping) -> None:
    """Nobody is left but the command: a keeper from outside takes over, and collects."""
    os.mkfifo(keeping.folder / "go")
    kept = keeping.submit("sh", "-c", f"{WRITES} echo up; read x < go; exit 3", artifacts=("out/**",))
    until(kept.output)
    wrapper = kept.wrapper()
    os.kill(wrapper.pid, signal.SIGSTOP)
    kept.kill(kept.keeper())
    kept.kill(wrapper)
    Registry(kept.layout).reconcile([kept.run_id])
    until(lambda: "OwnerAdopted" in kept.tags(), "an adoption")
    (keeping.folder / "go").write_text("x")
    until(lambda: "RunSealed" in kept.tags(), "the seal")

    assert stored(kept) == BOTH


def test_all_are_killed(keeping: Keeping) -> None:
    """The run is lost, and nobody knows its exit code; what it made is kept and listed all the same."""
    kept = keeping.submit("sh", "-c", f"{WRITES} echo up; sleep 60", artifacts=("out/**",))
    until(kept.output)
    wrapper = kept.wrapper()
    os.kill(wrapper.pid, signal.SIGSTOP)
    kept.kill(kept.keeper())
    kept.kill(wrapper)
    for member in kept.tree():
        os.kill(member.identity.pid, signal.SIGKILL)
    until(lambda: not kept.tree(), "the end of all")
    registry = Registry(kept.layout)
    (told,) = registry.reconcile([kept.run_id])
    until(lambda: "RunSealed" in kept.tags(), "the seal")
    view = registry.view(kept.run_id)

    assert told.detail == "its outputs are being collected first"
    assert (view.status, view.exit_code, view.provisional) == ("failed", None, False)
    assert view.reason is not None
    assert view.reason.code in {"owner_lost", "signal"}  # the kernel may still tell how it ended
    assert stored(kept) == BOTH
    assert registry.reconcile([kept.run_id]) == []


def test_the_first_output_is_declared_when_the_command_has_ended(keeping: Keeping) -> None:
    """What outlived the command was told that it is on record, so it is collected."""
    told = keeping.as_caller(
        """
from runlore.journal import events
from runlore.runtimes import finish, launch
ours = finish._append_collecting
def declaring(run, evidence):
    ours(run, evidence)
    run.append(events.ArtifactDeclared, path=run.spec.cwd + "/late")
finish._append_collecting = declaring
link = launch.fork_keeper()
print(link.submit(keeping.spec("sh", "-c", "echo late > late")).run_id)
while not link.closed:
    link.wait_news(1)
"""
    )
    kept = keeping.watch(RunId(told.decode().strip()))

    assert "RunSucceeded" in kept.tags()
    assert stored(kept) == {"late": b"late\n"}


def test_all_are_killed_before_the_start_is_on_record(keeping: Keeping) -> None:
    """What the command made by then is kept, and the run is concluded, by whoever acts next."""
    layout = registry_at(keeping.layout.root)
    run_id = Owned(layout, artifacts=("out/**",)).boot().die()
    outputs = Path(layout.in_run(run_id, "artifacts"))
    outputs.mkdir()
    (outputs / "own").write_bytes(b"own\n")
    (told,) = Registry(layout).reconcile([run_id])
    kept = keeping.watch(run_id)
    until(lambda: "RunSealed" in kept.tags(), "the seal")
    reason = kept.event(events.RunFailed).reason

    assert told.detail == "its outputs are being collected first"
    assert reason is not None
    assert reason.code == "owner_lost"
    assert stored(kept) == {"own": b"own\n"}


def test_what_is_required_is_missing(keeping: Keeping) -> None:
    """The command left with 0, which stays on record, and the run has not succeeded (A16)."""
    kept = keeping.run("sh", "-c", WRITES, artifacts=("out/**",), required=("out/model.bin",))
    failed = kept.event(events.RunFailed)

    assert (failed.exit_code, failed.reason.code) == (0, "evidence_missing")  # type: ignore[union-attr]
    assert "out/model.bin, which is required" in failed.reason.text  # type: ignore[union-attr]
    assert kept.event(events.RunCollecting).exit_code == 0
    assert stored(kept) == BOTH


def test_what_is_required_may_be_anywhere(keeping: Keeping) -> None:
    """In the run's folder, without a further pattern, or among its outputs."""
    kept = keeping.run("sh", "-c", WRITES, required=("out/?", "own"))

    assert kept.end().status == "succeeded"
    assert stored(kept) == BOTH


def test_a_link_is_no_evidence(keeping: Keeping) -> None:
    """What is required and only linked to is missing; the reason tells."""
    kept = keeping.run("ln", "-s", "/etc/passwd", "model", required=("model",))

    assert "was skipped: a symbolic link" in kept.event(events.RunFailed).reason.text  # type: ignore[union-attr]


def test_secrets_in_outputs(keeping: Keeping) -> None:
    """What the keeper masks in the transcript, it masks in what it stores."""
    secret = "hunter2-hunter2"
    kept = keeping.run(
        "sh",
        "-c",
        'echo "it is $LOGIN" > log; echo x > "$LOGIN"',
        artifacts=("*",),
        secret_values={"LOGIN": secret},
    )
    found = stored(kept)

    assert found["log"] == b"it is [REDACTED]\n"
    assert found["[REDACTED]"] == b"x\n"
    for path in (Path(kept.layout.journal(kept.run_id)), *kept.path("bundle").iterdir()):
        assert secret.encode() not in path.read_bytes()


def test_a_disk_that_is_full(keeping: Keeping, small_disk: Path) -> None:
    """The run ends with its exit code; what was kept is listed, and what was not says why."""
    small = Keeping(small_disk / "registry")
    small.folder = keeping.folder
    script = "echo small > a; head -c 4000000 /dev/urandom > b; exit 7"
    kept = small.run("sh", "-c", script, cwd=str(keeping.folder), artifacts=("a", "b"))
    entries = {each.path: each for each in artifacts_of(REAL, kept.layout, kept.run_id).entries}
    small.clean()

    assert (kept.end().status, kept.end().exit_code) == ("failed", 7)
    assert entries["b"].outcome == "failed"
    assert "no space is left" in entries["b"].reason
    assert not [name for name in os.listdir(kept.path("bundle")) if name.endswith(".tmp")]


def test_outputs_are_part_of_the_same_spec(keeping: Keeping) -> None:
    """The same key with other outputs is another submission."""
    first = keeping.run("true", key="k", artifacts=("a",))

    assert keeping.submit("true", key="k", artifacts=("a",)).run_id == first.run_id
    with pytest.raises(Conflict):
        keeping.submit("true", key="k", required=("a",))


@pytest.mark.parametrize("pattern", ["/etc/passwd", "../x", "a\\b", ""])
def test_a_pattern_that_could_lead_out(keeping: Keeping, pattern: str) -> None:
    """It is refused before anything is made."""
    with pytest.raises(BadInput, match="--report: pattern"):
        keeping.submit("true", reports=(pattern,))
    assert os.listdir(keeping.layout.journals) == [] if os.path.exists(keeping.layout.journals) else True
