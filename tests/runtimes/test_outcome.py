"""How a block of Python ended, from the exception it left with."""

import asyncio
import concurrent.futures
from datetime import UTC, datetime

import pytest
import trio

from runlore.journal.exit_record import ExitRecord
from runlore.journal.redaction import redact_text
from runlore.projections.health import outcome_of
from runlore.runtimes.outcome import exit_of

NOW = datetime(2026, 11, 20, 20, 14, tzinfo=UTC)


def trio_cancelled() -> BaseException:
    """What trio raises in a cancelled task."""
    caught: list[BaseException] = []

    async def main() -> None:
        with trio.CancelScope() as scope:
            scope.cancel()
            try:
                await trio.sleep_forever()
            except BaseException as error:
                caught.append(error)
                raise

    trio.run(main)
    return caught[0]


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


def status_of(record: ExitRecord) -> str:
    """The final event that the record stands for."""
    final, _ = outcome_of(record)
    return final.__name__


@pytest.mark.parametrize(
    ("error", "status", "exit_code"),
    [
        (None, "RunSucceeded", 0),
        (SystemExit(), "RunSucceeded", 0),
        (SystemExit(0), "RunSucceeded", 0),
        (SystemExit(3), "RunFailed", 3),
        (SystemExit(-1), "RunFailed", 255),
        (SystemExit("no such file"), "RunFailed", 1),
        (ValueError("no"), "RunFailed", None),
        (KeyboardInterrupt(), "RunCancelled", None),
        (GeneratorExit(), "RunCancelled", None),
        (asyncio.CancelledError(), "RunCancelled", None),
        (concurrent.futures.CancelledError(), "RunCancelled", None),
        (trio_cancelled(), "RunCancelled", None),
        (BaseExceptionGroup("", [KeyboardInterrupt()]), "RunCancelled", None),
        (BaseExceptionGroup("", [KeyboardInterrupt(), ValueError("no")]), "RunFailed", None),
        (ExceptionGroup("", [ExceptionGroup("", [OSError(5, "I/O")])]), "RunFailed", None),
    ],
    ids=lambda value: type(value).__qualname__,
)
def test_what_ended_the_block(error: BaseException | None, status: str, exit_code: int | None) -> None:
    """A wish to stop is cancelled, `SystemExit` is the code it carries, anything else has failed."""
    record = exit_of(error, NOW, redact_text)

    assert (status_of(record), record.exit_code, record.at) == (status, exit_code, NOW)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("no"), "ValueError: no"),
        (ValueError(), "ValueError"),
        (Unspeakable(), f"{__name__}.Unspeakable: (its message cannot be shown)"),
        (SystemExit("no such file"), "no such file"),
        (ValueError("password=hunter2hunter2"), "ValueError: password=[REDACTED]"),
        (ValueError("half \ud800"), "ValueError: half \\ud800"),
        (ExceptionGroup("many", [KeyError("a"), KeyError("b")]), "KeyError: 'a'"),
    ],
)
def test_what_is_said_about_it(error: BaseException, text: str) -> None:
    """The reason is the last line of the traceback, without secrets, and always storable."""
    reason = exit_of(error, NOW, redact_text).reason

    assert reason is not None
    assert reason.text == text


def test_a_message_without_end() -> None:
    """A reason is a sentence for people, so megabytes of it are cut."""
    reason = exit_of(ValueError("x" * 10**7), NOW, redact_text).reason

    assert reason is not None
    assert len(reason.text) < 5000
