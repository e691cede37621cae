"""Publish to a peer's server over a socket of our own: one send per event, right after its time was taken.

The peers' Python clients either wait for each answer, and do not keep up with 20,000 events a second, or
gather events and send them together, so that an event is late before it leaves. Speaking the protocol
does neither, and is the best that a publisher can do for its subscriber. Every event's acknowledgement
is read, between two ticks and at the end.
"""

import json
import os
import socket
import time
from abc import ABC, abstractmethod
from collections.abc import Callable

_PATIENCE_S = 60.0


class Publisher(ABC):
    """A connection that sends events, and counts what was acknowledged."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._rest = b""
        self.sent = self.acknowledged = 0

    def publish(self, number: int, body: bytes) -> None:
        """Send one event to the journal of that number."""
        self._socket.sendall(self.encode(number, body))
        self.sent += 1

    @abstractmethod
    def encode(self, number: int, body: bytes) -> bytes:
        """Return the command."""

    @abstractmethod
    def take(self, line: bytes) -> None:
        """Read one line of what the server said."""

    def drain(self) -> None:
        """Read what the server has said by now."""
        while True:
            try:
                data = self._socket.recv(1 << 16, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            if not data:
                raise RuntimeError("the server hung up")
            *lines, self._rest = (self._rest + data).split(b"\r\n")
            for line in lines:
                if line.startswith(b"-") or b'"error"' in line:
                    raise RuntimeError(f"the server refused: {line.decode(errors='replace')}")
                self.take(line)

    def settle(self) -> None:
        """Return once every event is acknowledged."""
        self._until(lambda: self.acknowledged == self.sent)

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def send(self, command: bytes) -> None:
        """Send something that is no event."""
        self._socket.sendall(command)

    def _until(self, is_so: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _PATIENCE_S
        while not is_so():
            if time.monotonic() > deadline:
                raise RuntimeError(f"{self.acknowledged} of {self.sent} events were acknowledged")
            time.sleep(0.001)
            self.drain()


class Redis(Publisher):
    """XADD to one stream for each journal; a reply is the id, in two lines."""

    def encode(self, number: int, body: bytes) -> bytes:
        """Return XADD in the protocol's arrays of counted words."""
        key = b"runs:%d" % number
        words = b"$%d\r\n%b\r\n$1\r\n*\r\n$1\r\ne\r\n$%d\r\n%b\r\n" % (len(key), key, len(body), body)
        return b"*5\r\n$4\r\nXADD\r\n" + words

    def take(self, line: bytes) -> None:
        """Count the first line of each reply, its length."""
        self.acknowledged += line.startswith(b"$")


class Nats(Publisher):
    """PUB to one subject for each journal; JetStream answers to an inbox once the event is stored."""

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self._inbox = b"_INBOX.%b" % os.urandom(8).hex().encode()
        self._is_answered = False
        options = json.dumps({"verbose": False, "pedantic": False, "lang": "benchmark", "version": "1"})
        self.send(b"CONNECT %b\r\nSUB %b 1\r\nPING\r\n" % (options.encode(), self._inbox))
        self._until(lambda: self._is_answered)

    def encode(self, number: int, body: bytes) -> bytes:
        """Return PUB with the inbox that is answered to."""
        return b"PUB run.%d %b %d\r\n%b\r\n" % (number, self._inbox, len(body), body)

    def take(self, line: bytes) -> None:
        """Count messages to the inbox; tell the server that we are still there."""
        self.acknowledged += line.startswith(b"MSG ")
        if line == b"PING":
            self.send(b"PONG\r\n")
        elif line == b"PONG":
            self._is_answered = True
