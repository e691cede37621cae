"""The blocks of a tar archive as bundles have them: POSIX.1-2001, regular files, nothing else. Pure.

There is one way to write a member, so a header that says the same in another way is refused: links,
devices, sparse files, other owners, foreign extensions and damage all look different from what is expected.
Format: docs/reference/bundle-format.md
"""

import re
from typing import Final

BLOCK: Final = 512
END: Final = bytes(2 * BLOCK)
"""What an archive ends with."""
LONGEST: Final = 100
"""Bytes of a member's path; longer ones would need an extension."""
_MOST_OCTAL: Final = 8**11 - 1
"""A larger size does not fit its field, and stands in an extended header."""
_EXTENDED: Final = "pax/size"
_FILE, _PAX = b"0", b"x"
_TIME: Final = 315_532_800
"""1980-01-01T00:00:00Z: the time of every member, because some tools doubt older ones."""
_CHECKSUM: Final = slice(148, 156)
_RECORD: Final = re.compile(rb"([1-9][0-9]?) size=([1-9][0-9]{0,18})\n")
_KINDS: Final = {
    b"1": "a hard link",
    b"2": "a symbolic link",
    b"3": "a device",
    b"4": "a device",
    b"5": "a folder",
    b"6": "a named pipe",
    b"7": "a contiguous file",
    b"D": "a GNU folder list",
    b"K": "a GNU long link name",
    b"L": "a GNU long name",
    b"M": "a part of a file on several volumes",
    b"S": "a sparse file",
    b"V": "a volume name",
    b"g": "an extended header for all members",
    b"x": "an extended header",
    b"\0": "a file of an old tar",
}


class BadBlock(Exception):
    """The block is no header as bundles have them; the message says why."""


def header(path: str, size: int) -> bytes:
    """Return the blocks in front of a member's bytes."""
    if size <= _MOST_OCTAL:
        return _block(path, size, _FILE)
    record = _record(size)
    return _block(_EXTENDED, len(record), _PAX) + record.ljust(BLOCK, b"\0") + _block(path, 0, _FILE)


def padding(size: int) -> bytes:
    """Return the NULs behind a member's bytes."""
    return bytes(-size % BLOCK)


def is_end(block: bytes) -> bool:
    """Say whether a block belongs to the end of an archive."""
    return not block.strip(b"\0")


def is_extended(block: bytes) -> bool:
    """Say whether a block is the header of an extended header, so that two more blocks belong to it."""
    return block[156:157] == _PAX and _path(block) == _EXTENDED


def parse(blocks: bytes) -> tuple[str, int]:
    """Return the path and the size that a member's header names: one block, or three if it is extended.

    Raises:
        BadBlock: it is not exactly as `header` writes it.
    """
    block = blocks[-BLOCK:]
    if not _is_summed(block):
        raise BadBlock("its header is damaged")
    kind = block[156:157]
    if kind != _FILE:
        raise BadBlock(f"it is {_KINDS.get(kind, 'of an unknown kind')}; bundles hold plain files only")
    path = _path(block)
    size = _octal(block[124:135]) if len(blocks) == BLOCK else _extended_size(blocks[BLOCK : 2 * BLOCK])
    if size is None or header(path, size) != blocks:
        raise BadBlock("its header is not one that runlore writes")
    return path, size


def _block(path: str, size: int, kind: bytes) -> bytes:
    fields = (
        path.encode("ascii").ljust(100, b"\0"),
        b"0000600\0",  # mode
        b"0000000\0",  # owner
        b"0000000\0",  # group
        b"%011o\0" % size,
        b"%011o\0" % _TIME,
        b" " * 8,  # the checksum counts as blanks
        kind,
        bytes(100),  # where a link leads
        b"ustar\x0000",
        bytes(64 + 16 + 167),  # names of owner and group, numbers of a device, beginning of a longer path
    )
    block = b"".join(fields)
    return block[: _CHECKSUM.start] + b"%06o\0 " % sum(block) + block[_CHECKSUM.stop :]


def _is_summed(block: bytes) -> bool:
    """Say whether the checksum is right, whoever wrote it."""
    stated = _octal(block[_CHECKSUM].strip(b"\0 "))
    blanked = block[: _CHECKSUM.start] + b" " * 8 + block[_CHECKSUM.stop :]
    return len(block) == BLOCK and stated == sum(blanked)


def _path(block: bytes) -> str:
    """Return the path in a header; what is no ASCII never equals one that we write."""
    return block[:LONGEST].rstrip(b"\0").decode("ascii", "replace").encode("ascii", "replace").decode("ascii")


def _octal(digits: bytes) -> int | None:
    return int(digits, 8) if re.fullmatch(b"[0-7]+", digits) else None


def _record(size: int) -> bytes:
    """Return an extended header's line, whose length counts itself."""
    rest = b" size=%d\n" % size
    length = len(rest) + 2
    return b"%d%s" % (length, rest)


def _extended_size(block: bytes) -> int | None:
    found = _RECORD.fullmatch(block.rstrip(b"\0"))
    return int(found[2]) if found else None
