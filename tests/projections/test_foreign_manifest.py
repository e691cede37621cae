"""What other tools write about their runs, in words of their own."""

import json
from datetime import timedelta

import pytest

from runlore.journal.errors import BadInput
from runlore.projections.foreign_manifest import describes_a_run, from_guild, from_summary
from runlore.projections.import_record import ImportRecord, OutputRecord
from tests.runtimes.foreign_folders import ENDED, STARTED

SUMMARY = {"run_id": "7", "status": "passed", "tool": "ci"}


def told(**more: object) -> ImportRecord:
    """Return what a summary tells."""
    data = json.dumps({**SUMMARY, **more}).encode()
    return from_summary(data, "retention-summary.json", STARTED, ENDED)


@pytest.mark.parametrize(
    ("word", "outcome"),
    [
        ("passed", "succeeded"),
        ("SUCCESS", "succeeded"),
        ("error", "failed"),
        ("timed-out", "timed_out"),
        ("canceled", "cancelled"),
        ("running", "unknown"),
        ("purple", "unknown"),
    ],
)
def test_the_words_for_an_outcome(word: str, outcome: str) -> None:
    """A word that nobody knows is no success; the tool's own word is kept beside it."""
    record = told(status=word)

    assert record.outcome == outcome
    assert record.metadata == {"status": word}


@pytest.mark.parametrize(
    ("command", "argv"),
    [
        (["make", "a b"], ("make", "a b")),
        ("make test", ("make", "test")),
        ("make test | tee out", ("sh", "-c", "make test | tee out")),
        ("echo 'a b'", ("sh", "-c", "echo 'a b'")),
        (None, ()),
    ],
)
def test_the_ways_to_write_a_command(command: object, argv: tuple[str, ...]) -> None:
    """Words stay words; a line that a shell would read is one for a shell."""
    assert told(command=command).argv == argv


@pytest.mark.parametrize(
    "artifacts",
    [
        [{"path": "a", "sha256": "ab" * 32}],
        [{"name": "a", "digest": "sha256:" + "AB" * 32}],
        {"a": "ab" * 32},
        {"a": {"hash": "ab" * 32}},
    ],
)
def test_the_ways_to_list_files(artifacts: object) -> None:
    """With a digest each, whatever the list is made of."""
    assert told(artifacts=artifacts).artifacts == (OutputRecord(path="a", sha256="ab" * 32),)


def test_times_as_numbers_and_of_the_files() -> None:
    """Seconds since 1970 are a time; without any, the files' own times stand for it."""
    assert told(started=STARTED.timestamp(), finished_at="2026-11-20T21:15:30+01:00").ended_at == ENDED
    assert told(started=STARTED.timestamp()).started_at == STARTED
    assert (told().started_at, told().ended_at) == (STARTED, ENDED)
    assert told(ended_at=(STARTED - timedelta(days=1)).timestamp()).started_at < STARTED


@pytest.mark.parametrize(
    "more",
    [
        {"run_id": None},
        {"run_id": ["7"]},
        {"status": None},
        {"status": 3},
        {"started_at": "2026-11-20 20:14"},
        {"started_at": []},
        {"started_at": 1e300},
        {"command": 7},
        {"command": [1]},
        {"exit_code": 300},
        {"exit_code": "0"},
        {"artifacts": "a"},
        {"artifacts": [7]},
        {"artifacts": [{"path": 7}]},
        {"artifacts": [{"path": "a", "sha256": 7}]},
        {"artifacts": [{"path": "a", "sha256": "md5:ff"}]},
        {"signal": "KILL"},
    ],
)
def test_a_summary_that_cannot_be_understood(more: dict[str, object]) -> None:
    """It is refused with its name, never half understood."""
    with pytest.raises(BadInput, match="retention-summary"):
        told(**more)


@pytest.mark.parametrize("data", [b"", b"[]", b"null", b"{", b"\xff", b'{"a":' * 100_000])
def test_a_summary_that_is_no_json(data: bytes) -> None:
    """One sentence, whatever it is."""
    with pytest.raises(BadInput, match="retention-summary"):
        from_summary(data, "retention-summary.json", STARTED, ENDED)
    assert not describes_a_run(data)


def test_a_summary_that_says_two_things() -> None:
    """Which status counts cannot be told, so none is believed; the message says where they stand."""
    data = b'{"run_id": "7",\n "status": "failed",\n "status": "passed"}'
    assert describes_a_run(data)
    with pytest.raises(BadInput, match=r"run.json, line 3: the key 'status' .* in line 2; leave one"):
        from_summary(data, "run.json", STARTED, ENDED)


def test_a_name_that_no_run_can_have_is_kept_beside_it() -> None:
    """The tool's users cannot change it any more."""
    assert told(name="nightly").name == "nightly"
    record = told(name="latest")
    assert (record.name, record.metadata["name"]) == (None, "latest")


@pytest.mark.parametrize(
    ("attrs", "how"),
    [
        ({"exit_status": b"0"}, (0, None, None)),
        ({"exit_status": b"-9"}, (None, 9, None)),
        ({"exit_status": b"?"}, (None, None, "unknown")),
        ({}, (None, None, "unknown")),
    ],
)
def test_the_attributes_of_guild(
    attrs: dict[str, bytes], how: tuple[int | None, int | None, str | None]
) -> None:
    """A negative exit status is a signal; one that is missing says nothing of the end."""
    record = from_guild(attrs, "0a1b", STARTED, ENDED)

    assert (record.exit_code, record.signal, record.outcome) == how


@pytest.mark.parametrize("attrs", [{"started": b"soon"}, {"stopped": b"9" * 40}, {"cmd": b"\xff"}])
def test_attributes_of_guild_that_are_none(attrs: dict[str, bytes]) -> None:
    """They are named."""
    with pytest.raises(BadInput, match="guild/attrs"):
        from_guild(attrs, "0a1b", STARTED, ENDED)
