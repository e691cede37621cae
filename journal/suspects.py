"""Find quickly where in bytes something could open a secret, so that all else passes untouched. Pure.

In every line in which `secret_text.opening` would stop something is found here; most of that is
nothing, but it is little. With RE2 it is one pass; plain Python sifts block by block.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from runlore.journal import sieve
from runlore.journal.engines import re2_pattern
from runlore.journal.secret_names import ENDINGS
from runlore.journal.sieve import BEARER, NAMES
from runlore.journal.veil import blanked

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from runlore.journal.engines import Compiled

_BLANK: Final = rb"[\s\x1c-\x1f\x80-\xff]"
_SIGNS: Final = rb"[^A-Za-z0-9\r\n:=]*[:=]"
_OPTION: Final = rb"[_.-]*" + _BLANK
_SHAPES: Final = (
    rb"gh[oprsu]_[A-Za-z0-9]{8}|github_pat_|glpat-|A(?:KI|SI|BI|CC)A[A-Z0-9]{8}"
    rb"|sk-[\w-]{8}|[rs]k_(?:live|test)_|xox[a-z]-|xapp-|AIza[\w-]{8}|ya29\.|hf_[A-Za-z0-9]{8}"
    rb"|npm_[A-Za-z0-9]{8}|pypi-[\w-]{8}|SG\.[\w-]{8}|dop_v1_|shp(?:at|ss|ca)_|glsa_|eyJ[\w-]{14}"
    rb"|AKC[A-Za-z0-9]{8}|sq0(?:csp|atp)-|SK[0-9a-f]{8}|:AA[\w-]{8}|[0-9a-f]{8}-us[0-9]"
    rb"|(?:[MNO][DTjz]\w\w){6}"
)
_SIGN_OF_SHAPE: Final = (
    rb"_(?:(?<=gh[oprsu]_)|(?<=github_pat_)|(?<=[rs]k_(?:live|test)_)|(?<=hf_)|(?<=npm_)|(?<=dop_v1_)"
    rb"|(?<=shp(?:at|ss|ca)_)|(?<=glsa_))|-(?:(?<=glpat-)|(?<=sq0(?:csp|atp)-)|(?<=[0-9a-f]{8}-)us[0-9]|(?<=sk-)|(?<=xox[a-z]-)|(?<=xapp-)|(?<=pypi-))"
    rb"|\.(?:(?<=ya29\.)|(?<=SG\.))|A(?:(?:KI|SI|BI|CC)A|Iza|KC|A(?<=:AA))|J(?<=eyJ)|SK[0-9a-f]{8}|[MNO][DTjz]\w\w[MNO][DTjz]"
)
"""The same from the sign on by which each is known."""


class Suspects:
    """Knows the words that announce secrets, and those that a user adds as globs of names."""

    def __init__(self, deny: Sequence[str] = (), *, plain: bool = False) -> None:
        endings = b"|".join(ending.encode() for ending in ENDINGS)
        words = [
            rb"(?:%b)%b" % (b"|".join(NAMES), _SIGNS),
            rb"-[\w.\x80-\xff-]*(?:%b)%b" % (endings, _OPTION),
            BEARER + _BLANK,
            rb"://[^\s/?#\"'<>]*@",
            rb"key(?: block)?-----",
        ]
        self._own: Final = rb"(?i:%b)" % b"|".join(_of_glob(glob) for glob in deny) if deny else b""
        self._pattern: Final = b"|".join(
            [rb"(?i:%b)" % b"|".join(words), _SHAPES, *filter(None, [self._own])]
        )
        self._plain: bool = plain
        self._compiled: Compiled | None = None

    def places(self, data: bytes) -> Iterable[int]:
        """Return where something may open a secret, in order: in a line of it, not where it begins."""
        data = blanked(data)
        if not self._plain and self._compiled is None:
            self._compiled = re2_pattern(self._pattern)
            self._plain = self._compiled is None
        if self._compiled is None:
            return self._plainly(data)
        return (found.start() for found in self._compiled.finditer(data))

    def _plainly(self, data: bytes) -> Iterator[int]:
        for start, block in _blocks(data):
            places = {*_named(block), *sieve.options(block), *_tokens(block), *sieve.users(block)}
            if self._own:
                places.update(found.start() for found in re.compile(self._own).finditer(block))
            yield from (start + at for at in sorted(places))


def _blocks(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield (place, bytes) of whole lines, as many as make a block; a longer line is a block of its own."""
    start = 0
    while start < len(data):
        end = start + sieve.BLOCK
        if end < len(data):
            end = (
                data.rfind(b"\n", start, end) + 1
                or data.rfind(b"\r", start, end) + 1
                or data.find(b"\n", end) + 1
                or len(data)
            )
        yield start, data[start:end]
        start = end


def _named(block: bytes) -> Iterator[int]:
    """Yield where names stand before a separator, and bearers before a blank."""
    names = sieve.names(block)
    folded = block.lower() if names else b""
    for name in names:
        after = re.compile(_BLANK if name == BEARER else _SIGNS)
        for at in sieve.found_all(name, folded):
            if after.match(folded, at + len(name)):
                yield at


def _tokens(block: bytes) -> Iterator[int]:
    shapes = re.compile(_SIGN_OF_SHAPE)
    for start, end in sieve.runs(block):
        if shapes.search(block, max(0, start - 1), end):
            yield start


def _of_glob(glob: str) -> bytes:
    """Return a pattern that is in every opening with a name of this glob: its longest plain part."""
    parts = re.split(r"[^A-Za-z0-9_]+", re.sub(r"\[[^\]]*\]", "*", glob))
    longest = max(parts, key=len).encode()
    return (
        re.escape(longest)
        if longest
        else rb"[\w\x80-\xff]" + _SIGNS + rb"|-[\w\x80-\xff][\w.\x80-\xff-]*" + _BLANK
    )
