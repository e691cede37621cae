r"""Take secrets out of a stream by their place and shape, line by line, at any cut of the stream. Pure.

A line ends with `\n` or `\r`. Most lines hold nothing that could open a secret and pass as they are. Of
the unfinished last line that part is held back which may still open one: its last word, and everything
from an opening on. A private key is taken with its lines. Nothing is held beyond a bound.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Final

from runlore.journal.secret_names import NameRule, looks_secret
from runlore.journal.secret_text import LEADERS, REDACTED, opening, redact
from runlore.journal.veil import VEIL, Veil, cut_code

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from runlore.journal.patterns import Patterns
    from runlore.journal.suspects import Suspects

LIMIT: Final = 64 * 1024
"""Characters of one line that are held back at most; a longer rest is redacted in pieces of this length."""
KEY_LIMIT: Final = 32 * 1024
"""Bytes of a private key that are held back at most; a longer one is none."""
_WORD: Final = re.compile(r"[\w.+-]*")
_NUMBER: Final = re.compile(r"[\d.]*")
_ANY: Final = ("\N{LATIN SMALL LETTER E WITH ACUTE}", "\U000f0000")
"""What a character of which only the beginning came may become: part of a word, or what stands for a code."""
_CODES: Final = VEIL + "{0,8}"
_AFTER_NAME: Final = re.compile(rf"({_CODES}\s{{0,4}}{_CODES}(?:[\"']\\?|\\)?{_CODES})([\w.-]{{1,128}})")
"""What may follow a name before its `:` or `=`, and the name; both read backwards."""
_OPEN_URL: Final = re.compile(r"(?:[^\s/?#\"'<>]*//|/|):")
_OPEN_BEARER: Final = re.compile(rf"(?ai)(?:[\w.~+/=-]{{0,200}}{_CODES}\s{{1,4}})?{_CODES}reraeb")
_OPEN_KEY: Final = re.compile(r"-{0,5}[A-Z0-9 ]{0,60}NIGEB-{5,}")
_HEADERS: Final = ("authorization", "cookie")
_KEY: Final = re.compile(
    rb"-{5,}BEGIN[A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----[ \t]*\r?\n"
    rb"((?:[ \t]*(?:[A-Za-z0-9+/=]{1,200}|[A-Za-z-]{1,40}:[ ][^\r\n]{0,200})?[ \t]*\r?\n)*+)"
)
"""The BEGIN line of a private key, and the whole lines after it that may belong to the key."""
_KEY_LAST: Final = re.compile(rb"[ \t]*[A-Za-z0-9+/=]{1,200}[ \t]*")
_KEY_REST: Final = re.compile(
    rb"[ \t]*(?:[A-Za-z0-9+/=]{0,200}[ \t]*\r?|[A-Za-z-]{1,40}(?::(?:[ ][^\r\n]{0,200}\r?)?)?"
    rb"|-{1,5}|-----E?N?D?)"
)
"""The beginning of one more such line, or of the END line."""


class Lines:
    """Redacts what structure gives away in a stream of bytes; immutable."""

    def __init__(
        self, suspects: Suspects, names: NameRule = looks_secret, patterns: Patterns | None = None
    ) -> None:
        self._suspects: Final = suspects
        self._patterns: Final = patterns
        self._names: Final = names
        self._redact: Final[Callable[[str], str]] = partial(redact, strict=False, names=names)

    def cleaned(self, data: bytes, *, final: bool) -> tuple[bytes, int]:
        """Return (clean bytes, how many of the given ones they stand for); `final`: nothing follows."""
        clean = _Clean(data, self._matched if self._patterns is not None else None)
        suspected = False
        for at in self._suspects.places(data):
            if at < clean.done:
                continue
            start = _line_start(data, clean.done, at)
            end = _line_end(data, at)
            if end < 0:
                suspected = True
                break
            clean.take_over(start)
            clean.replace(*self._line(data, start, end, final=final))
            if clean.done < end:
                return clean.whole(), clean.done
        clean.take_over(_line_start(data, clean.done, len(data)))
        line = data[clean.done :]
        part, used = self._last(line, final=final, suspected=suspected)
        clean.replace(part, clean.done + used)
        return clean.whole(), clean.done

    def _last(self, line: bytes, *, final: bool, suspected: bool) -> tuple[bytes, int]:
        """Return what becomes of the last line, which has no end so far, and how much of it that is."""
        if final:
            return (self._whole(line) if suspected else self._matched(line)), len(line)
        if self._patterns is None:
            return self._unfinished(line, suspected=suspected)
        if len(line) <= LIMIT:
            return b"", 0  # a pattern may match anything, up to the end of the line
        part, used = self._last(line[LIMIT:], final=False, suspected=suspected)
        return self._whole(line[:LIMIT]) + part, LIMIT + used

    def _matched(self, lines: bytes) -> bytes:
        """Return lines without what the user's patterns match."""
        return lines if self._patterns is None else self._patterns.cleaned_lines(lines)

    def _line(self, data: bytes, start: int, end: int, *, final: bool) -> tuple[bytes, int]:
        """Return what becomes of a whole line, and where it ends: behind the key if one begins in it."""
        begin = data.rfind(b"-----BEGIN", start, end)
        key = _KEY.match(data, begin) if begin >= 0 else None
        if key is None:
            return self._whole(data[start:end]), end
        body, stop = key.span(1)
        if stop - begin > KEY_LIMIT:
            stop = max(body, data.rfind(b"\n", body, begin + KEY_LIMIT) + 1)
        elif final and _KEY_LAST.fullmatch(data, stop):
            stop = len(data)
        elif not final and len(data) - begin <= KEY_LIMIT and _KEY_REST.fullmatch(data, stop):
            return b"", start
        if not data[body:stop].strip():
            return self._whole(data[start:end]), end
        mark = REDACTED.encode() + b"\n" * data.endswith(b"\n", body, stop)
        return self._whole(data[start:end]) + data[end:body] + mark, stop

    def _whole(self, line: bytes) -> bytes:
        veil = Veil()
        text = veil.over(line.decode("utf-8", "surrogateescape"))
        parts: list[str] = []
        while (at := opening(text, self._names)) < len(text):
            parts += (text[:at], self._redact(text[at : at + LIMIT]))
            text = text[at + LIMIT :]
        return self._matched(veil.off("".join([*parts, text])).encode("utf-8", "surrogateescape"))

    def _unfinished(self, line: bytes, *, suspected: bool) -> tuple[bytes, int]:
        """Return what becomes of the beginning of a line so far, and how long that is."""
        cut = _cut_character(line)
        whole = line[: len(line) - (cut or cut_code(line))].decode("utf-8", "surrogateescape")
        veil = Veil()
        text = veil.over(whole)
        parts: list[str] = []
        used = 0
        while True:
            held = opening(text, self._names) if suspected else len(text)
            if held == len(text):
                held = min(_may_open(text + each, self._names) for each in (_ANY if cut else ("",)))
            parts.append(text[:held])
            used += _size(veil.off(text[:held]))
            if len(text) - held < LIMIT:
                return veil.off("".join(parts)).encode("utf-8", "surrogateescape"), used
            piece = text[held : held + LIMIT]
            parts.append(self._redact(piece))
            used += _size(veil.off(piece))
            text = text[held + LIMIT :]


class _Clean:
    """Puts clean bytes together; what is taken over as it is, is copied once, and most of it is."""

    def __init__(self, data: bytes, matched: Callable[[bytes], bytes] | None) -> None:
        self._data, self._matched = data, matched
        self._parts: list[bytes] = []
        self._kept = 0
        self.done = 0
        """So many of the bytes are put."""

    def take_over(self, end: int) -> None:
        """Put lines up to `end`, which no rule concerns: only the user's patterns."""
        if self._matched is not None:
            self.replace(self._matched(self._data[self.done : end]), end)
        self.done = end

    def replace(self, part: bytes, end: int) -> None:
        """Put `part` for the bytes up to `end`."""
        if part != self._data[self.done : end]:
            self._parts += (self._data[self._kept : self.done], part)
            self._kept = end
        self.done = end

    def whole(self) -> bytes:
        """Return what was put."""
        return b"".join(filter(None, [*self._parts, self._data[self._kept : self.done]]))


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogateescape"))


def _line_start(data: bytes, begin: int, at: int) -> int:
    start = max(begin, data.rfind(b"\n", begin, at) + 1)
    return max(start, data.rfind(b"\r", start, at) + 1)


def _line_end(data: bytes, at: int) -> int:
    """Return where the line ends that `at` is in; -1 if it is not finished."""
    end = data.find(b"\n", at)
    early = data.find(b"\r", at, end if end >= 0 else len(data))
    return early if early >= 0 else end


def _cut_character(data: bytes) -> int:
    """Return how many bytes at the end are the beginning of a character."""
    for size in range(1, min(4, len(data) + 1)):
        byte = data[-size]
        if byte >= 0xC0:  # noqa: PLR2004 - the first byte of a character in UTF-8 says how many follow
            return size if byte < 0xF8 and size < (2 + (byte >= 0xE0) + (byte >= 0xF0)) else 0  # noqa: PLR2004
        if byte < 0x80:  # noqa: PLR2004
            return 0
    return 0


def _may_open(text: str, names: NameRule) -> int:
    """Return from where on an unfinished line may still become a secret; the length if nowhere."""
    end = len(text)
    back = text[-LIMIT - 256 :][::-1]
    size = max(_opens(back, names), default=0)
    start = end - min(size, end)
    return start - (start > 0 and text[start - 1] in LEADERS)


def _opens(back: str, names: NameRule) -> Iterator[int]:
    """Yield how many characters at the end may belong to what opens a secret; `back` is read backwards."""
    yield _word(back)
    if name := _AFTER_NAME.match(back):
        word = name.end(1) + _word(back[name.end(1) :])
        told = back[name.end(1) : word][::-1].lstrip("0123456789.-+")
        if names(told) or told.lower().endswith(_HEADERS):
            yield word
    for pattern in (_OPEN_URL, _OPEN_BEARER):
        if found := pattern.match(back):
            yield found.end() + _word(back[found.end() :])
    if found := _OPEN_KEY.match(back):
        yield found.end()


def _word(back: str) -> int:
    """Return how many characters at the end are one word; a number is none, and two dots end one."""
    found = _WORD.match(back)
    word = found.group() if found else ""
    word = word[: word.index("..")] if ".." in word else word
    return 0 if _NUMBER.fullmatch(word) else len(word)
