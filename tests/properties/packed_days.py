"""Random days on which runs are packed, too; asked as users ask: lists, sorted lists, and SQL."""

import os
from pathlib import Path
from typing import Final

from runlore.journal import packing
from runlore.journal.disk import REAL
from runlore.journal.errors import RunloreError
from runlore.journal.journal_ids import journal_ids
from runlore.journal.packs import day_of
from runlore.journal.values import RunId
from runlore.journal.verify import verify
from runlore.projections import filters
from runlore.projections.encoding import encode_view
from runlore.runtimes.listing import Found, page_of
from runlore.runtimes.packing import Packing
from runlore.runtimes.registry import Registry
from runlore.runtimes.sql import rows_of
from tests.properties.expressions import spell
from tests.properties.index_days import NOW, SORTS, Day
from tests.runtimes.test_golden_views import told

_RUNS: Final = "SELECT run_id, status, name, exit_code, journal_head, key FROM runs ORDER BY run_id"
_TAGS: Final = "SELECT run_id, name, value FROM tags ORDER BY 1, 2"
_EVENTS: Final = "SELECT run_id, max(seq) FROM events GROUP BY run_id ORDER BY run_id"


class PackedDay(Day):
    """A registry in which somebody packs, is killed at it, and loses packs or what is derived from them."""

    def __init__(self, seed: int, *, most: int | None = None) -> None:
        super().__init__(seed, most=most)
        self.registry = Registry(self.layout)
        self.actions = (
            *self.actions,
            (8, self.pack),
            (6, self.label_packed),
            (3, self.die_packing),
            (2, self.lose_pack_index),
            (2, self.harm_pack_index),
            (1, self.lose_pack),
        )

    def pack(self) -> None:
        """Somebody packs all that can be; nothing that is shown changes by it."""
        before = self._shown()
        packed = Packing(REAL, self.layout, older_than_s=0).apply()
        self.counts["packed runs"] += packed.runs
        assert self._shown() == before, "packing changed what is shown"

    def label_packed(self) -> None:
        """Somebody labels a run, packed or not."""
        known = journal_ids(REAL, self.layout)
        if known:
            self._append(self._label(), run_id=self.draw.choice(known))

    def die_packing(self) -> None:
        """A packer is killed once its pack is whole, before any journal has gone."""
        run_id = self._any()
        if run_id is not None and verify(REAL, self.layout, run_id).integrity == "sealed":
            os.makedirs(self.layout.packs, exist_ok=True)
            with packing.pack_lock(REAL, self.layout):
                name = packing.next_name(REAL, self.layout, day_of(run_id))
                packing.write_pack(REAL, self.layout, name, [run_id])

    def lose_pack_index(self) -> None:
        """What says where a run lies in a pack is deleted; it can be made again."""
        for path in self._some("idx"):
            path.unlink()

    def harm_pack_index(self) -> None:
        """It is cut, or overwritten."""
        for path in self._some("idx"):
            size = path.stat().st_size
            if self.draw.random() < 0.5:
                os.truncate(path, self.draw.randrange(size + 1))
            else:
                path.write_bytes(self.draw.randbytes(size))

    def lose_pack(self) -> None:
        """A pack is deleted by hand, and its runs with it."""
        for path in self._some("jsonl"):
            path.unlink()

    def _some(self, kind: str) -> list[Path]:
        found = sorted(Path(self.layout.packs).glob(f"*.{kind}"))
        return [self.draw.choice(found)] if found else []

    def _shown(self) -> list[bytes]:
        return [encode_view(each.view(NOW)) for each in self.listing.all(observed=False)]

    def compare(self) -> int:
        """Return how many answers equal those of a fresh fold; it must be all of them."""
        everything, draw = self.listing.all(), self.draw
        limit = draw.choice((1, 3, None))
        asked: tuple[dict[str, object], ...] = (
            {},
            {"where": spell(draw), "limit": limit},
            {"sort": draw.choice(SORTS), "limit": limit},
            {"status": "failed", "tags": ["env"], "sort": draw.choice(SORTS)},
        )
        one = draw.choice(asked)
        found = self.registry.page(**one)  # type: ignore[arg-type]  # as they are written above
        assert told(found) == _told(one, everything), one
        if found.next is not None:
            further = {**one, "after": found.next}
            page = self.registry.page(**further)  # type: ignore[arg-type]  # as above
            assert told(page) == _told(further, everything), further
        recent = page_of(filters.recent(everything), NOW)
        assert told(self.registry.recent()) == told(recent)
        return 3 + self._compare_sql(everything)

    def _compare_sql(self, everything: list[Found]) -> int:
        views = [each.view(NOW) for each in everything]
        assert rows_of(REAL, self.layout, _RUNS).rows == [
            (view.run_id, view.status, view.name, view.exit_code, view.journal_head, view.key)
            for view in views
        ]
        assert rows_of(REAL, self.layout, _TAGS).rows == [
            (view.run_id, *tag) for view in views for tag in sorted(view.tags.items())
        ]
        if self.draw.random() < 0.8:
            return 2
        whole = {view.run_id: view.seq for view in views if view.problem is None}
        rows = rows_of(REAL, self.layout, _EVENTS).rows
        assert {run_id: seq for run_id, seq in rows if run_id in whole} == whole
        return 3

    def verified(self) -> int:
        """Return how many runs are whole; whoever is asked about one, an answer comes."""
        count = 0
        for run_id in journal_ids(REAL, self.layout):
            count += self._integrity(run_id) == "sealed"
        return count

    def _integrity(self, run_id: RunId) -> str:
        try:
            return verify(REAL, self.layout, run_id).integrity
        except RunloreError as error:
            return str(error)


def _told(asked: dict[str, object], everything: list[Found]) -> bytes:
    """Return the page that a fresh fold gives."""
    wanted = filters.parse(now=NOW, **asked)  # type: ignore[arg-type]  # as in compare
    page = page_of(filters.select(wanted, everything), NOW)
    return told(page)
