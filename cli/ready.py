"""Wait for descriptors: by poll(2), because select(2) takes no number beyond 1023."""

import math
import select


def readable(*descriptors: int, within_s: float | None = None) -> set[int]:
    """Return those from which can be read, or whose other end is gone; after so many seconds none."""
    return _ready(select.POLLIN, descriptors, within_s)


def writable(*descriptors: int) -> set[int]:
    """Return those to which can be written, or whose other end is gone, once there are any."""
    return _ready(select.POLLOUT, descriptors, None)


def _ready(event: int, descriptors: tuple[int, ...], within_s: float | None) -> set[int]:
    poll = select.poll()
    for fd in descriptors:
        poll.register(fd, event)
    return {fd for fd, _ in poll.poll(None if within_s is None else math.ceil(within_s * 1000))}
