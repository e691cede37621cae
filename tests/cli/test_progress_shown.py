"""How far a run is, where a person looks: `ps`, `show`, and below the output of a run that is followed."""

import os
import time
from datetime import UTC, datetime

import pytest

from runlore.cli import progress_bar, standard
from runlore.cli.output import Output
from runlore.cli.progress_line import EVERY_S, ProgressLine
from runlore.journal.events import RunProgressed
from runlore.projections.status import STATUS
from tests.cli.command import Runlore


@pytest.mark.parametrize(
    ("fraction", "shown"),
    [
        (0.0, "---------- 0%"),
        (0.004, "---------- 0%"),
        (0.29, "##-------- 29%"),
        (0.4, "####------ 40%"),
        (0.9999, "#########- 99%"),
        (1.0, "########## 100%"),
    ],
)
def test_a_bar(fraction: float, shown: str) -> None:
    """It is full only when the work is done."""
    assert progress_bar.told(fraction, drawn=True, plain=True) == shown


def test_a_line_of_progress() -> None:
    """What is not known is left out; what could drive a terminal is escaped."""
    assert progress_bar.told(0.4, "2/5", "loading", drawn=True) == "████░░░░░░ 40% 2/5 loading"
    assert progress_bar.told(None, "", "still \x1b[2J there", drawn=True) == "still \\x1b[2J there"
    assert progress_bar.told(0.4, "2/5") == "40% 2/5"
    assert progress_bar.told(None) == ""


def test_the_list_has_a_column_for_it(runlore: Runlore) -> None:
    """Only if a run that goes on has said something; a pipe gets it whole."""
    run_id = runlore.begin("--name", "train", "sleep", "600")
    assert "PROGRESS" not in runlore.ok("ps").stdout
    runlore.ok("emit", "progress", "2/5", "loading it", env={"RUNLORE_RUN_ID": run_id})
    live = runlore.ok("ps").lines
    shown = runlore.ok("show", run_id).stdout
    runlore.ok("stop", run_id)

    assert "PROGRESS" in live[0]
    assert "████░░░░░░ 40% loading it" in live[1]
    assert "progress ████░░░░░░ 40% loading it" in " ".join(shown.split())
    assert "PROGRESS" not in runlore.ok("ls").stdout
    assert "40% loading it" in runlore.ok("show", run_id).stdout
    assert "█" not in runlore.ok("show", run_id).stdout


def test_in_a_locale_without_such_signs(runlore: Runlore) -> None:
    """The bar is drawn in ASCII."""
    run_id = runlore.begin("sleep", "600")
    runlore.ok("emit", "progress", "0.4", env={"RUNLORE_RUN_ID": run_id})
    plain: dict[str, str | None] = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}

    assert "####------ 40%" in runlore.ok("ps", env=plain).stdout


class Said:
    """A fold of a run that says what it is told to."""

    def __init__(self) -> None:
        self.state = STATUS.initial()

    def say(self, fraction: float) -> None:
        """Be so far."""
        said = RunProgressed(seq=1, at=datetime(2026, 11, 20, tzinfo=UTC), fraction=fraction)
        self.state = STATUS.fold([said], self.state)

    def advance(self) -> bool:
        """There is nothing to read."""
        return True


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What was written to the terminal, with a clock that is past every pause at each look."""
    told: list[bytes] = []
    ticks = iter(range(1000))
    monkeypatch.setattr(standard, "complain", told.append)
    monkeypatch.setattr(standard, "write", lambda data, **_: told.append(data))
    monkeypatch.setattr(time, "monotonic", lambda: next(ticks) * 2 * EVERY_S)
    monkeypatch.setattr(os, "isatty", lambda _: True)
    return told


def line_of(said: Said, **env: str) -> tuple[ProgressLine, Output]:
    """A line below the output of a run, and that output."""
    output = Output({"TERM": "screen", **env})
    return ProgressLine(output, said), output  # type: ignore[arg-type]  # all of a fold that it needs


def test_below_the_output(written: list[bytes]) -> None:
    """It is wiped before anything is written, and drawn again below whole lines only."""
    said = Said()
    line, output = line_of(said)
    line.look()
    assert written == []  # nothing was said yet
    said.say(0.4)
    line.look()
    output.put(b"half a line")
    output.flush()
    line.wrote(b"half a line")
    line.look()
    line.wrote(b", and the rest\n")
    line.look()
    line.wipe()
    line.wipe()

    drawn, wiped = written[0], b"\r\x1b[K"
    assert drawn.startswith(wiped)
    assert b" 40%" in drawn
    assert written == [drawn, wiped, b"half a line", drawn, wiped]


def test_where_nobody_sees_it(written: list[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    """In a pipe, on a dumb terminal and with -q nothing is drawn."""
    said = Said()
    said.say(0.4)
    line_of(said, TERM="dumb")[0].look()
    monkeypatch.setattr(os, "isatty", lambda _: False)
    line_of(said)[0].look()

    assert written == []


def test_it_is_not_drawn_more_often_than_eyes_see(
    written: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A flood of progress costs a few looks a second."""
    said = Said()
    said.say(0.4)
    line, _ = line_of(said)
    monkeypatch.setattr(time, "monotonic", lambda: 5.0)
    line.look()
    line.look()

    assert len(written) == 1
