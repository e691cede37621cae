"""`runlore prune`, `rm`, `restore`, `trash`, `retention` and `df`, as they are typed."""

import os
import time
from pathlib import Path

import pytest

from tests.cli.command import Runlore

RULES = '[retention]\nkeep = "1s"\nfloor = "0s"\n'


@pytest.fixture
def runs(runlore: Runlore) -> list[str]:
    """Two runs that have ended, and rules that take whatever has."""
    for name in ("old", "new"):
        runlore.ok("run", "-q", "--name", name, "echo", "hi")
    (runlore.root / "config.toml").write_text(RULES)
    for path in (runlore.root / "runs").rglob("*"):
        os.utime(path, (1_000_000, 1_000_000), follow_symlinks=False)
    while runlore.ok("prune", "--json").json["remove"] < 2:
        time.sleep(0.1)
    return list(reversed(runlore.ok("ls", "-q").lines))


def test_a_dry_run_is_the_default(runlore: Runlore, runs: list[str]) -> None:
    """Every run with its reason; the next command is said."""
    done = runlore.ok("prune")

    assert [line.split()[:2] for line in done.lines[:2]] == [["remove", run_id[-8:]] for run_id in runs]
    assert "2 runs to remove, 0 to keep; would be moved to the trash: " in done.lines[-1]
    assert "`runlore prune --apply` removes it" in done.stderr
    assert len(list((runlore.root / "runs").iterdir())) == 2


def test_removed_runs_are_told_of_and_come_back(runlore: Runlore, runs: list[str]) -> None:
    """`show`, `trash`, `logs` and `restore`; a run that came back is kept."""
    assert runlore.ok("prune", "--apply", "-q").lines == runs
    assert "rule age (runs go when they are older than 1s)" in runlore.ok("show", "old").stdout
    assert "`runlore restore" in runlore.ok("show", "old").stdout
    assert [line.split()[0] for line in runlore.ok("trash").lines[:2]] == [run_id[-8:] for run_id in runs]
    assert "removed" in runlore("logs", "old", code=3).stderr
    runlore("pin", "old", code=5)
    assert runlore.ok("restore", "old").stdout == f"{runs[0][-8:]}  restored\n"
    assert runlore.ok("logs", "old").stdout == "hi\n"
    assert runlore.ok("prune", "--json").json["items"][0]["code"] == "restored"
    assert "1 run, " in runlore.ok("trash", "empty").lines[-1]
    assert "for good" in runlore.ok("show", "new").stdout
    assert "removed for good" in runlore("restore", "new", code=5).stderr
    assert runlore.ok("trash").stderr == "the trash is empty\n"


def test_a_run_is_removed_by_name(runlore: Runlore, runs: list[str]) -> None:
    """To the trash, or for good; pinned ones stay, and the others go all the same."""
    runlore.ok("pin", "old")
    done = runlore("rm", *runs, "--reason", "no room", code=5)

    assert done.lines[0].startswith(f"{runs[1][-8:]}  new  moved to the trash: ")
    assert "it is pinned; `runlore unpin" in done.stderr
    assert "removed for good" in runlore.ok("rm", runs[1], "--now").stdout
    assert runlore("rm", "old", "--force", code=5).stdout == ""
    assert "no room" in runlore.ok("history", runs[1]).stdout


def test_what_was_removed_before_is_not_removed_again(runlore: Runlore, runs: list[str]) -> None:
    """Where it lies is told, in a dry run as well."""
    runlore.ok("rm", "old", "new")
    for words in (("rm", "old"), ("rm", "old", "--dry-run")):
        assert "is in the trash already: " in runlore.ok(*words).stdout
        assert runlore.ok(*words, "--json").json["items"][0] | {"files": 0, "bytes": 0} == {
            "run_id": runs[0],
            "name": "old",
            "files": 0,
            "bytes": 0,
            "done": "moved",
            "already": True,
            "exit_code": 0,
            "text": "",
        }
    assert "removed for good: " in runlore.ok("rm", "old", "--now").stdout
    for words in (("rm", "old"), ("rm", "old", "--now"), ("rm", "old", "--dry-run")):
        assert "was removed for good before: " in runlore.ok(*words).stdout
        assert runlore.ok(*words, "--json").json["items"][0]["done"] == "freed"


def test_what_was_being_removed_for_good_goes(runlore: Runlore, runs: list[str]) -> None:
    """A removal that was killed in the middle cannot come back, and `rm` goes on with it."""
    runlore.ok("rm", "old")
    trash = runlore.root / "trash"
    (trash / runs[0]).rename(trash / f"{runs[0]}.going")

    assert "is removed for good" in runlore("pin", "old", code=5).stderr
    assert "for good" in runlore.ok("show", "old").stdout
    assert "would be removed" in runlore.ok("rm", "old", "--dry-run").stdout
    assert "removed for good: " in runlore.ok("rm", "old").stdout
    assert not (trash / f"{runs[0]}.going").exists()


def test_what_was_cut_short_is_told_as_what_it_is(runlore: Runlore, runs: list[str]) -> None:
    """What comes back, and what is to be moved, is not emptied: neither in a dry run nor after it."""
    runlore.ok("rm", "new")
    (runlore.root / "trash" / runs[1]).rename(runlore.root / "runs" / runs[1])
    (runlore.root / "runs" / runs[0]).rename(runlore.root / "trash" / runs[0])
    (runlore.root / "config.toml").write_text("")

    told = dict(_trashed(runlore.ok("prune").lines))
    assert told[runs[0][-8:]].startswith("to be brought back")
    assert told[runs[1][-8:]].startswith("to be moved to the trash")
    dry = runlore.ok("trash", "empty", "--dry-run")
    assert (dry.stdout, dry.stderr) == ("", "nothing of it can be emptied; see `runlore trash`\n")
    done = dict(_trashed(runlore.ok("prune", "--apply").lines))
    assert done == {runs[0][-8:]: "brought back", runs[1][-8:]: "moved to the trash"}
    assert os.listdir(runlore.root / "runs") == [runs[0]]


def _trashed(lines: list[str]) -> list[tuple[str, str]]:
    """Return (short id, what becomes of it) of each line about the trash."""
    parts = [line.split("  ") for line in lines if line.startswith("trash ")]
    return [(each[1].strip(), each[-1]) for each in parts]


@pytest.mark.usefixtures("runs")
def test_a_run_whose_trash_is_elsewhere(runlore: Runlore, tmp_path: Path) -> None:
    """It was exported while it lay there: here nothing can come back, and nobody says that it can."""
    runlore.ok("rm", "old")
    runlore.ok("export", "old", "-o", str(tmp_path / "old.tar"))
    there = ("--root", str(tmp_path / "there"))
    runlore.ok(*there, "import", str(tmp_path / "old.tar"))

    assert "for good" in runlore.ok(*there, "show", "old").stdout
    assert runlore.ok(*there, "show", "old", "--json").json["retention"]["removal"]["can_return"] is False
    assert runlore.ok("show", "old", "--json").json["retention"]["removal"]["can_return"] is True
    for words in (("restore", "old"), ("pin", "old"), ("accept", "old"), ("promote", "old")):
        assert "removed for good" in runlore(*there, *words, code=5).stderr
    assert "was removed for good before" in runlore.ok(*there, "rm", "old").stdout


def test_a_destructive_verb_never_guesses(runlore: Runlore, runs: list[str]) -> None:
    """No run given, a name that two have, `latest` of nothing: nothing is removed."""
    runlore.ok("rename", "new", "old")
    assert "which runs?" in runlore("rm", code=2).stderr
    runlore("rm", "old", code=3)
    runlore("rm", "nobody", code=3)
    runlore("restore", code=2)
    runlore("trash", "empty", runs[0], code=3)
    runlore("prune", "--apply", "--as-of", "1d", code=2)
    runlore("prune", "--free", "lots", code=2)
    runlore("prune", "--as-of", "someday", code=2)
    assert len(list((runlore.root / "runs").iterdir())) == 2


def test_a_live_run_is_stopped_first_if_that_is_asked_for(runlore: Runlore) -> None:
    """Else it stays."""
    run_id = runlore.begin("--name", "server", "sleep", "60")
    assert "`--force` stops it first" in runlore("rm", "server", code=5).stderr
    assert "would be removed" in runlore.ok("rm", "server", "--force", "--dry-run").stdout
    assert "moved to the trash" in runlore.ok("rm", "server", "--force").stdout
    shown = runlore.ok("show", run_id, "--json").json
    assert shown["status"] == "cancelled"
    assert shown["retention"]["removal"]["rule"] == "asked"
    pinned = runlore.begin("--pin", "sleep", "60")
    runlore("rm", pinned, "--force", code=5)
    assert runlore.ok("show", pinned, "--json").json["status"] == "running"


def test_many_are_removed_by_an_expression(runlore: Runlore, runs: list[str]) -> None:
    """In a dry run first."""
    assert runlore.ok("rm", "--filter", "name = old", "--dry-run", "-q").lines == [runs[0]]
    assert runlore.ok("rm", "--filter", "name in (old, new)", "--now", "-q").lines == [runs[1], runs[0]]
    assert list((runlore.root / "runs").iterdir()) == []


def test_what_goes_without_a_rule_for_runs(runlore: Runlore, runs: list[str]) -> None:
    """Journals of removed runs, and what is long enough in the trash: nobody says that nothing goes."""
    (runlore.root / "config.toml").write_text('[retention]\njournal = "1s"\n[trash]\nkeep = "0s"\n')
    assert "no rule removes a run" in runlore.ok("prune").stderr
    runlore.ok("rm", "old", "--now")
    runlore.ok("rm", "new")
    while not runlore.ok("prune", "--json").json["journals"]:
        time.sleep(0.1)
    done = runlore.ok("prune")

    assert "`runlore prune --apply` removes it" in done.stderr
    assert "no rule" not in done.stderr
    assert runlore.ok("prune", "--apply").stderr == ""
    assert runlore.ok("ls", "-q").lines == [runs[1]]


def test_what_keeps_a_run_is_told(runlore: Runlore, runs: list[str]) -> None:
    """Every veto, every rule."""
    assert "may go" in runlore.ok("retention", runs[0]).stdout
    runlore.ok("pin", runs[0])
    told = runlore.ok("retention", runs[0])
    assert "veto   pinned: it is pinned\n" in told.stdout
    assert "rule   keep = 1s\n" in told.stdout
    answer = runlore.ok("retention", runs[0], "--json").json
    assert [veto["code"] for veto in answer["vetoes"]] == ["pinned"]
    assert answer["rules"]["keep_s"] == 1


def test_what_takes_the_disk_is_told(runlore: Runlore, runs: list[str]) -> None:
    """As `du` counts; the largest runs first, and a command that frees some of it."""
    for kind in ("transcript", "artifacts/model"):
        Path(runlore.root / "runs" / runs[1] / kind).write_bytes(b"x" * 1_000_000)
    found = runlore.ok("df", "--json").json

    assert found["transcripts"] >= 1_000_000
    assert found["artifacts"] >= 1_000_000
    assert [each["run_id"] for each in found["largest"]] == [runs[1], runs[0]]
    assert found["total"] >= found["transcripts"] + found["artifacts"] + found["journals"]
    assert found["next"] == "runlore prune"
    done = runlore.ok("df")
    assert "next: `runlore prune`" in done.stderr
    runlore.ok("rm", runs[1])
    assert runlore.ok("df", "--json").json["trash"] >= 2_000_000
