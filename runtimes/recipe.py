"""The recipe of a run: what a spec asks for, as the journal may say it.

Values pass the redactor; bytes that are not UTF-8 are kept beside their readable form.
"""

import os
from typing import Final

import msgspec

from runlore.journal.redaction import redact_argv, redact_values
from runlore.journal.values import Recipe
from runlore.runtimes.spec import RunSpec

_SHORT_WORDS: Final = 16
_SHORT_WORD: Final = 256


def recipe_of(spec: RunSpec) -> Recipe:
    """Return the recipe of a submission."""
    readable = tuple(_readable(word) for word in spec.argv)
    recorded = redact_argv(readable)
    return Recipe(
        argv=recorded,
        argv_bytes=() if _is_utf8(spec.argv) else tuple(map(_exact, spec.argv, readable, recorded)),
        cwd=_readable(spec.cwd),
        env=_recorded_env(spec),
        stdin=spec.stdin,
        timeout_s=spec.timeout_s,
        await_ready_s=spec.await_ready_s,
        idle_timeout_s=spec.idle_timeout_s,
        output_limit=spec.output_limit,
    )


def shortened(recipe: Recipe) -> Recipe:
    """Return a recipe that fits a line, to stand for one that does not: the whole is a blob."""
    words = tuple(word[:_SHORT_WORD] for word in recipe.argv[:_SHORT_WORDS])
    return msgspec.structs.replace(
        recipe, argv=words, argv_bytes=(), cwd=recipe.cwd[: 16 * _SHORT_WORD], env={}
    )


def _recorded_env(spec: RunSpec) -> dict[str, str]:
    """Return the typed variables; the value of one whose name announces a secret is not recorded."""
    return redact_values({_readable(name): _readable(value) for name, value in spec.env.items()})


def _readable(text: str) -> str:
    return os.fsencode(text).decode("utf-8", "backslashreplace")


def _is_utf8(words: tuple[str, ...]) -> bool:
    return all(_readable(word) == word for word in words)


def _exact(word: str, readable: str, recorded: str) -> str:
    """Return base64 of an argument; of what was recorded, where a secret was taken out of it."""
    from base64 import b64encode  # noqa: PLC0415 - nearly all arguments are UTF-8

    exact = os.fsencode(word) if recorded == readable else recorded.encode()
    return b64encode(exact).decode("ascii")
