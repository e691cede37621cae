"""Which runs there are, by the names of their journals."""

from pathlib import Path

import pytest

from runlore.journal.disk import REAL
from runlore.journal.errors import NotFound
from runlore.journal.journal_ids import journal_ids
from runlore.journal.layout import Layout
from tests.doubles.drafts import new_run_id
from tests.journal.journals import new_run, registry


@pytest.fixture
def layout(registry_root: Path) -> Layout:
    return registry(registry_root)


def test_ids_come_oldest_first(layout: Layout) -> None:
    """Only journals count: what else lies in the folder is nobody's run."""
    ids = [new_run_id(number) for number in (3, 1, 2)]
    for run_id in ids:
        new_run(layout, run_id).close()
    for name in (".x.tmp", "README", f"{ids[0]}.jsonl.bak", f"{ids[0].upper()}.jsonl", ".jsonl"):
        Path(layout.journals, name).touch()

    assert journal_ids(REAL, layout) == sorted(ids)


def test_ids_where_no_registry_is(tmp_path: Path) -> None:
    """It is said that there is none, and how to make one."""
    with pytest.raises(NotFound, match="runlore init"):
        journal_ids(REAL, Layout(str(tmp_path)))
