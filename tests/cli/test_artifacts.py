"""`runlore artifacts`: outputs are listed, fetched and checked, and coreutils agree."""

import subprocess
from hashlib import sha256
from pathlib import Path

import pytest

from tests.cli.command import Runlore

SCRIPT = """
mkdir -p out
echo one > out/a.txt
echo '{"loss": 1}' > loss.json
echo own > $RUNLORE_OUTPUTS/own.txt
ln -s a.txt out/link
"""


@pytest.fixture
def made(runlore: Runlore) -> Runlore:
    """A registry whose latest run has three stored outputs and one that is not."""
    options = ["--artifact", "out", "--report", "*.json"]
    runlore.ok("run", "--name", "made", *options, "sh", "-c", SCRIPT)
    return runlore


def test_outputs_that_were_removed_are_no_damage(runlore: Runlore) -> None:
    """What was promoted before is checked all the same; where the rest is, everybody tells."""
    runlore.ok("run", "-q", "--name", "made", "--artifact", "a", "sh", "-c", "echo a > a")
    runlore.ok("rm", "made")
    assert "`runlore restore" in runlore("artifacts", "cat", "made", "a", code=3).stderr
    assert "were removed" in runlore.ok("artifacts", "ls", "made").stderr
    assert runlore.ok("artifacts", "ls", "made", "--json").json["removed"] is True
    assert "0 findings; 0 files" in runlore.ok("artifacts", "verify", "made").stdout
    answer = runlore.ok("artifacts", "verify", "made", "--json").json
    assert (answer["removed"], answer["findings"]) == (True, [])
    runlore.ok("restore", "made")
    assert "0 findings; 1 file" in runlore.ok("artifacts", "verify", "made").stdout
    assert runlore.ok("artifacts", "verify", "made", "--json").json["removed"] is False
    runlore.ok("rm", "made", "--now")
    assert "see `runlore show" in runlore("artifacts", "cat", "made", "a", code=3).stderr


def test_the_list_says_what_is_stored_and_what_is_not(made: Runlore) -> None:
    """Kinds and patterns choose among them; -q prints paths alone."""
    items = made.ok("artifacts", "ls", "made", "--json").json["items"]

    assert [(item["path"], item["outcome"], item["kind"]) for item in items] == [
        ("loss.json", "stored", "report"),
        ("out/a.txt", "stored", "file"),
        ("own.txt", "stored", "file"),
        ("out/link", "skipped", "file"),
    ]
    assert made.ok("artifacts", "ls", "made", "--kind", "report", "-q").stdout == "loss.json\n"
    assert made.ok("artifacts", "ls", "made", "out", "-q").stdout == "out/a.txt\nout/link\n"
    assert "skipped: a symbolic link" in made.ok("artifacts", "ls", "made").stdout
    view = made.ok("show", "made", "--json").json
    assert view["artifacts"]["count"] == 3
    assert view["artifacts"]["bundle"].endswith(f"/{view['run_id']}/artifacts")
    assert f"3 files, 20 B; see `runlore artifacts ls {view['short_id']}`" in made.ok("show", "made").stdout


def test_a_stranger_checks_with_coreutils(made: Runlore, tmp_path: Path) -> None:
    """`get`, then `sha256sum -c` with the manifest; and the manifest's own digest is the bundle id."""
    to = tmp_path / "got"
    made.ok("artifacts", "get", "made", "--to", str(to))
    sums = made.ok("artifacts", "manifest", "made").stdout
    checked = subprocess.run(
        ["sha256sum", "-c"], cwd=to, input=sums, text=True, capture_output=True, check=True
    )

    assert checked.stdout.count(": OK") == 3
    assert (
        made.ok("artifacts", "manifest", "made", "--json").json["bundle_id"]
        == sha256(sums.encode()).hexdigest()
    )


def test_one_of_them(made: Runlore, tmp_path: Path) -> None:
    """`cat` writes its bytes; one that is not there, or not stored, is told with what there is (D7)."""
    assert made.ok("artifacts", "cat", "made", "own.txt").stdout == "own\n"
    assert "it has loss.json, out/a.txt, own.txt" in made("artifacts", "cat", "made", "nope", code=3).stderr
    assert "was skipped: a symbolic link" in made("artifacts", "cat", "made", "out/link", code=3).stderr
    made.ok("artifacts", "get", "made", "out", "--to", str(tmp_path / "got"))
    again = made("artifacts", "get", "made", "--to", str(tmp_path / "got"), code=2)
    assert "is there already; nothing was written" in again.stderr


def test_damage_is_found(made: Runlore) -> None:
    """0 for a sound bundle; 65 and the kind of damage for another, and `cat` refuses as well."""
    assert made.ok("artifacts", "verify", "made", "--json").json["findings"] == []
    run_id = made.ok("show", "made", "-q").stdout.strip()
    path = made.root / "runs" / run_id / "bundle" / sha256(b"own\n").hexdigest()
    path.chmod(0o600)
    path.write_text("oww\n")
    found = made("artifacts", "verify", "made", "--json", code=65).json

    assert [(each["kind"], each["path"]) for each in found["findings"]] == [("file-hash-mismatch", "own.txt")]
    assert "file-hash-mismatch  own.txt" in made("artifacts", "verify", "made", code=65).stdout
    assert "not those on record" in made("artifacts", "cat", "made", "own.txt", code=65).stderr


def test_what_is_required_is_missing(runlore: Runlore) -> None:
    """The command left with 0; the run has failed, and so has the foreground."""
    done = runlore("run", "--require", "model.bin", "true", code=125)

    assert "evidence missing" in done.stderr
    view = runlore.ok("show", "latest", "--json").json
    assert (view["status"], view["exit_code"], view["reason"]["code"]) == ("failed", 0, "evidence_missing")
    assert "--require model.bin" in view["rerun"]


@pytest.mark.parametrize("option", ["--artifact", "--report", "--require"])
def test_a_pattern_that_leads_out(runlore: Runlore, option: str) -> None:
    """It is refused before anything is made."""
    for pattern in ("../x", "/etc/passwd", "", "!x"):
        assert option in runlore("run", option, pattern, "true", code=125).stderr
    assert runlore.ok("ls", "-q").stdout == ""


def test_a_run_without_outputs(runlore: Runlore) -> None:
    """An empty list is an answer."""
    runlore.ok("run", "true")

    assert "no outputs" in runlore.ok("artifacts", "ls", "latest").stderr
    assert runlore.ok("artifacts", "verify", "latest", "--json").json["files"] == 0
    assert runlore.ok("artifacts", "manifest", "latest").stdout == ""
