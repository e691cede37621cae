"""Measure a table: one process per case, all cases in turn every round, in an order drawn anew.

The order is drawn from the number of the round, so that no case always runs in the wake of another.
"""

import json
import os
import random
import select
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType
from typing import IO, Any, Final, Self

from benchmarks import machine
from benchmarks.declare import Case, Table
from benchmarks.judging import Sample, case_result, goal_result
from benchmarks.model import Absence, TableResult
from benchmarks.place import Place
from benchmarks.workshop import Workshop

_PATIENCE_S: Final = 600.0
"""Longest time for one answer; a case that takes longer is given up."""
_ENDING_S: Final = 60.0
_REASON: Final = 160
"""Characters of a reason that stand on the page."""


class Failed(Exception):
    """A case did not answer; the message has the end of what it wrote to stderr."""


class Station:
    """The driver's end of one case's process."""

    def __init__(self, case: Case, place: Place, workshop: Workshop) -> None:
        self.case, self._place = case, place
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the station
        self._buffer = b""
        self._process = subprocess.Popen(
            [workshop.interpreter(case), "-m", "benchmarks.station", case.code, place.encode()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            cwd=workshop.repository,
            env=workshop.environment(),
            bufsize=0,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the process and remove its folder."""
        process = self._process
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        try:
            process.wait(_ENDING_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self._errors.close()
        shutil.rmtree(self._place.folder, ignore_errors=True)

    def prepared(self) -> str:
        """Return "" once the case is ready, else the reason why it is absent.

        Raises:
            Failed: it broke down.
        """
        answer = self._answer()
        return str(answer.get("absent", ""))

    def measure(self) -> Sample:
        """Return one round's sample.

        Raises:
            Failed: it broke down, or says only now that it is absent.
        """
        process = self._process
        try:
            if process.stdin is not None:
                process.stdin.write(b"go\n")
        except BrokenPipeError:
            pass  # the answer says why
        answer = self._answer()
        if "absent" in answer:
            raise Failed(str(answer["absent"]))
        return Sample(**answer["sample"])

    def _answer(self) -> dict[str, Any]:
        pipe = self._process.stdout
        deadline = time.monotonic() + _PATIENCE_S
        while pipe is not None and b"\n" not in self._buffer:
            ready, _, _ = select.select([pipe], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                self._process.kill()
                raise Failed(f"no answer for {_PATIENCE_S:.0f} s")
            piece = os.read(pipe.fileno(), 65536)
            if not piece:
                raise Failed(self._last_words())
            self._buffer += piece
        line, _, self._buffer = self._buffer.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _last_words(self) -> str:
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").splitlines()
        spoken = [line for line in lines if line and not line.startswith((" ", "\t"))]
        return spoken[-1] if spoken else "it ended without a word"


def measure(table: Table, workshop: Workshop, say: Callable[[str], None]) -> TableResult:
    """Return the table's result; what could not be measured is in it with its reason."""
    before = os.getloadavg()[0]
    left_out = {case.name for case in table.cases if workshop.size not in case.sizes}
    table = table.of_size(workshop.size)
    samples: dict[str, dict[int, Sample]] = {}
    absent: dict[str, Absence] = {}
    rounds = table.rounds[workshop.size]

    def miss(case: Case, reason: str) -> None:
        reason = shorter(reason, workshop.repository)
        absent[case.name] = Absence(name=case.name, role=case.role, reason=reason)
        samples.pop(case.name, None)
        say(f"  absent: {case.name}: {reason}")

    with ExitStack() as stack:
        stations = _prepared(table, workshop, stack, miss)
        for number in range(-1, rounds):  # round -1 warms up
            _one_round(stations, number, samples, miss)
            say(f"  {table.name}: round {number + 1} of {rounds}\r")
    measured = [case for case in table.cases if samples.get(case.name)]
    return TableResult(
        name=table.name,
        title=table.title,
        about=table.about,
        unit=table.unit.label,
        base=table.base,
        clock=table.clock,
        size=workshop.size,
        rounds=rounds,
        facts=machine.facts(workshop.tree, workshop.scratch, workshop.python_version, before),
        cases=tuple(case_result(table, case, samples) for case in measured),
        absent=tuple(absent.values()),
        across=table.across,
        goals=tuple(goal_result(goal, samples, absent, left_out) for goal in table.goals),
    )


def shorter(reason: str, repository: str) -> str:
    """Return a reason fit for the page: one line, not too long, without a path of this machine."""
    text = " ".join(reason.replace(f"{repository}/", "").split())
    return text if len(text) <= _REASON else f"{text[:_REASON]} …"


def _prepared(
    table: Table, workshop: Workshop, stack: ExitStack, miss: Callable[[Case, str], None]
) -> list[Station]:
    """Return the stations that are ready for their first round."""
    stations: list[Station] = []
    for case in table.cases:
        if missing := workshop.missing(case):
            miss(case, missing)
            continue
        station = stack.enter_context(Station(case, workshop.place(table, case), workshop))
        try:
            reason = station.prepared()
        except Failed as failure:
            reason = f"failed: {failure}"
        if reason:
            miss(case, reason)
        else:
            stations.append(station)
    return stations


def _one_round(
    stations: list[Station],
    number: int,
    samples: dict[str, dict[int, Sample]],
    miss: Callable[[Case, str], None],
) -> None:
    """Measure every station whose turn it is; one that fails leaves the table."""
    turn = [station for station in stations if number < 0 or number % station.case.every == 0]
    random.Random(number).shuffle(turn)
    for station in turn:
        try:
            sample = station.measure()
        except Failed as failure:
            stations.remove(station)
            miss(station.case, f"failed: {failure}")
            continue
        if number >= 0:
            samples.setdefault(station.case.name, {})[number] = sample
