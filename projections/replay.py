"""The command that runs a recipe again, as one line of shell. Pure."""

from collections.abc import Iterator

from runlore.journal.redaction import REDACTED
from runlore.journal.values import Recipe
from runlore.projections import durations, shell, sizes


def replay_command(name: str, recipe: Recipe) -> str:
    """Return the shell line that runs the recipe again, in the same folder and within the same limits."""
    options = ["--cwd", recipe.cwd] if recipe.cwd else []
    if name:
        options += ["--name", name]
    for variable, value in recipe.env.items():
        options += ["--env", f"{variable}={value}"]
    options += _secrets(recipe)
    if recipe.timeout_s is not None:
        options += ["--timeout", durations.spelled(recipe.timeout_s)]
    if recipe.await_ready_s is not None:
        options.append(f"--await-ready={durations.spelled(recipe.await_ready_s)}")
    if recipe.idle_timeout_s is not None:
        options += ["--idle-timeout", durations.spelled(recipe.idle_timeout_s)]
    if recipe.output_limit is not None:
        options += ["--output-limit", sizes.spelled(recipe.output_limit)]
    options += _outputs(recipe)
    if recipe.stdin:
        options.append("-i")
    return shell.join(("runlore", "run", *options, "--", *exact_argv(recipe)))


def _secrets(recipe: Recipe) -> Iterator[str]:
    for variable in recipe.secrets:
        yield from ("--secret", variable)
    for variable, path in recipe.secret_files.items():
        yield from ("--secret-file", f"{variable}={path}")


def _outputs(recipe: Recipe) -> Iterator[str]:
    declared = {"--artifact": recipe.artifacts, "--report": recipe.reports, "--require": recipe.required}
    for option, patterns in declared.items():
        for pattern in patterns:
            yield from (option, pattern)


def exact_argv(recipe: Recipe) -> tuple[str, ...]:
    """Return the arguments as they were given; bytes that are not UTF-8 as surrogate escapes.

    An argument that was redacted stays so.
    """
    if not recipe.argv_bytes:
        return recipe.argv
    from binascii import Error, a2b_base64  # noqa: PLC0415 - only for arguments that are not text

    try:
        given = [a2b_base64(item, strict_mode=True) for item in recipe.argv_bytes]
    except (Error, ValueError):
        return recipe.argv
    if len(given) != len(recipe.argv):
        return recipe.argv
    both = zip(recipe.argv, given, strict=True)
    return tuple(
        text if REDACTED in text else whole.decode("utf-8", "surrogateescape") for text, whole in both
    )
