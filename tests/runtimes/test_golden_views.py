"""Everything derived may be deleted: the views are the same bytes, before, after, and after that."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest
from msgspec import structs

from runlore.journal.disk import REAL
from runlore.journal.feed import Feed
from runlore.journal.layout import Layout
from runlore.journal.writer import Writer
from runlore.projections.encoding import encode_view
from runlore.projections.index.care import rebuild
from runlore.projections.list_views import PsView
from runlore.runtimes.packing import Packing
from runlore.runtimes.registry import Registry
from tests.doubles.drafts import EVERY_END, LIFE, new_run_id, noted, queued, tagged
from tests.journal.journals import registry
from tests.properties.expressions import spell

NOW = datetime(2026, 12, 1, tzinfo=UTC)
DERIVED = ("feed", "index", "index/current")


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A registry in which forty runs have come to every kind of end, or to none."""
    layout = registry(tmp_path / "registry")
    feed = Feed(REAL, layout)
    for number in range(40):
        run_id = new_run_id(number)
        writer = Writer.create(REAL, layout, run_id, queued(run_id, name=f"n{number % 3}"), feed=feed)
        for draft in LIFE[: number % 5]:
            writer.append(draft())
        if number % 5 == 3:
            writer.append(EVERY_END[number % len(EVERY_END)]())
        writer.append(tagged("env", "prod") if number % 2 else noted())
        writer.close()
    feed.close()
    return layout


def golden(layout: Layout) -> Iterator[bytes]:
    """Yield every list there is, but for when it was looked at."""
    found = Registry(layout)
    draw = Random(7)
    yield told(found.recent())
    yield told(found.page())
    yield told(found.page(status="failed", tags=["env"], limit=3))
    for _ in range(20):
        yield told(found.page(spell(draw), limit=draw.choice((1, 7, None))))
    page = found.page(limit=9)
    while page.next is not None:
        yield told(page)
        page = found.page(limit=9, after=page.next)
    for sort in ("name,-exit_code", "-started_at", "last_activity_at", "tags.env"):
        yield told(found.page(sort=sort, limit=9))
    for word in ("latest", "latest:failed", "n1", new_run_id(7)):
        yield told(found.resolve(word))


def told(view: object) -> bytes:
    """Return a view as it is printed, at one moment."""
    if isinstance(view, PsView):
        items = [structs.replace(item, seen=None, duration_s=None) for item in view.items]
        view = structs.replace(view, as_of=NOW, items=items)
    return encode_view(view)


def test_golden_views_outlive_everything_derived(layout: Layout) -> None:
    """Byte for byte: with an index, after the loss of any part of it, after a rebuild, and without any."""
    views = list(golden(layout))
    assert len(set(views)) > 10
    for lost in DERIVED:
        path = Path(layout.root, lost)
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        assert list(golden(layout)) == views, lost
    rebuild(REAL, layout, iter)
    assert list(golden(layout)) == views
    shutil.rmtree(layout.index)
    Path(layout.index).touch()
    assert list(golden(layout)) == views


def test_golden_views_outlive_packing_and_what_is_derived_from_packs(layout: Layout) -> None:
    """Packed or not, with the indexes of the packs or without, with the registry's own index or without."""
    views = list(golden(layout))
    assert Packing(REAL, layout, older_than_s=0).apply().runs == 16
    assert list(golden(layout)) == views
    made = list(Path(layout.packs).glob("*.idx"))
    assert made
    for lost in (*made, Path(layout.index), Path(layout.feed)):
        shutil.rmtree(lost, ignore_errors=True)
        lost.unlink(missing_ok=True)
    assert list(golden(layout)) == views
    for path in made:
        path.write_bytes(b"junk")
    assert list(golden(layout)) == views
