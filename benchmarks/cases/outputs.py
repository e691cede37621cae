"""Collect the outputs of a run, and check them; beside that, copying and hashing the same files."""

import os
import shutil
import subprocess
from contextlib import closing, contextmanager
from typing import Final

from benchmarks.cases.clocks import batch, command, user_environment
from benchmarks.place import Measure, Place, Sample
from runlore.journal import events, ids, machine, root
from runlore.journal.disk import REAL
from runlore.journal.feed import Feed
from runlore.journal.layout import Layout
from runlore.journal.redactor import Redactor
from runlore.journal.scan import Record
from runlore.journal.values import Handle, Recipe, RunId
from runlore.journal.writer import Writer
from runlore.runtimes.check_outputs import check_outputs
from runlore.runtimes.collect import Wanted, collect
from runlore.runtimes.identity import this_owner

_SIZE: Final = {"small": 4096, "large": 64 << 20}
_COUNT: Final = {"small": (500, 10_000), "large": (4, 32)}
_BLOCK: Final = 1 << 20


@contextmanager
def ours(place: Place) -> Measure:
    """collect(): each file copied, hashed, durable, and on record by an event of its own."""
    work, count = _filled(place)
    layout = root.open_for_writing(REAL, f"{place.folder}/registry")

    def measure() -> Sample:
        run_id = ids.mint(REAL.now(), os.urandom(5))
        with closing(_begun(layout, run_id, work)) as writer:
            sample = batch(lambda: _collect(layout, run_id, work, writer, count), count)
        shutil.rmtree(layout.run_dir(run_id))
        _settle(layout.root)
        return sample

    yield measure


@contextmanager
def copied(place: Place) -> Measure:
    """`cp -r` and `sha256sum` of the copies; with `synced` each copy is synced by `sync` as well."""
    work, count = _filled(place)
    to = f"{place.folder}/copy"
    script = 'cp -r out "$0" && cd "$0" && find . -type f -print0 | xargs -0 sha256sum >SHA256SUMS'
    if place.arguments.get("synced"):
        script += " && find . -print0 | xargs -0 sync"
    argv = ["/bin/sh", "-c", f"cd {work} && {script}", to]

    def measure() -> Sample:
        sample = command(argv, user_environment()).scaled(1 / count)
        shutil.rmtree(to)
        _settle(place.folder)
        return sample

    yield measure


@contextmanager
def checked(place: Place) -> Measure:
    """check_outputs(): journal, manifest, and every byte of every file."""
    work, count = _filled(place)
    layout = root.open_for_writing(REAL, f"{place.folder}/registry")
    run_id = ids.mint(REAL.now(), os.urandom(5))
    with closing(_begun(layout, run_id, work)) as writer:
        _collect(layout, run_id, work, writer, count)

    def check() -> None:
        view = check_outputs(REAL, layout, run_id)
        if view.findings or view.files != count:
            raise RuntimeError(f"{view.files} files, {view.findings[:1]}")

    yield lambda: batch(check, count)


@contextmanager
def summed(place: Place) -> Measure:
    """`sha256sum -c` of the same files."""
    work, count = _filled(place)
    script = "find out -type f -print0 | xargs -0 sha256sum"
    with open(f"{work}/SHA256SUMS", "wb") as file:
        subprocess.run(["/bin/sh", "-c", script], cwd=work, stdout=file, check=True)
    argv = ["/bin/sh", "-c", f"cd {work} && sha256sum --quiet -c SHA256SUMS"]
    yield lambda: command(argv, user_environment()).scaled(1 / count)


def _filled(place: Place) -> tuple[str, int]:
    """Make the files, no two of the same bytes, as many in a folder as people have; return how many."""
    kind = str(place.arguments["files"])
    count, work = place.pick(*_COUNT[kind]), f"{place.folder}/work"
    for number in range(count):
        folder = f"{work}/out/{number // 1000}"
        os.makedirs(folder, exist_ok=True)
        with open(f"{folder}/{number}", "wb") as file:
            file.writelines(
                os.urandom(min(_BLOCK, _SIZE[kind])) for _ in range(max(1, _SIZE[kind] // _BLOCK))
            )
    _settle(work)
    return work, count


def _settle(folder: str) -> None:
    """Let the disk do what is left for it: no round is to pay for another one."""
    subprocess.run(["/bin/sync", "-f", folder], check=False)


def _begun(layout: Layout, run_id: RunId, work: str) -> Writer:
    """Return the writer of a run whose command has ended."""
    os.mkdir(layout.run_dir(run_id), 0o700)
    writer = Writer.create(
        REAL,
        layout,
        run_id,
        lambda seq, at: events.RunQueued(
            seq=seq,
            at=at,
            format=events.FORMAT,
            run_id=run_id,
            recipe=Recipe(argv=("true",), cwd=work, artifacts=("out",)),
            boot_id=machine.boot_id(),
        ),
        feed=Feed(REAL, layout),
        redact=lambda event: event,
    )
    owner, handle = this_owner(), Handle(pid=os.getpid())
    for draft in (
        lambda seq, at: events.RunBooting(seq=seq, at=at, epoch=1, runtime="background", owner=owner),
        lambda seq, at: events.RunStarted(seq=seq, at=at, epoch=1, handle=handle),
        lambda seq, at: events.RunCollecting(seq=seq, at=at, epoch=1, exit_code=0),
    ):
        writer.append(draft)
    return writer


def _collect(layout: Layout, run_id: RunId, work: str, writer: Writer, count: int) -> None:
    stored = 0

    def append(kind: type[events.Event], /, **fields: object) -> Record:
        nonlocal stored
        stored += fields.get("sha256") is not None
        return writer.append(lambda seq, at: kind(seq=seq, at=at, by=None, epoch=1, **fields))

    wanted = Wanted(
        disk=REAL,
        layout=layout,
        run_id=run_id,
        cwd=work,
        artifacts=("out",),
        redactor=Redactor(),
    )
    unmet = collect(wanted, append, _nothing, _nothing)
    if unmet or stored != count:
        raise RuntimeError(f"{stored} of {count} files were stored: {unmet}")


def _nothing() -> None:
    """Do nothing."""
