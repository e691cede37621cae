"""The version, in the one place that the build, the command and the journal's writers read."""

__version__ = "0.1.0"
