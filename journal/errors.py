"""Every error a caller can meet, by what the caller can do about it; each carries its exit code.

A message says where, what, and what to do next. Pure.
"""

from collections.abc import Sequence
from typing import ClassVar, Final

from runlore.journal.values import Offset, RunId, Seq


class RunloreError(Exception):
    """The root: anything this project reports on purpose."""

    exit_code: ClassVar[int] = 1

    def __reduce__(self) -> tuple[object, ...]:
        """Return what makes the same error in another process: a worker's reaches whoever waits for it."""
        return _remade, (type(self), self.args, vars(self).copy())


class BadInput(RunloreError, ValueError):
    """The request itself is wrong; nothing was changed."""

    exit_code: ClassVar[int] = 2


class BadExpression(BadInput):
    """The words of a filter say nothing from some place on."""

    def __init__(self, text: str, column: int, length: int, why: str) -> None:
        wrong = text[column - 1 : column - 1 + min(length, 40)]
        place = f"column {column}, {wrong!a}" if length else f"column {column}"
        super().__init__(f"filter, {place}: {why}")
        self.text: Final[str] = text
        self.column: Final[int] = column
        """Where it goes wrong; the first character is column 1."""
        self.length: Final[int] = length
        """Characters of what is wrong; 0 if something is missing there."""
        self.why: Final[str] = why


class BadSettings(BadInput):
    """The registry's `config.toml` cannot be obeyed, so nothing is recorded; reading goes on."""

    def __init__(self, path: str, problems: Sequence[tuple[int, str]]) -> None:
        line, text = problems[0]
        more = f", and {len(problems) - 1} more" if len(problems) > 1 else ""
        place = f"{path}:{line}: " if line else f"{path} "
        super().__init__(f"{place}{text}{more}; see `runlore config check`. Nothing was recorded")
        self.path: Final[str] = path
        self.problems: Final[tuple[tuple[int, str], ...]] = tuple(problems)
        """(line, what is wrong); line 0 is the file itself."""


class NotFound(RunloreError, LookupError):
    """Nothing matches what was asked for."""

    exit_code: ClassVar[int] = 3


class NoRegistry(NotFound):
    """No registry was made at the root so far; to a listing that is an empty one."""


class OutsideRun(NotFound):
    """This process is not inside a run, so there is nothing to speak for."""


class Ambiguous(NotFound):
    """Several runs match; the candidates are in `candidates`."""

    def __init__(self, message: str, candidates: tuple[RunId, ...]) -> None:
        super().__init__(message)
        self.candidates: Final[tuple[RunId, ...]] = candidates


class NotPermitted(RunloreError, PermissionError):
    """The root, the run or the process is not ours to act on."""

    exit_code: ClassVar[int] = 4


class AnchorMismatch(RunloreError):
    """A journal does not contain the head that an anchor kept elsewhere names."""

    exit_code: ClassVar[int] = 4


class Conflict(RunloreError):
    """Somebody else changed the run first; read it again and decide anew."""

    exit_code: ClassVar[int] = 5


class StaleSeq(Conflict):
    """A compare-and-set append expected another position."""

    def __init__(self, run_id: RunId, expected: Seq, current: Seq) -> None:
        super().__init__(
            f"run {run_id}: expected seq {expected} but the journal is at {current}; "
            "someone else appended. Read it again and retry"
        )
        self.run_id: Final[RunId] = run_id
        self.expected: Final[Seq] = expected
        self.current: Final[Seq] = current


class IllegalTransition(Conflict):
    """The lifecycle has no such arrow."""

    def __init__(self, run_id: RunId, current: str, wanted: str) -> None:
        super().__init__(f"run {run_id}: a {current} run cannot become {wanted}")
        self.run_id: Final[RunId] = run_id
        self.current: Final[str] = current
        self.wanted: Final[str] = wanted


class AlreadyEnded(Conflict):
    """The run has its final event; only labels, evidence, retention and repair may follow."""

    def __init__(self, run_id: RunId, attempted: str, *, so: str = "") -> None:
        super().__init__(f"run {run_id} has already ended: {so or f'{attempted} was not recorded'}")
        self.run_id: Final[RunId] = run_id
        self.attempted: Final[str] = attempted


class Removed(Conflict):
    """The run's outputs were removed, or are in the trash; its journal tells when and by which rule."""

    def __init__(self, run_id: RunId, what: str, *, can_return: bool) -> None:
        todo = f"`runlore restore {run_id}` first" if can_return else f"see `runlore show {run_id}`"
        super().__init__(f"run {run_id} {what}; {todo}")
        self.run_id: Final[RunId] = run_id
        self.can_return: Final[bool] = can_return
        """`restore` can bring them back."""


class Busy(Conflict):
    """Another live process owns what was asked for."""


class NoRoom(Conflict):
    """As many runs are kept as may be at once; nothing was submitted, and later there may be room."""


class NoKeeper(Conflict):
    """Nobody keeps the run, so nobody can carry this out; its command may still be alive."""


class NoHandle(Conflict):
    """The run has no process yet, or not any more."""


class Elsewhere(NotPermitted):
    """The run's processes belong to another machine, boot or pid namespace; nothing was touched."""


class Unverifiable(NotPermitted):
    """Whether a process is the run's cannot be told for certain, so it was left alone."""


class DidNotStart(RunloreError):
    """A submitted run ended before its command ran; it stays on record with the same reason."""

    def __init__(self, run_id: RunId, code: str, text: str, exit_code: int) -> None:
        super().__init__(f"run {run_id} did not start: {text}")
        self.run_id: Final[RunId] = run_id
        self.code: Final[str] = code
        self.text: Final[str] = text
        self.shell_code: Final[int] = exit_code
        """What a shell would say: 127 not found, 126 not executable; 125 is a failure of ours."""


class CorruptJournal(RunloreError):
    """A journal is damaged in a way that no crash explains; nothing is appended behind it."""

    exit_code: ClassVar[int] = 65

    def __init__(self, path: str, run_id: RunId, offset: Offset, detail: str) -> None:
        super().__init__(
            f"{path}: damaged at byte {offset} ({detail}); reads stop there and appends are refused. "
            f"See `runlore verify {run_id}`, then `runlore repair {run_id}`"
        )
        self.path: Final[str] = path
        self.run_id: Final[RunId] = run_id
        self.offset: Final[Offset] = offset
        self.detail: Final[str] = detail


class LostJournal(RunloreError):
    """A run has begun, or may have, and its journal is missing, or nameless in a damaged pack."""

    exit_code: ClassVar[int] = 65


class BrokenPosition(RunloreError):
    """What a named subscription has seen cannot be read; nothing is guessed in its place."""

    exit_code: ClassVar[int] = 65

    def __init__(self, path: str, name: str, detail: str) -> None:
        super().__init__(
            f"{path} is no position ({detail}); "
            f"`runlore subscriptions reset {name}` gives every event again, from the first on"
        )
        self.path: Final[str] = path
        self.name: Final[str] = name


class DamagedArtifact(RunloreError):
    """A stored output is not what the journal says it is; nothing of it is to be used."""

    exit_code: ClassVar[int] = 65

    def __init__(self, path: str, detail: str) -> None:
        super().__init__(f"{path}: {detail}; see `runlore artifacts verify`")
        self.path: Final[str] = path
        self.detail: Final[str] = detail


class DamagedBundle(RunloreError):
    """An exported bundle is cut or changed, or is not what its journals say; nothing of it was imported."""

    exit_code: ClassVar[int] = 65

    def __init__(self, source: str, path: str, detail: str) -> None:
        place = f"{source}: {path}" if path else source
        super().__init__(f"{place}: {detail}; nothing was imported. Export it again, or fetch it again")
        self.source: Final[str] = source
        self.path: Final[str] = path
        """The member of the bundle that is wrong; empty for the whole."""
        self.detail: Final[str] = detail


class WrongDigest(RunloreError):
    """A file that is to be imported is not the one that its manifest names; the run was not imported."""

    exit_code: ClassVar[int] = 65

    def __init__(self, path: str) -> None:
        super().__init__(
            f"{path}: its bytes are not those that the manifest names, so the run was not imported; "
            "bring back the right file, or have the manifest made anew"
        )
        self.path: Final[str] = path


class UndecodableLine(RunloreError):
    """One line is not an event."""

    exit_code: ClassVar[int] = 65


class EventTooLarge(BadInput):
    """An encoded event does not fit a line."""


class NewerFormat(RunloreError):
    """A newer release wrote this; it is readable as far as known, and refused for writing."""

    exit_code: ClassVar[int] = 65


class JournalIO(RunloreError, OSError):
    """The disk refused; what was not acknowledged may be missing."""

    exit_code: ClassVar[int] = 74


def _remade(kind: type[RunloreError], args: tuple[object, ...], fields: dict[str, object]) -> RunloreError:
    error = kind.__new__(kind, *args)
    vars(error).update(fields)
    return error
