"""Secrets are typed into the command line."""

from tests.cli.conftest import runlore

__all__ = ["runlore"]
