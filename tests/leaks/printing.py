"""A command that prints secrets in every form, cut between two writes at every byte.

`printing.py`: reads them from the variables that CANARIES lists. Between two writes it waits until its
keeper has taken what stands in the pipe, so that each cut is one for the redactor too.
"""

import fcntl
import os
import random
import struct
import sys
import termios

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
from tests.leaks.encoders import forms


def taken(fd: int) -> None:
    """Return once nothing stands in the pipe."""
    while struct.unpack("i", fcntl.ioctl(fd, termios.FIONREAD, b"\0\0\0\0"))[0]:
        os.sched_yield()


def write(fd: int, data: bytes) -> None:
    """Write all, and wait until it is taken."""
    while data:
        data = data[os.write(fd, data) :]
    taken(fd)


def main() -> None:
    """Print each form whole, then cut at each byte (or each STEP-th), then with two cuts."""
    step, pairs = int(os.environ.get("STEP", "1")), int(os.environ.get("PAIRS", "0"))
    luck = random.Random(11)
    for name in os.environ["CANARIES"].split(","):
        for form in dict.fromkeys(forms(os.environ[name]).values()):
            write(1, b"whole <" + form + b">\n")
            write(2, b'{"json": "' + form + b'"}\n')
            for cut in range(1, len(form), step):
                write(1, b"cut <" + form[:cut])
                write(1, form[cut:] + b">\n")
            for _ in range(pairs):
                first, second = sorted(luck.sample(range(len(form) + 1), 2))
                for piece in (b"twice <" + form[:first], form[first:second], form[second:] + b">\n"):
                    write(1, piece)
    write(1, b"end\n")


if __name__ == "__main__":
    main()
