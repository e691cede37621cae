"""A person at a terminal needs a terminal, and a command to type."""

from tests.cli.conftest import ended, runlore

__all__ = ["ended", "runlore"]
