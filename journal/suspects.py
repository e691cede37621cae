"""Find quickly where in bytes something could open a secret, so that all else passes untouched. Pure.

Every place that `secret_text.opening` would stop at is among those found here; most of these are
nothing, but they are few. With RE2 it is one pass; plain Python looks for each word.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from runlore.journal.engines import re2_pattern
from runlore.journal.secret_names import ENDINGS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from runlore.journal.engines import Compiled

_BLANK: Final = rb"[\s\x1c-\x1f\x80-\xff]"
_SIGNS: Final = rb"[^A-Za-z0-9\r\n:=]*[:=]"
_OPTION: Final = rb"[_.-]*" + _BLANK
_SHAPES: Final = (
    rb"gh[oprsu]_[A-Za-z0-9]{8}|github_pat_|glpat-|A(?:KI|SI|BI|CC)A[A-Z0-9]{8}"
    rb"|sk-[\w-]{8}|[rs]k_(?:live|test)_|xox[a-z]-|xapp-|AIza[\w-]{8}|ya29\.|hf_[A-Za-z0-9]{8}"
    rb"|npm_[A-Za-z0-9]{8}|pypi-[\w-]{8}|SG\.[\w-]{8}|dop_v1_|shp(?:at|ss|ca)_|glsa_|eyJ[\w-]{6}"
)
_SHAPE_HEADS: Final = tuple(
    b"gho_ ghp_ ghr_ ghs_ ghu_ github_pat_ glpat- AKIA ASIA ABIA ACCA sk- k_live_ k_test_ xox xapp- AIza"
    b" ya29. hf_ npm_ pypi- SG. dop_v1_ shpat_ shpss_ shpca_ glsa_ eyJ".split()
)
_WORDS: Final = (
    b"pass", b"secret", b"token", b"key", b"credential", b"auth", b"cookie", b"jwt", b"string", b"url",
    b"pwd", b"pat", b"sig", b"session", b"bearer", b"://",
)  # fmt: skip
"""In each opening is one of these, in lower case, or one of the heads above."""


class Suspects:
    """Knows the words that announce secrets, and those that a user adds as globs of names."""

    def __init__(self, deny: Sequence[str] = (), *, plain: bool = False) -> None:
        endings = b"|".join(ending.encode() for ending in ENDINGS)
        words = [
            rb"(?:%b|sig|signature|session|sessionid)%b" % (endings, _SIGNS),
            rb"-[\w.\x80-\xff-]*(?:%b)%b" % (endings, _OPTION),
            rb"bearer" + _BLANK,
            rb"://[^\s/?#\"'<>]*@",
            rb"key(?: block)?-----",
        ]
        self._own: Final = rb"(?i:%b)" % b"|".join(_of_glob(glob) for glob in deny) if deny else b""
        self._words: Final = rb"(?i:%b)" % b"|".join(words)
        self._bare_option: Final = rb"(?i:(?:%b)%b)" % (endings, _OPTION)
        self._pattern: Final = b"|".join(each for each in (self._words, _SHAPES, self._own) if each)
        self._plain: bool = plain
        self._compiled: Compiled | None = None

    def places(self, data: bytes) -> Iterable[int]:
        """Return where something may open a secret, in order: in a line of it, not where it begins."""
        if not self._plain and self._compiled is None:
            self._compiled = re2_pattern(self._pattern)
            self._plain = self._compiled is None
        if self._compiled is None:
            return self._plainly(data)
        return (found.start() for found in self._compiled.finditer(data))

    def _plainly(self, data: bytes) -> list[int]:
        places = set[int]()
        folded = data.lower()
        for word in filter(folded.__contains__, _WORDS):  # what verifies one takes 10 ms to compile
            places.update(_verified(word, folded, re.compile(self._words), re.compile(self._bare_option)))
        for head in _SHAPE_HEADS:
            if head in data:
                places.update(found.start() for found in re.compile(_SHAPES).finditer(data))
                break
        if self._own:
            places.update(found.start() for found in re.compile(self._own).finditer(data))
        return sorted(places)


def _verified(
    word: bytes, folded: bytes, pattern: re.Pattern[bytes], option: re.Pattern[bytes]
) -> Iterator[int]:
    at = folded.find(word)
    while at >= 0:
        if pattern.match(folded, at) or (option.match(folded, at) and b"-" in folded[max(0, at - 120) : at]):
            yield at
        at = folded.find(word, at + 1)


def _of_glob(glob: str) -> bytes:
    """Return a pattern that is in every opening with a name of this glob: its longest plain part."""
    parts = re.split(r"[^A-Za-z0-9_]+", re.sub(r"\[[^\]]*\]", "*", glob))
    longest = max(parts, key=len).encode()
    return (
        re.escape(longest)
        if longest
        else rb"[\w\x80-\xff]" + _SIGNS + rb"|-[\w\x80-\xff][\w.\x80-\xff-]*" + _BLANK
    )
