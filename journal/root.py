"""Find a registry's root, check that it may be trusted, create it.

Reading an explicit root works for anyone who can read it. Writing refuses a root that others could
change behind our back, or where locks cannot be believed; every refusal says what to do.
"""

import os
import stat
from collections.abc import Mapping
from typing import Final, Literal

import msgspec

from runlore.journal import machine
from runlore.journal.disk import Disk, read_whole, write_fully, write_whole
from runlore.journal.errors import BadInput, JournalIO, NewerFormat, NoRegistry, NotFound, NotPermitted
from runlore.journal.layout import FOLDERS, Layout
from runlore.journal.values import UtcTime

FORMAT: Final = 1
PROJECT_FOLDER: Final = ".runlore"
_REGISTRY_FILE: Final = "registry.json"
_CONSENT: Final = "network-fs-consent"
_LIMIT: Final = 1 << 16

Source = Literal["option", "environment", "project", "user"]


class FoundRoot(msgspec.Struct, frozen=True):
    """A root and the rule that chose it."""

    path: str
    source: Source


class RegistryFile(msgspec.Struct, frozen=True, kw_only=True):
    """`registry.json`: replaced whole, never edited."""

    format: int
    registry_id: str
    created: UtcTime


def find_root(explicit: str | None, environ: Mapping[str, str], cwd: str) -> FoundRoot:
    """Return the root to use: `--root`, `RUNLORE_ROOT`, the nearest `.runlore/` upwards, the user's.

    Raises:
        BadInput: an empty or relative choice that cannot be made absolute, or no home to fall back on.
    """
    if explicit is not None:
        return FoundRoot(_absolute(explicit, cwd, "--root"), "option")
    if chosen := environ.get("RUNLORE_ROOT"):
        return FoundRoot(_absolute(chosen, cwd, "RUNLORE_ROOT"), "environment")
    folder = cwd
    while folder.startswith("/"):
        candidate = f"{folder.rstrip('/')}/{PROJECT_FOLDER}"
        if is_registry(candidate):
            return FoundRoot(candidate, "project")
        if folder == "/":
            break
        folder = str(os.path.dirname(folder))
    data = environ.get("XDG_DATA_HOME", "")
    if not data.startswith("/"):  # the XDG specification: relative values are to be ignored
        home = environ.get("HOME", "")
        if not home.startswith("/") or "\n" in home:
            raise BadInput(
                "no registry root: HOME is not set to an absolute folder; "
                "give one with --root DIR or `export RUNLORE_ROOT=DIR`"
            )
        data = f"{home.rstrip('/')}/.local/share"
    return FoundRoot(f"{data.rstrip('/')}/runlore", "user")


def is_registry(path: str) -> bool:
    """Say whether a registry was made at `path`."""
    return os.path.isfile(f"{path}/{_REGISTRY_FILE}")


def open_for_reading(path: str) -> Layout:
    """Return the layout of an existing registry; nothing is created or changed.

    Raises:
        NoRegistry: nothing is at `path` yet, or a folder that is no registry.
        NotFound: something else is in its place, or its journals are gone.
        NotPermitted: it is there and cannot be read.
    """
    try:
        os.listdir(f"{path}/journals")
    except FileNotFoundError:
        if is_registry(path):
            raise NotFound(f"{path}/journals is gone: what ran in this registry cannot be told") from None
        raise NoRegistry(
            f"no registry at {path}; `runlore run CMD…` makes one, `--root DIR` names another"
        ) from None
    except NotADirectoryError:
        raise NotFound(f"no registry at {path}: a registry is a folder; `--root DIR` names another") from None
    except PermissionError:
        raise NotPermitted(f"{path}/journals cannot be read by this user") from None
    except OSError as error:
        raise JournalIO(f"{path}: {error.strerror}") from error
    return Layout(path)


def open_for_writing(disk: Disk, path: str, *, create: bool = True, allow_network_fs: bool = False) -> Layout:
    """Return the layout of a registry that may be written, made if it is missing.

    Creation is durable when this returns, and safe when several processes do it at once.

    Raises:
        NotPermitted: world-writable, somebody else's, reached through a link, or on a network file system.
        NotFound: it does not exist and `create` is off.
        NewerFormat: a newer release made it.
        BadInput: the path is not a folder.
        JournalIO: the disk refused.
    """
    path = os.path.abspath(path)
    layout = Layout(path)
    try:
        if not _is_folder(path):
            if not create:
                raise NotFound(f"no registry at {path}; `runlore init` makes one")
            _make_root(disk, path)
        check_private(path)
        _check_file_system(layout, allow=allow_network_fs)
        if not os.path.exists(layout.registry_file):
            if not create:
                raise NotFound(f"no registry at {path}; `runlore init` makes one")
            _make_registry(disk, layout)
        info = registry_info(disk, layout)
    except FileExistsError:
        raise BadInput(f"{path} is a file; a registry is a folder. Choose another with --root DIR") from None
    except OSError as error:
        if isinstance(error, JournalIO | NotPermitted):
            raise
        raise JournalIO(f"{path}: {error.strerror}; choose another root with --root DIR") from error
    if info.format > FORMAT:
        raise NewerFormat(
            f"{path} has registry format {info.format}, this release writes {FORMAT}: "
            "it may be read here; write with the newer release"
        )
    return layout


def registry_info(disk: Disk, layout: Layout) -> RegistryFile:
    """Return what `registry.json` says.

    Raises:
        BadInput: it is not ours, or damaged.
        NotFound: there is none.
        JournalIO: the disk refused.
    """
    try:
        return msgspec.json.decode(read_whole(disk, layout.registry_file, _LIMIT), type=RegistryFile)
    except FileNotFoundError:
        raise NotFound(f"no registry at {layout.root}; `runlore init` makes one") from None
    except OSError as error:
        raise JournalIO(f"{layout.registry_file}: {error.strerror or error}") from error
    except (msgspec.MsgspecError, UnicodeError, ValueError, RecursionError) as error:
        raise BadInput(
            f"{layout.registry_file} is not a registry file ({error}); "
            "move it aside and `runlore init` writes a new one, the journals stay"
        ) from error


def consent_to_network_fs(disk: Disk, layout: Layout) -> None:
    """Remember that this root may be written although its file system is a network's.

    Raises:
        JournalIO: the disk refused.
    """
    path = f"{layout.settings}/{_CONSENT}"
    try:
        write_whole(disk, path, b"consented\n")
    except OSError as error:
        raise JournalIO(f"{path}: {error.strerror or error}") from error


def check_private(path: str) -> None:
    """Return if only this user can change the folder at `path`.

    Raises:
        NotPermitted: it is a link, somebody else's, or writable by others.
        BadInput: it is not a folder.
    """
    found = os.lstat(path)
    if stat.S_ISLNK(found.st_mode):
        raise NotPermitted(
            f"{path} is a symbolic link; name the folder itself: --root {os.path.realpath(path)}"
        )
    if not stat.S_ISDIR(found.st_mode):
        raise BadInput(f"{path} is not a folder. Choose another with --root DIR")
    if found.st_uid != os.geteuid():
        raise NotPermitted(
            f"{path} belongs to uid {found.st_uid}, not to you; "
            "reading works, for writing use your own: `export RUNLORE_ROOT=DIR`"
        )
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise NotPermitted(
            f"{path} can be written by others (mode {stat.S_IMODE(found.st_mode):04o}): "
            f"they could forge what runs did. `chmod 700 {path}`"
        )


def _absolute(path: str, cwd: str, what: str) -> str:
    if not path or "\0" in path:
        raise BadInput(f"{what} is empty or has a NUL; give a folder")
    return os.path.normpath(os.path.join(cwd, path))


def _make_root(disk: Disk, path: str) -> None:
    """Make the folder, and its missing parents, durable."""
    missing: list[str] = []
    folder = path
    while not _is_folder(folder):
        missing.append(folder)
        folder = os.path.dirname(folder)
    for folder in reversed(missing):
        try:
            disk.mkdir(folder)
        except FileExistsError:
            if not _is_folder(folder):
                raise
        _sync_above(disk, folder)


def _is_folder(path: str) -> bool:
    """Say whether there is a folder at `path`; an error of the disk is not an answer."""
    try:
        return stat.S_ISDIR(os.stat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def _sync_above(disk: Disk, folder: str) -> None:
    """Make a folder's own name durable; where we may not read the folder above, we did not make it."""
    try:
        disk.sync_dir(os.path.dirname(folder))
    except PermissionError:
        return


def _check_file_system(layout: Layout, *, allow: bool) -> None:
    kind = machine.file_system(layout.root)
    if not machine.is_network(kind) or allow:
        return
    if os.path.exists(f"{layout.settings}/{_CONSENT}"):
        return
    raise NotPermitted(
        f"{layout.root} is on a network file system ({kind}): locks there do not tell whether a run of "
        "another machine is alive. Use a local disk (`export RUNLORE_ROOT=DIR`), or accept that runs of "
        "other machines show as unknown: `runlore init --allow-network-fs`"
    )


def _make_registry(disk: Disk, layout: Layout) -> None:
    """Make the folders, then `registry.json`; the first of several processes decides its contents.

    Who finds `registry.json` looks no further, so everything above and beside it is durable before it
    has its name.
    """
    for name in FOLDERS:
        try:
            disk.mkdir(f"{layout.root}/{name}")
        except FileExistsError:
            continue
    _sync_above(disk, layout.root)
    disk.sync_dir(layout.root)
    info = RegistryFile(format=FORMAT, registry_id=os.urandom(8).hex(), created=disk.now())
    temporary = f"{layout.root}/.registry.{os.urandom(6).hex()}.tmp"
    fd = disk.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    try:
        write_fully(disk, fd, msgspec.json.encode(info) + b"\n")
        disk.fdatasync(fd)
    finally:
        disk.close(fd)
    try:
        disk.link(temporary, layout.registry_file)
    except FileExistsError:
        pass
    finally:
        disk.unlink(temporary)
    disk.sync_dir(layout.root)
