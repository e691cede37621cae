"""Patterns mean what a person who writes shell takes them to mean, and never leave their folder."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runlore.journal.errors import BadInput
from runlore.projections.globs import (
    DEEPEST,
    LONGEST,
    MOST,
    Place,
    Selection,
    These,
    as_recorded,
    checked,
    parsed,
)


@pytest.mark.parametrize(
    ("pattern", "meant", "not_meant"),
    [
        ("a.txt", ["a.txt"], ["b.txt", "x/a.txt", "a.txt2"]),
        ("out", ["out", "out/a", "out/b/c"], ["outer/a", "x/out"]),
        ("out/", ["out/a", "out/b/c"], ["outer/a"]),
        ("out/**", ["out/a", "out/b/c", "out/.hidden"], ["out", "outer/a"]),
        ("out/*", ["out/a", "out/.hidden"], ["out/b/c", "out"]),
        ("**", ["a", "a/b/c"], []),
        ("**/*.log", ["a.log", "x/y/a.log"], ["a.log/b", "a.txt"]),
        ("a/**/b", ["a/b", "a/x/b", "a/x/y/b"], ["b", "a/x/c", "x/a/b"]),
        ("a/**/**/b", ["a/b", "a/x/y/b"], ["a"]),
        ("?.c", ["x.c", "ä.c"], ["xy.c", ".c", "a/x.c"]),
        ("[ab]*", ["a", "bcd"], ["c"]),
        ("[!a]", ["b"], ["a"]),
        ("[[]x[*]", ["[x*"], ["x", "[xy"]),
        ("./out//x", ["out/x"], ["x"]),
        ("a\nb", ["a\nb"], ["a"]),
        ("[", ["["], ["x"]),
    ],
)
def test_what_a_pattern_means(pattern: str, meant: list[str], not_meant: list[str]) -> None:
    """A name by itself takes a folder whole; wildcards stay inside a name; `**` stands for any folders."""
    selection = Selection((pattern,))

    assert [path for path in meant if not selection.means(path)] == []
    assert [path for path in not_meant if selection.means(path)] == []


@pytest.mark.parametrize(
    ("patterns", "meant", "not_meant"),
    [
        (["out", "!out/tmp"], ["out/a", "out/tmpx"], ["out/tmp", "out/tmp/x/y"]),
        (["!**/*.o", "src/**"], ["src/a.c"], ["src/a.o", "src/x/a.o"]),
        (["**", "!**/.*"], ["a", "x/b"], [".git/config", "x/.b", "x/.y/z"]),
        (["out/*", "!out/a*"], ["out/b"], ["out/a", "out/ab"]),
    ],
)
def test_an_exclamation_mark_takes_away(patterns: list[str], meant: list[str], not_meant: list[str]) -> None:
    """Wherever it stands, and a folder with all that is in it."""
    selection = Selection(patterns)

    assert [path for path in meant if not selection.means(path)] == []
    assert [path for path in not_meant if selection.means(path)] == []


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("", "names nothing"),
        (".", "names nothing"),
        ("./", "names nothing"),
        ("/etc/passwd", "absolute"),
        ("//etc/passwd", "absolute"),
        ("../x", "`..`"),
        ("..", "`..`"),
        ("a/../../b", "`..`"),
        ("out/../x", "`..`"),
        ("a\\b", "backslash"),
        ("..\\x", "backslash"),
        ("\\\\host\\share", "backslash"),
        ("C:\\x", "backslash"),
        ("a\0b", "NUL"),
        ("file:///etc/passwd", "URL"),
        ("a**", "inside a name"),
        ("x/**y", "inside a name"),
        ("\udcff", "UTF-8"),
        ("x" * (LONGEST + 1), "longer than"),
        ("x/" * DEEPEST + "x", "deeper than"),
    ],
)
def test_what_is_no_pattern(pattern: str, why: str) -> None:
    """Whatever could name something outside is refused before anything is started, and says why."""
    with pytest.raises(BadInput, match=why) as refused:
        checked("--artifact", (pattern,))

    assert str(refused.value).startswith("--artifact: pattern ")


def test_patterns_that_only_take_away() -> None:
    """Nothing would be collected, which nobody meant; and what is required cannot be taken away."""
    with pytest.raises(BadInput, match="there are none"):
        checked("--artifact", ("!x",))
    with pytest.raises(BadInput, match="leave out the `!`"):
        checked("--require", ("x", "!x"), may_exclude=False)
    with pytest.raises(BadInput, match=f"at most {MOST}"):
        checked("--report", ("x",) * (MOST + 1))
    assert checked("--report", ("x",) * MOST) == ("x",) * MOST


def test_a_masked_pattern_still_finds_what_it_found() -> None:
    """The journal has both pattern and path without the secret in them."""
    assert parsed(as_recorded("out/[REDACTED].txt")).means("out/[REDACTED].txt")


def test_only_names_that_can_be_meant_are_looked_at() -> None:
    """A folder of a million files need not be listed for one name in it."""
    place = Place(Selection(("out/report.html", "x.csv", "!x.tmp")))

    assert place.next_names() == frozenset({"out", "x.csv"})
    assert place.enter("src") is None
    inside = place.enter("out")
    assert inside is not None
    assert inside.next_names() == frozenset({"report.html"})
    assert Place(Selection(("out/*",))).next_names() == frozenset({"out"})
    assert Place(Selection(("*.csv", "x"))).next_names() is None


@pytest.mark.parametrize("path", ["a", "!a", "...", "a/**/b", "[a]/*", "a?", "n" * 2000])
def test_a_path_that_means_itself(path: str) -> None:
    """And what is below it, but nothing that a pattern of these characters would mean."""
    this = These([path, "other/one"])

    assert selected(this, path)
    assert selected(this, f"{path}/deeper/x")
    assert selected(this, "other/one")
    assert not selected(this, f"{path}x")
    assert not selected(this, f"x{path}")
    assert not any(selected(this, other) for other in ("b", "c/b", "b/x", "ab", "odd", "other/two", "other"))
    assert this.next_names() == frozenset({path.partition("/")[0], "other"})


def selected(place: Place | None, path: str) -> bool:
    """Say whether a walk down to a file comes there, and takes it."""
    *folders, name = path.split("/")
    for folder in folders:
        place = place.enter(folder) if place is not None else None
    return place is not None and place.selects(name)


NAMES = st.sampled_from(["a", "b", "ab", ".a", "x.o", "[", "*"])
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)
PARTS = st.sampled_from(["a", "b", "*", "**", "?", "a*", "*.o", "[ab]", "[[]"])
PATTERNS = st.lists(PARTS, min_size=1, max_size=4).map("/".join)


@given(st.lists(PATTERNS, min_size=1, max_size=3), st.lists(PATTERNS, max_size=2), PATHS)
def test_walking_down_and_looking_at_a_path_agree(taken: list[str], left: list[str], path: str) -> None:
    """What the walk selects, folder by folder, is exactly what the selection says of the whole path."""
    selection = Selection([*taken, *(f"!{pattern}" for pattern in left)])
    *folders, name = path.split("/")
    place: Place | None = Place(selection)
    for folder in folders:
        names = place.next_names() if place else None
        place = place.enter(folder) if place and (names is None or folder in names) else None
    names = place.next_names() if place else None
    walked = place is not None and (names is None or name in names) and place.selects(name)

    assert walked == selection.means(path)
