"""The page about the transcript format is enough to read one: its own example reads what ours writes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runlore.journal.disk import REAL
from runlore.journal.layout import Layout
from runlore.journal.values import RunId, Stream
from runlore.runtimes import transcript_index as index
from runlore.runtimes.transcript import Transcript
from runlore.runtimes.transcript_index import IndexRecord
from runlore.runtimes.transcript_reader import TranscriptReader
from tests.docs.markdown import ROOT, blocks

PAGE = ROOT / "docs/reference/transcript-format.md"
RUN = RunId("20261120-201400-k3f9x2ab")
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("print"), st.sampled_from(["stdout", "stderr"]), st.binary(max_size=50)),
        st.tuples(st.just("drop"), st.sampled_from(["stdout", "stderr"]), st.integers(1, 10**10)),
    ),
    max_size=12,
)


Reader = Callable[[bytes, bytes], list[tuple[int, int, bytes, int]]]


def of_the_page() -> Reader:
    """The reader that the page shows."""
    (block,) = [block for block in blocks(PAGE) if block.language == "python"]
    names: dict[str, Any] = {}
    exec(block.text, names)
    reader: Reader = names["read_transcript"]
    return reader


def read_ours(root: str) -> list[tuple[int, int, bytes, int]]:
    """The same, by our own reader."""
    with TranscriptReader(REAL, Layout(root), RUN) as reader:
        return [
            (index.STREAMS.index(chunk.stream) + 1, index.microseconds(chunk.at), chunk.data, chunk.lost)
            for chunk in reader.read_available()
        ]


@given(
    STEPS,
    st.lists(st.tuples(st.integers(0, 10**4), st.integers(0, 7)), max_size=2),
    st.integers(0, 60),
    st.none() | st.integers(1, 150),
)
def test_two_readers_agree(
    tmp_path_factory: pytest.TempPathFactory,
    steps: list[tuple[str, Stream, Any]],
    damage: list[tuple[int, int]],
    cut: int,
    limit: int | None,
) -> None:
    """On whole transcripts, with a limit or without, on damaged ones, and on what a power cut shortened."""
    root = tmp_path_factory.mktemp("format")
    folder = Path(Layout(str(root)).run_dir(RUN))
    folder.mkdir(parents=True)
    paths = str(folder / "transcript"), str(folder / "transcript.index")
    transcript = Transcript.create(REAL, *paths, limit=limit)
    with mock.patch("runlore.runtimes.transcript.SLACK", 20):
        for step, stream, what in steps:
            (transcript.store if step == "print" else transcript.drop)(stream, what)
    transcript.note_gaps()
    transcript.close()
    data, records = (
        (folder / "transcript").read_bytes(),
        bytearray((folder / "transcript.index").read_bytes()),
    )
    for place, bit in damage:
        if records:
            records[place % len(records)] ^= 1 << bit
    data = data[: max(0, len(data) - cut)]
    (folder / "transcript").write_bytes(data)
    (folder / "transcript.index").write_bytes(records)

    assert of_the_page()(data, bytes(records)) == read_ours(str(root))


def test_the_table_of_fields() -> None:
    """Offsets, sizes and numbers of the page's table are those of the bytes."""
    record = index.encode(IndexRecord(1, 0x0203, 0x040506, 0x07, "stderr", "gap"))
    rows = [
        [cell.strip() for cell in line.split("|")[1:-1]]
        for line in PAGE.read_text().splitlines()
        if line.startswith("|") and line.split("|")[1].strip().isdigit()
    ]
    fields = {
        name: int.from_bytes(record[int(offset) : int(offset) + int(size)], "little")
        for offset, size, name, _ in rows
    }

    assert sum(int(size) for _, size, _, _ in rows) == len(record) == index.RECORD
    del fields["check"]
    assert fields == {"chunk": 1, "offset": 0x0203, "time": 0x040506, "length": 7, "stream": 2, "kind": 2}
