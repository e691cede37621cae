"""What all followers share: Ctrl-C ends the following, never the run, and says so.

Who tells where to go on also shows all that lies before: between taking something and having written it
Ctrl-C waits, except where that would wait for a reader.
"""

import signal
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Self

from runlore.cli.errors import Interrupted
from runlore.cli.ready import writable

if TYPE_CHECKING:
    from collections.abc import Callable

    from runlore.cli.session import Session


class Following:
    """Within its `with` block Ctrl-C ends this command, after a word about what goes on without it."""

    def __init__(self, session: "Session", what: "str | Callable[[], str]") -> None:
        self._session, self._what = session, what
        self._before = signal.getsignal(signal.SIGINT)
        self._is_held = self._has_come = False

    def __enter__(self) -> Self:
        if self._before is not signal.SIG_IGN:
            signal.signal(signal.SIGINT, self._interrupt)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        signal.signal(signal.SIGINT, self._before)
        self._session.output.until_writable = None
        if isinstance(error, KeyboardInterrupt):
            what = self._what
            self._session.output.say_below(what if isinstance(what, str) else what())
            raise Interrupted(signal.SIGINT) from None

    def whole(self) -> "Whole":
        """Return what keeps Ctrl-C waiting within its `with` block; a reader is waited for as ever."""
        self._session.output.until_writable = self._until_writable
        return Whole(self)

    def hold(self) -> None:
        """Let Ctrl-C wait from here on."""
        self._is_held = True

    def let_go(self) -> None:
        """Let Ctrl-C end the following from here on, and now if it has come meanwhile."""
        self._is_held = False
        if self._has_come:
            self._has_come = False
            raise KeyboardInterrupt

    def _until_writable(self) -> None:
        was_held = self._is_held
        self.let_go()
        writable(1)
        self._is_held = was_held

    def _interrupt(self, _number: int, _frame: FrameType | None) -> None:
        if not self._is_held:
            raise KeyboardInterrupt
        self._has_come = True


class Whole:
    """What is done within it is done whole, whenever Ctrl-C comes. May be entered again and again."""

    def __init__(self, following: Following) -> None:
        self._following = following

    def __enter__(self) -> Self:
        self._following.hold()
        return self

    def __exit__(self, *_: object) -> None:
        self._following.let_go()
