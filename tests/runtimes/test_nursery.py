"""Keepers that are forked from one warm process: they are what keepers are, and need it no more."""

import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from runlore.journal import events
from runlore.journal.errors import JournalIO
from runlore.runtimes import launch
from runlore.runtimes.nursery_link import Nursery
from tests.runtimes.cgroups import group, members
from tests.runtimes.keeping import Keeping, Kept, children, python, until
from tests.runtimes.test_keeper_surroundings import NOT_OURS, REPORT

START: dict[str, Callable[[], Nursery]] = {"forked": launch.fork_nursery, "executed": launch.exec_nursery}


@pytest.fixture(params=START)
def nursery(request: pytest.FixtureRequest) -> Iterator[Nursery]:
    """One for our own command, and one for anybody else's process.

    Our command ends soon, and what it forked is collected by init then; this process goes on.
    """
    others = children()
    with START[request.param]() as made:
        yield made
    for pid in children() - others:
        os.waitpid(pid, 0)


def kept(keeping: Keeping, nursery: Nursery, *argv: str) -> Kept:
    """A run whose keeper came from there."""
    link = nursery.keeper()
    link.ask(keeping.spec(*argv))
    accepted = link.wait_accepted()
    assert accepted is not None
    return keeping.watch(accepted.run_id, link)


def parent_of(pid: int) -> int:
    """Who started a process, or took it over."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def test_the_surroundings_of_a_command_are_those_of_any_run(keeping: Keeping, nursery: Nursery) -> None:
    """Its environment, signals, umask and session; no standard input, and no descriptor of others."""
    read_end, write_end = os.pipe()
    os.set_inheritable(write_end, True)
    os.umask(umask := os.umask(0o027))
    first, second = (kept(keeping, nursery, *python(REPORT)) for _ in range(2))
    for run in (first, second):
        run.end()
        found = json.loads(run.output())
        assert found["env"]["RUNLORE_RUN_ID"] == run.run_id
        assert found["masks"] == {"SigBlk": 0, "SigIgn": found["masks"]["SigIgn"] & NOT_OURS}
        assert (found["umask"], found["sid"], found["stdin"]) == (umask, found["pid"], "")
        assert len(found["fds"]) == 4, found["fds"]  # its streams and the tree lock
    os.close(read_end)
    os.close(write_end)


def test_runs_outlive_it(keeping: Keeping, nursery: Nursery) -> None:
    """It ends with whoever asks; the run is kept to its end, and its exit code is known."""
    os.mkfifo(keeping.folder / "fifo")
    run = kept(keeping, nursery, "sh", "-c", "read line < fifo; exit 42")
    run.started()
    parent = parent_of(run.keeper().pid)
    nursery.close()
    until(lambda: parent_of(run.keeper().pid) != parent, "its end")
    (keeping.folder / "fifo").write_text("go on\n")
    run.end()

    assert run.event(events.RunFailed).exit_code == 42


def test_one_that_was_killed_is_replaced(keeping: Keeping, nursery: Nursery) -> None:
    """Whoever asks next does not notice; runs it had started go on."""
    first = kept(keeping, nursery, "sleep", "60")
    first.started()
    os.kill(parent_of(first.keeper().pid), signal.SIGKILL)

    assert kept(keeping, nursery, "true").end().exit_code == 0
    first.stop(force=True)
    assert first.end().status == "cancelled"


def test_keepers_that_have_ended_are_no_zombies(keeping: Keeping, nursery: Nursery) -> None:
    """However many it has forked; and no descriptor of theirs stays open there."""
    lasting = kept(keeping, nursery, "sleep", "60")
    lasting.started()
    pid = parent_of(lasting.keeper().pid)
    before = len(os.listdir(f"/proc/{pid}/fd"))
    for _ in range(4):
        kept(keeping, nursery, "true").end()
    children = Path(f"/proc/{pid}/task/{pid}/children")

    until(lambda: children.read_text().split() == [str(lasting.keeper().pid)], "nobody else there")
    assert len(os.listdir(f"/proc/{pid}/fd")) == before


def test_a_keeper_that_is_given_nothing_ends(keeping: Keeping, nursery: Nursery) -> None:
    """Without a trace: no registry is made."""
    link = nursery.keeper()
    link.close()
    assert os.listdir(keeping.layout.root) == []


@pytest.mark.needs("root")
def test_without_processes_it_says_so(keeping: Keeping) -> None:
    """No run is made, what was there goes on, and later there is room again."""
    script = """
import os
from runlore.runtimes import launch
from runlore.journal.errors import JournalIO
open({procs!r}, "w").write(str(os.getpid()))
nursery = launch.fork_nursery()
nursery.keeper().close()
limit = {limit!r}
count = len(open({procs!r}).read().split())
open(limit, "w").write(str(2))
try:
    nursery.keeper()
except JournalIO as error:
    print(error)
open(limit, "w").write("max")
link = nursery.keeper()
link.ask(keeping.spec("true"))
print(link.wait_accepted().run_id)
while not link.closed: link.wait_news(9)
"""
    with group("pids", {"pids.max": "60"}, {"pids.max": "60"}) as folder:
        script = script.format(procs=str(folder / "cgroup.procs"), limit=str(folder / "pids.max"))
        said, run_id = keeping.as_caller(script).decode().splitlines()
        until(lambda: not members(folder), "the end of all")

    assert "no keeper could be started" in said
    assert "nothing was submitted" in said
    assert [path.stem for path in Path(keeping.layout.journals).iterdir()] == [run_id]


def test_without_descriptors_it_says_so(nursery: Nursery, monkeypatch: pytest.MonkeyPatch) -> None:
    """And what it had opened by then is closed."""
    nursery.keeper().close()
    opened: list[int] = []
    real = os.pipe

    def pipe() -> tuple[int, int]:
        if opened:
            raise OSError(24, "Too many open files")
        opened.extend(real())
        return opened[0], opened[1]

    monkeypatch.setattr(os, "pipe", pipe)
    with pytest.raises(JournalIO, match="Too many open files"):
        nursery.keeper()
    for fd in opened:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(fd)
