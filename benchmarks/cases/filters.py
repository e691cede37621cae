"""Ask the index of a registry for runs that match: the queries alone, a page of the API, a command."""

import json
from collections.abc import Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from benchmarks.cases.clocks import batch, command
from benchmarks.cases.start import brought_up_to_date
from benchmarks.place import Measure, Place
from runlore.journal.disk import REAL
from runlore.journal.layout import Layout
from runlore.projections import filters
from runlore.projections.index.reading import reading
from runlore.runtimes.registry import Registry

_SHOWN = 20
_TIMES = 5


def _asked(place: Place) -> Mapping[str, Any]:
    return json.loads(str(place.arguments["asked"]))  # type: ignore[no-any-return]


@contextmanager
def queries(place: Place) -> Measure:
    """How many runs match, by status, and the newest 20 of them; the index is open and right."""
    root = place.corpora[str(place.arguments["corpus"])]
    brought_up_to_date(place, root)
    wanted = filters.parse(now=datetime.now(UTC), limit=_SHOWN, **_asked(place))
    with reading(REAL, Layout(root)) as index:
        if index is None:
            raise RuntimeError("there is no index to ask")
        asked = index

        def ask() -> None:
            for _ in range(_TIMES):
                counts = asked.counts(wanted)
                newest = list(asked.newest(wanted, _SHOWN, counts))
                if len(newest) != min(_SHOWN, sum(counts.values())) or not newest:
                    raise RuntimeError(f"{len(newest)} runs shown of {counts}")

        yield lambda: batch(ask, _TIMES)


@contextmanager
def page(place: Place) -> Measure:
    """registry.page(): the same from a program, its 20 runs read and shown."""
    root = place.corpora[str(place.arguments["corpus"])]
    brought_up_to_date(place, root)
    registry, asked = Registry.open(root), _asked(place)

    def ask() -> None:
        for _ in range(_TIMES):
            registry.page(limit=_SHOWN, **asked)

    yield lambda: batch(ask, _TIMES)


@contextmanager
def ls(place: Place) -> Measure:
    """`runlore ls` with the filters in `argv`, 20 runs."""
    environment = brought_up_to_date(place, place.corpora[str(place.arguments["corpus"])])
    argv = [place.runlore, "ls", "--limit", str(_SHOWN), *json.loads(str(place.arguments["argv"]))]
    yield lambda: command(argv, environment)
