"""Where the command begins: `ps` alone is answered from the index if it can be; all else goes to `main`.

Nothing is imported before argv was looked at: `typing` alone costs half of what an interpreter does.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # type checkers take it for True; importing it from typing costs 3 ms
if TYPE_CHECKING:
    from typing import NoReturn


def start() -> NoReturn:
    """Do what is asked for, and leave with its exit code."""
    if sys.argv[1:] == ["ps"] and "_RUNLORE_COMPLETE" not in os.environ:
        from runlore.cli.quick_ps import answered  # noqa: PLC0415 - only for `ps`

        if answered(os.environ):
            os._exit(0)
    from runlore.cli.main import start as begin  # noqa: PLC0415 - see above

    begin()
