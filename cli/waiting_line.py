"""The line that says on a terminal how many runs are still waited for; nothing of it stays."""

import os
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from runlore.cli import phrases, standard

if TYPE_CHECKING:
    from runlore.cli.output import Output

_WIPE: Final = b"\r\x1b[K"


class WaitingLine:
    """Shown within its `with` block while several runs are waited for and there is a person to see it."""

    def __init__(self, output: "Output", total: int) -> None:
        self._total = total
        quiet = output.quiet or output.is_for_programs or output.is_dumb
        self._wanted = total > 1 and not quiet and os.isatty(2)
        self._shown = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if self._shown:
            standard.complain(_WIPE)

    def show(self, left: int, goal: str) -> None:
        """Say how many of the runs are left, if that has changed."""
        what = "end" if goal == "terminal" else f"be {goal}"
        text = f"waiting for {left:,} of {phrases.counted(self._total, 'run')} to {what}"
        if self._wanted and text != self._shown:
            self._shown = text
            standard.complain(_WIPE + text.encode("ascii"))
