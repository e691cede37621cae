"""Rounds, stations, and cases that cannot be measured. Nothing here looks at how long anything took."""

import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import measuring, peers
from benchmarks.build import Installed
from benchmarks.declare import Case, Goal
from benchmarks.model import TableResult
from benchmarks.peers import Found
from benchmarks.workshop import Workshop
from tests.benchmarks.conftest import REPOSITORY
from tests.benchmarks.results import TABLE

OURS = Case(name="ours", code="start:python", role="ours", arguments={"code": "pass"})
BARE = Case(name="bare feet", code="start:python", role="reference", arguments={"code": "pass"}, every=2)


def measured(
    scratch: Path, monkeypatch: pytest.MonkeyPatch, *cases: Case, found: dict[str, Found] | None = None
) -> TableResult:
    """Return the result of a table of these cases, run by this interpreter; peers are as `found` says."""

    def fetch(_repository: str, _names: Iterable[str], _installed: Installed) -> dict[str, Found]:
        return found or {}

    monkeypatch.setattr(peers, "fetch", fetch)
    installed = Installed(python=sys.executable, command="/nonexistent", version="3")
    workshop = Workshop(REPOSITORY, str(scratch), "quick", installed)
    goal = Goal(text="as fast as bare feet", case="ours", against="bare feet", at_least=2)
    table = replace(TABLE, cases=cases, goals=(goal,))
    workshop.equip([table])
    return measuring.measure(table, workshop, lambda _text: None)


def test_every_case_is_measured_in_its_rounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A case has a sample for each round that is its turn; the warm-up round leaves none."""
    found = measured(tmp_path, monkeypatch, OURS, BARE)

    assert {case.name: case.value.count for case in found.cases} == {"ours": 2, "bare feet": 1}
    assert found.goals[0].value is not None
    assert found.goals[0].value.count == 1


def test_what_is_too_large_for_a_quick_look_is_left_out_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A case of the full size is neither prepared nor absent, and its goal says why it is not judged."""
    large = replace(OURS, sizes=("full",), arguments={"code": "raise SystemExit(3)"})

    found = measured(tmp_path, monkeypatch, large, BARE)

    assert [case.name for case in found.cases] == ["bare feet"]
    assert found.absent == ()
    assert (found.goals[0].outcome, found.goals[0].why) == ("not measured", "not at this size")


def test_a_peer_that_could_not_be_fetched_is_absent_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is neither skipped in silence nor started."""
    rival = Case(name="a rival", code="start:pm2", role="peer", needs=("pm2",))

    found = measured(
        tmp_path, monkeypatch, OURS, BARE, rival, found={"pm2": Found(reason="npm is not on PATH")}
    )

    assert [(absence.name, absence.reason) for absence in found.absent] == [("a rival", "npm is not on PATH")]
    assert len(found.cases) == 2


def test_a_case_that_breaks_down_is_absent_with_its_last_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One broken case costs its own row only, and the goal that needed it says why it is not measured."""
    broken = replace(BARE, arguments={"code": "raise SystemExit(3)"}, every=1)

    found = measured(tmp_path, monkeypatch, OURS, broken)

    (absence,) = found.absent
    assert absence.name == "bare feet"
    assert absence.reason.startswith("failed: RuntimeError: ")
    assert absence.reason.endswith("ended with 3")
    assert found.goals[0].outcome == "not measured"
    assert found.goals[0].why == "bare feet absent, see the table"


def test_a_module_that_is_not_installed_makes_its_case_absent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a peer's environment lacks is named."""
    rival = Case(name="a rival", code="append_peers:eventsourcing", role="peer")

    found = measured(tmp_path, monkeypatch, OURS, rival)

    assert "eventsourcing" in found.absent[0].reason


def test_a_reason_names_no_path_of_the_machine() -> None:
    """What stands on the page for ever is one line, and does not tell where the tree was."""
    reason = measuring.shorter("/home/me/tree/bin/x:\n  gone " + "and gone " * 100, "/home/me/tree")

    assert reason.startswith("bin/x: gone and gone")
    assert len(reason) < 170


def test_nothing_is_left_in_the_scratch_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each case's folder goes with its process."""
    measured(tmp_path, monkeypatch, OURS, BARE)

    assert list((tmp_path / "cases").iterdir()) == []
