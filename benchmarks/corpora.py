"""Journals and registries made before anything is measured, kept until what makes them changes."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from typing import Final

_MAKERS: Final = ("corpus.py", "histories.py")


class CorpusFailed(Exception):
    """A corpus could not be made; the message has the end of what its maker said."""


def made(name: str, scratch: str, python: str, repository: str, environment: Mapping[str, str]) -> str:
    """Return the folder of the corpus `name` (see cases.corpus), which is made if it is not there.

    Raises:
        CorpusFailed: its maker broke down.
    """
    maker = _fingerprint(repository)
    folder = f"{scratch}/corpora/{name.replace(':', '-')}-{maker}"
    if os.path.isdir(folder):
        return folder
    os.makedirs(f"{scratch}/corpora", exist_ok=True)
    sys.stderr.write(f"making corpus {name}\n")
    done = subprocess.run(
        [python, "-m", "benchmarks.cases.corpus", name, f"{folder}.part"],
        cwd=repository,
        env=dict(environment),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        shutil.rmtree(f"{folder}.part", ignore_errors=True)
        raise CorpusFailed(f"corpus {name}: {done.stderr.strip()[-800:]}")
    os.rename(f"{folder}.part", folder)
    return folder


def _fingerprint(repository: str) -> str:
    """Return a digest of what makes corpora: one that was made otherwise is not taken again."""
    digest = hashlib.sha256()
    for name in _MAKERS:
        with open(f"{repository}/benchmarks/cases/{name}", "rb") as file:
            digest.update(file.read())
    return digest.hexdigest()[:12]
