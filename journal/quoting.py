"""Take secrets out of error messages, which quote what was typed: escaped, or only its beginning.

A message of ours is full of words that announce secrets (`use --secret NAME`), so only what was typed
is looked for in it. Pure.
"""

from collections.abc import Iterable

from runlore.journal.registration import SHORTEST
from runlore.journal.secret_text import REDACTED


def forms(value: str) -> tuple[str, ...]:
    """Return a value as a message may quote it: as it is, and with what Python escapes."""
    readable = value.encode("utf-8", "backslashreplace").decode("utf-8")
    return tuple(dict.fromkeys((value, readable, repr(value)[1:-1], ascii(value)[1:-1])))


def pieces(value: str) -> tuple[str, ...]:
    """Return a value, the same on one line, and its lines: a message may hold any of them alone."""
    return tuple(dict.fromkeys((value, " ".join(value.split()), *map(str.strip, value.splitlines()))))


def without(message: str, secrets: Iterable[Iterable[str]]) -> str:
    """Return the message without these values, each in its forms, nor their beginnings.

    Six characters of one are too many.
    """
    for known in secrets:
        message = _without(message, tuple(known))
    return message


def without_words(message: str, words: Iterable[tuple[str, str]]) -> str:
    """Return the message with each (word, the same redacted) quoted in it in its redacted form."""
    for word, kept in words:
        if word != kept:
            before = word[: _alike(word, kept)]
            message = _without(message, (word,), before)
            message = _without(message, (word[len(before) :],))
    return message


def _without(message: str, known: tuple[str, ...], before: str = "") -> str:
    """Return the message without a secret in any form, and without its beginning where it was cut short.

    before: what of it is no secret, and stays.
    """
    least = len(before) + SHORTEST
    for beginning in dict.fromkeys(form[:least] for form in known if len(form) >= least):
        at = 0
        while (at := message.find(beginning, at)) >= 0:
            end = at + max(_alike(message[at : at + len(form)], form) for form in known)
            message = f"{message[:at]}{before}{REDACTED}{message[end:]}"
            at += len(before) + len(REDACTED)
    return message


def _alike(one: str, other: str) -> int:
    """Return how many characters both begin with."""
    pairs = zip(one, other, strict=False)
    return next(
        (place for place, (left, right) in enumerate(pairs) if left != right), min(len(one), len(other))
    )
