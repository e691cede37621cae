"""A disk that says no: at every call, once and for ever, for every reason."""

import errno
import random
from collections.abc import Callable, Iterator

import pytest

from runlore.journal.reader import JournalReader
from runlore.journal.verify import verify
from runlore.journal.writer import Writer
from runlore.runtimes.owner_lock import OwnerLock
from tests.crash.enumeration import ready_registry
from tests.crash.errands import DAMAGED, ERRANDS, REDACTED, RUN, TORN, Errand
from tests.crash.recovery import LAYOUT, broken_promises
from tests.crash.witness import Witness
from tests.doubles.crash_states import Image, crash_images
from tests.doubles.drafts import noted, queued, tagged
from tests.doubles.failer import How, failing
from tests.doubles.recorder import CALLS
from tests.doubles.simulated import SimulatedDisk
from tests.proof import record

SYNCS = frozenset({"fdatasync", "sync_dir"})
ALL = frozenset(CALLS)
LONG = {"pack": 12}
"""Errands of so many calls that in CI only some of them fail, others for each reason."""
ERRNOS = (errno.EIO, errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EMFILE, errno.EACCES)


@pytest.fixture(scope="module")
def worn() -> tuple[Image, Witness]:
    """A registry with a healthy, a torn, a damaged and a telltale journal, and all that was ever written."""
    disk, witness = SimulatedDisk(ready_registry().boot()), Witness()
    watched = witness.watched(disk)
    OwnerLock.create(disk, LAYOUT, REDACTED).release()
    for run_id in (RUN, TORN, DAMAGED, REDACTED):
        writer = Writer.create(watched, LAYOUT, run_id, queued(run_id))
        if run_id == DAMAGED:
            for draft in (noted("n" * 200), tagged()):
                writer.append(draft)
        writer.close()
    image = next(iter(crash_images(disk.system)))
    torn, damaged = LAYOUT.journal(TORN), LAYOUT.journal(DAMAGED)
    files = {**image.files, torn: image.files[torn] + b'{"type":"run.noted","seq":2'}
    files[damaged] = files[damaged].replace(b"nnnn", b"mmmm")
    files[f"{LAYOUT.quarantine}/{REDACTED}-0-0badcafe"] = b"the nightly build"
    return Image(files, image.folders), witness


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("how", "only"),
    [("once", ALL), ("for ever", ALL), ("for ever", SYNCS), ("interrupt", ALL)],
    ids=["once", "for ever", "no sync ever", "ctrl-c"],
)
@pytest.mark.parametrize("name", ERRANDS)
def test_the_disk_refuses(  # noqa: PLR0917 - what fails, how, and where that is told
    name: str,
    how: How,
    only: frozenset[str],
    worn: tuple[Image, Witness],
    request: pytest.FixtureRequest,
    sized: Callable[[int, int], int],
) -> None:
    """Only errors of ours come out, nothing acknowledged is lost, and all goes on when the disk does."""
    image, everything = worn
    every = sized(LONG.get(name, 1), 1)
    runs = 0
    for nth, number in enumerate(ERRNOS[:1] if how == "interrupt" else ERRNOS):
        at, outlived = 1 + nth % every - every, False
        while not outlived:
            at += every
            witness = Witness(lines=dict(everything.lines))
            disk = SimulatedDisk(image.boot())
            faulty, failer = failing(disk, at, number, how, only=only)
            errand = Errand(witness.watched(faulty), LAYOUT)
            errand.was = {REDACTED: image.files[LAYOUT.journal(REDACTED)][-67:-3].decode()}

            ERRANDS[name](errand)

            outlived = not failer.failed
            runs += 1
            failer.repair()
            where = f"{failer.failed} (call {at}): {errno.errorcode[number]} {how}"
            cuts = number == errno.EIO, how != "for ever" or only is SYNCS
            assert list(_broken(disk, errand, witness, cuts)) == [], where
    record(
        f"errors of the disk, part {request.node.callspec.id}",
        "every call of the port fails in every way: no traceback, no acknowledged event lost, no half record",
        {"runs": runs, "errnos": len(ERRNOS)},
    )


def _broken(disk: SimulatedDisk, errand: Errand, witness: Witness, cuts: tuple[bool, bool]) -> Iterator[str]:
    """Look at the disk now, and for some errors after a power cut, and after one when it is well again.

    Nobody appends to the redacted journal: if the folder's sync failed behind the rename, a power cut may
    bring back the file of before, as after a repair. One errno of all takes part in power cuts: the others
    take the same ways through the code. A disk that refused even to give a condemned file's end back, and
    then is well, is not asked for the last.
    """
    power_cut, and_later = cuts
    if disk.open_files:
        yield f"{disk.open_files} descriptors were left open"
    for run_id, head in errand.acknowledged.items():
        witness.promise(run_id, head)
    if power_cut:
        for image in _some_power_cuts(disk):
            yield from _after_the_power_cut(image, witness)
    other = disk.other()
    yield from _still_right(other, witness)
    for run_id in {RUN, TORN, *errand.acknowledged} - {REDACTED}:
        writer = Writer(witness.watched(other), LAYOUT, run_id)
        noted_then = writer.append(noted("the disk is well again"))
        writer.close()
        if verify(other, LAYOUT, run_id).findings:
            yield f"{run_id} is damaged: {verify(other, LAYOUT, run_id).findings}"
        with JournalReader(other, LAYOUT, run_id, check_chain=True) as reader:
            if noted_then not in reader.read_available():
                yield f"{run_id} lost what came after the error"
        witness.promise(run_id, noted_then.head)
    if power_cut and and_later:
        for image in _some_power_cuts(disk):
            yield from _after_the_power_cut(image, witness)


def _some_power_cuts(disk: SimulatedDisk) -> list[Image]:
    """Return the worst and the best that a power cut may leave, and a few in between."""
    images = {image.key(): image for image in crash_images(disk.system, most=40)}
    found = list(images.values())
    return [found[0], found[-1], *random.Random(0).sample(found, min(8, len(found)))]


def _after_the_power_cut(image: Image, witness: Witness) -> Iterator[str]:
    """Judge a crash on top of the error; the damaged journal is healthy only once somebody mends it."""
    files = dict(image.files)
    if b"journal.repaired" not in files.get(LAYOUT.journal(DAMAGED), b""):
        files.pop(LAYOUT.journal(DAMAGED), None)
    yield from broken_promises(Image(files, image.folders), witness, owner=True)


def _still_right(disk: SimulatedDisk, witness: Witness) -> Iterator[str]:
    for run_id, promised in witness.promised.items():
        with JournalReader(disk, LAYOUT, run_id, check_chain=True) as reader:
            records = reader.read_available()
        if [found.head for found in records[promised.seq - 1 : promised.seq]] != [promised.head]:
            yield f"{promised.kind} was acknowledged, {len(records)} records are there"
        for found in records:
            if found.head not in witness.lines:
                yield f"seq {found.seq} was never written"
