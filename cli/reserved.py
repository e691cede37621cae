"""Names of a later version: they are not listed, do nothing yet, and will never mean anything else."""

from typing import Final


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


COMMANDS: Final = _words(
    """
    accept attach diff export hooks mcp metrics playlist
    projection promote queue relay replay rerun resume send
    serve stats template watch worker
    """
)
OPTIONS: Final = _words(
    """
    --after --after-any --delay
    --priority --queue --retry --runtime --start-at
    --tty
    """
)
OF_COMMANDS: Final = frozenset({("ps", "--at"), ("ls", "--at")})
"""Options that other commands have already."""


def is_reserved(command: str | None, option: str) -> bool:
    """Say whether an option of a command is one of a later version."""
    return option in OPTIONS or (command, option) in OF_COMMANDS


def absent(name: str) -> str:
    """Return what is said of a name that is not in this version."""
    return f"`{name}` is not in this version of runlore"
