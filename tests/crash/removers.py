"""Processes that remove runs, bring them back, and make them evidence, on their way to be killed."""

import os
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final

from runlore.journal.disk import REAL, read_whole
from runlore.journal.errors import NotFound
from runlore.journal.events import ArtifactPromoted, RunExpired, RunRemoved, RunRestored
from runlore.journal.reader import read
from runlore.journal.values import Actor
from runlore.projections import retention
from runlore.projections.registry import fold_journal
from runlore.projections.retention import Facts, Verdict
from runlore.projections.retention_policy import NO_POLICY
from runlore.projections.run_state import RunState
from runlore.runtimes.check_outputs import check_outputs
from runlore.runtimes.owner_lock import OwnerLock
from runlore.runtimes.promoting import Promotion
from runlore.runtimes.registry import Registry
from runlore.runtimes.removal import Remover
from runlore.runtimes.retention_facts import facts_of
from runlore.runtimes.stored import evidence_of
from tests.crash.victims import RUN, Victim
from tests.doubles.drafts import LIFE
from tests.runtimes.removable import fill, leave_run, lies

NOW: Final = datetime(2027, 1, 1, tzinfo=UTC)


class Removes(Victim):
    """Decides that a run goes, moves it to the trash, and empties that."""

    def prepare(self) -> None:
        super().prepare()
        with OwnerLock.create(self.disk, self.layout, RUN):
            fill(self.layout.run_dir(RUN), 5000)
            writer = self.create()
            self.append(writer, *(draft() for draft in LIFE))
            writer.close()

    def remover(self) -> Remover:
        """Return one who acts through the disk that tells."""
        return Remover(self.disk, self.layout, by=Actor(), redact=lambda event: event)

    def planned(self) -> Verdict:
        """Return what is found before anything is decided."""
        row = fold_journal(REAL, self.layout, RUN)
        assert row is not None
        return _judge(facts_of(self.disk, self.layout, row, {}))

    def state(self) -> RunState:
        """Return what the journal says."""
        row = fold_journal(REAL, self.layout, RUN)
        assert row is not None
        return row.state

    def act(self) -> None:
        with self.remover() as remover:
            if self.state().expired is None:
                verdict = remover.expire(self.planned(), _judge, "asked", {})
                assert not verdict.keep, verdict
            else:
                remover.go_on(RUN)
            remover.sync()
            with suppress(NotFound):
                remover.empty(RUN)

    def mend(self) -> Iterator[str]:
        state, places = self.state(), lies(self.layout)
        if len(places) > 1:
            yield f"it lies in {places}"
        if state.expired is None and places != ["runs"]:
            yield f"nothing was decided, and it lies in {places}"
        if state.removed is None and not places:
            yield "it is gone without a receipt"
        if places in (["runs"], ["trash"]) and not self._is_whole(places[0]):
            yield f"half of it lies in {places[0]}"
        self.act()
        if lies(self.layout) or sorted(os.listdir(self.layout.trash)) not in ([], [".lock"]):
            yield f"after removing again it lies in {lies(self.layout)}"
        kinds = [type(record.event) for record in read(REAL, self.layout, RUN)]
        if (kinds.count(RunExpired), kinds.count(RunRemoved)) != (1, 1):
            yield f"the journal says {kinds}"
        receipt = self.state().removed
        if receipt is None or receipt.files != _FILES:
            yield f"the receipt says {receipt}"

    def _is_whole(self, place: str) -> bool:
        folder = self.layout.run_dir(RUN) if place == "runs" else self.layout.in_trash(RUN)
        return sum(len(files) for _, _, files in os.walk(folder)) == _FILES


class Restores(Removes):
    """Brings a run back from the trash."""

    def prepare(self) -> None:
        super().prepare()
        with self.remover() as remover:
            remover.expire(self.planned(), _judge, "asked", {})

    def act(self) -> None:
        with self.remover() as remover, suppress(NotFound):
            remover.restore(RUN)

    def mend(self) -> Iterator[str]:
        self.act()
        if lies(self.layout) != ["runs"] or not self._is_whole("runs"):
            yield f"after restoring again it lies in {lies(self.layout)}"
        kinds = [type(record.event) for record in read(REAL, self.layout, RUN)]
        if kinds.count(RunRestored) != 1 or self.state().expired is not None:
            yield f"the journal says {kinds}"


class Promotes(Victim):
    """Makes all outputs of a run evidence."""

    def prepare(self) -> None:
        super().prepare()
        leave_run(self.layout, RUN, size=10, outputs=_OUTPUTS, disk=self.disk)

    def act(self) -> None:
        registry = Registry(self.layout, disk=self.disk, by=Actor(user="somebody"))
        promotion = Promotion(registry, RUN)
        promotion.apply("the paper cites them")
        if promotion.failures:
            raise promotion.failures[0]

    def mend(self) -> Iterator[str]:
        yield from self._wrong()
        self.act()
        yield from self._wrong()
        events = [record.event for record in read(REAL, self.layout, RUN)]
        paths = [event.path for event in events if isinstance(event, ArtifactPromoted)]
        if paths != sorted(_OUTPUTS):
            yield f"after promoting again, on record are {paths}"
        if found := check_outputs(REAL, self.layout, RUN).findings:
            yield f"after promoting again, verify says {found}"

    def _wrong(self) -> Iterator[str]:
        """Yield what is on record and is not evidence."""
        for digest in evidence_of(REAL, self.layout, RUN):
            kept = read_whole(REAL, f"{self.layout.evidence}/{digest}", 1 << 20)
            if sha256(kept).hexdigest() != digest:
                yield f"evidence/{digest} is on record, and has other bytes"


def _judge(facts: Facts) -> Verdict:
    return retention.asked_for(facts, "asked", NO_POLICY, NOW)


_FILES: Final = 5
_OUTPUTS: Final = {"a": b"one", "b": b"two" * 2000}
REMOVERS: Final[dict[str, type[Victim]]] = {"remove": Removes, "restore": Restores, "promote": Promotes}
