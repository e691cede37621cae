"""What the delays of a tail are taken from: events with their times, published and counted."""

import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from benchmarks.cases.arrivals import Arrivals, Publisher, message_of, note_to_last
from benchmarks.cases.tail_writer import LAST, event_line, pace
from benchmarks.cases.wire import Nats, Redis


class Ready(Publisher):
    """A publisher that has published already."""

    def __init__(self, rate: int, sent: int) -> None:
        self.rate, self._sent = rate, sent

    def go(self, missing: Callable[[], str]) -> None:
        """Do nothing: nothing is missing."""

    def report(self) -> dict[str, float]:
        """Say how many there were."""
        return {"sent": self._sent, "wall": 1.0}


def test_a_round_is_over_when_as_many_have_arrived_as_were_sent() -> None:
    """The event that says so may overtake others, which come from other files or streams."""
    arrivals = Arrivals(Ready(rate=10, sent=2))

    assert not arrivals.note(str(time.monotonic_ns()))
    assert not arrivals.note(f"{LAST}2")
    assert arrivals.note(str(time.monotonic_ns()))
    assert arrivals.sample().details["events/s"] == 2


def test_waiting_is_over_with_the_one_event_that_ends_it() -> None:
    """A publisher that only waits has sent nothing; what is measured then is processor time."""
    arrivals = Arrivals(Ready(rate=0, sent=0))

    assert arrivals.note(f"{LAST}0")
    assert "p50 ms" not in arrivals.sample().details


def test_one_of_many_subscribers_that_misses_an_event_fails_the_round() -> None:
    """What the others got does not make up for it."""
    arrivals, stamp = Arrivals(Ready(rate=10, sent=2)), str(time.monotonic_ns())

    note_to_last(iter([stamp, "", stamp, f"{LAST}2"]), arrivals)
    with pytest.raises(RuntimeError, match="1 of 2"):
        note_to_last(iter([stamp, f"{LAST}2"]), arrivals)


def test_an_event_takes_its_time_right_before_its_own_append() -> None:
    """No event of a burst is stamped before the one in front of it has been appended."""
    appended: list[int] = []

    def emit(_number: int, stamp: str) -> None:
        assert not appended or int(stamp) >= appended[-1]
        appended.append(time.monotonic_ns())

    assert pace(20_000, 0.01, emit) == len(appended)


def test_a_published_event_is_the_line_of_a_journal_with_its_time() -> None:
    """Every subscriber decodes the same."""
    assert message_of((event_line() % "17").encode()) == "17"


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A server that nobody has connected to yet."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def test_a_reply_of_redis_is_counted_wherever_it_is_cut(listener: socket.socket) -> None:
    """An event is acknowledged once its reply has come, in however many pieces."""
    with closing(Redis(listener.getsockname()[1])) as publisher, listener.accept()[0] as server:
        publisher.publish(7, b"{}")
        command = b"*5\r\n$4\r\nXADD\r\n$6\r\nruns:7\r\n$1\r\n*\r\n$1\r\ne\r\n$2\r\n{}\r\n"
        assert server.recv(1 << 16) == command
        server.sendall(b"$3\r\n1")
        server.sendall(b"-0\r\n")
        publisher.settle()

        assert (publisher.sent, publisher.acknowledged) == (1, 1)


def test_a_server_that_refuses_an_event_ends_the_measurement(listener: socket.socket) -> None:
    """What was not stored is not compared."""
    with closing(Redis(listener.getsockname()[1])) as publisher, listener.accept()[0] as server:
        publisher.publish(0, b"{}")
        server.sendall(b"-OOM command not allowed\r\n")

        with pytest.raises(RuntimeError, match="OOM"):
            publisher.settle()


def test_nats_is_answered_when_it_asks_whether_we_are_there(listener: socket.socket) -> None:
    """A server that gets no answer hangs up in the middle of a round."""
    with ThreadPoolExecutor(1) as pool:
        began = pool.submit(Nats, listener.getsockname()[1])
        with listener.accept()[0] as server:
            server.sendall(b"INFO {}\r\nPONG\r\n")
            with closing(began.result()) as publisher:
                publisher.publish(3, b"{}")
                server.sendall(b"PING\r\nMSG _INBOX.x 1 2\r\n{}\r\n")
                publisher.settle()
                said = b""
                while not said.endswith(b"PONG\r\n"):  # it need not come in one piece
                    said += server.recv(1 << 16)

    assert b"PUB run.3 _INBOX." in said
    assert said.endswith(b" 2\r\n{}\r\nPONG\r\n")
