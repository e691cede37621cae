"""What all followers share: Ctrl-C ends the following, never the run, and says so."""

import signal
from types import TracebackType
from typing import TYPE_CHECKING, Self

from runlore.cli.errors import Interrupted

if TYPE_CHECKING:
    from collections.abc import Callable

    from runlore.cli.session import Session


class Following:
    """Within its `with` block Ctrl-C ends this command, after a word about what goes on without it."""

    def __init__(self, session: "Session", what: "str | Callable[[], str]") -> None:
        self._session, self._what = session, what
        self._before = signal.getsignal(signal.SIGINT)

    def __enter__(self) -> Self:
        if self._before is not signal.SIG_IGN:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        signal.signal(signal.SIGINT, self._before)
        if isinstance(error, KeyboardInterrupt):
            what = self._what
            self._session.output.say_below(what if isinstance(what, str) else what())
            raise Interrupted(signal.SIGINT) from None
