"""Whatever a journal may hold, it comes in as it went out."""

import io
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runlore.journal.disk import REAL
from runlore.journal.events import (
    FORMAT,
    ArtifactCollected,
    ArtifactPromoted,
    RunCollecting,
    RunQueued,
)
from runlore.journal.lifecycle import STATUS_OF, TERMINAL
from runlore.projections.registry import fold_journal
from runlore.runtimes.import_bundle import import_bundle
from tests.journal.forge import Forge
from tests.journal.journals import registry
from tests.proof import SIZE
from tests.properties.histories import allowed, events_of, run_ids
from tests.runtimes.test_bundles import exported

if TYPE_CHECKING:
    from runlore.journal.values import Status

_WITH_BYTES = {ArtifactCollected, ArtifactPromoted}
"""Events that say that something lies beside the journal."""


@st.composite
def ended_journals(draw: st.DrawFn) -> Forge:
    """Draw a whole legal journal of a run that has ended and left nothing but it."""
    forge = Forge(draw(run_ids))
    status: Status = "queued"
    first = events_of(RunQueued, seq=1, run_id=forge.run_id, format=FORMAT, recipe_blob=None)
    forge.event(draw(first))
    left = draw(st.integers(0, 8))
    while left or status not in TERMINAL:
        kinds = [kind for kind in allowed(status) if kind not in _WITH_BYTES]
        if not left:
            kinds = [kind for kind in kinds if STATUS_OF.get(kind) in TERMINAL] or kinds
        kind, left = draw(st.sampled_from(kinds)), max(0, left - 1)
        nothing = {"transcript_bytes": 0} if kind is RunCollecting else {}
        forge.event(draw(events_of(kind, seq=forge.seq + 1, **nothing)))
        status = STATUS_OF.get(kind, status)
        if status in TERMINAL:
            forge.seal()
    return forge


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A place for two registries."""
    return tmp_path_factory.mktemp("bundles")


@settings(
    settings.get_profile("full" if SIZE == "full" else "few"),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(forge=ended_journals())
def test_any_history_comes_in_as_it_went_out(folder: Path, forge: Forge) -> None:
    """Byte for byte, and so everything that is folded from it; and it goes out again as the same bundle."""
    here, there = registry(folder / "here"), registry(folder / "there")
    for layout in (here, there):
        shutil.rmtree(layout.runs)
        shutil.rmtree(layout.journals)
        Path(layout.runs).mkdir()
        Path(layout.journals).mkdir()
    Path(here.journal(forge.run_id)).write_bytes(forge.data)

    bundle = exported(here)
    items = import_bundle(REAL, there, io.BytesIO(bundle).read, "it")

    assert [item.outcome for item in items] == ["imported"]
    assert Path(there.journal(forge.run_id)).read_bytes() == forge.data
    assert fold_journal(REAL, there, forge.run_id) == fold_journal(REAL, here, forge.run_id)
    assert exported(there) == bundle
