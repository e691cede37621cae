"""`runlore import`: what it answers, and how it says no."""

import json
from pathlib import Path

import jsonschema

from tests.cli.command import Runlore
from tests.runtimes.foreign_folders import bare, homeboy, put, record


def test_runs_come_in_once(runlore: Runlore) -> None:
    """From a stream, into a registry that is made for them; again they are told as existing."""
    data = "".join(f"{json.dumps(record(external_id=name, exit_code=3))}\n" for name in ("a", "b")).encode()
    first = runlore.ok("import", "-", "--json", stdin=data).json
    schema = runlore.ok("schema", first["schema"], "--json").json
    jsonschema.Draft202012Validator(schema).validate(first)

    assert [item["outcome"] for item in first["items"]] == ["imported", "imported"]
    again = runlore.ok("import", "-", stdin=data)
    assert [line.split()[1] for line in again.lines] == ["existing", "existing"]
    assert runlore.ok("import", "-", "-q", stdin=data).lines == [item["run_id"] for item in first["items"]]
    assert runlore.ok("ps").stdout.count("failed (3)") == 2
    assert "imported 20" in runlore.ok("show", "b").stdout
    assert "every row is right" in runlore.ok("index", "verify").stdout


def test_one_that_is_refused_does_not_hide_the_others(runlore: Runlore, tmp_path: Path) -> None:
    """The first one's code is the exit code, and each is named on standard error."""
    homeboy(tmp_path / "runs" / "a")
    homeboy(tmp_path / "runs" / "b")
    put(tmp_path / "runs", {"b/report/junit.xml": b"changed", "c/retention-summary.json": b"no"})
    bare(tmp_path / "runs" / "d")
    done = runlore("import", tmp_path.as_posix() + "/runs", code=65)

    assert [line.split()[1] for line in done.lines] == ["imported", "imported"]
    errors = done.stderr.splitlines()
    assert ["/runs/b:" in errors[0], "/runs/c:" in errors[1]] == [True, True]
    assert errors[2] == "2 imported or there before, 2 refused"
    told = runlore("import", tmp_path.as_posix() + "/runs", "--json", code=65).json
    schema = runlore.ok("schema", told["schema"], "--json").json
    jsonschema.Draft202012Validator(schema).validate(told)
    assert [(item["source"][-7:], item["exit_code"]) for item in told["refused"]] == [
        ("/runs/b", 65),
        ("/runs/c", 2),
    ]
    assert [f"error: {each['source']}: {each['text']}" for each in told["refused"]] == errors[:2]
    assert runlore.ok("ls", "--filter", "compatibility = no_manifest", "-q").stdout.count("\n") == 1
    assert "imported_without_manifest" in runlore("doctor", "--json").stdout


def test_what_was_removed_here_stays_removed(runlore: Runlore, tmp_path: Path) -> None:
    """From a bundle and from another tool: nobody takes it for brought back."""
    path, bundle = tmp_path / "runs.json", str(tmp_path / "all.tar")
    path.write_text(json.dumps(record()))
    runlore.ok("import", str(path))
    runlore.ok("run", "-q", "--name", "ours", "true")
    runlore.ok("export", "--filter", "status in (succeeded, failed)", "-o", bundle)
    assert "removed here" not in runlore.ok("import", bundle).stdout
    runlore.ok("rm", "--filter", "status in (succeeded, failed)")

    for source, count in ((bundle, 2), (str(path), 1)):
        done = runlore.ok("import", source)
        assert [line.split("  ")[1] for line in done.lines] == ["existing, removed here"] * count
        assert "an import brings no outputs back; `runlore restore 20" in done.stderr
        assert [each["removed"] for each in runlore.ok("import", source, "--json").json["items"]] == [
            True
        ] * count


def test_what_cannot_be_imported(runlore: Runlore, tmp_path: Path) -> None:
    """Bad input is 2, other content under a known id is 5; nobody waits, and nobody is left with half."""
    path = tmp_path / "runs.json"
    path.write_text(json.dumps(record()))
    runlore.ok("import", str(path))
    path.write_text(json.dumps(record(exit_code=1)))
    assert "other content" in runlore("import", str(path), code=5).stderr
    path.write_text(json.dumps([record(external_id="x"), record(external_id="y", colour=1)]))
    assert "record 2" in runlore("import", str(path), code=2).stderr
    path.write_text(
        json.dumps(record(external_id="x")).replace('"exit_code": 0', '"exit_code": 0, "exit_code": 1')
    )
    assert "line 1: the key 'exit_code' stands twice" in runlore("import", str(path), code=2).stderr
    assert runlore("import", str(tmp_path / "gone"), code=3).stdout == ""
    assert (
        "no folder"
        in runlore("import", "-", stdin=json.dumps(record(logs=[{"path": "a"}])).encode(), code=2).stderr
    )
    assert len(runlore.ok("ls", "-q").lines) == 1
