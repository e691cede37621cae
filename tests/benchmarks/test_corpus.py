"""Registries that are made to measure on."""

import os
from pathlib import Path

from benchmarks.cases import corpus, histories
from runlore.journal.disk import REAL
from runlore.journal.journal_ids import listed
from runlore.journal.layout import Layout
from runlore.journal.verify import verify

RUNS = 150


def journals(folder: Path) -> dict[str, bytes]:
    """Return every journal by name."""
    return {path.name: path.read_bytes() for path in Path(folder, "journals").iterdir()}


def test_drawn_runs_are_whole_and_of_9_to_40_events(tmp_path: Path) -> None:
    """What is measured is what the appender writes: sealed, chained, of the lengths that are said."""
    corpus.make("drawn", RUNS, str(tmp_path / "root"))

    layout = Layout(str(tmp_path / "root"))
    found = [verify(REAL, layout, histories.drawn_id(number)) for number in range(RUNS)]

    assert {each.integrity for each in found} == {"sealed"}
    assert not any(each.findings for each in found)
    assert {min(each.records for each in found), max(each.records for each in found)} == {9, 40}


def test_the_same_seed_draws_the_same_bytes(tmp_path: Path) -> None:
    """Two machines, with however many cores, measure the same; a larger registry begins as a small one."""
    corpus.make("drawn", 10, str(tmp_path / "small"))
    corpus.make("drawn", 70, str(tmp_path / "large"))

    small, large = journals(tmp_path / "small"), journals(tmp_path / "large")

    assert len(small) == 10
    assert small.items() <= large.items()


def test_packed_runs_are_the_drawn_ones_without_their_files(tmp_path: Path) -> None:
    """Packs and files are compared on the same bytes."""
    corpus.make("drawn", 20, str(tmp_path / "files"))
    corpus.make("packed", 20, str(tmp_path / "packs"))

    layout = Layout(str(tmp_path / "packs"))
    run_ids, packed, _ = listed(REAL, layout)

    assert packed == frozenset(run_ids)
    assert not any(name.endswith(".jsonl") for name in os.listdir(layout.journals))
    (pack,) = Path(layout.packs).glob("*.jsonl")
    assert pack.read_bytes() == b"".join(data for _, data in sorted(journals(tmp_path / "files").items()))
