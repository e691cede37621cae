"""Collect what a run declared, once its command has ended: whoever owns the run does, whatever the end.

Each output is copied into the bundle, and goes on record once its bytes are on the disk. A kill anywhere
costs only what is done again: the next owner finds in the journal what is on record, and goes on behind
it. Nothing that goes wrong here changes how the command ended.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import chain
from typing import Final

from msgspec import Struct

from runlore.journal.disk import Disk
from runlore.journal.errors import JournalIO
from runlore.journal.events import ArtifactDeclared
from runlore.journal.layout import Layout
from runlore.journal.redactor import Redactor
from runlore.journal.values import RunId
from runlore.projections.artifact_paths import folded, masked_double, refusal
from runlore.projections.artifact_views import manifest_file
from runlore.projections.artifacts import FILE, REPORT, Artifacts, unmet
from runlore.projections.collection_limits import MAX_BYTES, MAX_FILES
from runlore.projections.globs import Place, Selection, These
from runlore.projections.media_types import media_type
from runlore.runtimes.beneath import open_folder, open_ours
from runlore.runtimes.bundle import FOLDER, Bundle, Kept, NotKept, write_manifest
from runlore.runtimes.collecting import OUTPUTS, has_outputs
from runlore.runtimes.outputs import Candidate, Found, Group, Refused, Unfit, find, open_candidate
from runlore.runtimes.record_outputs import Append, Beyond, Outcome, Recorder, Source
from runlore.runtimes.stored import artifacts_of

_TRIES: Final = 3
_ROUNDS: Final = 1_000
"""How often something declared meanwhile is waited for; it must not keep the run from ending for ever."""


class Limits(Struct, frozen=True, kw_only=True):
    """How much of one run is collected; what is beyond is counted, and on record."""

    files: int = MAX_FILES
    bytes: int = MAX_BYTES
    refusals: int = 1_000
    """Records of what was not stored."""
    counted: int = 2_000_000
    """Files beyond the limits that are counted at all."""


class Wanted(Struct, frozen=True, kw_only=True):
    """What is to be collected, and by whom."""

    disk: Disk
    layout: Layout
    run_id: RunId
    cwd: str
    artifacts: tuple[str, ...] = ()
    reports: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    redactor: Redactor | None = None
    """None: there are secrets, and nothing left to find them with, so nothing may be stored."""
    limits: Limits = Limits()
    may_empty: bool = False
    """Nobody of the run is left, so what is stored need not stay in `$RUNLORE_OUTPUTS` as well."""


class GiveUp(Exception):
    """Raised by a tick: whoever waits for the run does not want to wait for its outputs."""


def collect(wanted: Wanted, append: Append, tick: Callable[[], None], pause: Callable[[], None]) -> str:
    """Collect the outputs; return which declared ones are not durable, nothing if all are.

    tick: called at least once a megabyte and once a file; raises GiveUp to end it. pause: waits a moment
    for a disk that refuses the journal.
    """
    return _Collector(wanted, append, tick, pause).run()


class _Collector:
    def __init__(
        self, wanted: Wanted, append: Append, tick: Callable[[], None], pause: Callable[[], None]
    ) -> None:
        self._wanted, self._tick, self._pause = wanted, tick, pause
        self._limits = wanted.limits
        mask = wanted.redactor.without_values if wanted.redactor and wanted.redactor.has_values else None
        self._bundle = Bundle(wanted.disk, wanted.layout.in_run(wanted.run_id, FOLDER), mask, tick)
        self._beyond = Beyond()
        self._recorder = Recorder(self._bundle, append, self._on_record, pause, self._beyond)
        self._state = Artifacts()
        self._done: Counter[str] = Counter()
        """Paths on record before this began, as they are recorded."""
        self._taken: dict[str, str] = {}
        """Paths of this pass by what they have in common with others that differ in case only."""
        self._names: dict[str, str] = {}
        """The same of these paths as they are recorded: two may be one once secrets are masked."""
        self._heard: set[str] = set()
        """Paths that were declared before somebody looked."""
        self._in_outputs = False
        """What is found now lies in `$RUNLORE_OUTPUTS`."""
        self._files = self._bytes = self._refusals = 0
        self._all = self._found()
        """Everything that is declared, each looked at once, whatever becomes of what was found before."""

    def run(self) -> str:
        self._state = self._as_recorded()
        self._heard.update(each.path for each in self._state.declared)
        for entry in self._state.entries:
            self._done[entry.path] += not entry.files
            if entry.sha256 is not None:
                self._recorder.named.add(entry.sha256)
                self._files, self._bytes = self._files + 1, self._bytes + entry.bytes
            elif not entry.files:
                self._refusals += 1
        why = ""
        try:
            self._bundle.begin()
            self._gather()
            self._recorder.put()
            for _ in range(_ROUNDS):
                if not self._is_more_declared():
                    break
                self._gather()
                self._recorder.put()
            self._truncated()
        except JournalIO as error:
            why = f"the journal could not name it: {error.strerror or error}"
        except OSError as error:
            why = f"the bundle cannot be written: {error.strerror or error}"
        finally:
            self._bundle.close()
        if why and not self._say_failed(why):
            return f"the outputs could not be put on record: {why}"
        return self._settled()

    def _as_recorded(self) -> Artifacts:
        """Return what the journal says of the run's outputs by now."""
        return artifacts_of(self._wanted.disk, self._wanted.layout, self._wanted.run_id)

    def _on_record(self) -> set[str]:
        """Return the digests that the journal names by now.

        Raises RunloreError: it cannot be read.
        """
        found = self._as_recorded()
        return {each.sha256 for each in found.entries if each.sha256 is not None}

    def _say_failed(self, why: str) -> bool:
        """Count what there is besides, and put on record that it is missing; say whether that was taken."""
        self._beyond.why, self._beyond.is_all = why, True
        with suppress(OSError):
            self._gather()
        return self._recorder.say_failed(why)

    # -- what is found

    def _gather(self) -> None:
        try:
            for found in self._all:
                self._tick()
                self._take(found)
        except _Enough:
            self._beyond.is_all = True
        except GiveUp:
            self._beyond.tell("the run was stopped by force while its outputs were collected")
            self._beyond.files, self._beyond.is_all = max(self._beyond.files, 1), True

    def _found(self) -> Iterator[Found]:
        wanted = self._wanted
        outputs = wanted.layout.in_run(wanted.run_id, OUTPUTS)
        declared, elsewhere = self._declared(outputs, self._state.declared)
        reports: Group = (REPORT, Place(Selection(wanted.reports)))
        if has_outputs(wanted.disk, wanted.layout, wanted.run_id):
            self._in_outputs = True
            everything: Group = (FILE, Place(Selection(("**",))))
            yield from _in_folder(outputs, [*declared[0], reports, everything], (), opened=open_ours)
            self._in_outputs = False
        patterns: list[Group] = [*declared[1]]
        for kind, given in ((REPORT, wanted.reports), (FILE, wanted.required), (FILE, wanted.artifacts)):
            if given:
                patterns.append((kind, Place(Selection(given))))
        if patterns:
            yield from _in_folder(wanted.cwd, patterns, (wanted.layout.root,))
        yield from elsewhere

    def _is_more_declared(self) -> bool:
        """Look for what was declared meanwhile, by whoever outlived the command; say whether there is any."""
        new = [each for each in self._as_recorded().declared if each.path not in self._heard]
        self._heard.update(each.path for each in new)
        self._all = self._found_late(new)
        return bool(new) and not self._beyond.is_all

    def _found_late(self, new: Sequence[ArtifactDeclared]) -> Iterator[Found]:
        """Yield what was declared late, but for what is an output by now."""
        wanted = self._wanted
        outputs = wanted.layout.in_run(wanted.run_id, OUTPUTS)
        (own, others), elsewhere = self._declared(outputs, new)
        found: list[Iterator[Found]] = [_in_folder(outputs, own, (), opened=open_ours)] if own else []
        found += [_in_folder(wanted.cwd, others, (wanted.layout.root,))] if others else []
        for each in chain(*found, elsewhere):
            if self._taken.get(folded(each.path)) != each.path:
                yield each

    def _declared(
        self, outputs: str, declared: Sequence[ArtifactDeclared]
    ) -> tuple[tuple[list[Group], list[Group]], list[Found]]:
        """Return what the workload named: in its outputs, in its folder, and what cannot be collected."""
        inside: tuple[dict[str, list[str]], dict[str, list[str]]] = ({}, {})
        elsewhere: list[Found] = []
        homes = (outputs, self._wanted.cwd.rstrip("/"))
        for whole, kind in {each.path: each.kind or FILE for each in declared}.items():
            at = next((at for at, home in enumerate(homes) if whole.startswith(f"{home}/")), None)
            if at is None:
                elsewhere.append(Refused(whole, kind, "it lies outside the run's folders", failed=True))
                continue
            path = whole[len(homes[at]) + 1 :]
            why = refusal(path) or ("" if os.path.lexists(whole) else "it was declared, and is not there")
            if why:
                elsewhere.append(Refused(path, kind, why, failed=True))
            else:
                inside[at].setdefault(kind, []).append(path)
        return (_groups(inside[0]), _groups(inside[1])), elsewhere

    # -- what becomes of it

    def _take(self, found: Found) -> None:
        recorded = self._recorded(found.path)
        if self._done[recorded] > 0:  # an earlier owner came that far
            self._done[recorded] -= 1
            self._name(found.path, recorded)
            return
        if self._beyond.is_all or self._files >= self._limits.files:
            self._leave(found, f"a run has {self._limits.files:,} files at most")
            return
        if isinstance(found, Refused):
            self._refuse(found, "failed" if found.failed else "skipped", found.reason)
            return
        why = refusal(found.path) or self._double(found.path, recorded)
        if why:
            self._refuse(found, "skipped", why)
        elif self._wanted.redactor is None:
            self._refuse(found, "skipped", "no secret values are left to look for in it")
        elif self._bytes + found.size > self._limits.bytes:
            most = f"{self._limits.bytes:,} bytes of a run are collected at most"
            self._refuse(found, "oversized", f"{most}, and {self._bytes:,} are")
        else:
            self._keep(found, recorded)

    def _keep(self, found: Candidate, recorded: str) -> None:
        self._name(found.path, recorded)
        try:
            fd = open_candidate(found)
        except Unfit as error:
            self._refuse(found, "skipped", str(error))
            return
        except OSError as error:
            self._refuse(found, "failed", os.strerror(error.errno) if error.errno else str(error))
            return
        try:
            kept = self._bundle.keep(fd)
            there = os.fstat(fd)
        except NotKept as error:
            self._refuse(found, "failed" if error.failed else "skipped", error.reason)
            return
        finally:
            os.close(fd)
        self._files, self._bytes = self._files + 1, self._bytes + kept.size
        source = Source(found.path, there) if self._in_outputs else None
        self._recorder.line(_kept_fields(found, kept), kept, source)

    def _refuse(self, found: Found, outcome: Outcome, reason: str) -> None:
        if self._refusals >= self._limits.refusals:
            self._leave(found, f"a run has {self._limits.refusals:,} records of what was not stored at most")
            return
        self._refusals += 1
        self._recorder.line(
            {
                "path": _printable(found.path),
                "outcome": outcome,
                "kind": found.kind,
                "bytes": found.size,
                "reason": reason,
            }
        )

    def _leave(self, found: Found, why: str) -> None:
        """Count what is beyond a limit."""
        beyond = self._beyond
        if not beyond.is_all:
            beyond.tell(why)
        if beyond.files >= self._limits.counted:
            raise _Enough
        beyond.add(found.size)

    def _name(self, path: str, recorded: str) -> None:
        """Note that an output has this path."""
        self._taken.setdefault(folded(path), path)
        self._names.setdefault(folded(recorded), recorded)

    def _double(self, path: str, recorded: str) -> str:
        """Return why this path cannot be stored beside another; nothing if it can."""
        other = self._taken.get(folded(path))
        if other is None:
            return masked_double(self._names, recorded)
        if other == path:
            return "another output has the same path"
        return f"its path differs from {_printable(other)} in upper and lower case only"

    def _recorded(self, path: str) -> str:
        """Return the path as the journal has it."""
        text = _printable(path)
        redactor = self._wanted.redactor
        return redactor.text(text) if redactor is not None else text

    # -- on record

    def _truncated(self) -> None:
        beyond = self._beyond
        if beyond.files and not any(each.files for each in self._state.entries):
            is_least = beyond.files >= self._limits.counted
            why = f"at least {beyond.files:,} more: {beyond.why}" if is_least else beyond.why
            self._recorder.record(
                {
                    "path": "",
                    "outcome": "skipped",
                    "files": beyond.files,
                    "bytes": beyond.bytes,
                    "reason": why,
                }
            )

    def _settled(self) -> str:
        """Write the manifest; return which declared outputs are not durable."""
        recorder, state = self._recorder, self._state
        state.entries = (*state.entries, *recorder.new)
        if self._beyond.files:  # the journal may have taken what it said it had not
            state = self._state = self._as_recorded()
        if state.entries:
            self._write_manifest()
        if self._wanted.may_empty:
            recorder.emptying.empty(self._wanted.layout.in_run(self._wanted.run_id, OUTPUTS))
        return unmet(state.recipe, state.entries)

    def _write_manifest(self) -> None:
        """List what is on record; if the disk refuses that for good, `verify` says that it is missing."""
        data = manifest_file(self._state)
        for attempt in range(_TRIES):
            if attempt:
                self._pause()
            with suppress(OSError):
                if attempt:
                    self._bundle.begin()  # perhaps there is no folder yet
                write_manifest(self._wanted.disk, self._bundle.folder, data)
                return


class _Enough(Exception):
    """More files than anybody would count."""


def _groups(paths: Mapping[str, list[str]]) -> list[Group]:
    """Return what is meant by paths, by their kinds."""
    return [(kind, These(each)) for kind, each in paths.items()]


def _in_folder(
    path: str, groups: list[Group], avoid: tuple[str, ...], opened: Callable[[str], int] = open_folder
) -> Iterator[Found]:
    """Yield what is declared below the folder at `path`; if it is gone, that."""
    try:
        folder = opened(path)
    except OSError as error:
        why = f"{path} cannot be read: {error.strerror}"
        yield Refused("", groups[-1][0], why, failed=True)
        return
    try:
        shunned = (_identity(each) for each in avoid)
        yield from find(folder, groups, avoid=frozenset(each for each in shunned if each is not None))
    finally:
        os.close(folder)


def _identity(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _kept_fields(found: Candidate, kept: Kept) -> dict[str, object]:
    return {
        "path": found.path,
        "sha256": kept.sha256,
        "bytes": kept.size,
        "media_type": media_type(found.path, kept.beginning),
        "kind": found.kind,
        "redaction": "masked" if kept.masked else "",
    }


def _printable(path: str) -> str:
    """Return a path as text; bytes that are not UTF-8 as visible escapes."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")
