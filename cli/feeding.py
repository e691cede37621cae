"""From the lines that `submit` reads to launches, as they come; and a look at all of them before."""

import os
import stat
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from runlore.cli import phrases
from runlore.cli.errors import USAGE, Failed, Interrupted
from runlore.cli.heard import Heard
from runlore.cli.spec_lines import SpecLines, Wanted
from runlore.cli.standard import OutputFailed
from runlore.cli.submitting import Answers
from runlore.journal.errors import BadInput, RunloreError
from runlore.runtimes.launches import Launched, Launches

if TYPE_CHECKING:
    from runlore.cli.session import Session
    from runlore.runtimes.spec import RunSpec

_PIECE: Final = 1 << 16
_TOLD: Final = 20
"""Wrong lines that are told to people; a file of another kind has nothing else."""
_KEYLESS: Final = (
    "no key: to submit again would start {} twice. Give each line a key, or all of them --key-prefix P"
)


def opened(path: str) -> int:
    """Return a descriptor to read the lines from; `-` is standard input.

    Raises:
        BadInput: there is no such file, or it is none.
    """
    if path == "-":
        return 0
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        raise BadInput(f"{path}: {getattr(error, 'strerror', None) or error}") from None
    if stat.S_ISDIR(os.fstat(fd).st_mode):
        raise BadInput(f"{path} is a folder; --from takes a file of lines, or - for standard input")
    return fd


def is_file(fd: int) -> bool:
    """Say whether it can be read twice."""
    return stat.S_ISREG(os.fstat(fd).st_mode)


def examined(session: "Session", fd: int, lines: SpecLines, *, dry_run: bool) -> SpecLines:
    """Return the lines once each was looked at; then a file can be read again.

    Raises:
        Failed: something is wrong, and nothing was started; what, was told.
    """
    answers, output = Answers(session), session.output
    if dry_run:
        answers.begin()
    wrong = 0
    for wanted in _all(fd, lines):
        if isinstance(wanted.spec, RunloreError):
            wrong += 1
            if wrong == 1 and not dry_run:
                answers.begin()
            if output.json or wrong <= _TOLD:
                answers.tell(Launched(number=wanted.number, error=wanted.spec))
    if wrong > _TOLD and not output.json:
        output.warn(f"error: and {wrong - _TOLD:,} more wrong lines")
    if wrong or dry_run:
        answers.reason = "dry_run" if dry_run else "bad_input"
        output.control(answers.ended(lines.count))
        output.say(f"{_examined(lines, wrong)}; nothing was started")
    if wrong:
        raise Failed(USAGE)
    if not dry_run:
        os.lseek(fd, 0, os.SEEK_SET)
    return lines


def _examined(lines: SpecLines, wrong: int) -> str:
    told = f"{phrases.counted(lines.count, 'line')}, {wrong:,} wrong"
    return f"{told}, {lines.keyless:,} without a key" if lines.keyless else told


def _all(fd: int, lines: SpecLines) -> Iterator[Wanted]:
    while data := os.read(fd, _PIECE):
        yield from lines.feed(data)
    yield from lines.feed(b"")


class Feeding:
    """Reads, launches and answers until there is nothing left to do."""

    def __init__(
        self, session: "Session", fd: int, lines: SpecLines, launches: Launches, answers: Answers
    ) -> None:
        self._session, self._fd = session, fd
        self._lines, self._launches, self._answers = lines, launches, answers
        self._pending: deque[Wanted] = deque()
        self._at_end = False
        self._warned = False

    def run(self, heard: Heard) -> None:
        """Return once every line has its answer, or no more are to be tried.

        Raises:
            Interrupted: a signal came; what had been launched by then was told, and goes on.
            OutputFailed: standard output takes no ids; those that it did not take were told as errors are.
        """
        try:
            self._feed(heard)
        except OutputFailed:
            self._tell_the_untold()
            raise

    def warn_of_keyless(self, keyless: int, *, total: int | None = None) -> None:
        """Say, once, that lines have no key, if some have none."""
        if keyless and not self._warned:
            self._warned = True
            which = f"{keyless:,} of {total:,} lines have" if total else "a line has"
            self._session.output.say(f"warning: {which} {_KEYLESS.format('those' if total else 'it')}")

    def _feed(self, heard: Heard) -> None:
        while True:
            self._launch_pending()
            self._tell()
            if not self._answers.goes_on:
                self._pending.clear()
                self._at_end = True
                self._launches.wait_no_more_for_room()
            if self._at_end and not self._pending and self._launches.is_idle:
                self._tell()
                return
            if self._pending and self._launches.takes(self._next_spec()):
                continue  # what was told made room for more
            wants_more = not self._at_end and not self._pending
            ready = self._launches.wait(heard.fd, *([self._fd] if wants_more else []))
            if heard.fd in ready and (signals := heard.take()):
                self._leave(signals[0])
            if self._fd in ready:
                self._read()

    def _read(self) -> None:
        try:
            data = os.read(self._fd, _PIECE)
        except BlockingIOError:
            return
        self._pending.extend(self._lines.feed(data))
        self._at_end = not data
        self.warn_of_keyless(self._lines.keyless)

    def _launch_pending(self) -> None:
        while self._pending and self._answers.goes_on:
            wanted = self._pending[0]
            if not self._launches.takes(self._next_spec()):
                return
            if isinstance(wanted.spec, RunloreError):
                self._launches.refuse(wanted.number, wanted.spec)
            else:
                self._launches.ask(wanted.number, wanted.spec)
            self._pending.popleft()

    def _next_spec(self) -> "RunSpec | None":
        """Return what is to be launched next; None if that is a line to be refused."""
        spec = self._pending[0].spec
        return None if isinstance(spec, RunloreError) else spec

    def _tell(self) -> None:
        for launched in self._launches.answers():
            self._answers.tell(launched)

    def _leave(self, number: int) -> None:
        """Tell what there is by now, and end by the signal."""
        self._answers.reason = "interrupted"
        self._session.output.say_below("interrupted: no more is started; what was started goes on")
        self._launches.conclude()
        self._tell()
        try:
            self._answers.end()
        except Failed:
            pass
        raise Interrupted(number)

    def _tell_the_untold(self) -> None:
        """Say on standard error which runs exist that standard output did not take."""
        self._launches.conclude()
        ids = [self._answers.being_told, *(each.run_id for each in self._launches.answers())]
        untold = [run_id for run_id in ids if run_id is not None]
        if untold:
            self._session.output.warn(f"started all the same: {' '.join(untold)}")
