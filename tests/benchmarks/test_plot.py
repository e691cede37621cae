"""Plots of figures that grow with the number of runs."""

from dataclasses import replace
from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from benchmarks import page, plot
from benchmarks.model import CaseResult, TableResult
from benchmarks.sampling import spread
from tests.benchmarks.results import result

_SVG = "{http://www.w3.org/2000/svg}"


def point(line: str, runs: float, value: float) -> CaseResult:
    """Return a case that is a point of a line."""
    return CaseResult(name=f"{line}, {runs:g} runs", role="ours", value=spread([value]), line=line, at=runs)


def growing(*cases: CaseResult) -> TableResult:
    """Return a table that wants a plot, with these cases beside those that are no points."""
    table = result()
    return replace(table, across="runs", cases=(*table.cases, *cases))


def drawn(table: TableResult) -> ET.Element:
    """Return the plot, which has to be XML."""
    return ET.fromstring(plot.svg(table))


def circles(drawing: ET.Element) -> list[tuple[float, float]]:
    """Return where the points are."""
    return [(float(each.attrib["cx"]), float(each.attrib["cy"])) for each in drawing.iter(f"{_SVG}circle")]


def test_a_line_goes_through_its_points_by_powers_of_ten() -> None:
    """What takes ten times as long for ten times the runs is a straight line, and nothing else is drawn."""
    table = growing(point("ps", 1_000, 1.0), point("ps", 100_000, 100.0), point("ps", 10_000, 10.0))

    (left, bottom), (middle, half), (right, top) = circles(drawn(table))

    assert left < middle < right
    assert bottom > half > top
    assert middle - left == right - middle
    assert round(bottom - half, 1) == round(half - top, 1)


@given(
    st.lists(
        st.tuples(st.sampled_from(["ps", "a < b & c"]), st.floats(1, 1e7), st.floats(1e-6, 1e6)), min_size=2
    )
)
def test_every_point_lies_inside_the_plot(places: list[tuple[str, float, float]]) -> None:
    """No figure, and no name of a line, draws outside the picture or breaks it."""
    table = growing(*(point(*place) for place in places))

    drawing = drawn(table)

    _, _, width, height = map(float, drawing.attrib["viewBox"].split())
    assert len(circles(drawing)) == len(places)
    assert all(0 <= x <= width and 0 <= y <= height for x, y in circles(drawing))


def test_a_line_of_one_point_is_no_plot() -> None:
    """A quick look measures one size of each: that shows no growth."""
    alone = growing(point("ps", 1_000, 1.0), point("guild", 1_000, 9.0))

    assert not plot.is_drawn(alone)
    assert page.plots({"walk": alone}) == {}
    assert "![" not in page.section(alone)


def test_the_page_shows_the_plot_that_is_written_beside_it() -> None:
    """The picture's name on the page is the name of the file."""
    table = growing(point("ps", 1_000, 1.0), point("ps", 10_000, 1.0))

    ((name, drawing),) = page.plots({"walk": table}).items()

    assert f"![Walking]({name})" in page.section(table)
    assert drawing == plot.svg(table)


def test_a_table_that_wants_no_plot_has_none() -> None:
    """Most tables compare things that do not grow."""
    assert not plot.is_drawn(result())
