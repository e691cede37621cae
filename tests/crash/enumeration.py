"""Drive the real code on a simulated disk, and after every change of the disk let the power fail.

Each distinct picture of the disk is brought up again and held against what was promised by then.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from runlore.journal.disk import Disk
from runlore.journal.layout import FOLDERS
from runlore.journal.values import RunId
from runlore.journal.writer import Draft, Writer
from tests.crash.recovery import LAYOUT, ROOT, broken_promises
from tests.crash.witness import Witness
from tests.doubles.crash_states import MOST, Image, crash_images
from tests.doubles.simulated import Clock, SimulatedDisk

if TYPE_CHECKING:
    from tests.doubles.file_system import FileSystem

Between = Callable[[Disk], Disk]
"""Puts something between the code and the disk, e.g. one that skips a sync."""
Check = Callable[[Image], list[str]]


def ready_registry() -> Image:
    """Return a registry that was made and synced, without a run."""
    folders = {ROOT, *(f"{ROOT}/{name}" for name in FOLDERS)}
    return Image({LAYOUT.registry_file: b"{}\n"}, frozenset(folders))


class PowerCuts:
    """A machine whose power may fail after every change of its disk.

    begun: from when on it may fail; before, the disk is changed without a look.
    """

    def __init__(
        self,
        *,
        between: Between = lambda disk: disk,
        begun: Callable[[], bool] = lambda: True,
        most: int = MOST,
        stop_at_first: bool = False,
    ) -> None:
        self.witness: Final = Witness()
        self.clock: Final = Clock()
        self.states = 0
        """Distinct pictures of the disk, together with what was promised by then."""
        self.broken: list[str] = []
        self.check: Check = lambda image: broken_promises(image, self.witness, owner=self.states % 2 == 0)
        self.system: FileSystem
        self._between, self._begun = between, begun
        self._most, self._stop_at_first = most, stop_at_first
        self._known: set[tuple[int, int]] = set()
        self._moment = self._promises = 0
        self.boot(ready_registry())

    def boot(self, image: Image) -> None:
        """Bring the machine up from what lies on this disk."""
        self.system = image.boot()
        self.system.on_change = self._fail_here

    @contextmanager
    def quietly(self) -> Iterator[None]:
        """Let the power stay on meanwhile."""
        self.system.on_change = lambda: None
        yield
        self.system.on_change = self._fail_here

    def process(self) -> SimulatedDisk:
        """Return the plain disk of a process."""
        return SimulatedDisk(self.system, self.clock)

    def disk(self, process: SimulatedDisk | None = None) -> Disk:
        """Return the disk of a process, as the code under test gets it."""
        return self._between(self.witness.watched(process or self.process()))

    def append(self, writer: Writer, draft: Draft, *, durable: bool = True) -> None:
        """Append, and from its return on hold the machine to what was promised."""
        record = writer.append(draft)
        if durable:
            self.promise(record.run_id, record.head)

    def promise(self, run_id: RunId, head: str) -> None:
        """Hold the machine to everything up to `head`."""
        self.witness.promise(run_id, head)
        self.acknowledge()

    def acknowledge(self) -> None:
        """Note that more is promised now: the same picture of the disk may be too little from here on."""
        self._promises += 1
        self.system.on_change()

    def _fail_here(self) -> None:
        self._moment += 1
        if not self._begun():
            return
        for image in crash_images(self.system, self._moment, self._most):
            key = (image.key(), self._promises)
            if key in self._known:
                continue
            self._known.add(key)
            self.states += 1
            self.broken += self.check(image)
            if self.broken and self._stop_at_first:
                raise Found


class Found(BaseException):
    """One broken promise is enough for now."""
