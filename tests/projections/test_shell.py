"""Quoting: what people copy has to mean what was run, and may not drive their terminal."""

import os
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runlore.projections import shell

ODD = [
    "",
    "a b",
    "it's",
    "$HOME",
    "\x1b[2J",
    "é",
    "\u202e",
    "\udcff",
    "a\nb",
    "tab\t",
    "\\",
    "😀",
    "*",
    "\x7f1",
]


@pytest.mark.needs("bash")
def test_a_shell_reads_back_what_was_quoted() -> None:
    """Whatever the bytes of an argument, bash gives the command exactly those."""
    script = "printf '%s\\0' " + shell.join(ODD)

    done = subprocess.run(["bash", "-c", script], capture_output=True, check=True)

    assert done.stdout.split(b"\0")[:-1] == [os.fsencode(argument) for argument in ODD]


@given(st.text())
def test_a_quoted_argument_is_printable(argument: str) -> None:
    """No argument can put a control character on somebody's terminal."""
    assert shell.quote(argument).isprintable()


def test_plain_words_stay_plain() -> None:
    """Nobody has to read quotes that are not needed."""
    assert shell.join(["python", "-m", "x.y", "--lr=0.1", "a/b:c@d"]) == "python -m x.y --lr=0.1 a/b:c@d"
