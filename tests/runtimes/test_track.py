"""A process that is a run."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from runlore.journal.disk import REAL, RealDisk
from runlore.journal.errors import AlreadyEnded, BadInput, BadSettings, NotPermitted
from runlore.journal.events import RunProgressed
from runlore.journal.verify import verify
from runlore.runtimes import begin, collect, heartbeat, own_outputs
from runlore.runtimes.check_outputs import check_outputs
from runlore.runtimes.pulse import Pulse
from runlore.runtimes.registry import Registry
from runlore.runtimes.stored import artifacts_of
from runlore.runtimes.track import current_run
from runlore.runtimes.tracked import TrackedRun
from tests.runtimes.keeping import until
from tests.runtimes.kept_runs import registry_at


@pytest.fixture
def registry(registry_root: Path) -> Registry:
    """A registry without runs."""
    return Registry(registry_at(registry_root))


def kinds(run: TrackedRun) -> list[str]:
    """The types of the run's events."""
    return [type(each.event).__name__ for each in run.events()]


def test_a_block_that_comes_to_its_end(registry: Registry) -> None:
    """The run begins and ends with the block, from queued to the seal, this process its owner."""
    with registry.track("etl", tags={"env": "prod"}, metadata={"rows": 3}) as run:
        inside = run.view()
    after = run.view()

    assert (inside.status, inside.health, inside.name) == ("running", "live", "etl")
    assert (inside.tags, inside.metadata) == ({"env": "prod"}, {"rows": 3})
    assert inside.handle is not None
    assert inside.owner is not None
    assert inside.handle.pid == inside.owner.pid == os.getpid()
    assert (inside.transcript, after.transcript) == (None, None)
    assert (after.status, after.exit_code, after.provisional, after.sealed) == ("succeeded", 0, False, True)
    assert kinds(run) == [
        "RunQueued",
        "RunBooting",
        "RunStarted",
        "RunCollecting",
        "RunSucceeded",
        "RunSealed",
    ]
    assert verify(REAL, registry.layout, run.id).integrity == "sealed"


@pytest.mark.parametrize(
    ("error", "status", "exit_code", "code"),
    [
        (ValueError("no"), "failed", None, "exit_nonzero"),
        (SystemExit(3), "failed", 3, "exit_nonzero"),
        (SystemExit(0), "succeeded", 0, None),
        (KeyboardInterrupt(), "cancelled", None, "cancelled"),
    ],
    ids=repr,
)
def test_a_block_that_is_left_by_an_exception(
    registry: Registry, error: BaseException, status: str, exit_code: int | None, code: str | None
) -> None:
    """The exception decides the outcome and goes on its way."""
    with pytest.raises(type(error)) as caught, registry.track("etl") as run:
        raise error

    view = run.view()
    assert caught.value is error
    assert (view.status, view.exit_code) == (status, exit_code)
    assert (view.reason.code if view.reason else None) == code


def test_a_secret_in_an_error(registry: Registry) -> None:
    """What looks like a secret does not reach the journal through a reason."""
    with pytest.raises(ValueError, match="ghp_"), registry.track() as run:
        raise ValueError("token ghp_16C7e42F292c6912E7710c838347Ae178B4a")

    assert b"16C7e42F292c" not in Path(registry.layout.journal(run.id)).read_bytes()


@pytest.mark.parametrize(
    "labels",
    [{"name": "latest"}, {"tags": {"": "x"}}, {"metadata": {"x": object()}}],
    ids=["name", "tags", "metadata"],
)
def test_labels_that_are_none(registry: Registry, labels: dict[str, object]) -> None:
    """They are refused before anything exists."""
    with pytest.raises(BadInput), registry.track(**labels):  # type: ignore[arg-type]
        pytest.fail("no run, no block")

    assert registry.runs() == []
    assert os.listdir(f"{registry.root}/runs") == []


def test_what_a_run_says_about_itself(registry: Registry) -> None:
    """Progress, notes, tags and a result are shown, the result only with the end."""
    with registry.track("etl") as run:
        run.progress(0.25, "loading", step="1/4", metrics={"loss": 0.5, "bad": float("nan")})
        run.note("the disk is slow today")
        run.tag(env="prod")
        run.set_result({"rows": 3})
        inside = run.view()
    after = run.view()

    assert inside.progress is not None
    assert (inside.progress.fraction, inside.progress.message, inside.progress.step) == (
        0.25,
        "loading",
        "1/4",
    )
    assert inside.progress.metrics == {"loss": 0.5}
    assert (inside.result, after.result) == (None, {"rows": 3})
    assert after.tags == {"env": "prod"}
    assert "RunNoted" in kinds(run)


def test_progress_in_a_tight_loop(registry: Registry) -> None:
    """Saying it ten thousand times records a few of them, the last one always."""
    with registry.track("etl") as run:
        for step in range(10_000):
            run.progress(step / 9_999, f"step {step}")

    said = [each.event for each in run.events() if isinstance(each.event, RunProgressed)]
    assert said[-1].fraction == 1.0
    assert len(said) < 1_000


def test_progress_that_is_kept_back(registry: Registry) -> None:
    """The last word of a burst is recorded though nobody says another one."""
    with registry.track("etl") as run:
        run.progress(0.1)
        run.progress(0.2)
        until(lambda: (view := run.view().progress) and view.fraction == 0.2, "the second progress")


class Recording(RealDisk):
    """A disk that notes which journals were synced."""

    def __init__(self) -> None:
        self.synced: list[int] = []

    def fdatasync(self, fd: int) -> None:  # type: ignore[override]  # there it needs no object
        """Note it, and do it."""
        self.synced.append(os.fstat(fd).st_ino)
        os.fdatasync(fd)


def test_progress_lies_unsynced_for_a_moment_only(registry_root: Path) -> None:
    """Nobody but the pulse syncs progress, and it does."""
    disk = Recording()
    registry = Registry(registry_at(registry_root), disk=disk)
    with registry.track("etl") as run:
        inode = os.stat(registry.layout.journal(run.id)).st_ino
        run.progress(0.1)
        disk.synced.clear()
        until(lambda: inode in disk.synced, "the sync")


@pytest.mark.parametrize(("given", "kept"), [(1.0000001, 1.0), (-3, 0.0), (7, 1.0)])
def test_a_fraction_out_of_range(registry: Registry, given: float, kept: float) -> None:
    """Rounding must not end anybody's work."""
    with registry.track() as run:
        run.progress(given)
        progress = run.view().progress

    assert progress is not None
    assert progress.fraction == kept


def test_a_result_that_cannot_be_kept(registry: Registry) -> None:
    """It is refused, and the run goes on."""
    with registry.track() as run:
        with pytest.raises(BadInput, match="at most 65,536"):
            run.set_result("x" * 70_000)
        with pytest.raises(BadInput, match="not JSON"):
            run.set_result({"x": object()})
        with pytest.raises(BadInput, match="not finite"):
            run.set_result({"losses": [0.5, float("nan")]})
        with pytest.raises(BadInput):
            run.progress(float("nan"))

    assert run.status == "succeeded"


def test_a_run_that_is_over(registry: Registry) -> None:
    """It says nothing any more, and an end does not come twice."""
    with registry.track() as run:
        pass
    late: list[Callable[[], None]] = [lambda: run.progress(0.5), lambda: run.set_result(1)]
    for say in late:
        with pytest.raises(AlreadyEnded):
            say()

    before = kinds(run)
    run.finish(ValueError("too late"))
    assert kinds(run) == before


def test_a_stop_that_is_asked_for(registry: Registry) -> None:
    """The run is told, ends by itself, and counts as cancelled, with the words of who asked."""
    with registry.track() as run:
        assert not run.stop_requested
        registry.get(run.id).stop("enough")
        until(lambda: run.stop_requested, "the request")

    view = run.view()
    assert view.status == "cancelled"
    assert view.reason is not None
    assert view.reason.text == "enough"


def test_as_a_decorator(registry: Registry) -> None:
    """Each call is a run of its own, and the function stays what it was."""

    @registry.track("add", tags={"kind": "sum"})
    def add(one: int, *, two: int) -> int:
        """Add."""
        run = current_run()
        assert run is not None
        run.progress(1.0)
        if two < 0:
            raise ValueError("negative")
        return one + two

    assert (add(1, two=2), add(3, two=4)) == (3, 7)
    with pytest.raises(ValueError, match="negative"):
        add(1, two=-1)

    assert (add.__name__, add.__doc__) == ("add", "Add.")
    assert [view.status for view in registry.runs(name="add")] == ["failed", "succeeded", "succeeded"]


def test_functions_that_cannot_be_decorated(registry: Registry) -> None:
    """Bodies that run after the call are refused, with the way that works."""

    async def later() -> None: ...
    def numbers() -> Iterator[int]:
        yield 1

    with pytest.raises(TypeError, match="open_async"):
        registry.track()(later)
    with pytest.raises(TypeError, match="generator"):
        registry.track()(numbers)


def test_runs_within_runs(registry: Registry) -> None:
    """The innermost one is the current one; a context is one run at a time."""
    assert current_run() is None
    outer_context = registry.track("outer")
    with outer_context as outer:
        with registry.track("inner") as inner:
            assert current_run() is inner
        assert current_run() is outer
        with pytest.raises(RuntimeError, match="run already"), outer_context:
            pytest.fail("one at a time")
    with outer_context as again:
        assert again != outer
    assert current_run() is None


def test_heartbeats(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run beats from its first moment, and its file goes with its end."""
    quiet = Pulse(every_s=3600.0)
    monkeypatch.setattr(begin, "pulse", lambda: quiet)
    with registry.track() as run:
        path = registry.layout.in_run(run.id, "heartbeat")
        first = heartbeat.read(REAL, path)
        run.beat()
        second = heartbeat.read(REAL, path)
    quiet.leave(run)

    assert first is not None
    assert second is not None
    assert second.counter == first.counter + 1
    assert not os.path.exists(path)


def test_a_registry_that_may_not_be_written(registry: Registry) -> None:
    """Tracking is refused at the beginning of the block, not at its end."""
    reading = Registry(registry.layout, writable=False)
    with pytest.raises(NotPermitted), reading.track():
        pytest.fail("no run, no block")


def test_a_run_inside_a_run(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is tracked inside a command that runs here names that run as its parent."""
    with registry.track("outer") as outer:
        monkeypatch.setenv("RUNLORE_RUN_ID", outer.id)
        monkeypatch.setenv("RUNLORE_ROOT", registry.root)
        with registry.track("inner") as inner:
            assert inner.view().parent == outer.id
        monkeypatch.setenv("RUNLORE_ROOT", "/another")
        with registry.track("stranger") as stranger:
            assert stranger.view().parent is None


def outputs_of(run: TrackedRun) -> dict[str, str]:
    """What became of each output."""
    found = artifacts_of(REAL, run.registry.layout, run.id).entries
    return {each.path: f"{each.outcome}: {each.reason}".rstrip(": ") for each in found}


def test_what_a_block_leaves_is_collected(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By pattern, by its own folder, by name; from where it began, with the end after all of it."""
    monkeypatch.chdir(tmp_path)
    with registry.track("etl", artifacts=["out"], reports=["*.html"], required=["out/model"]) as run:
        Path("out").mkdir()
        Path("out/model").write_text("weights")
        Path("r.html").write_text("<p>")
        Path(run.outputs, "notes").write_text("by the way")
        Path("late.csv").write_text("1")
        run.artifact("late.csv", "table")
        monkeypatch.chdir("/")

    assert outputs_of(run) == dict.fromkeys(["out/model", "r.html", "notes", "late.csv"], "stored")
    assert Path(run.outputs, "notes").exists()
    assert check_outputs(REAL, registry.layout, run.id).findings == []
    assert kinds(run)[-7:] == ["RunCollecting", *["ArtifactCollected"] * 4, "RunSucceeded", "RunSealed"]
    view = run.view()
    assert (view.status, view.artifacts.count if view.artifacts else 0) == ("succeeded", 4)


@pytest.mark.parametrize("error", [None, ValueError("mine")], ids=repr)
def test_missing_evidence_and_what_the_block_raised(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception | None
) -> None:
    """A good end fails for it; an exception stays the reason, and goes on its way as it was."""
    monkeypatch.chdir(tmp_path)
    caught: BaseException | None = None
    try:
        with registry.track(required=["model"]) as run:
            if error:
                raise error
    except ValueError as raised:
        caught = raised

    assert caught is error
    view = run.view()
    assert view.reason is not None
    assert (view.status, view.reason.code) == ("failed", "exit_nonzero" if error else "evidence_missing")
    assert not getattr(error, "__notes__", [])


def test_what_cannot_be_collected_is_refused_at_once(registry: Registry) -> None:
    """A pattern before anything exists, a path when it is named, limits that nobody understands."""
    with pytest.raises(BadInput, match="--artifact"), registry.track(artifacts=["/etc/**"]):
        pytest.fail("no run, no block")
    with registry.track() as run, pytest.raises(BadInput, match="outside the run's folders"):
        run.artifact("/etc/passwd")
    assert outputs_of(run) == {}
    Path(registry.layout.config_file).write_text("[artifacts]\nmax_bytes = 'much'\n")
    with pytest.raises(BadSettings, match="not a size"), registry.track():
        pytest.fail("no run, no block")


def test_nobody_has_to_wait_for_the_outputs(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C ends the collecting, is raised when all is on record, and what is left out is counted there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(own_outputs, "_GLANCE_S", 0.0)
    for name in "abc":
        Path(name).write_text(name)

    def pressed(_path: str) -> str:
        signal.raise_signal(signal.SIGINT)
        return ""

    monkeypatch.setattr(collect, "refusal", pressed)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # whatever was left by others
    try:
        with pytest.raises(KeyboardInterrupt), registry.track(artifacts=["*"]) as run:
            pass
    finally:
        signal.signal(signal.SIGINT, before)

    assert outputs_of(run) == {"": "skipped: the run was stopped by force while its outputs were collected"}
    assert run.view().sealed


def test_a_killed_block_is_collected_by_whoever_reconciles(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its outputs outlive it, and the run is lost all the same."""
    monkeypatch.chdir(tmp_path)
    child = os.fork()
    if not child:
        with registry.track("gone", artifacts=["*.txt"]) as run:
            Path("a.txt").write_text("a")
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    registry.reconcile()
    run = registry.get("gone")  # type: ignore[assignment]  # a Run is enough
    until(lambda: run.view().sealed, "the end on record")
    reason = run.view().reason

    assert outputs_of(run) == {"a.txt": "stored"}
    assert reason is not None
    assert reason.code == "owner_lost"
