"""What `submit` answers: one line or record for each line it was given, in their order, and a count."""

from collections import Counter
from functools import cached_property
from typing import TYPE_CHECKING, Final

from runlore.cli import phrases
from runlore.cli.errors import Failed
from runlore.journal.errors import (
    BadSettings,
    DidNotStart,
    JournalIO,
    NewerFormat,
    NoRoom,
    NotPermitted,
    RunloreError,
)
from runlore.journal.redactor import STRUCTURAL
from runlore.projections.stream_records import ControlRecord
from runlore.projections.submit_views import SubmitEnd, SubmitErrorView, SubmitReason, SubmittedRecord
from runlore.runtimes.launches import Launched
from runlore.runtimes.run_secrets import OwnSecrets

if TYPE_CHECKING:
    from collections.abc import Callable

    from runlore.cli.session import Session
    from runlore.journal.values import RunId

_OF_THE_REGISTRY: Final = (NoRoom, JournalIO, NotPermitted, BadSettings, NewerFormat)
"""What is wrong with none of the lines: whoever met it would meet it again at the next one."""


class Answers:
    """What was answered so far.

    fail_fast: whatever is wrong ends it. total: lines of the file; None for a stream.
    """

    def __init__(self, session: "Session", *, fail_fast: bool = False, total: int | None = None) -> None:
        self._session, self._fail_fast, self._total = session, fail_fast, total
        self._counts: Counter[str] = Counter()
        self._first: RunloreError | None = None
        self._warned: set[str] = set()
        self.reason: SubmitReason = "done"
        self.being_told: RunId | None = None
        """The run whose id goes out at this moment."""

    @property
    def goes_on(self) -> bool:
        """More lines may be tried."""
        return self.reason == "done"

    def begin(self) -> None:
        """Say that the records begin."""
        self._session.output.control(ControlRecord(type="ready"))

    def tell(self, launched: Launched) -> None:
        """Tell what became of a line, at once."""
        self._count(launched)
        self.being_told = launched.run_id
        view = SubmittedRecord(
            type="submitted" if launched.run_id else "refused",
            line=launched.number,
            run_id=launched.run_id,
            key=launched.key or None,
            existing=launched.existing,
            error=self._error(launched.error) if launched.error is not None else None,
        )
        output = self._session.output
        if output.json:
            output.record(view, live=True)
        elif output.fields:
            output.rows(view)
            output.flush()
        elif launched.run_id is not None:
            output.line(launched.run_id)
            output.flush()
        self.being_told = None
        if view.error is not None and not output.json:
            output.warn(f"error: line {launched.number}: {view.error.text}")
        for name in launched.unmasked.keys() - self._warned:
            self._warned.add(name)
            output.warn(f"warning: the value of {name} is not masked: {launched.unmasked[name]}")

    def end(self) -> None:
        """Say how much was done.

        Raises:
            Failed: some line has no run whose command started; with the exit code of the first such line.
        """
        looked_at = sum(self._counts.values())
        view = self.ended(looked_at)
        self._session.output.control(view)
        self._session.output.say(", ".join(self._told(view.untried)))
        if self._first is not None:
            raise Failed(self._first.exit_code)

    def ended(self, looked_at: int) -> SubmitEnd:
        """Return the last record, given how many lines were looked at."""
        counts = self._counts
        return SubmitEnd(
            reason=self.reason,
            lines=looked_at,
            started=counts["started"],
            existing=counts["existing"],
            failed=counts["failed"],
            refused=counts["refused"],
            untried=None if self._total is None else max(0, self._total - looked_at),
        )

    def _told(self, untried: int | None) -> list[str]:
        counts = self._counts
        told = [f"{phrases.counted(counts['started'], 'run')} started"]
        told += [f"{counts['existing']:,} there before"] if counts["existing"] else []
        told += [f"{counts['failed']:,} did not start"] if counts["failed"] else []
        told += [f"{phrases.counted(counts['refused'], 'line')} refused"] if counts["refused"] else []
        if not self.goes_on:
            rest = "the rest was not read" if untried is None else f"{untried:,} not tried"
            told.append(f"{rest}; the same command again starts what is missing, where lines have keys")
        return told

    def _count(self, launched: Launched) -> None:
        if launched.run_id is None:
            what = "refused"
        elif launched.existing:
            what = "existing"
        else:
            what = "failed" if launched.error else "started"
        self._counts[what] += 1
        if launched.error is None:
            return
        self._first = self._first or launched.error
        if self.goes_on and isinstance(launched.error, _OF_THE_REGISTRY):
            self.reason = "refused"
        elif self.goes_on and self._fail_fast:
            self.reason = "fail_fast"

    def _error(self, error: RunloreError) -> SubmitErrorView:
        code = error.code if isinstance(error, DidNotStart) else _snake(type(error).__name__)
        return SubmitErrorView(code=code, text=self._clean(str(error)), exit_code=error.exit_code)

    @cached_property
    def _clean(self) -> "Callable[[str], str]":
        """What takes secrets out of a message."""
        own = OwnSecrets(self._session.found.path)
        try:
            own.text("nothing")
        except BadSettings:
            return STRUCTURAL.text
        return own.text


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")
