"""The cases that rebuild and filter, on a registry of a few runs. Nothing looks at how long they took."""

import json
import os
import sys
from pathlib import Path

import pytest

from benchmarks.cases import corpus, filters, fold, rebuild
from benchmarks.place import Place, Setup

RUNS = 30
NAMES = {"quick": f"drawn:{RUNS}"}
ASKED = {"asked": json.dumps({"status": ["succeeded"]}), "argv": json.dumps(["--status", "succeeded"])}


@pytest.fixture(scope="module")
def corpora(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the same runs in files and in packs."""
    folder = tmp_path_factory.mktemp("corpora")
    for kind in ("drawn", "packed"):
        corpus.make(kind, RUNS, str(folder / kind))
    return {f"{kind}:{RUNS}": str(folder / kind) for kind in ("drawn", "packed")}


def place(tmp_path: Path, corpora: dict[str, str], **arguments: str | int) -> Place:
    """Return a place with these arguments, and the command of this environment."""
    python = sys.executable
    command = f"{os.path.dirname(python)}/runlore"
    return Place(
        folder=str(tmp_path),
        size="quick",
        python=python,
        runlore=command,
        tools={},
        corpora=corpora,
        arguments=arguments,
    )


@pytest.mark.parametrize(
    ("setup", "arguments"),
    [
        (rebuild.index, NAMES),
        (rebuild.index, {**NAMES, "jobs": 2}),
        (rebuild.fold, NAMES),
        (rebuild.fold, {"quick": f"packed:{RUNS}"}),
        (rebuild.read, {"quick": f"packed:{RUNS}"}),
        (rebuild.peak, {**NAMES, "argv": "index rebuild"}),
        (fold.ours_per_run, NAMES),
        (filters.queries, {"corpus": f"drawn:{RUNS}", **ASKED}),
        (filters.page, {"corpus": f"drawn:{RUNS}", **ASKED}),
        (filters.ls, {"corpus": f"drawn:{RUNS}", **ASKED}),
    ],
)
def test_a_case_sees_every_run_and_gives_a_sample(
    tmp_path: Path, corpora: dict[str, str], setup: Setup, arguments: dict[str, str | int]
) -> None:
    """Each checks by itself that it has read what it says."""
    with setup(place(tmp_path, corpora, **arguments)) as measure:
        assert measure().value > 0


def test_a_registry_of_another_size_is_no_sample(tmp_path: Path, corpora: dict[str, str]) -> None:
    """Time of half the work is not noted as that of the whole."""
    fewer = {"drawn:31": corpora[f"drawn:{RUNS}"]}

    with (
        rebuild.fold(place(tmp_path, fewer, quick="drawn:31")) as measure,
        pytest.raises(RuntimeError, match="30 runs instead of 31"),
    ):
        measure()


def test_filters_that_find_nothing_measure_nothing(tmp_path: Path, corpora: dict[str, str]) -> None:
    """A query without a match is faster than any that is asked."""
    nobody = {"corpus": f"drawn:{RUNS}", "asked": json.dumps({"name": "nobody"})}

    with (
        filters.queries(place(tmp_path, corpora, **nobody)) as measure,
        pytest.raises(RuntimeError, match="0 runs shown"),
    ):
        measure()
