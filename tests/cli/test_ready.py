"""Waiting for descriptors, whatever their numbers are."""

import fcntl
import os
import resource

import pytest

from runlore.cli.ready import readable, writable


@pytest.fixture
def beyond() -> int:
    """A number that select(2) does not take."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < 1100:
        resource.setrlimit(resource.RLIMIT_NOFILE, (1100, hard))
    return 1030


def test_a_number_beyond_1023(beyond: int) -> None:
    """Readable once something is there, or its other end is gone; until then nothing is."""
    read_end, write_end = os.pipe()
    high = fcntl.fcntl(read_end, fcntl.F_DUPFD_CLOEXEC, beyond)
    try:
        assert readable(high, within_s=0) == set()
        assert writable(high, write_end) == {write_end}
        os.write(write_end, b"x")
        assert readable(high) == {high}
        os.read(high, 1)
        os.close(write_end)
        assert readable(high, within_s=0.001) == {high}
    finally:
        os.close(high)
        os.close(read_end)
