"""What a foreground run exits with; the table is docs/reference/exit-codes.md. Pure."""

from typing import Final

from runlore.journal.values import Status

TIMED_OUT: Final = 124
OURS: Final = 125
_SIGNALLED: Final = 128


def of_run(status: Status | None, exit_code: int | None, signal: int | None) -> int:
    """Return the exit code that tells how a run ended, as its command itself would have told it.

    A run that failed although its command left with 0, or that nobody saw the end of, is 125.
    """
    if status == "succeeded":
        return 0
    if status == "timed_out":
        return TIMED_OUT
    if signal is not None:
        return _SIGNALLED + signal
    return exit_code or OURS
