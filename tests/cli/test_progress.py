"""How far long work is, told to whoever sits before a terminal."""

import os
import time

import pytest

from runlore.cli import standard
from runlore.cli.progress import Progress


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What was written to standard error, with a clock that ticks a second per look."""
    written: list[bytes] = []
    ticks = iter(range(1000))
    monkeypatch.setattr(standard, "complain", written.append)
    monkeypatch.setattr(time, "monotonic", lambda: float(next(ticks)))
    return written


def test_long_work_on_a_terminal_counts_and_cleans_up(
    told: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line that is written over, and gone in the end."""
    monkeypatch.setattr(os, "isatty", lambda _: True)

    assert list(Progress("verified", 3, "journal", shown=True).over("abc")) == ["a", "b", "c"]
    assert told == [
        b"\rverified 1 of 3 journals",
        b"\rverified 2 of 3 journals",
        b"\rverified 3 of 3 journals",
        b"\r\x1b[K",
    ]


@pytest.mark.parametrize(("terminal", "shown"), [(False, True), (True, False)])
def test_nobody_is_told_in_a_pipe_or_if_quiet(
    told: list[bytes], monkeypatch: pytest.MonkeyPatch, terminal: bool, shown: bool
) -> None:
    """Logs are not filled with carriage returns."""
    monkeypatch.setattr(os, "isatty", lambda _: terminal)

    assert list(Progress("verified", 3, "journal", shown=shown).over("abc")) == ["a", "b", "c"]
    assert told == []


def test_short_work_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing flickers."""
    written: list[bytes] = []
    monkeypatch.setattr(standard, "complain", written.append)
    monkeypatch.setattr(time, "monotonic", lambda: 0.0)
    monkeypatch.setattr(os, "isatty", lambda _: True)

    assert list(Progress("verified", 3, "journal", shown=True).over("abc")) == ["a", "b", "c"]
    assert written == []


def test_leaving_early_cleans_up_too(told: list[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure in the middle leaves no half line behind."""
    monkeypatch.setattr(os, "isatty", lambda _: True)
    work = Progress("verified", 3, "journal", shown=True).over("abc")
    next(work)
    next(work)
    work.close()

    assert told[-1] == b"\r\x1b[K"


def test_work_that_counts_by_itself(told: list[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    """It says how far it is, and of how much as soon as it knows."""
    monkeypatch.setattr(os, "isatty", lambda _: True)
    with Progress("verified", 0, "megabyte", shown=True) as progress:
        progress.at(5, 2_000)

    assert told == [b"\rverified 5 of 2,000 megabytes", b"\r\x1b[K"]
