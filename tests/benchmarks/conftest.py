"""Benchmarks are no room and are not installed: make them importable from the repository."""

import sys
from pathlib import Path
from typing import Final

REPOSITORY: Final = str(Path(__file__).parents[2])

if REPOSITORY not in sys.path:
    sys.path.append(REPOSITORY)
