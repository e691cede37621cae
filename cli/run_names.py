"""What several runs are called where their output stands side by side: aligned, one colour each."""

from collections import Counter
from typing import TYPE_CHECKING, Final

from runlore.cli import cells

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runlore.cli.outcomes import Tint
    from runlore.cli.output import Output
    from runlore.journal.values import RunId
    from runlore.projections.run_view import RunView

_LONGEST: Final = 24
_TINTS: Final[tuple["Tint", ...]] = ("cyan", "yellow", "green", "magenta", "blue")


def prefixes(output: "Output", views: "Sequence[RunView]") -> "dict[RunId, str]":
    """Return what stands before each line of a run: its name, or its short id where that is not its own."""
    names = {view.run_id: _name(output, view) for view in views}
    shared = {name for name, count in Counter(names.values()).items() if count > 1}
    for view in views:
        if names[view.run_id] in shared and view.name:
            names[view.run_id] += f"/{view.short_id}"
    widest = max(map(cells.width, names.values()), default=0)
    return {
        run_id: output.tint(_TINTS[place % len(_TINTS)])(f"{cells.pad(name, widest)}  |") + " "
        for place, (run_id, name) in enumerate(names.items())
    }


def _name(output: "Output", view: "RunView") -> str:
    return cells.cut(output.text(view.name or view.short_id), _LONGEST, ellipsis=output.ellipsis)
