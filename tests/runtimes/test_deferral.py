"""Signals that come while something has to be finished."""

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from runlore.runtimes.deferral import Deferral


@pytest.fixture
def heard() -> Iterator[list[int]]:
    """The signals whose own handlers ran; Ctrl-C raises, whatever an earlier test has made of it."""
    numbers: list[int] = []
    interrupt = signal.signal(signal.SIGINT, signal.default_int_handler)
    before = {
        number: signal.signal(number, lambda number, _: numbers.append(number))
        for number in (signal.SIGTERM, signal.SIGHUP)
    }
    yield numbers
    for number, handler in before.items():
        signal.signal(number, handler)
    signal.signal(signal.SIGINT, interrupt)


def send(*numbers: int) -> None:
    """Send signals to this process; the main thread has taken them when this returns."""
    for number in numbers:
        os.kill(os.getpid(), number)


def test_handlers_run_when_it_is_over(heard: list[int]) -> None:
    """In the order in which the signals came, and not before."""
    with Deferral():
        send(signal.SIGHUP, signal.SIGTERM)
        assert heard == []

    assert heard == [signal.SIGHUP, signal.SIGTERM]
    send(signal.SIGTERM)
    assert heard == [signal.SIGHUP, signal.SIGTERM, signal.SIGTERM]


def interrupted(heard: list[int]) -> None:
    """Finish something, and be interrupted twice meanwhile."""
    with Deferral():
        send(signal.SIGINT, signal.SIGTERM)
        heard.append(0)


def test_ctrl_c_is_raised_when_it_is_over(heard: list[int]) -> None:
    """What had to be finished is finished, and another signal's handler runs all the same."""
    with pytest.raises(KeyboardInterrupt):
        interrupted(heard)

    assert heard == [0, signal.SIGTERM]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_signals_that_are_ignored(heard: list[int]) -> None:
    """What is ignored stays ignored."""
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with Deferral():
            send(signal.SIGTERM)
            assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, before)
    assert heard == []


def test_another_thread() -> None:
    """Signals interrupt the main thread alone, so elsewhere nothing is changed."""
    before, found = signal.getsignal(signal.SIGINT), []

    def work() -> None:
        with Deferral():
            found.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [before]
