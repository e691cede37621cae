"""The line below a run's output that says how far it is: for whoever follows it on a terminal.

It stands on standard error and is wiped before anything else is written, so that nothing of it stays.
"""

import os
import time
from typing import TYPE_CHECKING, Final

from runlore.cli import cells, progress_bar, standard
from runlore.journal.errors import RunloreError

if TYPE_CHECKING:
    from runlore.cli.output import Output
    from runlore.runtimes.folding import RunFold

EVERY_S: Final = 0.25
_WIPE: Final = b"\r\x1b[K"
_WIDEST: Final = 200


class ProgressLine:
    """Shows the last progress of one run, if it is one, while there is a terminal and room for it."""

    def __init__(self, output: "Output", folded: "RunFold | None") -> None:
        self._output, self._folded = output, folded
        self.wanted: Final = os.isatty(2) and not (output.quiet or output.is_for_programs or output.is_dumb)
        """There is a person to see it."""
        self._due = 0.0
        self._drawn = False
        self._shared = os.isatty(1)
        self._at_start = True
        output.below = self.wipe

    def look(self) -> None:
        """Draw what the run says by now, if that is due, and if the output ended at the end of a line."""
        now = time.monotonic()
        if self._folded is None or not self.wanted or now < self._due:
            return
        self._due = now + EVERY_S
        try:
            self._folded.advance()
        except RunloreError:
            return  # whoever follows finds out by himself
        state = self._folded.state
        if state.progress is None or state.ended or not self._at_start:
            return
        said = state.progress
        plain = not self._output.is_fine
        text = progress_bar.told(said.fraction, said.step, said.message, drawn=True, plain=plain)
        line = cells.cut(text, _columns() - 1, ellipsis=self._output.ellipsis)
        self._drawn = True
        standard.complain(_WIPE + line.encode(self._output.encoding, "backslashreplace"))

    def wipe(self) -> None:
        """Leave the terminal as if nothing had been drawn."""
        if self._drawn:
            self._drawn = False
            standard.complain(_WIPE)

    def wrote(self, data: bytes) -> None:
        """Note that the run's output was written: below half a line nothing is drawn."""
        self._at_start = not self._shared or data.endswith(b"\n")


def _columns() -> int:
    try:
        return min(os.get_terminal_size(2).columns or _WIDEST, _WIDEST)
    except OSError:
        return _WIDEST
