"""`runlore tag`, `note`, `rename`: labels, kept with who and when, also behind the end."""

import pytest

from tests.cli.command import Runlore


@pytest.fixture
def run_id(runlore: Runlore) -> str:
    """A run that has ended."""
    runlore.ok("run", "-q", "--name", "old", "--tag", "env=test", "true")
    return runlore.ok("ls", "-q").stdout.strip()


def test_tags_are_set_and_removed(runlore: Runlore, run_id: str) -> None:
    """K=V and K set, K- removes; the answer is what it has then."""
    assert runlore.ok("tag", run_id, "env=prod", "reviewed").stdout == f"{run_id[-8:]}  env=prod reviewed\n"
    assert runlore.ok("tag", "old", "env-", "note=a=b-").stdout == f"{run_id[-8:]}  reviewed note=a=b-\n"
    assert runlore.ok("tag", "old", "reviewed-", "note-", "--json").json["tags"] == {}
    assert runlore.ok("ls", "--tag", "env=prod", "-q").stdout == ""


def test_a_secret_put_into_a_tag_is_not_recorded(runlore: Runlore, run_id: str) -> None:
    """A tag that was set later is redacted as one that `run --tag` sets."""
    told = runlore.ok("tag", run_id, "password=s3cr3t-value", "url=https://me:s3cr3t-value@host/", "env=prod")

    assert "password=[REDACTED]" in told.stdout
    assert "env=prod" in told.stdout
    assert "s3cr3t-value" not in told.stdout + (runlore.root / f"journals/{run_id}.jsonl").read_text()


def test_a_note_is_for_people(runlore: Runlore, run_id: str) -> None:
    """Words, or standard input."""
    assert runlore.ok("note", "latest", "looks", "good").stdout == f"{run_id[-8:]}  noted\n"
    runlore.ok("note", run_id, "-", stdin="from a pipe, ü\n".encode())
    told = runlore.ok("history", run_id).stdout

    assert "note: looks good" in told
    assert "note: from a pipe, ü" in told


def test_a_name_can_be_changed_and_taken_away(runlore: Runlore, run_id: str) -> None:
    """The new name finds it, the old one does not."""
    assert runlore.ok("rename", run_id, "new").stdout == f"{run_id[-8:]}  new\n"
    assert runlore.ok("show", "new", "-q").lines == [run_id]
    runlore("show", "old", code=3)
    assert runlore.ok("rename", "new", "").stdout == f"{run_id[-8:]}  -\n"


def test_who_did_it_is_kept(runlore: Runlore, run_id: str) -> None:
    """Every label names its author."""
    runlore.ok("tag", run_id, "x")
    records = runlore.ok("events", run_id, "--json", "--type", "run.tagged").records

    assert records[1]["event"]["by"]["program"] == "runlore"


@pytest.mark.parametrize(
    "words",
    [
        ["tag", "old", "=x"],
        ["tag", "old", "-"],
        ["tag", "old", "a=1", "a=2"],
        ["tag", "old", "a b=1"],
        ["tag", "old"],
        ["note", "old", "  "],
        ["note", "old"],
        ["rename", "old", "latest"],
        ["rename", "old", "all"],
        ["rename", "old", "key:x"],
        ["rename", "old", " x"],
        ["rename", "old"],
    ],
    ids=" ".join,
)
def test_a_label_that_is_none_is_refused(runlore: Runlore, run_id: str, words: list[str]) -> None:
    """One line, exit 2, nothing appended."""
    before = runlore.journal(run_id).read_bytes()
    done = runlore(*words, code=2)

    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert runlore.journal(run_id).read_bytes() == before
