"""The supported Python API of runlore."""

from runlore._version import __version__

__all__ = ["__version__"]
