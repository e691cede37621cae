"""Read a bundle as a stream: every member as its description announces it, or an error; nothing is written.

No archive library has a hand in it: what is not exactly what `export` writes is refused, so there is no path,
link, size or extension to interpret. Format: docs/reference/bundle-format.md
"""

from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import Final

from runlore.journal.errors import BadInput, DamagedBundle, JournalIO, NewerFormat
from runlore.projections import bundle_file, tar_blocks
from runlore.projections.bundle_file import BadDescription, BundledFile, Description, NewerBundle
from runlore.projections.tar_blocks import BLOCK, BadBlock

Read = Callable[[int], bytes]
"""Returns at most so many bytes, nothing at the end."""
_PIECE: Final = 1 << 20
_FOREIGN: Final = (
    (b"\x1f\x8b", "compressed by gzip", "gunzip -c"),
    (b"\x28\xb5\x2f\xfd", "compressed by zstd", "zstd -dc"),
    (b"\xfd7zXZ\x00", "compressed by xz", "xz -dc"),
    (b"BZh", "compressed by bzip2", "bzip2 -dc"),
    (b"\x04\x22\x4d\x18", "compressed by lz4", "lz4 -dc"),
)


class BundleReader:
    """One bundle, read once, from its first byte to its last.

    source: what messages call it.

    Raises, from each method:
        DamagedBundle: it is cut, changed, or not as `export` writes it. JournalIO: it cannot be read.
    """

    def __init__(self, read: Read, source: str) -> None:
        self._read, self._source = read, source
        self._sums: list[str] = []

    def description(self) -> Description:
        """Return what the bundle says of itself; call this first.

        Raises:
            BadInput: it is no bundle. NewerFormat: a later release wrote it.
        """
        size = self._first_size()
        if size > bundle_file.LARGEST_DESCRIPTION:
            raise self._bad(bundle_file.DESCRIPTION, f"it has {size:,} bytes, and may have 64 MiB")
        data = b"".join(self._content(bundle_file.DESCRIPTION, size))
        try:
            return bundle_file.decode(data)
        except NewerBundle as error:
            raise NewerFormat(
                f"{self._source} is a {error}, and this release reads {bundle_file.SCHEMA}: use a newer one"
            ) from error
        except BadDescription as error:
            raise self._bad(bundle_file.DESCRIPTION, str(error)) from error

    def member(self, expected: BundledFile) -> Iterator[bytes]:
        """Yield the bytes of the next member; they are not to be used before `finish`."""
        path, size = self._header(expected.path)
        if path != expected.path:
            raise self._bad(expected.path, f"{path[:80]!a} stands in its place")
        if size != expected.bytes:
            raise self._bad(path, f"it has {size:,} bytes, and {expected.bytes:,} in the description")
        yield from self._content(path, size)

    def finish(self) -> None:
        """Return if the list of digests is that of the members, and nothing follows it."""
        sums = "".join(self._sums).encode("ascii")
        told = b"".join(self.member(BundledFile(path=bundle_file.SUMS, bytes=len(sums))))
        for line, found in zip(self._sums, told.splitlines(keepends=True), strict=False):
            if line.encode("ascii") != found:
                path = line[66:-1]
                raise self._bad(path, f"its bytes do not have the SHA-256 that {bundle_file.SUMS} names")
        if told != sums:
            raise self._bad(bundle_file.SUMS, "it is not the list of the members")
        if self._exactly(len(tar_blocks.END), "its end") != tar_blocks.END:
            raise self._bad("", "something follows its last member")
        if self._some(1):
            raise self._bad("", "something follows its end")

    def _first_size(self) -> int:
        """Return the size of the first member, which tells a bundle from everything else."""
        block = self._upto(BLOCK)
        for magic, what, command in _FOREIGN:
            if block.startswith(magic):
                raise BadInput(f"{self._source} is {what}: `{command} FILE | runlore import -` imports it")
        if not block.startswith(f"{bundle_file.DESCRIPTION}\0".encode()):
            raise BadInput(
                f"{self._source} is no bundle, a tar archive that begins with {bundle_file.DESCRIPTION}, "
                "as `runlore export` writes it"
            )
        if len(block) < BLOCK:
            raise self._bad(bundle_file.DESCRIPTION, "it is cut here")
        return self._parsed(block, bundle_file.DESCRIPTION)[1]

    def _header(self, expected: str) -> tuple[str, int]:
        block = self._exactly(BLOCK, expected)
        if tar_blocks.is_end(block):
            raise self._bad(expected, "the archive ends in front of it")
        if tar_blocks.is_extended(block):
            block += self._exactly(2 * BLOCK, expected)
        return self._parsed(block, expected)

    def _parsed(self, blocks: bytes, expected: str) -> tuple[str, int]:
        try:
            return tar_blocks.parse(blocks)
        except BadBlock as error:
            raise self._bad(expected, str(error)) from error

    def _content(self, path: str, size: int) -> Iterator[bytes]:
        """Yield so many bytes, and see that nothing but NULs fills the last block."""
        digest, left = sha256(), size
        while left:
            piece = self._some(min(_PIECE, left))
            if not piece:
                raise self._bad(path, f"it is cut, {left:,} bytes before its end")
            left -= len(piece)
            digest.update(piece)
            yield piece
        padding = tar_blocks.padding(size)
        if self._exactly(len(padding), path) != padding:
            raise self._bad(path, "something stands behind its end")
        stated = bundle_file.stated(path)
        if stated and stated != digest.hexdigest():
            raise self._bad(path, "its bytes do not have the SHA-256 it is called after")
        self._sums.append(bundle_file.sums_line(path, digest.hexdigest()))

    def _exactly(self, count: int, expected: str) -> bytes:
        found = self._upto(count)
        if len(found) < count:
            raise self._bad(expected, "the file ends here")
        return found

    def _upto(self, count: int) -> bytes:
        found = b""
        while len(found) < count and (piece := self._some(count - len(found))):
            found += piece
        return found

    def _some(self, count: int) -> bytes:
        try:
            return self._read(count)
        except OSError as error:
            raise JournalIO(f"{self._source}: {error.strerror or error}; nothing was imported") from error

    def _bad(self, path: str, detail: str) -> DamagedBundle:
        return DamagedBundle(self._source, path, detail)
