"""Files by the piece: the same bytes come out, and NULs take no disk."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runlore.journal.disk import REAL
from runlore.runtimes.pieces import PIECE, read_pieces, write_pieces


@pytest.fixture(scope="module")
def new_fd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A file of the tests, which they empty."""
    fd = REAL.open(str(tmp_path_factory.mktemp("pieces") / "file"), os.O_RDWR | os.O_CREAT)
    yield fd
    REAL.close(fd)


@given(st.lists(st.sampled_from((b"", b"\0", b"a", b"\0" * 5000, b"\0" * 5000 + b"a", b"a" * 5000))))
def test_what_is_written_by_the_piece_is_read_back(new_fd: int, pieces: list[bytes]) -> None:
    """Wherever there are NULs, at the end as well, the file holds all of the bytes and no more."""
    REAL.truncate(new_fd, 0)
    write_pieces(REAL, new_fd, pieces)

    assert b"".join(read_pieces(REAL, new_fd)) == b"".join(pieces)


def test_pieces_of_nuls_take_no_disk(tmp_path: Path) -> None:
    """Of a piece that is all NULs nothing is stored, and of its neighbours all is."""
    fd = REAL.open(str(tmp_path / "file"), os.O_RDWR | os.O_CREAT)
    write_pieces(REAL, fd, [b"a" * PIECE, *[bytes(PIECE)] * 8, b"b", bytes(PIECE)])
    found = REAL.stat(fd)
    REAL.close(fd)

    assert found.size == 10 * PIECE + 1
    assert PIECE < found.allocated < 2 * PIECE


@pytest.mark.parametrize("most", [0, 1, PIECE, PIECE + 1, 3 * PIECE])
def test_no_more_is_read_than_was_asked_for(tmp_path: Path, most: int) -> None:
    """A file that has grown since is read up to where it ended; no piece is longer than a piece."""
    whole = os.urandom(2 * PIECE + 7)
    (tmp_path / "file").write_bytes(whole)
    fd = REAL.open(str(tmp_path / "file"), os.O_RDONLY)
    pieces = list(read_pieces(REAL, fd, most))
    REAL.close(fd)

    assert b"".join(pieces) == whole[:most]
    assert all(len(piece) <= PIECE for piece in pieces)
