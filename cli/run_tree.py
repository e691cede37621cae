"""Runs under the run that began them: what `--tree` draws before each id. Pure."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from runlore.projections.run_view import RunView

_DRAWN: Final = ("├─ ", "└─ ", "│  ", "   ", "… ")
_ASCII: Final = ("|- ", "`- ", "|  ", "   ", "... ")
_MOST: Final = 8
"""Levels that are drawn; of deeper ones the nearest."""
_Branch = tuple["RunView", tuple[str, ...]]


def branches(items: Sequence["RunView"], *, drawn: bool) -> Iterator[tuple[str, "RunView"]]:
    """Yield every run once, children behind their parent in the order of the list, and its branch.

    A run whose parent is not in the list stands at the top. So does, where hand-made journals name each
    other as parents, the first of them. drawn: with lines; else in ASCII.
    """
    below: dict[str, list[RunView]] = {}
    here = {view.run_id for view in items}
    for view in items:
        if view.parent in here:
            below.setdefault(str(view.parent), []).append(view)
    done = set[str]()
    tops = [view for view in items if view.parent not in here]
    for top in [*tops, *items]:
        if top.run_id not in done:
            for view, marks in _walk(top, below, done, _DRAWN if drawn else _ASCII):
                left = (_DRAWN if drawn else _ASCII)[4] if len(marks) > _MOST else ""
                yield left + "".join(marks[-_MOST:]), view


def _walk(
    top: "RunView", below: dict[str, list["RunView"]], done: set[str], signs: tuple[str, ...]
) -> Iterator[_Branch]:
    """Yield a run and all below it, with the marks before each; without recursion, however deep."""
    between, last, goes_on, over, _ = signs
    done.add(top.run_id)
    stack: list[tuple[_Branch, tuple[str, ...]]] = [((top, ()), ())]
    while stack:
        branch, above = stack.pop()
        yield branch
        children = [view for view in below.get(branch[0].run_id, []) if view.run_id not in done]
        done.update(view.run_id for view in children)
        for place, view in reversed(list(enumerate(children, 1))):
            is_last = place == len(children)
            mark, further = (last, over) if is_last else (between, goes_on)
            stack.append(((view, (*above, mark)), (*above, further)))
