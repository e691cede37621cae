"""Values that somebody asked to be taken out, and where they stand: whatever they are like. Pure.

A value that recording would not mask, because it is short or an ordinary word, is looked for as it is
and as JSON writes it; every other one in all its forms.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

from runlore.journal.redactor import Redactor
from runlore.journal.registration import why_unmasked
from runlore.journal.secret_text import REDACTED


class Sought:
    """Some values; immutable."""

    def __init__(self, values: Iterable[bytes]) -> None:
        given = tuple(values)
        self._redactor: Final = Redactor(value for value in given if not why_unmasked(value))
        plain = {form for value in given if why_unmasked(value) for form in _plain(value)}
        self._plain: Final = sorted(plain, key=len, reverse=True)

    def spans(self, data: bytes) -> list[tuple[int, int]]:
        """Return where values stand: (start, end), merged, in order."""
        found = self._redactor.spans(data)
        for form in self._plain:
            at = data.find(form)
            while at >= 0:
                found.append((at, at + len(form)))
                at = data.find(form, at + 1)
        return merged(found) if self._plain else found

    def text(self, text: str) -> str:
        """Return a text for people without the values, and without what structure gives away."""
        raw = text.encode("utf-8", "surrogateescape")
        for form in self._plain:
            raw = raw.replace(form, REDACTED.encode())
        return self._redactor.text(raw.decode("utf-8", "surrogateescape"))


def merged(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the spans in order, those that touch as one."""
    found: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found


def _plain(value: bytes) -> set[bytes]:
    return {value, msgspec.json.encode(value.decode("utf-8", "replace"))[1:-1]}
