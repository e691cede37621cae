"""Real runs under real keepers, for tests: submit one, watch it, and leave nothing of it behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, TypeVar

from runlore.journal.disk import REAL
from runlore.journal.errors import NotFound
from runlore.journal.events import AnyEvent
from runlore.journal.layout import Layout
from runlore.journal.reader import read
from runlore.journal.values import Actor, Identity, RunId, Stream
from runlore.runtimes import identity, launch, tree
from runlore.runtimes.link import KeeperLink
from runlore.runtimes.messages import Ended, NotStarted, Started
from runlore.runtimes.spec import RunSpec
from runlore.runtimes.stop import StopRequest, request_stop
from runlore.runtimes.transcript_reader import TranscriptReader
from runlore.runtimes.wrapper import recorded_identity

T = TypeVar("T")
E = TypeVar("E")

DEADLINE_S: Final = 30.0
_ROOT: Final = str(Path(__file__).parents[2])
ME: Final = Actor(user="tester", host="here", pid=os.getpid(), program="test")


def until(condition: Callable[[], T | None], what: str = "", *, within_s: float = DEADLINE_S) -> T:
    """Return what `condition` returns once it is true; fail if it never is."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.002)
    raise AssertionError(f"never came true: {what or condition}")


def python(code: str, *words: str) -> tuple[str, ...]:
    """The argv of a small Python program."""
    return (sys.executable, "-I", "-S", "-c", code, *words)


def children() -> set[int]:
    """The processes that this one began and has not collected, those of other tests among them."""
    found: set[int] = set()
    for thread in os.listdir("/proc/self/task"):
        with suppress(OSError):  # it has just ended, and left its children to the others
            found.update(map(int, Path(f"/proc/self/task/{thread}/children").read_text().split()))
    return found


class Kept:
    """One run and the link to its keeper."""

    def __init__(self, layout: Layout, run_id: RunId, link: KeeperLink | None) -> None:
        self.layout, self.run_id, self._link = layout, run_id, link

    @property
    def link(self) -> KeeperLink:
        """The link to its keeper, if this process started it."""
        assert self._link is not None
        return self._link

    def hang_up(self) -> None:
        """Hear no more of it."""
        if self._link is not None:
            self._link.close()

    def path(self, name: str) -> Path:
        return Path(self.layout.in_run(self.run_id, name))

    def started(self) -> Started:
        """What the keeper said when the command ran."""
        news = self.link.wait_started(DEADLINE_S)
        assert isinstance(news, Started), news
        return news

    def not_started(self) -> NotStarted:
        """Why the command never ran."""
        news = self.link.wait_started(DEADLINE_S)
        assert isinstance(news, NotStarted), news
        return news

    def end(self) -> Ended:
        """How the run ended; its keeper has gone when this returns."""
        until(lambda: self.link.wait_news(1.0) and self.link.closed, "the keeper's end")
        assert self.link.ended is not None, self.note()
        return self.link.ended

    def note(self) -> str:
        """What a keeper that failed left behind."""
        path = self.path("keeper.error")
        return path.read_text() if path.exists() else "no note"

    def events(self) -> list[AnyEvent]:
        return [record.event for record in read(REAL, self.layout, self.run_id, check_chain=True)]

    def event(self, kind: type[E]) -> E:
        """The only event of its kind."""
        (found,) = [event for event in self.events() if isinstance(event, kind)]
        return found

    def tags(self) -> list[str]:
        return [type(event).__name__ for event in self.events()]

    def output(self, stream: Stream | None = None) -> bytes:
        """What was captured, gaps left out."""
        with TranscriptReader(REAL, self.layout, self.run_id, stream=stream) as reader:
            return b"".join(chunk.data for chunk in reader.read_available())

    def keeper(self) -> Identity:
        """The keeper's identity, from the journal."""
        for event in self.events():
            if owner := getattr(event, "owner", None):
                found: Identity = owner.identity
                return found
        raise AssertionError("nobody has booted it yet")

    def wrapper(self) -> Identity:
        """The wrapper's identity, as it recorded itself."""
        return until(lambda: recorded_identity(str(self.path("wrapper"))), "the wrapper's record")

    def tree(self) -> list[tree.Member]:
        """The processes that carry this run's mark, its own keeper and wrapper among them if they do."""
        return tree.members(self.run_id, ())

    def stop(self, **how: Any) -> StopRequest:  # noqa: ANN401 - what the callee takes
        return request_stop(REAL, self.layout, self.run_id, by=ME, **how)

    def kill(self, who: Identity) -> None:
        """SIGKILL, and wait until it is gone."""
        os.kill(who.pid, signal.SIGKILL)
        until(lambda: identity.look(who) == "gone", f"the end of {who.pid}")


class Keeping:
    """Submits runs into one registry, and ends what is left of them."""

    def __init__(self, root: Path) -> None:
        self.layout = Layout(str(root))
        self.folder = root.parent
        self._runs: list[Kept] = []

    def submit(self, *argv: str, **fields: Any) -> Kept:  # noqa: ANN401 - what the callee takes
        """Submit a command to a keeper of its own."""
        link = launch.exec_keeper(stdin=fields.get("stdin", False))
        try:
            accepted = link.submit(self.spec(*argv, **fields))
        except BaseException:
            link.close()
            raise
        return self.watch(accepted.run_id, link)

    def watch(self, run_id: RunId, link: KeeperLink | None = None) -> Kept:
        """A run that somebody submitted; it is cleaned up too."""
        kept = Kept(self.layout, run_id, link)
        self._runs.append(kept)
        return kept

    def spec(self, *argv: str, **fields: Any) -> RunSpec:  # noqa: ANN401 - what the callee takes
        known: Mapping[str, Any] = {"root": self.layout.root, "cwd": str(self.folder), "by": ME}
        return RunSpec(argv=argv, **{**known, **fields})

    def run(self, *argv: str, **fields: Any) -> Kept:  # noqa: ANN401 - what the callee takes
        """Submit a command and wait for its end."""
        kept = self.submit(*argv, **fields)
        kept.end()
        return kept

    def as_caller(self, script: str, **how: Any) -> bytes:  # noqa: ANN401 - what the callee takes
        """Return what a script prints that runs in a process of its own, `keeping` and `python` at hand."""
        given = {"stderr": subprocess.PIPE, "stdout": subprocess.PIPE, **how}
        process = subprocess.run(self.caller_argv(script), timeout=DEADLINE_S, check=False, **given)
        assert process.returncode == 0, process.stderr
        printed: bytes = process.stdout
        return printed

    def caller_argv(self, script: str) -> list[str]:
        """The command line of such a process."""
        head = (
            f"import sys; sys.path[:0] = {[_ROOT, *sys.path]!r}\nfrom pathlib import Path\n"
            "from tests.runtimes.keeping import Keeping, python\n"
            f"keeping = Keeping(Path({self.layout.root!r}))\n"
        )
        return [sys.executable, "-c", head + script]

    def clean(self) -> None:
        """Kill whatever the runs left alive."""
        for kept in self._runs:
            kept.hang_up()
            left = [*kept.tree(), *_ours(kept)]
            for number in (signal.SIGSTOP, signal.SIGKILL):  # all at once, or they recover
                for member in left:
                    with suppress(ProcessLookupError):
                        os.kill(member.identity.pid, number)


def _ours(kept: Kept) -> list[tree.Member]:
    """The run's keeper and wrapper, if they still live."""
    recorded = [recorded_identity(str(kept.path("wrapper")))]
    with suppress(NotFound):
        recorded += [owner.identity for event in kept.events() if (owner := getattr(event, "owner", None))]
    return [tree.Member(who, "ours") for who in recorded if who and identity.look(who) == "alive"]
