"""Power cuts while something other than a journal is written: registry, claim, settings, position."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from hashlib import sha256
from typing import Final
from unittest.mock import patch

from runlore.journal import positions
from runlore.journal.audit import save_anchors
from runlore.journal.disk import Disk, write_whole
from runlore.journal.errors import NotFound
from runlore.journal.events import ArtifactCollected
from runlore.journal.keys import claim
from runlore.journal.layout import FOLDERS
from runlore.journal.position import Position
from runlore.journal.reader import read
from runlore.journal.root import consent_to_network_fs, open_for_writing, registry_info
from runlore.journal.writer import Writer
from runlore.runtimes import promoting
from runlore.runtimes.owner_lock import OwnerLock
from runlore.runtimes.registry import Registry
from runlore.runtimes.stored import evidence_of
from tests.crash.enumeration import PowerCuts
from tests.crash.recovery import LAYOUT, ROOT, in_words
from tests.crash.witness import Witness
from tests.doubles.crash_states import Image
from tests.doubles.drafts import ANY_TIME, LIFE, new_run_id, queued
from tests.doubles.failer import Killed, failing
from tests.doubles.simulated import SimulatedDisk
from tests.doubles.simulated_root import seen_by_root
from tests.runtimes.removable import collected

SPEC: Final = "ab" * 32
RUN, OTHER = new_run_id(1), new_run_id(2)


def made_registry(cuts: PowerCuts) -> None:
    """Make a registry and a run in it; whoever comes up with the registry finds all of it."""
    cuts.boot(Image({}, frozenset({"/home"})))
    promised: dict[str, str] = {}

    def check(image: Image) -> list[str]:
        return in_words(lambda: _registry_comes_up(image, promised, cuts.witness))

    cuts.check = check
    disk = cuts.disk()
    home = f"/home/user{ROOT}"
    with seen_by_root(disk):
        layout = open_for_writing(disk, home)
    with seen_by_root(disk):
        promised[home] = registry_info(disk, layout).registry_id
    Writer.create(disk, layout, RUN, queued(RUN)).close()
    promised["run"] = RUN
    cuts.acknowledge()


def _registry_comes_up(image: Image, promised: dict[str, str], witness: Witness) -> Iterator[str]:
    disk = SimulatedDisk(image.boot())
    home = f"/home/user{ROOT}"
    if promised and f"{home}/registry.json" not in image.files:
        yield "1: the registry is gone"
        return
    had = f"{home}/registry.json" in image.files
    with seen_by_root(disk):
        layout = open_for_writing(disk, home)
        info = registry_info(disk, layout)
    if promised.get(home, info.registry_id) != info.registry_id:
        yield "1: the registry has another id"
    gone = [name for name in FOLDERS if f"{home}/{name}" not in image.folders]
    if had and gone:
        yield f"1: registry.json is there, but {gone} are gone"
    if promised.get("run") and not list(read(disk, layout, RUN)):
        yield "1: the run is gone"
    Writer.create(disk, layout, OTHER, queued(OTHER)).close()
    witness.lines.clear()


def keyed_submission(cuts: PowerCuts) -> None:
    """A key is claimed, then the journal is created; after a crash the same key leads to one run."""
    acknowledged: list[str] = []
    cuts.check = lambda image: in_words(lambda: _key_leads_to_one_run(image, acknowledged))
    disk = cuts.disk()
    with claim(disk, LAYOUT, "nightly", SPEC, lambda: RUN) as held:
        assert not held.existing
        Writer.create(disk, LAYOUT, held.run_id, queued(held.run_id, key="nightly")).close()
        acknowledged.append(held.run_id)
        cuts.acknowledge()


def claim_of_the_killed(cuts: PowerCuts) -> None:
    """Somebody claims a key and is killed before that is synced; who comes next does not rest on it."""
    acknowledged: list[str] = []
    cuts.check = lambda image: in_words(lambda: _key_leads_to_one_run(image, acknowledged))
    process = cuts.process()
    disk, _ = failing(cuts.disk(process), 1, 0, "kill", only=frozenset({"fdatasync"}))
    with suppress(Killed):
        claim(disk, LAYOUT, "nightly", SPEC, lambda: RUN)
    process.die()
    with claim(cuts.disk(), LAYOUT, "nightly", SPEC, lambda: OTHER) as held:
        assert (held.run_id, held.existing) == (RUN, False)
        Writer.create(cuts.disk(), LAYOUT, held.run_id, queued(held.run_id, key="nightly")).close()
        acknowledged.append(held.run_id)
        cuts.acknowledge()


def run_of_the_killed(cuts: PowerCuts, sync: str) -> None:
    """Somebody submits with a key and is killed in front of a sync; who comes next is told that it exists."""
    acknowledged: list[str] = []
    cuts.check = lambda image: in_words(lambda: _key_leads_to_one_run(image, acknowledged))
    process = cuts.process()
    with claim(cuts.disk(process), LAYOUT, "nightly", SPEC, lambda: RUN):
        disk, failer = failing(cuts.disk(process), None, 0, "kill")

        def be_killed(*_: object) -> None:
            failer.fail_from_now_on()
            raise Killed

        setattr(failer, sync, be_killed)
        with suppress(Killed):
            Writer.create(disk, LAYOUT, RUN, queued(RUN, key="nightly"))
    process.die()
    with claim(cuts.disk(), LAYOUT, "nightly", SPEC, lambda: OTHER) as held:
        assert (held.run_id, held.existing) == (RUN, True)
        acknowledged.append(held.run_id)
        cuts.acknowledge()


def restored_claims(cuts: PowerCuts) -> None:
    """The claims were deleted; they come back from the journals, and a crash meanwhile is no matter."""
    with cuts.quietly():
        disk = cuts.disk()
        Writer.create(disk, LAYOUT, RUN, queued(RUN, key="nightly")).close()
    journal = LAYOUT.journal(RUN)
    found = cuts.system.durable(journal)
    cuts.boot(Image({journal: found}, frozenset({ROOT, LAYOUT.journals, LAYOUT.quarantine})))
    cuts.check = lambda image: in_words(lambda: _key_leads_to_one_run(image, [RUN]))
    claim(cuts.disk(), LAYOUT, "weekly", SPEC, lambda: OTHER).close()


def _key_leads_to_one_run(image: Image, acknowledged: list[str]) -> Iterator[str]:
    disk = SimulatedDisk(image.boot())
    for again in (False, True):
        with claim(disk, LAYOUT, "nightly", SPEC, lambda: OTHER) as held:
            if acknowledged and (not held.existing or held.run_id != RUN):
                yield f"1: the key of {RUN} leads to {held.run_id}, existing: {held.existing}"
            if again and not held.existing:
                yield "4: a claimed run was not found again"
            if not held.existing:
                Writer.create(disk, LAYOUT, held.run_id, queued(held.run_id, key="nightly")).close()
    if disk.open_files:
        yield f"{disk.open_files} descriptors were left open"


def replaced_whole(write: Callable[[PowerCuts, str, bytes], None], path: str) -> Callable[[PowerCuts], None]:
    """Return a workload that replaces a file: it is the old one or the new one, never less."""

    def replace(cuts: PowerCuts) -> None:
        versions: list[bytes] = []

        def check(image: Image) -> list[str]:
            found = image.files.get(path, b"")
            return [] if found in (versions or [b"", *NEXT]) else [f"1: {len(found)} bytes are left"]

        cuts.check = check
        for version in NEXT:
            versions = versions and [*versions, version]
            write(cuts, path, version)
            versions = [version]
            cuts.acknowledge()

    return replace


NEXT: Final = (b"old " * 400, b"new " * 300)

OTHER_FILES: Final[dict[str, Callable[[PowerCuts], None]]] = {
    "a registry is made": made_registry,
    "a key is claimed": keyed_submission,
    "a key was claimed by one who is killed": claim_of_the_killed,
    "a keyed run was begun by one who is killed": lambda cuts: run_of_the_killed(cuts, "fdatasync"),
    "a keyed run was named by one who is killed": lambda cuts: run_of_the_killed(cuts, "sync_dir"),
    "lost claims come back": restored_claims,
    "a file is replaced": replaced_whole(
        lambda cuts, path, data: write_whole(cuts.disk(), path, data), f"{LAYOUT.settings}/some.toml"
    ),
    "heads are kept": replaced_whole(
        lambda cuts, path, data: save_anchors(cuts.disk(), path, data), f"{LAYOUT.root}/heads"
    ),
}


def consent(cuts: PowerCuts) -> None:
    """The user consents to a network file system, once and for all."""
    given: list[bytes] = []
    path = f"{LAYOUT.settings}/network-fs-consent"
    cuts.check = lambda image: ["1: the consent is gone"] if given and path not in image.files else []
    consent_to_network_fs(cuts.disk(), LAYOUT)
    given.append(b"")
    cuts.acknowledge()


OTHER_FILES["consent is given"] = consent


def subscription(cuts: PowerCuts) -> None:
    """A position moves and its subscription is removed: on record is what was said last, or is next."""
    allowed: list[int | None] = [None, 1]
    cuts.check = lambda image: in_words(lambda: _position_is_known(image, allowed))
    for count in (1, 2, None):
        if count is None:
            positions.remove(cuts.disk(), LAYOUT, "mail")
        else:
            here = Position(
                name="mail", created_at=ANY_TIME, at=ANY_TIME, cursor="f1.x", feed=None, count=count
            )
            positions.store(cuts.disk(), LAYOUT, here)
        allowed[:] = [count]
        cuts.acknowledge()
        allowed[:] = [count, 2 if count == 1 else None]


def _position_is_known(image: Image, allowed: list[int | None]) -> Iterator[str]:
    try:
        found: int | None = positions.load(SimulatedDisk(image.boot()), LAYOUT, "mail").count
    except NotFound:
        found = None
    if found not in allowed:
        yield f"1: the subscription stands at {found}, of {allowed}"


OTHER_FILES["a subscription moves and goes"] = subscription


def promotion(cuts: PowerCuts) -> None:
    """Two outputs become evidence: whatever is on record of that has its bytes, all of them."""
    outputs = {"a": b"one " * 400, "b": b"two " * 300}
    with cuts.quietly():
        _leave_outputs(cuts.disk(), outputs)
    evidence = {sha256(data).hexdigest(): data for data in outputs.values()}
    promised: set[str] = set()

    def check(image: Image) -> list[str]:
        return in_words(lambda: _evidence_is_there(image, evidence, promised))

    cuts.check = check
    disk = cuts.disk()
    registry = Registry(LAYOUT, disk=disk)
    registry._checked = True  # what it asks of the root, this disk cannot answer
    with patch.object(promoting, "open_stored", lambda _layout, _run_id, entry: _opened(disk, entry)):
        made = promoting.Promotion(registry, RUN)
        made.apply("the paper cites them")
    assert made.failures == []
    promised.update(evidence)
    cuts.acknowledge()


def _leave_outputs(disk: Disk, outputs: Mapping[str, bytes]) -> None:
    OwnerLock.create(disk, LAYOUT, RUN).release()
    writer = Writer.create(disk, LAYOUT, RUN, queued(RUN))
    disk.mkdir(LAYOUT.in_run(RUN, "bundle"))
    for draft in LIFE[:-1]:
        writer.append(draft())
    for path, data in outputs.items():
        write_whole(disk, LAYOUT.in_run(RUN, f"bundle/{sha256(data).hexdigest()}"), data)
        writer.append(collected(path, data))
    writer.append(LIFE[-1]())
    writer.close()
    disk.sync_dir(LAYOUT.run_dir(RUN))


def _opened(disk: Disk, entry: ArtifactCollected) -> int:
    return disk.open(LAYOUT.in_run(RUN, f"bundle/{entry.sha256}"), os.O_RDONLY)


def _evidence_is_there(image: Image, evidence: Mapping[str, bytes], promised: set[str]) -> Iterator[str]:
    on_record = evidence_of(SimulatedDisk(image.boot()), LAYOUT, RUN)
    if promised - on_record:
        yield f"1: {len(promised - on_record)} promotions are gone"
    for digest in on_record:
        if image.files.get(f"{LAYOUT.evidence}/{digest}") != evidence[digest]:
            yield f"1: {digest} is on record, and is not evidence"


OTHER_FILES["outputs are promoted"] = promotion
