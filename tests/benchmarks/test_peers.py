"""Fetching other tools."""

import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from benchmarks import peers
from benchmarks.build import Installed
from benchmarks.peers import Found, Peer
from benchmarks.tables import TABLES

INSTALLED: Final = Installed(python="/nonexistent", command="/nonexistent", version="3")


def test_a_tool_that_is_on_path_is_found(tmp_path: Path) -> None:
    """What the system has already is used as it is."""
    found = peers.fetch(str(tmp_path), ["nohup"], INSTALLED)

    assert found["nohup"].path.endswith("/nohup")
    assert found["nohup"].reason == ""


def test_without_a_package_manager_every_peer_has_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine with nothing on it gives reasons, not errors."""
    monkeypatch.setenv("PATH", str(tmp_path))
    names = ("nats-server", "pm2", "tmux")

    found = peers.fetch(str(tmp_path), names, INSTALLED)

    assert found == {
        "nats-server": Found(reason="nats-server (debian): this is not a Debian system"),
        "pm2": Found(reason="pm2 (npm): npm is not on PATH"),
        "tmux": Found(reason="tmux is not on PATH (package tmux)"),
    }


def test_what_a_package_manager_says_becomes_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last line that npm wrote stands on the page."""
    npm = tmp_path / "npm"
    npm.write_text("#!/bin/sh\necho reading >&2\necho 'the registry is out of reach' >&2\nexit 1\n")
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    found = peers.fetch(str(tmp_path), ["pm2"], INSTALLED)

    assert found["pm2"].reason == "pm2 (npm): the registry is out of reach"


def test_the_interpreter_of_peers_is_there_without_a_package_for_it(tmp_path: Path) -> None:
    """A table may need a Debian package alone, and its case runs where no runlore is installed."""
    here = Installed(python=sys.executable, command="/nonexistent", version="3")

    found = peers.python(str(tmp_path), here)

    assert subprocess.run([found, "-c", ""], check=True).returncode == 0


def test_a_debian_package_is_unpacked_beside_not_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system stays as it is: apt-get only downloads, and the package is unpacked below .peers."""
    apt = tmp_path / "apt-get"
    apt.write_text('#!/bin/sh\n[ "$1" = download ] && : >task-spooler_1.deb\n')
    dpkg = tmp_path / "dpkg-deb"
    dpkg.write_text('#!/bin/sh\nmkdir -p "$3/usr/bin" && : >"$3/usr/bin/tsp"\n')
    for tool in (apt, dpkg):
        tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    found = peers.fetch(str(tmp_path), ["task-spooler"], INSTALLED)

    unpacked = tmp_path / "benchmarks/.peers/debian/task-spooler"
    assert found["task-spooler"] == Found(path=f"{unpacked}/usr/bin/tsp")
    assert list(unpacked.glob("*.deb")) == []


def test_libraries_of_a_debian_package_are_unpacked_along_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that is linked with what the system lacks is fetched together with that."""
    apt = tmp_path / "apt-get"
    apt.write_text('#!/bin/sh\nshift 2\nfor name; do : >"${name}_1.deb"; done\n')
    dpkg = tmp_path / "dpkg-deb"
    dpkg.write_text('#!/bin/sh\nmkdir -p "$3/usr/bin" && : >"$3/usr/bin/$(basename "$2" _1.deb)"\n')
    for tool in (apt, dpkg):
        tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    found = peers.fetch(str(tmp_path), ["redis-server"], INSTALLED)

    unpacked = {path.name for path in Path(found["redis-server"].path).parent.iterdir()}
    assert unpacked == {"redis-server", *peers.PEERS["redis-server"].along}


@pytest.mark.parametrize("name", sorted(peers.PEERS))
def test_every_peer_is_used_by_some_case(name: str) -> None:
    """Nothing is fetched that nothing is compared with."""
    needed = {need for table in TABLES.values() for case in table.cases for need in case.needs}

    assert name in needed
    assert isinstance(peers.PEERS[name], Peer)
