"""A sync that fails once, for real: `python -m tests.crash.fsyncgate KIND TRIALS FOLDER`.

For root, in a mount namespace of its own. The disk under ext4 or XFS answers one write with EIO; the
kernel reports it once, calls the pages clean, and never writes them again. Prints one JSON line.
"""

import errno
import json
import os
import signal
import subprocess
import sys
from typing import Final

from runlore.journal.disk import REAL
from runlore.journal.events import JournalRepaired
from runlore.journal.layout import Layout
from runlore.journal.reader import read
from runlore.journal.root import open_for_writing
from runlore.journal.verify import verify
from runlore.journal.writer import Writer
from tests.doubles.drafts import booting, failed, new_run_id, noted, progressed, queued, tagged

MARKER: Final = "MEET-THE-BROKEN-DISK"
_MKFS: Final = {"ext4": ["mkfs.ext4", "-q", "-F", "-b", "4096"], "xfs": ["mkfs.xfs", "-q", "-f"]}


class BrokenDisk:
    """A file system on a loop device on a disk that obeys us."""

    def __init__(self, kind: str, folder: str) -> None:
        self.mount, below = f"{folder}/mnt", f"{folder}/below"
        os.mkdir(self.mount)
        os.mkdir(below)
        command = [sys.executable, "-m", "tests.crash.fuse_disk", below, MARKER]
        self._server = subprocess.Popen(command, stdout=subprocess.PIPE)
        self._below = below
        assert self._server.stdout is not None
        if self._server.stdout.readline() != b"mounted\n":
            sys.exit("the disk could not be mounted")
        made = subprocess.run(
            ["losetup", "-f", "--show", f"{below}/disk.img"], check=True, capture_output=True, text=True
        )
        self._loop = made.stdout.strip()
        subprocess.run([*_MKFS[kind], self._loop], check=True, capture_output=True)
        subprocess.run(["mount", self._loop, self.mount], check=True)

    def fail_once(self) -> None:
        """Let the next write of marked data fail."""
        self._server.send_signal(signal.SIGUSR1)

    def forget_the_cache(self) -> None:
        """Unmount and mount: from now on only what the disk has counts."""
        subprocess.run(["umount", self.mount], check=True)
        subprocess.run(["mount", self._loop, self.mount], check=True)

    def take_away(self) -> None:
        """Unmount everything and end the server."""
        subprocess.run(["umount", self.mount], check=False)
        subprocess.run(["losetup", "-d", self._loop], check=False)
        subprocess.run(["umount", self._below], check=False)
        self._server.wait(10)


def shows_the_fault(disk: BrokenDisk) -> bool:
    """Say whether a second sync of a plain file succeeds over lost data, as on any Linux."""
    path = f"{disk.mount}/plain"
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    os.fsync(fd)
    disk.fail_once()
    os.write(fd, MARKER.encode() * 100)
    try:
        os.fdatasync(fd)
        return False
    except OSError as error:
        if error.errno != errno.EIO:
            raise
    os.fdatasync(fd)
    os.close(fd)
    disk.forget_the_cache()
    with open(path, "rb") as file:
        return MARKER.encode() not in file.read()


def one_trial(disk: BrokenDisk, layout: Layout, number: int) -> list[str]:
    """Append on a disk that fails one write, and say what is broken when only the disk counts."""
    run_id = new_run_id(number)
    writer = Writer.create(REAL, layout, run_id, queued(run_id))
    heads = [writer.append(booting()).head]
    drafts = [progressed(MARKER), noted(MARKER), tagged(), failed()]
    disk.fail_once()
    heads += [writer.append(draft).head for draft in drafts[number % 2 :]]
    writer.close()
    disk.forget_the_cache()
    broken: list[str] = []
    found = verify(REAL, layout, run_id)
    if found.findings or found.integrity != "sealed":
        broken.append(f"trial {number}: {found.integrity}, {found.findings}")
    records = list(read(REAL, layout, run_id, check_chain=True))
    if missing := set(heads) - {record.head for record in records}:
        broken.append(f"trial {number}: {len(missing)} acknowledged events are gone")
    told = [record.event for record in records if isinstance(record.event, JournalRepaired)]
    if [event.cause for event in told] != ["sync_failed"]:
        broken.append(f"trial {number}: the failed sync left {told}")
    return broken


def main(kind: str, trials: str, folder: str) -> None:
    """Show that the disk is broken, then append on it as often as told."""
    disk = BrokenDisk(kind, folder)
    try:
        broken = [] if shows_the_fault(disk) else ["a second sync did not lie; this proves nothing"]
        layout = open_for_writing(REAL, f"{disk.mount}/registry")
        for number in range(int(trials)):
            broken += one_trial(disk, layout, number)
        print(json.dumps({"trials": int(trials), "broken": broken}))
    finally:
        disk.take_away()


if __name__ == "__main__":
    main(*sys.argv[1:])
