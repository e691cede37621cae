"""The caller's end of a keeper it started: submit a spec, learn what became of it, be nudged.

The run does not need this link: closing it, or dying, ends nothing but the news.
"""

import os
import select
import time
from typing import Final, Protocol, Self

from runlore.journal.errors import RunloreError
from runlore.runtimes import messages, spec
from runlore.runtimes.messages import Accepted, Ended, Message, NotReady, NotStarted, Refusal, Started
from runlore.runtimes.pipes import LineReader, write_all
from runlore.runtimes.spec import RunSpec

_NO_WORD: Final = 125
"""What a foreground run exits with if its keeper vanished before the command was known to run."""


class Launcher(Protocol):
    """The child of ours that started the keeper and ended; waited for so that no zombie stays."""

    def wait(self) -> int:
        """Return its exit code."""
        ...


class KeeperLink:
    """One keeper, as its caller sees it. Not for several threads at once."""

    def __init__(self, spec_fd: int, message_fd: int, *, launcher: Launcher | None = None) -> None:
        self._spec_fd = spec_fd
        self._reader = LineReader(message_fd)
        self._launcher = launcher
        self._news: dict[type[Message], Message] = {}
        self.nudged = False
        """The transcript has grown since this was last set to False."""

    def submit(self, wanted: RunSpec) -> Accepted:
        """Return once the run exists, its first event durable; once per link.

        Raises:
            RunloreError: no run was made; the class is that of the keeper's own error.
        """
        self.ask(wanted)
        accepted = self.wait_accepted()
        assert accepted is not None  # noqa: S101 - without a time limit there is an answer
        return accepted

    def ask(self, wanted: RunSpec) -> None:
        """Give the keeper what it is to keep, and wait for nothing; once per link.

        Raises:
            BadInput: it cannot be submitted.
        """
        spec.check(wanted)  # here already: JSON would turn an infinite timeout into none
        line = spec.encode(wanted)
        write_all(self._spec_fd, line)
        self._finish_asking()

    def wait_accepted(self, timeout_s: float | None = None) -> Accepted | None:
        """Return what was said once the run existed, its first event durable; None if not in time.

        Raises:
            RunloreError: no run was made; the class is that of the keeper's own error.
        """
        news = self._wait_for(Accepted, Refusal, timeout_s=timeout_s)
        if isinstance(news, Accepted):
            return news
        if isinstance(news, Refusal):
            raise messages.as_error(news)
        if self.closed:
            raise RunloreError(
                "the keeper ended before the run existed; `runlore doctor` tells what this machine lacks"
            )
        return None

    def wait_started(self, timeout_s: float | None = None) -> Started | NotStarted | NotReady | None:
        """Return whether the command runs, and is ready if awaited, or why not; None if not in time."""
        news = self._wait_for(Started, NotStarted, NotReady, timeout_s=timeout_s)
        if isinstance(news, Started | NotStarted | NotReady):
            return news
        if self.closed:
            return NotStarted("owner_lost", "the keeper ended before the command was known to run", _NO_WORD)
        return None

    def wait_news(self, timeout_s: float | None = None) -> bool:
        """Return True once anything was said (a nudge, a message, the end), False if not in time."""
        if self.closed:
            return True
        return self._is_readable(timeout_s) and self._take()

    @property
    def ended(self) -> Ended | None:
        """How the run ended, once its keeper has said so."""
        news = self._news.get(Ended)
        return news if isinstance(news, Ended) else None

    @property
    def closed(self) -> bool:
        """The keeper has gone; after `ended` that means every lock is free, without it that it was killed."""
        return self._reader.closed

    def fileno(self) -> int:
        """Return the descriptor to wait on; readable means: call `wait_news(0)`."""
        return self._reader.fd

    def close(self) -> None:
        """Let go; a keeper without a spec ends, any other goes on."""
        self._reader.close()
        self._finish_asking()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _finish_asking(self) -> None:
        if self._spec_fd >= 0:
            fd, self._spec_fd = self._spec_fd, -1
            os.close(fd)
        if self._launcher is not None:
            launcher, self._launcher = self._launcher, None
            launcher.wait()

    def _wait_for(self, *kinds: type[Message], timeout_s: float | None = None) -> Message | None:
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            for kind in kinds:
                if kind in self._news:
                    return self._news[kind]
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            if self.closed or not self._is_readable(left):
                return None
            self._take()

    def _is_readable(self, timeout_s: float | None) -> bool:
        poll = select.poll()  # select(2) fails in programs with more than 1024 descriptors
        poll.register(self._reader.fd, select.POLLIN)
        return bool(poll.poll(None if timeout_s is None else timeout_s * 1000))

    def _take(self) -> bool:
        """Take in what the keeper said; say whether it said anything, or went."""
        lines = self._reader.read()
        for line in lines:
            self.nudged = True  # any line: a keeper does not nudge behind one that was not read yet
            message = messages.decode(line)
            if not isinstance(message, bytes):
                self._news[type(message)] = message
        return bool(lines) or self._reader.closed
