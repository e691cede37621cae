"""What of this machine, and of the place where the registry lies, keeps runs from being kept well."""

import os
import stat
import sys
from collections.abc import Iterator
from typing import Final

from runlore.journal import machine
from runlore.journal.disk import REAL
from runlore.journal.errors import RunloreError
from runlore.journal.layout import Layout
from runlore.journal.root import is_registry, open_for_writing, registry_info
from runlore.projections import shell
from runlore.projections.findings import Finding, finding

OLDEST_KERNEL: Final = (5, 10)
_PIDFS: Final = (6, 9)
_NO_ROOM: Final = 1 << 20
_LITTLE_ROOM: Final = 256 << 20
_FEW_INODES: Final = 1000
_OTHERS: Final = 0o077
_OTHERS_WRITE: Final = 0o022
_TELLING: Final = frozenset({"not_yours", "open_to_others", "registry_damaged"})
"""Findings that say already why runs cannot be recorded."""
_LOGIND: Final = ("usr/lib/systemd", "etc/systemd", "run/systemd")
"""Below the system's root; what is read later wins, and drop-ins win over the files beside them."""


def examine_kernel(release: str) -> Iterator[Finding]:
    """Yield what a kernel of this release lacks."""
    version = tuple(int(part) for part in release.split("-", maxsplit=1)[0].split(".")[:2] if part.isdigit())
    if version < OLDEST_KERNEL:
        yield finding("kernel_old", f"Linux {release}; runlore needs 5.10 or newer", "uname -r")
    elif version < _PIDFS:
        yield finding("kernel_without_pidfs", f"Linux {release}; 6.9 and newer can do better", "uname -r")


def examine_python() -> Iterator[Finding]:
    """Yield what makes every command slow to start."""
    if sys.dont_write_bytecode:
        detail = "PYTHONDONTWRITEBYTECODE is set, or Python was started with -B"
        yield finding("no_bytecode", detail, "unset PYTHONDONTWRITEBYTECODE")


def examine_logout(user: str, system: str = "") -> Iterator[Finding]:
    """Yield whether systemd-logind ends runs at logout; see logind.conf(5) and loginctl(1).

    system: where the system's files are, for tests.
    """
    if not os.path.isdir(f"{system}/run/systemd/system"):
        return  # booted by something else
    if os.path.exists(f"{system}/var/lib/systemd/linger/{user}"):
        return
    value, where = "", ""
    for path in _logind_files(system):
        for line in _lines(path):
            name, equals, text = line.partition("=")
            if equals and name.strip() == "KillUserProcesses":
                value, where = text.strip().lower(), path
    if value in {"yes", "true", "on", "1"}:
        detail = f"KillUserProcesses={value} in {where}, and {user} does not linger"
        yield finding("logout_kills", detail, f"loginctl enable-linger {shell.quote(user)}", path=where)


def examine_root(layout: Layout) -> Iterator[Finding]:
    """Yield what is wrong with the registry as a whole, and with the disk it lies on."""
    root = layout.root
    if not is_registry(root) and not os.path.isdir(layout.journals):
        yield finding("registry_missing", f"nothing at {root}", "runlore init", path=root)
        return
    found = [*_examine_file(layout), *_examine_access(root)]
    yield from found
    if not _TELLING & {each.code for each in found}:
        yield from _examine_writing(root)
    yield from _examine_disk(root)


def _examine_file(layout: Layout) -> Iterator[Finding]:
    try:
        registry_info(REAL, layout)
    except (RunloreError, OSError) as error:
        yield finding("registry_damaged", str(error), "runlore info", path=layout.registry_file)


def _examine_access(root: str) -> Iterator[Finding]:
    found = os.lstat(root)
    quoted = shell.quote(root)
    kind = machine.file_system(root)
    if found.st_uid != os.geteuid():
        yield finding("not_yours", f"it belongs to uid {found.st_uid}", "export RUNLORE_ROOT=DIR", path=root)
    mode = f"mode {found.st_mode & 0o7777:04o}"
    if stat.S_ISDIR(found.st_mode) and found.st_mode & _OTHERS_WRITE:
        yield finding("open_to_others", mode, f"chmod go-w {quoted}", path=root)
    elif stat.S_ISDIR(found.st_mode) and found.st_mode & _OTHERS:
        yield finding("readable_by_others", mode, f"chmod go= {quoted}", path=root)
    if machine.is_network(kind):
        yield finding("network_fs", f"it lies on {kind}", "export RUNLORE_ROOT=DIR", path=root)


def _examine_writing(root: str) -> Iterator[Finding]:
    """Yield why runs cannot be recorded there, if that has no finding of its own."""
    refusal = "" if os.access(root, os.W_OK) else f"{root} cannot be written"
    try:
        open_for_writing(REAL, root, create=False)
    except RunloreError as error:
        refusal = str(error)
    if refusal:
        yield finding("not_writable", refusal, "export RUNLORE_ROOT=DIR", path=root)


def _examine_disk(root: str) -> Iterator[Finding]:
    room = os.statvfs(root)
    free = room.f_bavail * room.f_frsize
    few = room.f_files and room.f_favail < _FEW_INODES
    if free < _NO_ROOM or (room.f_files and not room.f_favail):
        yield finding("disk_full", f"{free:,} bytes and {room.f_favail:,} files are left", "df -h", path=root)
    elif free < _LITTLE_ROOM or few:
        yield finding("disk_low", f"{free:,} bytes and {room.f_favail:,} files are left", "df -h", path=root)


def _logind_files(system: str) -> Iterator[str]:
    folders = [f"{system}/{folder}" for folder in _LOGIND]
    yield from (f"{folder}/logind.conf" for folder in folders)
    drop_ins: dict[str, str] = {}
    for folder in folders:
        try:
            names = os.listdir(f"{folder}/logind.conf.d")
        except OSError:
            continue
        drop_ins |= {name: f"{folder}/logind.conf.d/{name}" for name in names if name.endswith(".conf")}
    yield from (drop_ins[name] for name in sorted(drop_ins))


def _lines(path: str) -> list[str]:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().splitlines()
    except OSError:
        return []
