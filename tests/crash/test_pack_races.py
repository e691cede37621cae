"""Appending, reading and packing, in the middle of packing and of appending: nothing acknowledged is lost."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

import pytest

from runlore.journal.disk import REAL, Disk
from runlore.journal.errors import Busy
from runlore.journal.journal_ids import journal_ids
from runlore.journal.layout import Layout
from runlore.journal.reader import read
from runlore.journal.verify import verify
from runlore.journal.writer import Writer
from runlore.runtimes.packing import Packing
from tests.crash.interposed import Interposed
from tests.doubles.drafts import noted
from tests.journal.journals import RUN, ended_run, registry
from tests.journal.packed import append, by_the_second_reader, pack
from tests.proof import record

ROOT: Final = Path(__file__).resolve().parents[2]


def behind_a_pack(layout: Layout) -> None:
    """The run was packed, and then went on in a journal."""
    pack(layout)
    append(layout, RUN, noted("behind"))


def packed(layout: Layout) -> None:
    """All of the run is packed."""
    append(layout, RUN, noted("in front"))
    pack(layout)


STATES: Final[dict[str, Callable[[Layout], object]]] = {
    "a journal": lambda _: None,
    "a journal behind a pack": behind_a_pack,
    "a pack": packed,
}


@pytest.fixture(params=STATES)
def template(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A registry whose run lies in one place or another."""
    layout = registry(tmp_path / "template")
    ended_run(layout)
    STATES[request.param](layout)
    return tmp_path / "template"


class Deed:
    """Something that is done to the run, and what was acknowledged by then."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.acknowledged: list[str] = []
        """Heads."""
        self.before = list(read(REAL, layout, RUN))

    def append(self, disk: Disk) -> None:
        """Append, and remember what was acknowledged."""
        writer = Writer(disk, self.layout, RUN)
        self.acknowledged.append(writer.append(noted("in between")).head)
        writer.close()

    def pack(self, disk: Disk) -> None:
        """Pack all that can be; another may be at it."""
        with suppress(Busy):
            Packing(disk, self.layout, older_than_s=0).apply()

    def read(self, disk: Disk) -> None:
        """Find everything that was there before."""
        assert journal_ids(disk, self.layout) == [RUN]
        found = list(read(disk, self.layout, RUN, check_chain=True))
        assert found[: len(self.before)] == self.before

    def check(self) -> None:
        """Nothing acknowledged is lost, whoever reads it, and packing goes on as if nothing had been."""
        for again in (False, True):
            if again:
                pack(self.layout)
                assert not os.listdir(self.layout.journals)
            found = list(read(REAL, self.layout, RUN, check_chain=True))
            assert found[: len(self.before)] == self.before
            assert set(self.acknowledged) <= {record.head for record in found}
            assert verify(REAL, self.layout, RUN).integrity == "sealed"
            reading = by_the_second_reader(self.layout, RUN)
            assert (reading.verdict, len(reading.records)) == ("clean", len(found))


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("inner", "outer"),
    [("append", "pack"), ("read", "pack"), ("pack", "pack"), ("pack", "append"), ("pack", "read")],
)
def test_one_in_the_middle_of_the_other(
    inner: str, outer: str, template: Path, tmp_path: Path, sized: Callable[[int, int], int]
) -> None:
    """Before each call of one the other comes, and goes as far as the locks let it."""
    at, came, moments = 1, True, 0
    while came:
        folder = tmp_path / "registry"
        shutil.copytree(template, folder)
        deed = Deed(Layout(str(folder)))
        interposed = Interposed(at, getattr(deed, inner))
        getattr(deed, outer)(interposed.disk)
        came = interposed.join()
        deed.check()
        shutil.rmtree(folder)
        at, moments = at + sized(9, 1), moments + came
    assert moments
    record(
        f"{inner} in the middle of {outer}, {template.name}",
        "whoever appends, reads or packs at any moment of the other, nothing acknowledged is lost",
        {"moments": moments},
    )


@pytest.mark.timeout(1800)
def test_packers_and_an_appender_race(tmp_path: Path, sized: Callable[[int, int], int]) -> None:
    """Two processes pack while a third appends and reads on: no acknowledged event is lost or seen twice."""
    rounds = sized(200, 10_000)
    command = [sys.executable, "-m", "tests.crash.pack_races", str(rounds), str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, env=os.environ, check=False, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["broken"] == []
    assert (found["rounds"], found["acknowledged"]) == (rounds, rounds)
    assert found["packs"] >= rounds // 25
    record(
        "append racing pack",
        "an event that is acknowledged while two others pack is in the history, once, in order",
        {name: found[name] for name in ("rounds", "acknowledged", "packs", "busy")} | {"lost": 0},
    )
