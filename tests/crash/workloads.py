"""What a machine was doing when its power failed: one function per way to change the disk."""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Final

from runlore.journal.disk import read_whole
from runlore.journal.errors import JournalIO, RunloreError
from runlore.journal.feed import Feed
from runlore.journal.repair import repair
from runlore.journal.values import Actor, RunId
from runlore.journal.verify import verify
from runlore.journal.writer import Writer
from runlore.runtimes.owner_lock import OwnerLock
from runlore.runtimes.packing import Packing
from runlore.runtimes.redact import Redaction
from runlore.runtimes.transcript import Transcript
from tests.crash.enumeration import PowerCuts, ready_registry
from tests.crash.recovery import LAYOUT, in_words
from tests.doubles.crash_states import Image, crash_images
from tests.doubles.drafts import (
    LIFE,
    booting,
    collecting,
    failed,
    new_run_id,
    noted,
    progressed,
    queued,
    started,
    stop_requested,
    succeeded,
    tagged,
)
from tests.doubles.simulated import SimulatedDisk

Workload = Callable[[PowerCuts], None]
RUN: Final = new_run_id()
OTHER: Final = new_run_id(2)


def created(cuts: PowerCuts, run_id: RunId = RUN) -> Writer:
    """Create a journal, acknowledged."""
    writer = Writer.create(cuts.disk(), LAYOUT, run_id, queued(run_id))
    cuts.promise(run_id, writer.tail.head)
    return writer


def a_short_life(cuts: PowerCuts) -> None:
    """Create, boot, start, collect, succeed."""
    writer = created(cuts)
    for draft in LIFE:
        cuts.append(writer, draft())
    writer.close()


def chatter_between_facts(cuts: PowerCuts) -> None:
    """Unsynced progress, then a synced event behind it; then progress again, synced by the clock."""
    writer = created(cuts)
    cuts.append(writer, booting())
    for number in range(4):
        cuts.append(writer, progressed(f"step {number}"), durable=False)
    cuts.append(writer, tagged())
    cuts.append(writer, progressed("more"), durable=False)
    writer.sync()
    cuts.promise(RUN, writer.tail.head)
    cuts.append(writer, progressed("x" * 700), durable=False)
    writer.close()
    cuts.promise(RUN, writer.tail.head)


def chatter_that_is_never_quiet(cuts: PowerCuts) -> None:
    """Progress at 30 a second: what is older than 100 ms is durable, whatever came since."""
    writer = created(cuts)
    written: list[tuple[float, str]] = []
    for number in range(8):
        cuts.clock.pass_time(0.03)
        record = writer.append(progressed(f"step {number}"))
        written.append((cuts.clock.seconds, record.head))
        for at, head in written:
            if cuts.clock.seconds - at > 0.1:
                cuts.promise(RUN, head)
    writer.close()


def long_events(cuts: PowerCuts) -> None:
    """Lines over several sectors and pages, the last one with its seal."""
    writer = created(cuts)
    cuts.append(writer, noted("n" * 1300))
    cuts.append(writer, progressed("p" * 5000), durable=False)
    cuts.append(writer, noted("m" * 9000))
    cuts.append(writer, failed())
    cuts.append(writer, noted("k" * 4500))
    writer.close()


def labels_after_the_end(cuts: PowerCuts) -> None:
    """Every event behind the final one takes its seal along; a stranger writes them."""
    writer = created(cuts)
    cuts.append(writer, failed())
    writer.close()
    stranger = Writer(cuts.disk(), LAYOUT, RUN)
    cuts.append(stranger, tagged())
    cuts.append(stranger, noted())
    stranger.close()


def two_processes(cuts: PowerCuts) -> None:
    """The owner chats, a stranger labels, the owner ends the run."""
    owner = created(cuts)
    stranger = Writer(cuts.disk(), LAYOUT, RUN)
    cuts.append(owner, progressed("one"), durable=False)
    cuts.append(stranger, tagged())
    cuts.append(owner, progressed("two"), durable=False)
    cuts.append(stranger, stop_requested())
    cuts.append(owner, failed())
    cuts.append(stranger, noted())
    owner.close()
    stranger.close()


def strangers_chat(cuts: PowerCuts) -> None:
    """Two processes write progress, and the first closes: what it wrote is durable then."""
    owner = created(cuts)
    stranger = Writer(cuts.disk(), LAYOUT, RUN)
    first = owner.append(progressed("mine"))
    stranger.append(progressed("theirs"))
    owner.open()
    owner.close()
    cuts.promise(RUN, first.head)
    stranger.close()
    cuts.promise(RUN, stranger.tail.head)


def killed_while_chatting(cuts: PowerCuts) -> None:
    """A process dies with unsynced progress; another one writes a fact behind it."""
    process = cuts.process()
    writer = Writer.create(cuts.disk(process), LAYOUT, RUN, queued(RUN))
    cuts.promise(RUN, writer.tail.head)
    for number in range(3):
        cuts.append(writer, progressed(f"step {number}"), durable=False)
    process.die()
    for owner in (True, False):
        heir = Writer(cuts.disk(), LAYOUT, RUN, owner=owner)
        cuts.append(heir, noted("found it"))
        heir.close()


def torn(tear: Callable[[bytes], bytes], *, owner: bool) -> Workload:
    """Return a workload that appends to an ended run's journal whose end a crash has torn."""

    def heal(cuts: PowerCuts) -> None:
        boot_torn(cuts, tear)
        writer = Writer(cuts.disk(), LAYOUT, RUN, owner=owner)
        cuts.append(writer, tagged())
        writer.close()

    return heal


def boot_torn(cuts: PowerCuts, tear: Callable[[bytes], bytes]) -> Image:
    """Bring a machine up that finds a journal torn as told; what is whole in front was promised."""
    with cuts.quietly():
        writer = Writer.create(cuts.disk(), LAYOUT, RUN, queued(RUN))
        for draft in (booting(), started(), progressed("p" * 600), collecting(), succeeded()):
            writer.append(draft)
        writer.close()
    path, ready = LAYOUT.journal(RUN), ready_registry()
    was = cuts.system.durable(path)
    now = tear(was)
    common = next(
        (at for at, (a, b) in enumerate(zip(was, now, strict=False)) if a != b), min(len(was), len(now))
    )
    whole = was[: was.rindex(b"\n", 0, common) + 1]
    cuts.witness.promise(RUN, whole[-67:-3].decode())
    image = Image({**ready.files, path: now}, ready.folders)
    cuts.boot(image)
    return image


def repairing(cuts: PowerCuts) -> None:
    """A person has corruption cut out; the bytes are in quarantine before they leave the journal."""
    image = boot_torn(cuts, lambda data: data.replace(b"p" * 600, b"p" * 300 + b"q" * 300))
    cuts.check = lambda state: lost_by_repair(image, state)
    repair(cuts.disk(), LAYOUT, RUN)


def redacting(cuts: PowerCuts) -> None:
    """A name is taken out of journal and transcript; a second time completes what a power cut left."""
    with cuts.quietly():
        disk = cuts.disk()
        OwnerLock.create(disk, LAYOUT, RUN).release()
        writer = created(cuts)
        for draft in (noted("nightly, again"), failed()):
            cuts.append(writer, draft)
        writer.close()
        paths = (LAYOUT.in_run(RUN, name) for name in ("transcript", "transcript.index"))
        transcript = Transcript.create(disk, *paths)
        transcript.store("stdout", b"the nightly build")
        transcript.sync()
        transcript.close()
        disk.sync_dir(LAYOUT.run_dir(RUN))
    promised = cuts.check
    cuts.check = lambda image: [*promised(image), *in_words(lambda: _redacted_after(image))]
    Redaction(cuts.disk(), LAYOUT, RUN, ["nightly"], by=Actor()).apply()
    stranger = Writer(cuts.disk(), LAYOUT, RUN)
    cuts.append(stranger, noted("told later"))
    stranger.close()


def packing(cuts: PowerCuts) -> None:
    """Pack two runs, label one of them, pack that too, and label it again."""
    writer = created(cuts)
    cuts.append(writer, failed())
    writer.close()
    other = created(cuts, OTHER)
    other.append(failed())
    cuts.promise(OTHER, other.tail.head)
    other.close()
    for draft in (tagged(), noted()):
        Packing(cuts.disk(), LAYOUT, older_than_s=0).apply()
        write_back(cuts, LAYOUT.packs)
        stranger = Writer(cuts.disk(), LAYOUT, RUN)
        cuts.append(stranger, draft)
        stranger.close()


def packing_into_a_new_folder(cuts: PowerCuts) -> None:
    """Pack a run where somebody removed the empty folder of the packs by hand."""
    image = ready_registry()
    cuts.boot(Image(image.files, image.folders - {LAYOUT.packs}))
    writer = created(cuts)
    cuts.append(writer, failed())
    writer.close()
    Packing(cuts.disk(), LAYOUT, older_than_s=0).apply()


def write_back(cuts: PowerCuts, folder: str) -> None:
    """Let the kernel write by itself what nobody waits for."""
    disk = cuts.process()
    with cuts.quietly():
        for name in disk.listdir(folder):
            fd = disk.open(f"{folder}/{name}", os.O_RDONLY)
            disk.fdatasync(fd)
            disk.close(fd)
        disk.sync_dir(folder)


def torn_behind_a_pack(tear: Callable[[bytes], bytes]) -> Workload:
    """Return a workload that labels a packed run whose continuation a crash has torn in its first line."""

    def heal(cuts: PowerCuts) -> None:
        with cuts.quietly():
            writer = created(cuts)
            cuts.append(writer, failed())
            writer.close()
            Packing(cuts.disk(), LAYOUT, older_than_s=0).apply()
            stranger = Writer(cuts.disk(), LAYOUT, RUN)
            stranger.append(noted("n" * 600))
            stranger.close()
        image = list(crash_images(cuts.system))[-1]
        path = LAYOUT.journal(RUN)
        cuts.boot(Image({**image.files, path: tear(image.files[path])}, image.folders))
        stranger = Writer(cuts.disk(), LAYOUT, RUN)
        cuts.append(stranger, tagged())
        stranger.close()

    return heal


def _redacted_after(image: Image) -> Iterator[str]:
    """Redact again after the power cut, and yield what is damaged or still says it."""
    disk = SimulatedDisk(image.boot())
    before = verify(disk, LAYOUT, RUN)
    if before.integrity not in {"sealed", "redacted"} and not before.crash_tail:
        yield f"verify says {before.integrity}: {before.findings}"
    Redaction(disk, LAYOUT, RUN, ["nightly"], by=Actor()).apply()
    for name in ("transcript", "transcript.index"):
        if b"nightly" in read_whole(disk, LAYOUT.in_run(RUN, name), 1 << 20):
            yield f"{name} still says it"
    journal = read_whole(disk, LAYOUT.journal(RUN), 1 << 20)
    if b"nightly" in journal or verify(disk, LAYOUT, RUN).integrity != "redacted":
        yield "the journal is not redacted"
    if read_whole(disk, LAYOUT.in_run(RUN, "transcript"), 1 << 20) != b"the ******* build":
        yield "the transcript lost something else"
    if disk.open_files:
        yield f"{disk.open_files} descriptors were left open"


def nulled(data: bytes, start: int, length: int) -> bytes:
    """Return the bytes with some of them lost."""
    return data[:start] + bytes(length) + data[start + length :]


def lost_by_repair(before: Image, after: Image) -> list[str]:
    """Say what a crash during repair destroyed: damaged bytes are in the journal or in quarantine, told."""
    path = LAYOUT.journal(RUN)
    was, now = before.files[path], after.files.get(path, b"")
    if now == was:
        return []
    kept = [data for name, data in after.files.items() if name.startswith(LAYOUT.quarantine)]
    told = b'"journal.repaired"' in now
    prefix = now[: now.index(b'{"type":"journal.repaired"')] if told else now
    if not was.startswith(prefix):
        return ["7: repair left a journal that is no prefix of the damaged one"]
    if was[len(prefix) :] not in kept:
        return ["7: bytes were cut that are not in quarantine"]
    return [] if told else ["2: records were cut and the journal does not say so"]


def failed_sync(which: int) -> Workload:
    """Return a workload in which the n-th sync of the journal fails: the file is condemned, replaced."""

    def fail(cuts: PowerCuts) -> None:
        process = cuts.process()
        disk = cuts.disk(process)
        writer = Writer.create(disk, LAYOUT, RUN, queued(RUN))
        cuts.promise(RUN, writer.tail.head)
        drafts = [progressed("one"), tagged(), progressed("two"), noted("three"), failed(), tagged()]
        for number, draft in enumerate(drafts):
            if number == which:
                process.fails.append(OSError(errno.EIO, "Input/output error"))
            durable = number not in {0, 2}
            cuts.append(writer, draft, durable=durable)
        writer.close()

    return fail


def failed_sync_twice(cuts: PowerCuts) -> None:
    """The copy cannot be synced either: nothing more is acknowledged, nothing acknowledged is lost."""
    process = cuts.process()
    writer = Writer.create(cuts.disk(process), LAYOUT, RUN, queued(RUN))
    cuts.promise(RUN, writer.tail.head)
    process.fails += [OSError(errno.EIO, "Input/output error")] * 2
    for draft in (tagged(), noted()):
        with suppress(JournalIO):
            cuts.append(writer, draft)
    with suppress(RunloreError):
        writer.close()


def short_writes(cuts: PowerCuts) -> None:
    """The disk fills up in the middle of a line; the line is cut back, room comes back, work goes on."""
    writer = created(cuts)
    for room in (0, 4096, 8192):
        cuts.system.room = room
        with suppress(JournalIO):
            writer.append(noted("x" * 9000))
        cuts.system.room = None
        cuts.append(writer, noted("there is room again"))
    writer.close()


def with_a_feed(cuts: PowerCuts) -> None:
    """Announcements are not synced, and whatever is left of them hurts nobody."""
    disk = cuts.disk()
    writer = Writer.create(disk, LAYOUT, RUN, queued(RUN), feed=Feed(disk, LAYOUT))
    cuts.promise(RUN, writer.tail.head)
    cuts.append(writer, failed())
    cuts.append(writer, tagged())
    writer.close()


WORKLOADS: Final[dict[str, Workload]] = {
    "a short life": a_short_life,
    "chatter between facts": chatter_between_facts,
    "chatter that is never quiet": chatter_that_is_never_quiet,
    "long events": long_events,
    "labels after the end": labels_after_the_end,
    "two processes": two_processes,
    "strangers chat": strangers_chat,
    "killed while chatting": killed_while_chatting,
    **{
        f"{what}, healed by {'its owner' if owner else 'a stranger'}": torn(tear, owner=owner)
        for owner in (True, False)
        for what, tear in {
            "an unsealed end": lambda data: data[: data.index(b'{"type":"run.sealed"')],
            "a line cut in the middle": lambda data: data[:-300],
            "a page of NULs at the end": lambda data: data[:-700] + bytes(700),
            "a seal behind a lost sector": lambda data: nulled(data, data.index(b"run.succeeded"), 60),
            "chatter with a hole, and nothing behind": lambda data: nulled(
                data[: data.index(b'{"type":"run.collecting"')], data.index(b"ppp"), 512
            ),
        }.items()
    },
    "a repair": repairing,
    "a redaction": redacting,
    "a packing": packing,
    "a packing into a new folder": packing_into_a_new_folder,
    **{
        f"behind a pack, {what}": torn_behind_a_pack(tear)
        for what, tear in {
            "nothing": lambda _: b"",
            "a line cut in the middle": lambda data: data[:200],
            "one page of two": lambda data: bytes(100) + data[100:-300],
        }.items()
    },
    **{f"sync {which} fails": failed_sync(which) for which in range(6)},
    "a failed sync that cannot be mended": failed_sync_twice,
    "a full disk": short_writes,
    "a feed": with_a_feed,
}
