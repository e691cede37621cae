"""Install runlore the way a user does: a wheel in an environment of its own, byte code compiled."""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import dataclass
from typing import Final

_FOLDER: Final = ".venv-bench"
_MARK: Final = "built-from"


class BuildFailed(Exception):
    """runlore could not be built or installed; the message has the end of what pip said."""


@dataclass(frozen=True, kw_only=True)
class Installed:
    """An environment with runlore in it."""

    python: str
    command: str
    version: str
    """Of the interpreter."""


def installed(repository: str) -> Installed:
    """Return the environment with the tree's present state installed; made anew if the tree changed.

    Raises:
        BuildFailed: pip refused.
    """
    folder = f"{repository}/benchmarks/{_FOLDER}"
    state = _fingerprint(repository)
    found = Installed(
        python=f"{folder}/bin/python",
        command=f"{folder}/bin/runlore",
        version=".".join(map(str, sys.version_info[:3])),
    )
    if _read(f"{folder}/{_MARK}") != state:
        shutil.rmtree(folder, ignore_errors=True)
        # the pip of an old Python writes a command that loads regular expressions before anything of ours
        _run([sys.executable, "-m", "venv", "--upgrade-deps", folder])
        with tempfile.TemporaryDirectory(prefix="runlore-wheel-") as wheels:
            _run(
                [
                    found.python,
                    "-m",
                    "pip",
                    "wheel",
                    "-q",
                    "--no-deps",
                    "-w",
                    wheels,
                    _copy(repository, wheels),
                ]
            )
            wheel = next(f"{wheels}/{name}" for name in os.listdir(wheels) if name.endswith(".whl"))
            _run([found.python, "-m", "pip", "install", "-q", "--compile", f"{wheel}[redact]"])
        with open(f"{folder}/{_MARK}", "w", encoding="utf-8") as file:
            file.write(state)
    return found


def _rooms(repository: str) -> list[str]:
    """Return the folders that go into the wheel."""
    with open(f"{repository}/pyproject.toml", "rb") as file:
        settings = tomllib.load(file)
    folders = settings["tool"]["setuptools"]["package-dir"].values()
    return sorted({folder.partition("/")[0] for folder in folders} - {"", "."})


def _sources(repository: str) -> list[str]:
    """Return the paths of everything a wheel is built from, relative to the repository."""
    found = ["pyproject.toml"]
    found += [name for name in os.listdir(repository) if name.startswith(("README", "LICENSE", "MANIFEST"))]
    for room in _rooms(repository):
        for folder, folders, names in os.walk(f"{repository}/{room}"):
            folders[:] = [name for name in folders if name != "__pycache__"]
            found += [os.path.relpath(f"{folder}/{name}", repository) for name in names]
    return sorted(found)


def _fingerprint(repository: str) -> str:
    """Return a digest of the sources, of how they are installed, and of the interpreter they are for."""
    digest = hashlib.sha256(f"{sys.version}\n{sys.base_prefix}\n".encode())
    for path in (*_sources(repository), "benchmarks/build.py"):
        with open(f"{repository}/{path}", "rb") as file:
            content = file.read()
        digest.update(f"{path}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def _copy(repository: str, beside: str) -> str:
    """Return a copy of the sources, so that building leaves nothing in the tree."""
    copy = f"{beside}/source"
    for path in _sources(repository):
        os.makedirs(os.path.dirname(f"{copy}/{path}"), exist_ok=True)
        shutil.copyfile(f"{repository}/{path}", f"{copy}/{path}")
    return copy


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return ""


def _run(command: list[str]) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise BuildFailed(f"{' '.join(command)}: {(done.stderr or done.stdout).strip()[-800:]}")
