"""Headers of a bundle's members: what any tar reads, and nothing else is taken for one."""

import io
import tarfile
from contextlib import suppress

import pytest

from runlore.projections import tar_blocks
from runlore.projections.tar_blocks import BLOCK, BadBlock

PATH = "outputs/" + "0" * 64
SIZES = [0, 1, 511, 512, 513, 8**11 - 1, 8**11, 10 * 2**30, 2**53 - 1]


def by_python(path: str, **changed: object) -> bytes:
    """The header that Python's own library writes for the same member, but for what is changed."""
    info = tarfile.TarInfo(path)
    for name, value in {"size": 7, "mode": 0o600, "mtime": 315_532_800, **changed}.items():
        setattr(info, name, value)
    return info.tobuf(tarfile.USTAR_FORMAT)


@pytest.mark.parametrize("size", SIZES)
def test_a_header_is_read_back(size: int) -> None:
    """Whatever the size, up to the largest that a journal can name."""
    header = tar_blocks.header(PATH, size)

    assert tar_blocks.parse(header) == (PATH, size)
    assert len(header) == (BLOCK if size < 8**11 else 3 * BLOCK)
    assert tar_blocks.is_extended(header[:BLOCK]) is (len(header) > BLOCK)


@pytest.mark.parametrize("size", SIZES)
def test_another_reader_understands_it(size: int) -> None:
    """Python's library finds the same path and size, extended or not."""
    with tarfile.open(fileobj=io.BytesIO(tar_blocks.header(PATH, size)), mode="r") as archive:
        info = archive.next()
    assert info is not None
    assert (info.name, info.size, info.isreg()) == (PATH, size, True)


def test_it_is_what_another_writer_writes() -> None:
    """Byte for byte, so that nothing of it is our own invention."""
    assert tar_blocks.header(PATH, 7) == by_python(PATH)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"type": tarfile.SYMTYPE, "linkname": "/etc/passwd", "size": 0}, "a symbolic link"),
        ({"type": tarfile.LNKTYPE, "linkname": PATH, "size": 0}, "a hard link"),
        ({"type": tarfile.CHRTYPE, "devmajor": 1, "devminor": 3}, "a device"),
        ({"type": tarfile.BLKTYPE}, "a device"),
        ({"type": tarfile.FIFOTYPE}, "a named pipe"),
        ({"type": tarfile.DIRTYPE}, "a folder"),
        ({"type": tarfile.CONTTYPE}, "a contiguous file"),
        ({"type": tarfile.GNUTYPE_SPARSE}, "a sparse file"),
        ({"type": tarfile.GNUTYPE_LONGNAME}, "a GNU long name"),
        ({"type": tarfile.XGLTYPE}, "an extended header for all"),
        ({"type": tarfile.XHDTYPE}, "an extended header"),
        ({"type": tarfile.AREGTYPE}, "an old tar"),
        ({"type": b"Z"}, "of an unknown kind"),
        ({"mode": 0o4755}, "not one that runlore writes"),
        ({"uid": 0o1000}, "not one that runlore writes"),
        ({"uname": "root"}, "not one that runlore writes"),
        ({"mtime": 0}, "not one that runlore writes"),
        ({"linkname": "/etc/passwd"}, "not one that runlore writes"),
    ],
)
def test_whatever_says_it_in_another_way_is_refused(changed: dict[str, object], why: str) -> None:
    """Links, devices, foreign extensions, owners: each is told by its name where it has one."""
    with pytest.raises(BadBlock, match=why):
        tar_blocks.parse(by_python(PATH, **changed))


def test_a_size_in_another_base_is_refused() -> None:
    """GNU's binary numbers may be negative, and mean other things to other readers."""
    block = tarfile.TarInfo(PATH)
    block.size = 2**40
    with pytest.raises(BadBlock):
        tar_blocks.parse(block.tobuf(tarfile.GNU_FORMAT))


def test_every_bit_counts() -> None:
    """Whichever of them is turned round, it is no header; or, in the digits of a large size, another size."""
    for size in (7, 2**40):
        header, other = tar_blocks.header(PATH, size), set[int]()
        for place in range(8 * len(header)):
            hurt = bytearray(header)
            hurt[place // 8] ^= 1 << place % 8
            with suppress(BadBlock):
                path, found = tar_blocks.parse(bytes(hurt))
                other.add(found)
                assert path == PATH
        assert size not in other
        assert bool(other) is (size > 8**11)
