"""One redactor for every exit: registered values in all their encodings, and what structure gives away.

Whoever records or shows anything makes one of these from the values that are secret here and the user's
settings, and passes everything through it: texts, arguments, labels, metadata, output. Pure.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, cast

from msgspec import Struct

from runlore.journal import redaction
from runlore.journal.redaction import REDACTED


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
    """

    def __init__(self, values: Iterable[str | bytes] = (), policy: Policy = Policy()) -> None:  # noqa: B008
        self.policy: Final = policy
        self._values = tuple(
            value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value for value in values
        )

    def text(self, text: str) -> str:
        """Return a text for people, such as an error message, without the secrets in it."""
        return redaction.redact_text(self._masked_text(text))

    def argv(self, argv: Sequence[str]) -> tuple[str, ...]:
        """Return the arguments without their secrets: as many as there were, in their places."""
        return redaction.redact_argv([self._masked_text(word) for word in argv])

    def metadata(self, value: object) -> object:
        """Return a JSON document without its secrets: the same shape, and still JSON."""
        return redaction.redact_metadata(self._masked(value))

    def values(self, values: Mapping[str, str]) -> dict[str, str]:
        """Return tags or variables without their secrets; a name that announces one redacts its value."""
        return cast("dict[str, str]", self.metadata(dict(values)))

    def stream(self, raw: bytes, final: bool) -> tuple[bytes, int]:  # noqa: FBT001 - see capture.Redactor
        """Return (clean bytes, how many raw ones they stand for) of a command's output.

        What is not taken comes again, with what follows it; `final` says that nothing follows. The
        answer depends on the arguments alone.
        """
        if not final and self._values:
            raise NotImplementedError
        return self._masked_bytes(raw), len(raw)

    def spans(self, data: bytes) -> list[tuple[int, int]]:
        """Return where registered values stand, in any encoding: (start, end), merged, in order."""
        raise NotImplementedError

    def holds(self, text: str) -> bool:
        """Say whether a registered value stands in the text, in any encoding."""
        return self._masked_text(text) != text

    def _masked(self, value: object) -> object:
        if isinstance(value, str):
            return self._masked_text(value)
        if isinstance(value, dict):
            fields = cast("dict[str, object]", value)
            return {self._masked_text(key): self._masked(item) for key, item in fields.items()}
        if isinstance(value, list | tuple):
            return [self._masked(item) for item in cast("Sequence[object]", value)]
        return value

    def _masked_text(self, text: str) -> str:
        if not self._values:
            return text
        raw = text.encode("utf-8", "surrogateescape")
        return self._masked_bytes(raw).decode("utf-8", "surrogateescape")

    def _masked_bytes(self, data: bytes) -> bytes:
        for value in self._values:
            data = data.replace(value, REDACTED.encode())
        return data


STRUCTURAL: Final = Redactor()
"""Knows no values and no settings: what structure alone gives away."""
