"""How a block of Python ended, as an exit record: the exception it left with decides. Touches nothing.

Cancellation is known by the names of its classes, so that no event loop has to be imported to ask.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Final, cast

from runlore.journal.exit_record import ExitRecord
from runlore.journal.values import Reason

_LONGEST: Final = 4096
_CANCELLATIONS: Final = frozenset(
    {("asyncio", "CancelledError"), ("trio", "Cancelled"), ("concurrent", "CancelledError")}
)


Clean = Callable[[str], str]
"""Takes the secrets out of a text; before it is cut, or half of one would stay."""


def exit_of(error: BaseException | None, at: datetime, clean: Clean) -> ExitRecord:
    """Return the exit record of a block that ended at `at`, by `error` or (None) by coming to its end."""
    if error is None:
        return ExitRecord(at=at, exit_code=0)
    inside = _leaves(error)
    error = next((each for each in inside if not is_cancellation(each)), inside[0])
    if isinstance(error, SystemExit):
        return _exit_of_system_exit(error, at, clean)
    if is_cancellation(error):
        return ExitRecord(at=at, reason=Reason(code="cancelled", text=_what(error, clean)))
    return ExitRecord(at=at, reason=Reason(code="exit_nonzero", text=_what(error, clean)))


def is_cancellation(error: BaseException) -> bool:
    """Say whether `error` means that somebody wanted the block to stop: Ctrl-C, or a cancelled task."""
    if isinstance(error, KeyboardInterrupt | GeneratorExit):
        return True
    names = {(kind.__module__.partition(".")[0], kind.__name__) for kind in type(error).__mro__}
    return not names.isdisjoint(_CANCELLATIONS)


def _exit_of_system_exit(error: SystemExit, at: datetime, clean: Clean) -> ExitRecord:
    """Return what the interpreter would exit with; a text is printed and counts as 1."""
    code = error.code
    if code is None:
        return ExitRecord(at=at, exit_code=0)
    if isinstance(code, int):
        return ExitRecord(at=at, exit_code=code & 0xFF)
    said = _readable(str(code), clean)
    return ExitRecord(at=at, exit_code=1, reason=Reason(code="exit_nonzero", text=said))


def _leaves(error: BaseException) -> list[BaseException]:
    """Return the errors that a group holds, however deep; of any other error, itself."""
    if not isinstance(error, BaseExceptionGroup):
        return [error]
    inside = cast("BaseExceptionGroup[BaseException]", error).exceptions
    return [leaf for each in inside for leaf in _leaves(each)]


def _what(error: BaseException, clean: Clean) -> str:
    """Return class and message, as the last line of a traceback has them, without secrets."""
    name = type(error).__qualname__
    module = type(error).__module__
    name = name if module in {"builtins", "__main__"} else f"{module}.{name}"
    try:
        said = str(error)
    except Exception:  # noqa: BLE001 - somebody else's __str__ must not cost the run its end
        said = "(its message cannot be shown)"
    return _readable(f"{name}: {said}" if said else name, clean)


def _readable(text: str, clean: Clean) -> str:
    return clean(text)[:_LONGEST].encode("utf-8", "backslashreplace").decode("utf-8")
