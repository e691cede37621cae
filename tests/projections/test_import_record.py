"""Records of runs that were executed elsewhere: what is one, and what is said of anything else."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from runlore.journal.errors import BadInput
from runlore.projections.foreign_run import ForeignRun, checked
from runlore.projections.import_record import ImportRecord, converted, parse
from tests.runtimes.foreign_folders import ENDED, STARTED, record

NOW = datetime(2026, 12, 1, tzinfo=UTC)


def taken(data: bytes) -> list[ForeignRun]:
    """Return the runs of a file of records."""
    return [checked(each.record, NOW) for each in parse(data)]


def refused(**more: object) -> str:
    """Return what is said of a record that is none."""
    with pytest.raises(BadInput) as caught:
        taken(json.dumps(record(**more)).encode())
    return str(caught.value)


@pytest.mark.parametrize("layout", ["one", "indented", "array", "lines", "blank lines"])
def test_the_forms_in_which_records_come(layout: str) -> None:
    """One object, an array of them, or one a line."""
    records = [record(external_id=name) for name in ("a", "b")]
    data = {
        "one": json.dumps(records[0]),
        "indented": json.dumps(records[0], indent=2) + "\n",
        "array": json.dumps(records, indent=2),
        "lines": "\n".join(map(json.dumps, records)),
        "blank lines": "\n\n".join(map(json.dumps, records)) + "\r\n\n",
    }[layout]

    names = [run.external_id for run in taken(data.encode())]
    assert names == (["a"] if layout in {"one", "indented"} else ["a", "b"])


BAD_BYTES = {
    "nothing": b"",
    "blanks": b" \n ",
    "no JSON": b"{",
    "a truncated array": b'[{"source": "x"',
    "a truncated line": json.dumps(record()).encode() + b'\n{"source": "x", "ext',
    "no UTF-8": b'{"source": "\xff"}',
    "UTF-16": json.dumps(record()).encode("utf-16"),
    "a number": b"3",
    "a text": b'"run"',
    "null": b"null",
    "an empty array": b"[]",
    "an array of arrays": b"[[]]",
    "half a surrogate pair": b'{"source": "\\ud800"}',
    "NaN": b'{"source": "x", "metadata": {"a": NaN}}',
    "Infinity": b'{"exit_code": Infinity}',
    "deep nesting": b'{"metadata": ' + b'{"a":' * 100_000 + b"1" + b"}" * 100_001,
    "deep arrays": b"[" * 100_000,
    "a raw newline in a text": b'{"source": "a\nb"}',
    "a trailing comma": b'[{"source": "x"},]',
    "one id for two runs": b"\n".join(json.dumps(record(exit_code=code)).encode() for code in (0, 1)),
}


@pytest.mark.parametrize("case", BAD_BYTES)
def test_bytes_that_are_no_records(case: str) -> None:
    """Refused with one sentence; nothing else is raised, however deep it nests."""
    with pytest.raises(BadInput) as caught:
        taken(BAD_BYTES[case])
    assert len(str(caught.value)) < 600


BAD_FIELDS: dict[str, tuple[dict[str, object], str]] = {
    "unknown field": ({"colour": 1}, "colour"),
    "known by another name": ({"command": ["x"]}, "did you mean argv?"),
    "unknown field inside": ({"git": {"commit": "a" * 40, "sha": "b"}}, "git"),
    "wrong type": ({"argv": "make test"}, "argv"),
    "number as id": ({"external_id": 17}, "external_id"),
    "empty id": ({"external_id": ""}, "external_id"),
    "id with a newline": ({"external_id": "a\nb"}, "external_id"),
    "id with an escape": ({"external_id": "a\x1b[2J"}, "external_id"),
    "id that turns letters round": ({"external_id": "a\u202eb"}, "external_id"),
    "long id": ({"external_id": "x" * 256}, "external_id"),
    "empty source": ({"source": ""}, "source"),
    "time without offset": ({"started_at": "2026-11-20T20:14:00"}, "started_at"),
    "time that is none": ({"started_at": "yesterday"}, "started_at"),
    "time as a number": ({"started_at": 1795205640}, "started_at"),
    "before 1970": ({"started_at": "1969-12-31T23:59:59Z"}, "1970"),
    "the future": ({"ended_at": "2031-01-01T00:00:00Z"}, "future"),
    "ended before it started": ({"ended_at": "2026-11-20T20:13:59Z"}, "before started_at"),
    "exit code 300": ({"exit_code": 300}, "exit_code"),
    "exit code -1": ({"exit_code": -1}, "exit_code"),
    "exit code as a float": ({"exit_code": 1.5}, "exit_code"),
    "exit code as a text": ({"exit_code": "0"}, "exit_code"),
    "huge exit code": ({"exit_code": 10**40}, "exit_code"),
    "signal 0": ({"exit_code": None, "signal": 0}, "signal"),
    "exit code and signal": ({"signal": 9}, "exclude"),
    "no end": ({"exit_code": None}, "how it ended is missing"),
    "an outcome of another tool": ({"outcome": "passed"}, "outcome"),
    "succeeded, though it failed": ({"outcome": "succeeded", "exit_code": 1}, "otherwise"),
    "1 MB of argv": ({"argv": ["x" * 1_000_000]}, "argv takes"),
    "NUL in argv": ({"argv": ["a\0b"]}, "argv holds a NUL"),
    "NUL in cwd": ({"cwd": "/a\0b"}, "cwd"),
    "reserved name": ({"name": "latest"}, "reserved"),
    "NUL in a tag": ({"tags": {"a": "b\0"}}, "U+0000"),
    "deep metadata": ({"metadata": json.loads('{"a":' * 50 + "1" + "}" * 50)}, "deeper"),
    "much metadata": ({"metadata": {"a": "x" * 100_000}}, "metadata of"),
    "large number": ({"metadata": {"a": 2**60}}, "2**53"),
    "commit that is none": ({"git": {"commit": "main"}}, "commit"),
    "commit with a newline": ({"git": {"commit": "a" * 40 + "\n"}}, "commit"),
    "digest that is none": ({"artifacts": [{"path": "a", "sha256": "xyz"}]}, "sha256"),
    "log without content": ({"logs": [{"stream": "stdout"}]}, "path or a text"),
    "log with both": ({"logs": [{"path": "a", "text": "b"}]}, "path or a text"),
    "third stream": ({"logs": [{"stream": "stdlog", "text": "b"}]}, "stream"),
    "an artifact twice": ({"artifacts": ["a", {"path": "a"}]}, "twice"),
    "artifacts that differ in case": ({"artifacts": ["A", "a"]}, "upper and lower case"),
    "many artifacts": ({"artifacts": [f"{n}" for n in range(10_001)]}, "at most"),
}


@pytest.mark.parametrize("case", BAD_FIELDS)
def test_fields_that_are_none(case: str) -> None:
    """The message names the record and the field."""
    fields, what = BAD_FIELDS[case]
    if "id" in case or case in {"1 MB of argv", "many artifacts"}:
        assert len(refused(**fields)) < 600
    assert what in refused(**fields)


@pytest.mark.parametrize(
    "path",
    [
        "../../etc/passwd",
        "/etc/passwd",
        "//etc/passwd",
        "a/../../b",
        "..",
        ".",
        "",
        "a//b",
        "a/./b",
        "a\\b",
        "..\\..\\x",
        "C:\\x",
        "C:x",
        "file:///etc/passwd",
        "\\\\host\\share",
        "a\0b",
        "x" * 300,
        "a/" * 200 + "b",
    ],
)
def test_paths_that_lead_elsewhere(path: str) -> None:
    """An artifact or a log lies below the record's own folder, under a name that every system reads alike."""
    for field in ({"artifacts": [path]}, {"artifacts": [{"path": path}]}, {"logs": [{"path": path}]}):
        assert "[0]" in refused(**field)


TWICE = json.dumps(record(), indent=1).replace('"exit_code": 0', '"exit_code": 1,\n "exit_code": 0')
DOUBLES = {
    "one": (TWICE, "record 1, line 7: the key 'exit_code' stands in this object already, in line 6"),
    "array": (f"[\n{json.dumps(record())},\n\n{TWICE}]", "record 2, line 10: the key 'exit_code' stands"),
    "lines": (
        f'\n{json.dumps(record(external_id="a"))}\n\n{json.dumps(record())[:-1]}, "host": "", "host": ""}}\n',
        "record 2, line 4: the key 'host' stands twice in one object; leave one of the two",
    ),
    "the same record twice": (
        f"[{json.dumps(record())},\n{json.dumps(record())},\n{TWICE}]",
        "record 3, line 9: the key 'exit_code' stands",
    ),
    "further in": (
        json.dumps(record(tags={"a": "1"})).replace('"a": "1"', '"a": "1", "a": "2"'),
        "record 1, line 1: the key 'a' stands twice",
    ),
}


@pytest.mark.parametrize("case", DOUBLES)
def test_a_key_that_stands_twice(case: str) -> None:
    """Readers differ in which one counts, so it is refused, with the line and the key."""
    data, told = DOUBLES[case]
    with pytest.raises(BadInput) as caught:
        taken(data.encode())
    assert told in str(caught.value)


def test_what_is_said_of_a_commit_that_is_none() -> None:
    """Our words, not those of a pattern: where, what, and what to do."""
    said = refused(git={"commit": "main"})
    assert said.startswith("git.commit is no id of a commit, which has 7 to 64 hex digits in lower case;")
    assert "`git rev-parse HEAD`" in said
    assert "main" not in said


OUTCOMES: list[tuple[dict[str, Any], str]] = [
    ({"exit_code": 0}, "succeeded"),
    ({"exit_code": 3}, "failed"),
    ({"exit_code": None, "signal": 9}, "failed"),
    ({"exit_code": 0, "outcome": "failed"}, "failed"),
    ({"exit_code": None, "outcome": "cancelled"}, "cancelled"),
    ({"exit_code": None, "signal": 15, "outcome": "timed_out"}, "timed_out"),
    ({"exit_code": None, "outcome": "unknown"}, "unknown"),
]


@pytest.mark.parametrize(("fields", "outcome"), OUTCOMES)
def test_how_a_run_ended(fields: dict[str, Any], outcome: str) -> None:
    """What the tool says counts; else the exit code does, and nothing is made up."""
    (run,) = taken(json.dumps(record(**fields)).encode())

    assert (run.outcome, run.exit_code, run.signal) == (
        outcome,
        fields["exit_code"],
        fields.get("signal"),
    )


def test_records_of_a_program() -> None:
    """Mappings with aware times are records; a NaN that JSON could not say is refused here as well."""
    given = {**record(), "started_at": STARTED, "ended_at": ENDED}
    (found,) = converted([given])
    assert found.record == ImportRecord(
        source="cron", external_id="nightly-17", started_at=STARTED, ended_at=ENDED, exit_code=0
    )
    for more in ({"ended_at": ENDED.replace(tzinfo=None)}, {"colour": 1}, {"metadata": {"a": float("nan")}}):
        with pytest.raises(BadInput):
            checked(converted([{**given, **more}])[0].record, NOW)
