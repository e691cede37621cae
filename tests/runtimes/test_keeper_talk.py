"""Caller, keeper and wrapper talk in whole lines, and every error arrives as what it was."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runlore.journal.errors import (
    Ambiguous,
    BadInput,
    Conflict,
    JournalIO,
    NewerFormat,
    NotFound,
    RunloreError,
    StaleSeq,
)
from runlore.journal.values import Actor, RunId, Seq
from runlore.runtimes import messages, spec
from runlore.runtimes.caller import Caller
from runlore.runtimes.messages import Accepted, Ended
from runlore.runtimes.pipes import LineReader, read_line, write_all
from runlore.runtimes.spec import RunSpec

ANY_BYTES = st.binary(max_size=40).map(lambda data: os.fsdecode(data.replace(b"\0", b"")))
TEXT = st.text(st.characters(codec="utf-8"), max_size=20)


@given(
    st.builds(
        RunSpec,
        root=ANY_BYTES,
        argv=st.lists(ANY_BYTES, max_size=5).map(tuple),
        cwd=ANY_BYTES,
        by=st.builds(Actor, user=TEXT, host=TEXT),
        env=st.dictionaries(ANY_BYTES, ANY_BYTES, max_size=4),
        name=TEXT,
        tags=st.dictionaries(TEXT, TEXT, max_size=3),
        timeout_s=st.none() | st.floats(0.1, 1e6),
    )
)
def test_a_spec_survives_the_pipe(wanted: RunSpec) -> None:
    """Any bytes in arguments, paths and variables arrive as they were."""
    line = spec.encode(wanted)

    assert line.count(b"\n") == 1
    assert spec.decode(line) == wanted


def test_a_label_that_is_not_text() -> None:
    """It is refused where it is given, not somewhere in a keeper."""
    with pytest.raises(BadInput):
        spec.encode(RunSpec(root="/r", argv=("true",), cwd="/", by=Actor(), name="\udcff"))


@given(
    st.lists(st.binary(max_size=30).map(lambda data: data.replace(b"\n", b"")), max_size=20),
    st.integers(1, 9),
)
def test_lines_come_whole(lines: list[bytes], step: int) -> None:
    """However the bytes arrive, each line is returned once and whole."""
    read_end, write_end = os.pipe()
    reader, found = LineReader(read_end), []
    data = b"".join(line + b"\n" for line in lines)
    for start in range(0, len(data), step):
        os.write(write_end, data[start : start + step])
        found += reader.read()
    os.close(write_end)
    found += reader.read()
    reader.close()

    assert found == lines
    assert reader.closed


def test_a_line_that_its_writer_did_not_finish() -> None:
    """It counts as none."""
    read_end, write_end = os.pipe()
    os.write(write_end, b"half a spec")
    os.close(write_end)

    assert read_line(read_end) is None
    os.close(read_end)


def test_nobody_reads() -> None:
    """The writer learns it and goes on."""
    read_end, write_end = os.pipe()
    os.close(read_end)

    assert write_all(write_end, b"anybody?") is False
    os.close(write_end)


@pytest.mark.parametrize(
    "error",
    [
        BadInput("bad"),
        Conflict("taken"),
        JournalIO("disk"),
        NotFound("where"),
        NewerFormat("new"),
    ],
)
def test_an_error_arrives_as_what_it_was(error: RunloreError) -> None:
    """Class, words and exit code are the keeper's."""
    arrived = messages.as_error(messages.refusal(error, str))

    assert (type(arrived), str(arrived), arrived.exit_code) == (type(error), str(error), error.exit_code)


def test_an_error_with_more_to_it() -> None:
    """It arrives as the nearest kind that words alone can make."""
    run = RunId("20261120-201400-k3f9x2ab")
    ambiguous = messages.as_error(messages.refusal(Ambiguous("two", (run,)), str))
    stale = messages.as_error(messages.refusal(StaleSeq(run, Seq(1), Seq(2)), str))

    assert type(ambiguous) is NotFound
    assert type(stale) is Conflict


def test_a_surprise_arrives_too() -> None:
    """What nobody foresaw is told with its kind and its words."""
    arrived = messages.as_error(messages.refusal(ZeroDivisionError("a defect"), str))

    assert type(arrived) is RunloreError
    assert "ZeroDivisionError: a defect" in str(arrived)


def test_nudges_do_not_pile_up() -> None:
    """However many there were, one waits; a message still fits behind it."""
    read_end, write_end = os.pipe()
    caller, reader = Caller(write_end), LineReader(read_end)
    for _ in range(100_000):
        caller.nudge()
    caller.tell(Ended("succeeded", 0))
    lines = reader.read()
    caller.close()
    reader.close()

    assert [messages.decode(line) for line in lines] == [messages.NUDGE, Ended("succeeded", 0)]


def test_a_caller_that_has_gone() -> None:
    """Telling it anything does nothing."""
    read_end, write_end = os.pipe()
    os.close(read_end)
    caller = Caller(write_end)

    caller.nudge()
    caller.tell(Accepted(RunId("20261120-201400-k3f9x2ab")))
    caller.close()
    caller.nudge()
