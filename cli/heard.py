"""Signals that a command answers instead of dying by them: heard at a descriptor, one after the other."""

import os
import signal
from collections.abc import Sequence
from types import FrameType
from typing import Final, Self

ASKED_TO_END: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Heard:
    """Within its `with` block these signals interrupt nothing; `fd` becomes readable when one arrives.

    A signal that the caller ignores (`nohup`) stays ignored.
    """

    def __init__(self, numbers: Sequence[signal.Signals] = ASKED_TO_END) -> None:
        self._numbers = [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]
        self.fd = self._write_fd = self._wakeup_before = -1
        self._before: dict[signal.Signals, object] = {}

    def __enter__(self) -> Self:
        self.fd, self._write_fd = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._wakeup_before = signal.set_wakeup_fd(self._write_fd, warn_on_full_buffer=False)
        for number in self._numbers:
            self._before[number] = signal.signal(number, _note)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # what signal() itself returned
        signal.set_wakeup_fd(self._wakeup_before)
        os.close(self.fd)
        os.close(self._write_fd)

    def take(self) -> list[signal.Signals]:
        """Return the signals heard since the last call, in their order."""
        try:
            numbers = os.read(self.fd, 512)
        except BlockingIOError:
            return []
        return [signal.Signals(number) for number in numbers if number in self._before]

    def within(self, seconds: float) -> list[signal.Signals]:
        """Return the signals heard by now, or else those heard first within so many seconds."""
        from runlore.cli.ready import readable  # noqa: PLC0415 - few commands wait

        readable(self.fd, within_s=seconds)
        return self.take()


def _note(_number: int, _frame: FrameType | None) -> None:
    """Do nothing: the interpreter has written the number to the pipe."""
