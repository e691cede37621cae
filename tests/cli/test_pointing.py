"""Where an expression is wrong is shown below it."""

import pytest

from runlore.cli.pointing import pointed
from tests.cli.command import Runlore


@pytest.mark.parametrize(
    ("text", "column", "length", "lines"),
    [
        ("status = odd", 10, 3, ["  status = odd", "           ^^^"]),
        ("status =", 9, 0, ["  status =", "          ^"]),
        ("größe = 寸 x", 11, 1, ["  größe = 寸 x", "             ^"]),
        ("a\tb", 3, 1, ["  a\\tb", "     ^"]),
        ("\x1b[1m", 1, 4, ["  \\x1b[1m", "  ^^^^^^^"]),
        ("x" * 200, 60, 1, [f"  …{'x' * 72}…", f"  {' ' * 41}^"]),
        ("x" * 100, 1, 100, [f"  {'x' * 72}…", f"  {'^' * 72}"]),
    ],
)
def test_signs_stand_below_what_is_wrong(text: str, column: int, length: int, lines: list[str]) -> None:
    """Also where characters are wide or shown as escapes, and where only a part of the text is shown."""
    assert pointed(text, column, length) == lines


def test_a_wrong_filter_is_pointed_at(runlore: Runlore) -> None:
    """The message says what, the next lines where; nothing is listed."""
    done = runlore("ls", "--filter", "name = x and stauts = failed", code=2)

    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        "error: filter, column 14, 'stauts': no field; did you mean status?",
        "  name = x and stauts = failed",
        "               ^^^^^^",
    ]


def test_a_secret_in_a_wrong_filter_is_not_shown(runlore: Runlore) -> None:
    """The message leaves it out, and so does what would point at it."""
    done = runlore("ls", "--filter", "key = hunter2hunter2 odd", code=2, env={"API_TOKEN": "hunter2hunter2"})

    assert "hunter2" not in done.stderr
    assert done.stderr.count("\n") == 1
