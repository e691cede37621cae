"""One redactor for every exit: registered values in all their encodings, and what structure gives away.

Whoever records or shows anything makes one of these from the values that are secret here and the user's
settings, and passes everything through it: texts, arguments, labels, metadata, output. Pure.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final, cast

from msgspec import Struct

from runlore.journal import redaction
from runlore.journal.redaction import REDACTED
from runlore.journal.secret_names import NameRule, name_rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from runlore.journal.needles import Needles
    from runlore.journal.patterns import Patterns
    from runlore.journal.secret_lines import Lines


class Policy(Struct, frozen=True, kw_only=True):
    """What a user's settings say about secrets: the section `[redaction]` of config.toml."""

    allow: tuple[str, ...] = ()
    """Names (globs) that hold no secret although they look so."""
    deny: tuple[str, ...] = ()
    """Names (globs) that hold a secret although they do not look so; stronger than `allow`."""
    patterns: tuple[str, ...] = ()
    """What is redacted wherever it stands; RE2 syntax, for lack of which nothing else may run them."""


class Redactor:
    """Takes secrets out of whatever is recorded or shown. Immutable; may be shared by threads.

    values: what is secret here; each is found in all its encodings.
    plain: do without RE2 where it is installed; only slower.

    Raises:
        BadInput: a pattern of the policy cannot be used, because it is none or RE2 is not installed.
    """

    def __init__(
        self,
        values: Iterable[str | bytes] = (),
        policy: Policy = Policy(),  # noqa: B008 - it is frozen
        *,
        plain: bool = False,
    ) -> None:
        self.policy: Final = policy
        self._plain: Final = plain
        self._values: Final = tuple(map(_bytes_of, values))
        self._names: Final[NameRule] = name_rule(policy.allow, policy.deny)
        self._patterns: Final = _patterns(policy.patterns)

    def text(self, text: str) -> str:
        """Return a text for people, such as an error message, without the secrets in it."""
        return redaction.redact_text(self._masked_text(text), self._names)

    def argv(self, argv: Sequence[str]) -> tuple[str, ...]:
        """Return the arguments without their secrets: as many as there were, in their places."""
        return redaction.redact_argv([self._masked_text(word) for word in argv], self._names)

    def metadata(self, value: object) -> object:
        """Return a JSON document without its secrets: the same shape, and still JSON."""
        return redaction.redact_metadata(self._masked(value), self._names)

    def values(self, values: Mapping[str, str]) -> dict[str, str]:
        """Return tags or variables without their secrets; a name that announces one redacts its value."""
        return cast("dict[str, str]", self.metadata(dict(values)))

    def stream(self, raw: bytes, final: bool) -> tuple[bytes, int]:  # noqa: FBT001 - see capture.Redactor
        """Return (clean bytes, how many raw ones they stand for) of a command's output.

        What is not taken comes again, with what follows it; `final` says that nothing follows. The
        answer depends on the arguments alone, and cutting the stream elsewhere changes nothing in it.
        """
        clean, shifts = raw, _Shifts(())
        known = len(raw)
        if self._values:
            spans, known = (self._needles.marked(raw), known) if final else self._needles.settled(raw)
            clean, shifts = _masked(raw[:known], spans), _Shifts(spans)
        clean, used = self._lines.cleaned(clean, final=final)
        return clean, shifts.before(used)

    @property
    def has_values(self) -> bool:
        """Say whether there are registered values to look for."""
        return bool(self._values)

    def without_values(self, raw: bytes, final: bool) -> tuple[bytes, int]:  # noqa: FBT001 - see stream
        """Return the same for a file: registered values only, because structure means other things there."""
        if not self._values:
            return raw, len(raw)
        spans, known = (self._needles.marked(raw), len(raw)) if final else self._needles.settled(raw)
        return _masked(raw[:known], spans), known

    def spans(self, data: bytes) -> list[tuple[int, int]]:
        """Return where registered values stand, in any encoding: (start, end), merged, in order."""
        return self._needles.spans(data) if self._values else []

    def holds(self, text: str) -> bool:
        """Say whether a registered value stands in the text, in any encoding."""
        return bool(self.spans(_bytes_of(text)))

    @cached_property
    def _needles(self) -> Needles:
        from runlore.journal.needles import Needles  # noqa: PLC0415 - most commands know no values

        return Needles(self._values, plain=self._plain)

    @cached_property
    def _lines(self) -> Lines:
        from runlore.journal.secret_lines import Lines  # noqa: PLC0415 - only a keeper reads streams
        from runlore.journal.suspects import Suspects  # noqa: PLC0415 - see above

        return Lines(Suspects(self.policy.deny, plain=self._plain), self._names, self._patterns)

    def _masked(self, value: object) -> object:
        if isinstance(value, str):
            return self._masked_text(value)
        if isinstance(value, dict):
            fields = cast("dict[str, object]", value)
            return {self._masked_text(key): self._masked(item) for key, item in fields.items()}
        if isinstance(value, list | tuple):
            return [self._masked(item) for item in cast("Sequence[object]", value)]
        if isinstance(value, int | float) and not isinstance(value, bool) and self.holds(f"{value}"):
            return REDACTED
        return value

    def _masked_text(self, text: str) -> str:
        """Return the text without values and without what the user's patterns match."""
        if self._values:
            raw = _bytes_of(text)
            spans = [_whole_characters(raw, span) for span in self._needles.marked(raw)]
            text = _text_of(_masked(raw, spans)) if spans else text
        if self._patterns:
            text = _text_of(self._patterns.cleaned_lines(_bytes_of(text)))
        return text


def _patterns(patterns: Sequence[str]) -> Patterns | None:
    if not patterns:
        return None
    from runlore.journal.patterns import Patterns  # noqa: PLC0415 - hardly anybody has some

    return Patterns(patterns)


def _bytes_of(value: str | bytes) -> bytes:
    """Return text as the bytes it came from; half a surrogate pair, which came from JSON, as it can be."""
    if isinstance(value, bytes):
        return value
    try:
        return value.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return value.encode("utf-8", "surrogatepass")


def _text_of(raw: bytes) -> str:
    try:
        return raw.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return raw.decode("utf-8", "surrogateescape")


def _masked(data: bytes, spans: Iterable[tuple[int, int]]) -> bytes:
    parts: list[bytes] = []
    done = 0
    for start, end in spans:
        parts += (data[done:start], REDACTED.encode())
        done = end
    return b"".join([*parts, data[done:]]) if parts else data


def _whole_characters(data: bytes, span: tuple[int, int]) -> tuple[int, int]:
    """Return the span with the rest of the characters that it cuts: text must stay text."""
    start, end = span
    while start > 0 and _continues(data, start):
        start -= 1
    while end < len(data) and _continues(data, end):
        end += 1
    return start, end


def _continues(data: bytes, at: int) -> bool:
    """Say whether the byte continues a character of UTF-8; behind an ASCII one it is a stray."""
    return data[at] & 0xC0 == 0x80 and data[at - 1] >= 0x80  # noqa: PLR2004


class _Shifts:
    """Where a place in masked data was in the raw data; no place is asked for inside a mark."""

    def __init__(self, spans: Iterable[tuple[int, int]]) -> None:
        self._spans: Final = tuple(spans)

    def before(self, place: int) -> int:
        """Return the raw place."""
        shift = 0
        for start, end in self._spans:
            if start + shift >= place:
                break
            shift += len(REDACTED) - (end - start)
        return place - shift


STRUCTURAL: Final = Redactor()
"""Knows no values and no settings: what structure alone gives away."""
