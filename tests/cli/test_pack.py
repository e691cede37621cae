"""`runlore pack`: what it says, and that every command answers for packed runs what it did before."""

import base64
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from runlore.journal.disk import REAL
from runlore.journal.layout import Layout
from runlore.journal.packing import pack_lock
from tests.cli import asking
from tests.cli.command import Runlore
from tests.cli.test_schemas import validator

LOOKS = (
    ["ps", "-a", "--utc", "--no-trunc"],
    ["ls", "--json"],
    ["ls", "-q"],
    ["ls", "--status", "failed", "--utc"],
    ["ls", "--name", "good", "--tag", "env=prod", "--utc"],
    ["ls", "--fields", "run_id,command,journal_head,seq,sealed,last_activity_at,artifacts,rerun"],
    ["heads"],
    ["verify", "--json"],
    ["verify", "--require-sealed"],
    ["reconcile", "--dry-run"],
    ["scan", "--json"],
    ["doctor"],
    ["events", "--json"],
    ["show", "latest:failed", "--utc"],
    ["show", "key:once", "--json"],
    ["show", "good", "--utc"],
    ["completion", "bash"],
)
OF_A_RUN = (
    ["show", "--utc"],
    ["show", "--json"],
    ["events"],
    ["events", "--json"],
    ["history"],
    ["history", "--json"],
    ["logs", "-t", "--utc"],
    ["verify"],
    ["wait", "--json"],
    ["stop"],
    ["repair"],
)
OF_THE_MOMENT = re.compile(rb'"(as_of|cursor)":"[^"]*"')


@pytest.fixture
def copy(ended: Runlore, tmp_path: Path) -> Runlore:
    """A registry of runs that have ended in every way, for this test alone."""
    shutil.copytree(ended.root, tmp_path / "registry")
    return Runlore(root=tmp_path / "registry", home=ended.home)


def answers(runlore: Runlore) -> dict[str, bytes]:
    """What each command that only looks says."""
    of_runs = [[word, name, *rest] for name in ("bad", "late") for word, *rest in OF_A_RUN]
    asked = [*LOOKS, *of_runs]
    done = subprocess.run(
        [sys.executable, "-P", asking.__file__],
        input="".join(json.dumps(words) + "\n" for words in asked),
        env=runlore.environment(),
        cwd=runlore.home,
        capture_output=True,
        text=True,
        check=True,
    )
    said = [OF_THE_MOMENT.sub(b"", base64.b64decode(line)) for line in done.stdout.splitlines()]
    return {" ".join(words): answer for words, answer in zip(asked, said, strict=True)}


def packs(runlore: Runlore) -> list[Path]:
    """The packs there are."""
    return sorted(runlore.root.glob("packs/*.jsonl"))


def pack_of_bad(runlore: Runlore) -> Path:
    """The pack that holds the run which left with 3; there are two around midnight."""
    return next(path for path in packs(runlore) if b'"exit_code":3' in path.read_bytes())


def journals(runlore: Runlore) -> list[Path]:
    """The journals there are."""
    return list(runlore.root.glob("journals/*.jsonl"))


@pytest.mark.timeout(300)  # three times as many commands as there are
def test_every_command_answers_as_before(copy: Runlore) -> None:
    """Byte for byte, packed, and without the indexes and the feed."""
    before = answers(copy)
    assert all(before.values())
    assert not any(b"Traceback" in answer for answer in before.values())
    copy.ok("pack", "--older-than", "0s")
    assert not journals(copy)
    assert answers(copy) == before

    for index in copy.root.glob("packs/*.idx"):
        index.unlink()
    shutil.rmtree(copy.root / "feed")
    assert answers(copy) == before


def test_what_it_says(copy: Runlore) -> None:
    """What would be done, what was done, and what stays with the reason; JSON of its schema."""
    assert copy.ok("pack").lines == ["stays: 6 journals too young"]
    planned = copy.ok("pack", "--older-than", "0s", "--dry-run", "--json").json
    assert len(journals(copy)) == 6
    done = copy.ok("pack", "--older-than", "0s", "--json").json

    for view in (planned, done):
        validator(copy, view["schema"]).validate(view)
    assert {**planned, "dry_run": False} == done
    assert (done["runs"], done["kept"]) == (6, {})
    assert [f"packs/{path.name}" for path in packs(copy)] == [each["path"] for each in done["packs"]]
    again = copy.ok("pack", "--older-than", "0s")
    assert (again.stdout, again.stderr) == ("", "nothing to pack\n")


def test_jq_and_grep_read_a_pack(copy: Runlore) -> None:
    """It is one event a line, as in journals."""
    lines = sorted(line for path in journals(copy) for line in path.read_bytes().splitlines())
    copy.ok("pack", "--older-than", "0s", "-q")

    assert sorted(line for path in packs(copy) for line in path.read_bytes().splitlines()) == lines
    assert all(json.loads(line)["type"] for line in lines)


def test_a_packed_run_is_labelled(copy: Runlore) -> None:
    """Tag, rename and note; heads of before still agree, and packing again takes that along."""
    heads = copy.ok("heads").stdout.encode()
    copy.ok("pack", "--older-than", "0s")
    for again in (False, True):
        copy.ok("tag", "bad", f"again={again}")
        copy.ok("note", "bad", "seen")
        run_id = copy.ok("show", "bad", "--fields", "run_id").stdout.strip()
        copy.ok("rename", run_id, "bad")
        assert len(journals(copy)) == 1
        copy.ok("pack", "--older-than", "0s")
        assert not journals(copy)
    view = copy.ok("show", "bad", "--json").json

    assert (view["tags"], view["name"]) == ({"env": "test", "again": "True"}, "bad")
    assert copy.ok("verify", "--heads", "-", stdin=heads).lines == ["6 journals: 6 sealed"]
    assert copy.ok("history", "bad").stdout.count("note: seen") == 2


def test_a_stream_goes_on_over_packing(copy: Runlore) -> None:
    """A cursor of before gives what came since, and nothing twice."""
    cursor = copy.ok("events", "--json").records[-1]["cursor"]
    copy.ok("pack", "--older-than", "0s")
    copy.ok("note", "bad", "after packing")
    records = copy.ok("events", "--after-cursor", cursor, "--json").records

    told = [each["event"]["type"] for each in records if each["type"] == "record"]
    assert told == ["journal.continued", "run.noted", "run.sealed"]


def test_a_key_of_a_packed_run_is_taken(copy: Runlore) -> None:
    """The same submission is the same run, whether or not the claims are lost."""
    first = copy.ok("show", "key:once", "--fields", "run_id").stdout.strip()
    copy.ok("pack", "--older-than", "0s")
    for claims_are_lost in (False, True):
        if claims_are_lost:
            shutil.rmtree(copy.root / "keys")
        words = ["run", "--name", "good", "--key", "once", "--metadata", '{"step": 7}', "true"]
        done = copy.ok("run", "-d", "--json", *words[1:])
        assert (done.json["run_id"], done.json["existing"]) == (first, True)


def test_two_at_once(copy: Runlore) -> None:
    """The second is told, with the exit code of a conflict."""
    with pack_lock(REAL, Layout(str(copy.root))):
        done = copy("pack", "--older-than", "0s", code=5)

    assert done.stderr.startswith("error: somebody else is packing in ")
    assert copy.ok("pack", "--older-than", "0s", "-q").lines


@pytest.mark.parametrize("damage", ["flip", "truncate", "tear", "no name", "missing"])
def test_a_damaged_pack(copy: Runlore, damage: str) -> None:
    """65 and which run, or which bytes; what is whole is read, and what is whole of other runs is sound."""
    copy.ok("pack", "--older-than", "0s")
    path = pack_of_bad(copy)
    data = path.read_bytes()
    end = data.rindex(b"\n", 0, -1)
    changed = {
        "flip": data.replace(b'"exit_code":3', b'"exit_code":4', 1),
        "truncate": data[: end + 1],
        "tear": data[:-9],
        "no name": data.replace(b'"format":1', b'"format":!', 1),
        "missing": b"",
    }[damage]
    assert changed != data
    path.write_bytes(changed)
    if damage == "no name":
        path.with_suffix(".idx").unlink()
    if damage == "missing":
        path.unlink()
    done = copy("verify", "--json")

    if damage == "truncate":  # exactly behind a line: no seal shows it, as with a journal
        assert done.code == 0 or "chain" not in done.stdout
        assert done.json["counts"] == {"sealed": 5, "unsealed": 1}
        copy("verify", "--require-sealed", code=1)
        return
    if damage == "missing":  # only heads kept elsewhere tell
        assert done.code == 0
        assert len(done.json["items"]) == 6 - data.count(b'"type":"run.queued"')
        return
    assert done.code == 65
    validator(copy, done.json["schema"]).validate(done.json)
    findings = [found for item in done.json["items"] for found in item["findings"]]
    kind = {"flip": "chain", "tear": "unterminated", "no name": "lost"}[damage]
    assert [found["kind"] for found in findings] == [kind]
    assert f"packs/{path.name}" in findings[0]["detail"]
    assert done.json["counts"]["sealed"] == 5
    if damage == "tear":  # nobody appends to a pack, so nothing heals there by itself
        assert findings[0]["detail"].startswith("corruption of ")
        torn = next(item["run_id"] for item in done.json["items"] if item["findings"])
        assert "its packed part does not end in a record" in copy("tag", torn, "x=y", code=65).stderr
    for words in (["ls"], ["show", "good"], ["doctor"], ["scan"], ["pack", "--older-than", "0s"]):
        assert "Traceback" not in copy(*words).stderr


def test_a_damaged_packed_run_is_mended(copy: Runlore) -> None:
    """Appending is refused until then; what is whole comes back as a journal that counts."""
    copy.ok("pack", "--older-than", "0s")
    path = pack_of_bad(copy)
    path.write_bytes(path.read_bytes().replace(b'"exit_code":3', b'"exit_code":4', 1))
    refused = copy("repair", "bad", code=1)
    assert refused.stderr.startswith("nothing was changed")
    copy.ok("repair", "bad", "--yes")

    assert copy("verify").code == 0
    copy.ok("tag", "bad", "mended=yes")
    assert len(journals(copy)) == 1


def test_where_nobody_may_write(copy: Runlore) -> None:
    """Reading goes on; packing is refused with what to do."""
    copy.ok("pack", "--older-than", "0s")
    before = copy.ok("ls", "-q").lines
    done = copy("--root", "/no/such/root", "pack", code=3)

    assert done.stderr.startswith("error: no registry at /no/such/root")
    assert copy.ok("ls", "-q").lines == before
    copy("pack", "--older-than", "soon", code=2)
