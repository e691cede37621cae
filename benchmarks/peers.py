"""Other tools to compare with: fetched into benchmarks/.peers, or absent with the reason.

Nothing is installed into the system: Debian packages are downloaded and unpacked, Python packages go
into an environment, npm packages into a folder. A peer that cannot be had never fails a measurement.
"""

import glob
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Literal

from benchmarks.build import Installed

_FOLDER: Final = "benchmarks/.peers"
_LIMIT_S: Final = 300.0


@dataclass(frozen=True, kw_only=True)
class Peer:
    """Where a peer comes from, and what to look for once it is there."""

    source: Literal["pypi", "debian", "npm", "path"]
    package: str
    look_for: str
    """Module (pypi), path below the unpacked package (debian), name of the executable (npm, path)."""
    along: tuple[str, ...] = ()
    """Further packages (debian) that are unpacked into the same folder: libraries it is linked with."""
    apart: bool = False
    """It has an environment of its own (pypi), because it asks for versions that others cannot use."""


PEERS: Final[dict[str, Peer]] = {
    "guild": Peer(source="pypi", package="guildai", look_for="guild", apart=True),
    "mlflow": Peer(source="pypi", package="mlflow", look_for="mlflow", apart=True),
    "polars": Peer(source="pypi", package="polars", look_for="polars"),
    "eventsourcing": Peer(source="pypi", package="eventsourcing", look_for="eventsourcing"),
    "duckdb": Peer(source="pypi", package="duckdb", look_for="duckdb"),
    "nats-py": Peer(source="pypi", package="nats-py", look_for="nats"),
    "anyio": Peer(source="pypi", package="anyio", look_for="anyio"),
    "msgspec": Peer(source="pypi", package="msgspec", look_for="msgspec"),
    "watchfiles": Peer(source="pypi", package="watchfiles", look_for="watchfiles"),
    "redis-py": Peer(source="pypi", package="redis[hiredis]", look_for="redis"),
    "redis-server": Peer(
        source="debian",
        package="redis-server",
        look_for="usr/bin/redis-server",
        along=("redis-tools", "libjemalloc2", "liblzf1"),
    ),
    "nats-server": Peer(source="debian", package="nats-server", look_for="usr/sbin/nats-server"),
    "task-spooler": Peer(source="debian", package="task-spooler", look_for="usr/bin/tsp"),
    "pm2": Peer(source="npm", package="pm2", look_for="pm2"),
    "tmux": Peer(source="path", package="tmux", look_for="tmux"),
    "nohup": Peer(source="path", package="coreutils", look_for="nohup"),
}


@dataclass(frozen=True, kw_only=True)
class Found:
    """A peer's executable (for a Python package: its interpreter), or the reason why there is none."""

    path: str = ""
    reason: str = ""


def python(repository: str, installed: Installed) -> str:
    """Return the interpreter of the peers' environment, made if need be; the same Python as runlore's."""
    return _made(f"{repository}/{_FOLDER}/python-{installed.version}", installed)


def fetch(repository: str, names: Iterable[str], installed: Installed) -> dict[str, Found]:
    """Return each named peer, or why it is absent."""
    folder = f"{repository}/{_FOLDER}"
    os.makedirs(folder, exist_ok=True)
    ways: dict[str, Callable[[Peer], str]] = {
        "pypi": lambda peer: _from_pypi(peer, folder, installed),
        "debian": lambda peer: _from_debian(peer, folder),
        "npm": lambda peer: _from_npm(peer, folder),
        "path": lambda peer: shutil.which(peer.look_for) or "",
    }
    found: dict[str, Found] = {}
    for name in sorted(names):
        peer = PEERS[name]
        try:
            path = ways[peer.source](peer)
        except _Refused as refused:
            found[name] = Found(reason=f"{peer.package} ({peer.source}): {refused}")
            continue
        missing = "" if path else f"{peer.look_for} is not on PATH (package {peer.package})"
        found[name] = Found(path=path, reason=missing)
    return found


class _Refused(Exception):
    """A package manager could not deliver; the message is the last thing it said."""


def _made(place: str, installed: Installed) -> str:
    """Return the interpreter of an environment of peers, made if it is not there yet."""
    mine = f"{place}/bin/python"
    if not os.path.exists(mine):
        os.makedirs(place, exist_ok=True)
        _run([installed.python, "-m", "venv", place], place)
    return mine


def _from_pypi(peer: Peer, folder: str, installed: Installed) -> str:
    place = f"{folder}/{peer.package if peer.apart else 'python'}-{installed.version}"
    mine = _made(place, installed)
    if not glob.glob(f"{place}/lib/python3*/site-packages/{peer.look_for}"):
        sys.stderr.write(f"fetching {peer.package} from PyPI\n")
        _run([mine, "-m", "pip", "install", "-q", "--disable-pip-version-check", peer.package], folder)
    return mine


def _from_debian(peer: Peer, folder: str) -> str:
    """Unpack a package below the peers' folder; only the package lists are the system's."""
    place = f"{folder}/debian/{peer.package}"
    path = f"{place}/{peer.look_for}"
    if os.path.exists(path):
        return path
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise _Refused("this is not a Debian system")
    os.makedirs(place, exist_ok=True)
    sys.stderr.write(f"fetching {peer.package} from Debian\n")
    download = ["apt-get", "download", "-q", peer.package, *peer.along]
    try:
        _run(download, place)
    except _Refused:
        if os.geteuid() != 0:
            raise
        _run(["apt-get", "update", "-q"], place)  # only root may refresh the lists
        _run(download, place)
    for archive in glob.glob(f"{place}/*.deb"):
        _run(["dpkg-deb", "-x", archive, place], place)
        os.unlink(archive)
    if not os.path.exists(path):
        raise _Refused(f"the package has no {peer.look_for}")
    return path


def _from_npm(peer: Peer, folder: str) -> str:
    path = f"{folder}/npm/node_modules/.bin/{peer.look_for}"
    if not os.path.exists(path):
        npm = shutil.which("npm")
        if npm is None:
            raise _Refused("npm is not on PATH")
        os.makedirs(f"{folder}/npm", exist_ok=True)
        sys.stderr.write(f"fetching {peer.package} from npm\n")
        _run(
            [
                npm,
                "install",
                "--silent",
                "--no-audit",
                "--no-fund",
                "--prefix",
                f"{folder}/npm",
                peer.package,
            ],
            folder,
        )
    return path


def _run(command: list[str], cwd: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    try:
        done = subprocess.run(
            command, cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=_LIMIT_S
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _Refused(str(error)) from error
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines()
        raise _Refused(lines[-1] if lines else f"{command[0]} failed with status {done.returncode}")
