"""What lies in a registry's folders that nobody is in the middle of: halves, leftovers, wrong modes.

A file counts as left over only if it is a minute old, or if the lock of whoever would be at it is free.
"""

import os
from collections.abc import Collection, Iterator
from typing import Final

import msgspec

from runlore.journal import ids, machine, positions
from runlore.journal.disk import Disk, read_whole
from runlore.journal.errors import BrokenPosition, JournalIO, RunloreError
from runlore.journal.feed_lines import read_header, segment_path, segments
from runlore.journal.held import is_locked
from runlore.journal.history import exists
from runlore.journal.keys import Claim
from runlore.journal.layout import SUFFIX, Layout
from runlore.journal.packs import Packs, day_of, lost_bytes
from runlore.journal.values import RunId
from runlore.projections import shell
from runlore.projections.findings import Finding, finding
from runlore.runtimes import autoprune, evidence, import_staging, trash
from runlore.runtimes.live_files import left_live_files
from runlore.runtimes.traces import has_run
from runlore.runtimes.trash import GOING

_OLD_S: Final = 60.0
_READ: Final = os.O_RDONLY | os.O_NONBLOCK
_OTHERS: Final = 0o077
_CLAIM_BYTES: Final = 1 << 16
_WITH_TEMPORARIES: Final = ("", "/journals", "/settings", "/keys", "/positions", "/feed", "/packs")
"""Folders in which files are replaced whole."""


class FileExaminer:
    """Looks through the folders of one registry."""

    def __init__(self, disk: Disk, layout: Layout) -> None:
        self._disk, self._layout = disk, layout
        self._open_to_others: list[str] = []

    def examine(self, ended: Collection[RunId]) -> Iterator[Finding]:
        """Yield what is found; `ended`: runs that are over."""
        yield from self._journals()
        yield from self._folders(frozenset(ended))
        yield from self._claims()
        for folder in _WITH_TEMPORARIES:
            yield from self._temporaries(f"{self._layout.root}{folder}")
        yield from self._redactions()
        for half in evidence.leftovers(self._disk, self._layout, self._disk.now()):
            yield finding("temporary_left", half.path, "runlore prune --apply", path=half.path)
        yield from self._quarantine()
        yield from self._trash()
        yield from self._imports()
        yield from self._positions()
        yield from self._feed()
        if self._open_to_others:
            first, more = self._open_to_others[0], len(self._open_to_others) - 1
            detail = first + (f" and {more:,} more" if more else "")
            todo = f"chmod -R go= {shell.quote(self._layout.root)}"
            yield finding("readable_by_others", detail, todo, path=first)

    def _journals(self) -> Iterator[Finding]:
        """Look at the end of every journal; whether all of it is sound is for `verify` to say."""
        for name in self._names(self._layout.journals):
            path = f"{self._layout.journals}/{name}"
            run_id = name.removesuffix(SUFFIX)
            if name.startswith("."):
                continue
            if not (name.endswith(SUFFIX) and ids.is_run_id(run_id)):
                yield finding("stray_file", path, f"ls -l {shell.quote(path)}", path=path)
            elif self._is_torn(path):
                yield finding(
                    "journal_torn", "its last line has no end", f"runlore repair {run_id}", run_id=run_id
                )

    def _is_torn(self, path: str) -> bool:
        """Say whether a journal ends in the middle of a line, and nobody is about to end that."""
        try:
            fd = self._disk.open(path, _READ)
        except OSError:
            return False  # the listing says so
        try:
            self._look_at_mode(path, self._disk.stat(fd).mode)
            torn = self._ends_within_a_line(fd)
            return torn and not self._disk.is_locked(fd) and self._ends_within_a_line(fd)
        except OSError:
            return False
        finally:
            self._disk.close(fd)

    def _ends_within_a_line(self, fd: int) -> bool:
        size = self._disk.size_and_links(fd)[0]
        return size > 0 and self._disk.pread(fd, 1, size - 1) != b"\n"

    def _folders(self, ended: frozenset[RunId]) -> Iterator[Finding]:
        for name in self._names(f"{self._layout.root}/runs"):
            path = f"{self._layout.root}/runs/{name}"
            if not ids.is_run_id(name):
                yield finding("stray_file", path, f"ls -ld {shell.quote(path)}", path=path)
                continue
            run_id = RunId(name)
            self._look_at_mode(path, self._mode(path))
            if not self._has_history(run_id):
                if not self._is_begun(run_id):
                    yield self._without_journal(run_id, path)
                continue
            for half in self._names(path):
                if half.startswith(".") and half.endswith(".tmp") and self._is_old(f"{path}/{half}"):
                    yield _unfinished(run_id, f"{path}/{half}")
            note = self._layout.in_run(run_id, "keeper.error")
            if self._exists(note):
                yield finding("keeper_failed", note, f"cat {shell.quote(note)}", run_id=run_id, path=note)
            left = left_live_files(self._disk, self._layout, run_id) if run_id in ended else []
            if left and not self._is_owned(run_id):
                todo = shell.join(["rm", *(self._layout.in_run(run_id, each) for each in left)])
                yield finding("live_files_left", ", ".join(left), todo, run_id=run_id, path=path)

    def _has_history(self, run_id: RunId) -> bool:
        """Say whether anything is on record of a run: an empty journal is none."""
        if self._size(self._layout.journal(run_id)):
            return True
        if self._exists(self._layout.journal(run_id)):
            return bool(Packs.of(self._disk, self._layout, run_id).copies(run_id))
        return exists(self._disk, self._layout, run_id)

    def _is_begun(self, run_id: RunId) -> bool:
        """Say whether a run whose history was not found has an owner, or has a history after all."""
        return self._is_owned(run_id) or self._has_history(run_id) or self._may_be_packed(run_id)

    def _without_journal(self, run_id: RunId, path: str) -> Finding:
        if has_run(self._disk, self._layout, run_id):
            return finding("journal_missing", path, f"ls -l {shell.quote(path)}", run_id=run_id, path=path)
        return finding("folder_without_journal", path, f"rm -r {shell.quote(path)}", path=path)

    def _claims(self) -> Iterator[Finding]:
        for name in self._names(self._layout.keys):
            path = f"{self._layout.keys}/{name}"
            if name.startswith("."):
                continue
            try:
                claim = msgspec.json.decode(read_whole(self._disk, path, _CLAIM_BYTES), type=Claim)
            except (OSError, msgspec.MsgspecError, UnicodeError, ValueError, RecursionError):
                if not self._is_locked(path):
                    yield finding("claim_damaged", path, f"ls -l {shell.quote(path)}", path=path)
                continue
            begun = self._may_exist(claim.run_id) or self._has_run(claim.run_id)
            if not begun and not self._is_locked(path):
                todo = f"runlore run --key {shell.quote(claim.key)} CMD…"
                yield finding("claim_without_journal", f"key {claim.key!a}", todo, path=path)

    def _temporaries(self, folder: str) -> Iterator[Finding]:
        for name in self._names(folder):
            path = f"{folder}/{name}"
            if name.startswith(".") and name.endswith(".tmp") and self._is_old(path):
                yield finding("temporary_left", path, f"rm {shell.quote(path)}", path=path)

    def _redactions(self) -> Iterator[Finding]:
        """Look for what a redaction was to rename or remove, and for other halves of a blob."""
        for name in self._names(self._layout.blobs):
            path = f"{self._layout.blobs}/{name}"
            run_id = name.split(".")[1] if name.startswith(".") else ""
            if not name.endswith(".tmp") or not self._is_old(path):
                continue
            if ids.is_run_id(run_id):
                yield _unfinished(RunId(run_id), path)
            else:
                yield finding("temporary_left", path, f"rm {shell.quote(path)}", path=path)
        for name in self._names(self._layout.quarantine):
            path, run_id = f"{self._layout.quarantine}/{name}", name[1:24]
            if name.startswith(".") and ids.is_run_id(run_id) and self._is_old(path):
                yield _unfinished(RunId(run_id), path)

    def _quarantine(self) -> Iterator[Finding]:
        names = self._names(self._layout.quarantine)
        if names:
            path = self._layout.quarantine
            yield finding(
                "quarantine_kept", f"{len(names):,} in {path}", f"ls -l {shell.quote(path)}", path=path
            )

    def _trash(self) -> Iterator[Finding]:
        """Say which removals were cut short, and what nobody put into the trash on purpose."""
        path = self._layout.trash
        for name in self._names(path):
            run_id = name.removesuffix(GOING)
            if not ids.is_run_id(run_id) and not name.startswith("."):
                todo = f"ls -ld {shell.quote(f'{path}/{name}')}"
                yield finding("trash_stray", name, todo, path=f"{path}/{name}")
        try:
            entries = trash.entries(self._disk, self._layout, 0.0)
        except RunloreError:
            return
        if not is_locked(self._disk, f"{path}/.lock"):  # else somebody is in the middle of it
            for each in entries:
                if each.state == "without_journal":
                    todo = f"ls -l {shell.quote(self._layout.in_trash(each.run_id))}"
                    yield finding("trash_stray", f"run {each.run_id}", todo, path=path)
                elif each.state != "whole":
                    yield _cut_short(each.run_id, each.state)
        if told := autoprune.failure(self._disk, self._layout):
            yield finding("pruning_failed", told, "runlore prune --apply", path=path)

    def _imports(self) -> Iterator[Finding]:
        """Say what imports left that nobody is at."""
        path = self._layout.imports
        try:
            left = import_staging.leftovers(self._disk, self._layout)
        except OSError:
            return
        if left and not is_locked(self._disk, f"{path}/.lock"):
            yield finding("import_unfinished", left[0], "runlore prune --apply", path=left[0])

    def _positions(self) -> Iterator[Finding]:
        """Say which named subscriptions cannot be consumed, because nobody knows what they have seen."""
        try:
            names = positions.names(self._disk, self._layout)
        except JournalIO:
            return
        for name in names:
            path = self._layout.position(name)
            self._look_at_mode(path, self._mode(path))
            try:
                positions.load(self._disk, self._layout, name)
            except BrokenPosition as error:
                todo = f"runlore subscriptions reset {name}"
                yield finding("position_broken", str(error), todo, path=path)
            except RunloreError:
                continue  # gone, of a later release, or not readable by us

    def _feed(self) -> Iterator[Finding]:
        """Say whether the feed is of another boot, as after every restart of the machine."""
        try:
            number = max(segments(self._disk, self._layout.feed), default=0)
            fd = self._disk.open(segment_path(self._layout.feed, number), _READ)
        except OSError:
            return
        try:
            header = read_header(self._disk, fd)
        except OSError:
            return
        finally:
            self._disk.close(fd)
        if header is None or header.boot != machine.boot_id():
            yield finding("feed_old", self._layout.feed, "runlore reconcile", path=self._layout.feed)

    # -- looking

    def _names(self, folder: str) -> list[str]:
        try:
            return sorted(self._disk.listdir(folder))
        except OSError:
            return []

    def _exists(self, path: str) -> bool:
        return self._mode(path) != 0

    def _mode(self, path: str) -> int:
        try:
            return self._disk.stat_path(path).mode
        except OSError:
            return 0

    def _size(self, path: str) -> int:
        try:
            return self._disk.stat_path(path).size
        except OSError:
            return 0

    def _is_old(self, path: str) -> bool:
        try:
            changed_s = self._disk.stat_path(path).mtime_ns / 1e9
        except OSError:
            return False
        return abs(self._disk.now().timestamp() - changed_s) > _OLD_S

    def _may_exist(self, run_id: str) -> bool:
        """Say whether there is a journal; also if it may be what a damaged pack holds under no name."""
        if not ids.is_run_id(run_id):
            return False
        return exists(self._disk, self._layout, RunId(run_id)) or self._may_be_packed(RunId(run_id))

    def _may_be_packed(self, run_id: RunId) -> bool:
        """Say whether a run may be what a damaged pack holds under no name."""
        try:
            return any(lost_bytes(self._disk, self._layout, day_of(run_id)))
        except OSError:
            return True

    def _has_run(self, run_id: str) -> bool:
        return ids.is_run_id(run_id) and has_run(self._disk, self._layout, RunId(run_id))

    def _is_owned(self, run_id: RunId) -> bool:
        return self._is_locked(self._layout.owner_lock(run_id))

    def _is_locked(self, path: str) -> bool:
        """Say whether somebody holds the file's lock; who cannot be asked is taken to."""
        try:
            fd = self._disk.open(path, _READ)
        except FileNotFoundError:
            return False
        except OSError:
            return True
        try:
            return self._disk.is_locked(fd)
        except OSError:
            return True
        finally:
            self._disk.close(fd)

    def _look_at_mode(self, path: str, mode: int) -> None:
        if mode & _OTHERS:
            self._open_to_others.append(path)


def _cut_short(run_id: RunId, state: str) -> Finding:
    todo = f"runlore restore {run_id}" if state == "coming_back" else "runlore prune --apply"
    return finding("removal_unfinished", state.replace("_", " "), todo, run_id=run_id)


def _unfinished(run_id: RunId, path: str) -> Finding:
    todo = f"runlore redact {run_id} --value-from -"
    return finding("redaction_unfinished", path, todo, run_id=run_id, path=path)
