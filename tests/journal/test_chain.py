"""The hash chain: what `h` covers, and how it is found."""

from hashlib import sha256

import pytest

from runlore.journal import chain
from runlore.journal.values import RunId
from tests.journal.forge import RUN, Forge, many


def test_the_first_line_is_chained_to_the_run_id() -> None:
    """The seed is SHA-256 of the id in ASCII, so the same line in another journal has another `h`."""
    assert chain.seed(RUN) == sha256(b"20261120-201400-k3f9x2ab").digest()
    assert (
        Forge(RUN).text('"text":"x"').head != Forge(RunId("20261120-201400-k3f9x2ac")).text('"text":"x"').head
    )


def test_h_is_the_hash_of_the_previous_h_and_the_covered_bytes() -> None:
    """Recomputing it needs nothing but SHA-256 and the bytes of the file."""
    previous = sha256(RUN.encode()).digest()
    for line in many(5).data.splitlines(keepends=True):
        covered, trailer = line[:-73], line[-73:]
        previous = sha256(previous + covered).digest()
        assert trailer == b',"h":"' + previous.hex().encode() + b'"}\n'


def test_the_trailer_is_73_bytes_with_the_newline() -> None:
    """`,"h":"`, 64 digits, `"}` and the newline: the covered bytes are found by counting."""
    line, digest = chain.close_line(chain.seed(RUN), b'{"type":"run.noted"}')

    assert chain.TRAILER_LENGTH + 1 == 73
    assert line[-73:] == b',"h":"' + digest.hex().encode() + b'"}\n'
    assert line[:-73] == b'{"type":"run.noted"'
    assert chain.link(chain.seed(RUN), line[:-73]) == digest


def test_an_event_with_a_member_named_h_keeps_it_covered() -> None:
    """A metric or tag called `h` stands further in front and is hashed like everything else."""
    covered = b'{"type":"run.progressed","metrics":{"h":1.5},"h":"' + b"0" * 64 + b'"'
    line, digest = chain.close_line(bytes(32), covered + b"}")

    assert chain.split_line(line[:-1]) == (covered, digest)


GOOD = b'{"type":"run.noted","text":"x"' + b',"h":"' + b"0123456789abcdef" * 4 + b'"}'


def test_a_line_is_split_into_what_is_covered_and_its_h() -> None:
    """Both parts come back as they stand."""
    assert chain.split_line(GOOD) == (GOOD[:-72], bytes.fromhex("0123456789abcdef" * 4))
    assert chain.is_trailer(GOOD[-72:])


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{}",
        GOOD[-72:],
        GOOD + b"\n",
        GOOD + b"\r",
        GOOD + b" ",
        GOOD[:-1],
        GOOD.replace(b"abcdef", b"ABCDEF"),
        GOOD.replace(b"0123", b"012g"),
        GOOD.replace(b"0123", b" 123"),
        GOOD.replace(b'"h":', b'"h": '),
        GOOD.replace(b',"h"', b' "h"'),
        GOOD.replace(b'"h"', b'"H"'),
        GOOD.replace(b"0123456789abcdef" * 4, b"0123456789abcdef" * 3),
    ],
)
def test_a_line_that_does_not_end_in_an_h_has_none(line: bytes) -> None:
    """One byte more, less or different in the trailer, and there is no `h` to compare."""
    assert chain.split_line(line) is None


def test_a_head_is_written_as_64_digits() -> None:
    """Heads are printed, stored and compared in one form."""
    assert chain.head(bytes(range(32))) == bytes(range(32)).hex()
