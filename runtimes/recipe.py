"""The recipe of a run: what a spec asks for, as the journal may say it.

All of it passes the redactor; bytes that are not UTF-8 are kept beside their readable form.
"""

import os
from typing import Final

import msgspec

from runlore.journal.redactor import Redactor
from runlore.journal.values import Recipe
from runlore.runtimes.spec import RunSpec

_SHORT_WORDS: Final = 16
_SHORT_WORD: Final = 256


def recipe_of(spec: RunSpec, redactor: Redactor) -> Recipe:
    """Return the recipe of a submission, without secrets: of those only names are kept."""
    recorded = redactor.argv(spec.argv)
    env = redactor.values(spec.env) if spec.env else {}
    return Recipe(
        argv=tuple(map(_readable, recorded)),
        argv_bytes=() if _is_utf8(recorded) else tuple(map(_exact, recorded)),
        cwd=_readable(redactor.text(spec.cwd)),
        env={_readable(name): _readable(value) for name, value in env.items()},
        secrets=tuple(map(_readable, (*spec.secrets, *spec.secret_values))),
        secret_files={
            _readable(name): _readable(redactor.text(path)) for name, path in spec.secret_files.items()
        },
        stdin=spec.stdin,
        timeout_s=spec.timeout_s,
        await_ready_s=spec.await_ready_s,
        idle_timeout_s=spec.idle_timeout_s,
        output_limit=spec.output_limit,
        artifacts=_patterns(spec.artifacts, redactor),
        reports=_patterns(spec.reports, redactor),
        required=_patterns(spec.required, redactor),
    )


def shortened(recipe: Recipe) -> Recipe:
    """Return a recipe that fits a line, to stand for one that does not: the whole is a blob."""
    words = tuple(word[:_SHORT_WORD] for word in recipe.argv[:_SHORT_WORDS])
    return msgspec.structs.replace(
        recipe,
        argv=words,
        argv_bytes=(),
        cwd=recipe.cwd[: 16 * _SHORT_WORD],
        env={},
        secrets=(),
        secret_files={},
    )


def _patterns(patterns: tuple[str, ...], redactor: Redactor) -> tuple[str, ...]:
    return tuple(_readable(redactor.text(each)) for each in patterns)


def _readable(text: str) -> str:
    return os.fsencode(text).decode("utf-8", "backslashreplace")


def _is_utf8(words: tuple[str, ...]) -> bool:
    return all(_readable(word) == word for word in words)


def _exact(word: str) -> str:
    """Return base64 of an argument."""
    from base64 import b64encode  # noqa: PLC0415 - nearly all arguments are UTF-8

    return b64encode(os.fsencode(word)).decode("ascii")
