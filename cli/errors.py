"""The one place that turns a failure into a line on standard error and an exit code.

Codes: docs/reference/exit-codes.md. A traceback is shown only if RUNLORE_DEBUG is set.
"""

import os
import signal
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from runlore.cli import standard

if TYPE_CHECKING:
    from click import ClickException

USAGE: Final = 2
DISK: Final = 74
OURS: Final = 125
"""What a foreground `run` exits with for every failure that is not its command's."""


class Failed(Exception):
    """What was asked for was done, and its answer is a failure; everything was said already."""

    def __init__(self, exit_code: int) -> None:
        super().__init__(exit_code)
        self.exit_code = exit_code


class Interrupted(Exception):
    """A signal asked this process to stop, and it has said what there was to say."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def end(error: BaseException, *, foreground: bool = False, clean: Callable[[str], str] = str) -> int:
    """Say on standard error what went wrong and return the exit code; may end the process by a signal.

    foreground: this is `run`, whose exit codes below 125 belong to its command.
    clean: takes the secrets out of a message that quotes what was typed.
    """
    if isinstance(error, Failed):
        return error.exit_code
    if isinstance(error, Interrupted):
        standard.end_by(error.number)
    if isinstance(error, KeyboardInterrupt):
        standard.end_by(signal.SIGINT)
    if isinstance(error, standard.OutputFailed):
        return _output_failed(error, foreground=foreground)
    message, code = _told(error)
    if not message:
        return code
    message = _cleaned(error, message, clean)
    _debug(error, clean)
    say(*_lines(error, f"error: {message}"), *_place(error, clean))
    return OURS if foreground else code


def say(*lines: str) -> None:
    """Write lines for people to standard error, made printable: a newline inside one is shown, not obeyed."""
    from runlore.projections.printable import printable  # noqa: PLC0415 - not for every command

    text = "".join(f"{printable(line)}\n" for line in lines)
    try:
        encoding = (sys.stderr.encoding if sys.stderr else None) or "utf-8"
        standard.complain(text.encode(encoding, "backslashreplace"))
    except LookupError:
        standard.complain(text.encode("ascii", "backslashreplace"))


def _lines(error: BaseException, message: str) -> list[str]:
    """Return the lines of a message: one, but for the list of what an ambiguous word could mean."""
    from runlore.journal.errors import Ambiguous  # noqa: PLC0415 - see the module

    return message.split("\n") if isinstance(error, Ambiguous) else [message]


def _place(error: BaseException, clean: Callable[[str], str]) -> list[str]:
    """Return lines that point at what is wrong in an expression; none if it holds a secret."""
    from runlore.journal.errors import BadExpression  # noqa: PLC0415 - see the module

    if not isinstance(error, BadExpression) or _cleaned(error, error.text, clean) != error.text:
        return []
    from runlore.cli.pointing import pointed  # noqa: PLC0415 - only for a typing error

    return pointed(error.text, error.column, error.length)


def _told(error: BaseException) -> tuple[str, int]:
    """Return the message and the exit code for an error."""
    from click import ClickException  # noqa: PLC0415 - see the module
    from click.exceptions import Exit  # noqa: PLC0415 - see the module

    from runlore.journal.errors import RunloreError  # noqa: PLC0415 - see the module

    if isinstance(error, Exit):
        return "", error.exit_code
    if isinstance(error, RunloreError):
        return str(error), error.exit_code
    if isinstance(error, ClickException):
        return _usage(error), USAGE
    if isinstance(error, MemoryError):
        return "out of memory", 1
    if isinstance(error, OSError):
        place = f"{error.filename}: " if error.filename else ""
        return f"{place}{error.strerror or error}", DISK
    return _internal(error), 1


def _usage(error: "ClickException") -> str:
    """Return what is wrong with the command line, in one line, and where help is."""
    from click import UsageError  # noqa: PLC0415 - see the module

    message = " ".join(error.format_message().split()).rstrip(".")
    message = message[:1].lower() + message[1:]
    context = error.ctx if isinstance(error, UsageError) else None
    return f"{message}; see `{context.command_path} --help`" if context else message


def _internal(error: BaseException) -> str:
    from runlore import __version__  # noqa: PLC0415 - only when something is broken

    place = error.__traceback__
    while place and place.tb_next:
        place = place.tb_next
    where = f" in {os.path.basename(place.tb_frame.f_code.co_filename)}:{place.tb_lineno}" if place else ""
    return (
        f"internal: {type(error).__name__}: {error}{where} (runlore {__version__}). This is a bug: please "
        "report it with what `RUNLORE_DEBUG=1` shows; no journal was harmed by it"
    )


def _output_failed(error: standard.OutputFailed, *, foreground: bool) -> int:
    if error.reader_gone:
        standard.end_by(signal.SIGPIPE)
    if error.hung_up:
        standard.end_by(signal.SIGHUP)
    say(f"error: {error}")
    return OURS if foreground else DISK


def _cleaned(error: BaseException, message: str, clean: Callable[[str], str]) -> str:
    """Return the message without secrets; if they cannot be looked for, what kind of error it is."""
    try:
        return clean(message)
    except Exception as trouble:  # noqa: BLE001 - whatever is wrong, nothing unclean is said
        return (
            f"{type(error).__name__}; what it says is left out, because secrets could not be looked for "
            f"in it ({type(trouble).__name__})"
        )


def _debug(error: BaseException, clean: Callable[[str], str]) -> None:
    if os.environ.get("RUNLORE_DEBUG"):
        import traceback  # noqa: PLC0415 - only for whoever asked

        say(*_cleaned(error, "".join(traceback.format_exception(error)), clean).splitlines())
