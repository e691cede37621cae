"""`runlore promote` and `accept`: what is decided is on record, shown, and kept whatever removes the run."""

import shutil
from hashlib import sha256

import pytest

from tests.cli.command import Runlore
from tests.cli.test_schemas import validator

SCRIPT = "mkdir out; echo one > out/a; echo two > out/b"


@pytest.fixture
def made(runlore: Runlore) -> Runlore:
    """A registry whose latest run has two stored outputs."""
    runlore.ok("run", "-q", "--name", "made", "--artifact", "out", "--", "sh", "-c", SCRIPT)
    return runlore


def test_promoted_outputs_are_shown_and_outlive_the_run(made: Runlore) -> None:
    """`promote`, again, with everything; then the run is removed by hand, and the outputs are still there."""
    run_id = made.ok("show", "made", "-q").stdout.strip()
    planned = made.ok("promote", "made", "out/a", "--dry-run", "--json").json
    validator(made, "promote").validate(planned)
    assert planned["items"] == [
        {"run_id": run_id, "path": "out/a", "bytes": 4, "sha256": sha256(b"one\n").hexdigest(), "done": None}
    ]
    told = made.ok("promote", "made", "out/a", "--reason", "went live").stdout
    assert told == f"{run_id[-8:]}  out/a  4 B  promoted\n"
    told = made.ok("promote", "made").stdout
    assert "out/a  4 B  is evidence already\n" in told
    assert "out/b  4 B  promoted\n" in told

    listed = made.ok("artifacts", "ls", "made").stdout
    assert ": went live" in listed
    assert "evidence   2 outputs; the last " in made.ok("show", "made").stdout
    assert "promoted out/a: went live" in made.ok("history", "made").stdout
    assert "promoted outputs, never removed" in made.ok("df").stdout
    assert made.ok("df", "--json").json["evidence"] >= 8
    refused = made("rm", "made", "--force", code=5).stderr
    assert "an output of it is evidence" in refused

    shutil.rmtree(made.root / "runs" / run_id)
    assert made.ok("artifacts", "ls", "made", "-q").stdout == "out/a\nout/b\n"
    assert made.ok("artifacts", "cat", "made", "out/a").stdout == "one\n"
    assert made.ok("artifacts", "get", "made", "--to", str(made.home / "got")).lines[0].endswith("got/out/a")
    assert made.ok("artifacts", "verify", "made", "--json").json["findings"] == []


def test_what_is_refused(made: Runlore) -> None:
    """With the code, and with what to do next; and what is right beside it is promoted all the same."""
    run_id = made.ok("show", "made", "-q").stdout.strip()
    assert "it has out/a, out/b" in made("promote", "made", "out/c", code=3).stderr
    assert "leads out of its folder" in made("promote", "made", "../../etc/passwd", code=2).stderr
    assert "which runs?" in made("promote", code=2).stderr
    bundled = made.root / "runs" / run_id / "bundle" / sha256(b"one\n").hexdigest()
    bundled.chmod(0o600)
    bundled.write_text("oww\n")
    done = made("promote", "made", "--json", code=65)
    assert "out/a: its bytes are not those on record" in done.stderr
    validator(made, "promote").validate(done.json)
    assert [item["path"] for item in done.json["items"]] == ["out/b"]
    assert [each["exit_code"] for each in done.json["refused"]] == [65]
    assert made.journal(run_id).read_text().count('"artifact.promoted"') == 1
    live = made.begin("sleep", "60")
    for verb in ("promote", "accept"):
        assert f"`runlore wait {live}` first" in made(verb, live, code=5).stderr


def test_many_at_once(made: Runlore) -> None:
    """By an expression: the patterns are those of outputs; who has none is told, and the others go on."""
    made.ok("run", "-q", "--name", "made", "--", "true")
    done = made("promote", "--filter", "name = made", "out/a", "--reason", "v2", code=3)

    assert done.stdout.endswith("  out/a  4 B  promoted\n")
    assert "it has no stored outputs" in done.stderr
    assert len(made.ok("ls", "--filter", "retention.evidence.why = v2", "-q").lines) == 1
    assert "either an ID or --filter" in made("promote", "made", "--filter", "name = made", code=2).stderr


def test_accepting(made: Runlore) -> None:
    """With who and why; a second time changes nothing, and in a dry run nothing does."""
    run_id = made.ok("show", "made", "-q").stdout.strip()
    assert run_id in made.ok("accept", "--filter", "name = made", "--dry-run", "-q").stdout
    assert made.ok("accept", run_id, "--reason", "two of us looked").stdout == f"{run_id[-8:]}  accepted\n"
    made.ok("accept", "made", "--reason", "again")

    shown = made.ok("show", "made", "--json").json["retention"]
    assert (shown["accepted"], shown["acceptance"]["why"]) == (True, "two of us looked")
    assert made.ok("history", "made").stdout.count("accepted: ") == 1
    assert "its outcome was accepted" in made("rm", "made", code=5).stderr
