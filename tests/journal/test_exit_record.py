"""The exit record: whole or absent, and always exactly one block."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runlore.journal.exit_record import BLOCK, EMPTY, ExitRecord, decode, encode
from runlore.journal.values import Actor, Reason, Usage
from tests.journal.forge import AT
from tests.properties.histories import of_struct

RECORD = ExitRecord(at=AT, exit_code=0, usage=Usage(cpu_s=1.5, max_rss_bytes=4096))


@given(of_struct(ExitRecord))
def test_what_was_written_whole_is_read_back(record: object) -> None:
    """Every record fits the block; what had to be cut is the reason's text and who, never the outcome."""
    assert isinstance(record, ExitRecord)
    block = encode(record)
    read = decode(block)

    assert len(block) == BLOCK
    assert read is not None
    assert (read.at, read.exit_code, read.signal, read.usage) == (
        record.at,
        record.exit_code,
        record.signal,
        record.usage,
    )
    assert (read.reason is None) is (record.reason is None)
    if read.reason is not None and record.reason is not None:
        assert read.reason.code == record.reason.code
        assert read.reason in (record.reason, Reason(code=record.reason.code))


def test_a_long_reason_is_cut_to_its_code() -> None:
    """A reason text that does not fit one sector leaves room for the outcome."""
    reason = Reason(code="spawn_failed", text="☕" * 400, by=Actor(user="ada"))

    read = decode(encode(ExitRecord(at=AT, reason=reason)))

    assert read == ExitRecord(at=AT, reason=Reason(code="spawn_failed"))


def test_a_block_nobody_wrote_is_no_record() -> None:
    """The block is made of NULs when the run is created; that reads as: not ended yet."""
    assert len(EMPTY) == BLOCK
    assert decode(EMPTY) is None


@pytest.mark.parametrize("size", [0, 1, BLOCK - 1, BLOCK + 1])
def test_a_block_of_another_size_is_no_record(size: int) -> None:
    """A file cut short, or longer than it can be, says nothing about how the command ended."""
    assert decode(encode(RECORD).ljust(BLOCK + 1, b"\0")[:size]) is None


def test_every_flipped_bit_makes_the_record_absent() -> None:
    """Each of the 4,088 bits in front of the newline is covered; no damage turns into another outcome."""
    block = encode(RECORD)
    for position in range((BLOCK - 1) * 8):
        hurt = bytearray(block)
        hurt[position // 8] ^= 1 << position % 8
        assert decode(bytes(hurt)) is None


@pytest.mark.parametrize("cut", range(0, BLOCK - 1, 7))
def test_a_half_written_block_is_no_record(cut: int) -> None:
    """Wherever the write stopped, over NULs or over an older record, nothing is believed."""
    older = encode(ExitRecord(at=AT, signal=9))

    assert decode(encode(RECORD)[:cut].ljust(BLOCK, b"\0")) is None
    assert decode(encode(RECORD)[:cut] + older[cut:]) in (None, decode(older))


@given(st.binary(min_size=BLOCK - 17, max_size=BLOCK - 17))
def test_a_right_checksum_over_nonsense_is_no_record(body: bytes) -> None:
    """A block of another release, or of another program, is absent and never an error."""
    from hashlib import sha256

    assert decode(body + sha256(body).hexdigest()[:16].encode() + b"\n") is None
