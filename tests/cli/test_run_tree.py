"""What `--tree` draws, whatever journals say about parents."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from hypothesis import given
from hypothesis import strategies as st

from runlore.cli.run_tree import branches

if TYPE_CHECKING:
    from runlore.projections.run_view import RunView


@dataclass
class View:
    """As much of a run view as a tree needs."""

    run_id: str
    parent: str | None = None


def drawn(*parents: tuple[str, str | None], lines: bool = True) -> list[str]:
    """Return the ids as they are drawn."""
    views = cast("list[RunView]", [View(*each) for each in parents])
    return [branch + view.run_id for branch, view in branches(views, drawn=lines)]


def test_children_are_drawn_in_the_order_of_the_list() -> None:
    """With lines that go on past grandchildren; or in ASCII."""
    family: list[tuple[str, str | None]] = [("d", "c"), ("b", "a"), ("a", None), ("c", "a"), ("e", "b")]

    assert drawn(*family) == ["a", "├─ b", "│  └─ e", "└─ c", "   └─ d"]
    assert drawn(*family, lines=False) == ["a", "|- b", "|  `- e", "`- c", "   `- d"]


def test_a_run_whose_parent_is_not_in_the_list_stands_at_the_top() -> None:
    """It is shown, not dropped."""
    assert drawn(("b", "gone"), ("c", "b")) == ["b", "└─ c"]


def test_runs_that_name_each_other_as_parents_are_all_shown() -> None:
    """A journal that was made by hand can say anything."""
    assert drawn(("a", "c"), ("b", "a"), ("c", "b"), ("x", "x")) == ["a", "└─ b", "   └─ c", "x"]


def test_deep_levels_are_cut_from_the_left() -> None:
    """Ten thousand generations fit into a line, and into the stack."""
    family = [(str(number), str(number - 1)) for number in range(10_000)]

    assert drawn(*family)[-1] == "… " + 7 * "   " + "└─ 9999"


@given(st.lists(st.one_of(st.none(), st.integers(0, 12)), max_size=12))
def test_every_run_is_drawn_once(parents: list[int | None]) -> None:
    """However they are related."""
    views = [View(str(number), None if at is None else str(at)) for number, at in enumerate(parents)]
    shown = [view.run_id for _, view in branches(cast("list[RunView]", views), drawn=True)]
    assert sorted(shown) == sorted(view.run_id for view in views)
