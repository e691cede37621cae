"""Running it again: the command that says all of a recipe."""

import base64

import msgspec

from runlore.journal.values import (
    Recipe,
)
from runlore.projections.replay import exact_argv, replay_command


def test_the_replay_command_says_all_that_matters() -> None:
    """Folder, name, typed environment, limits and input come back as options; secrets only by name."""
    recipe = Recipe(
        argv=("train", "it's"),
        cwd="/my work",
        env={"A": "1 2"},
        secrets=("TOKEN",),
        timeout_s=5400.0,
        idle_timeout_s=90.0,
        output_limit=10 << 20,
        stdin=True,
    )

    assert replay_command("nightly", recipe) == (
        "runlore run --cwd '/my work' --name nightly --env 'A=1 2' --secret TOKEN --timeout 1h30m "
        "--idle-timeout 1m30s --output-limit 10M -i "
        "-- train 'it'\"'\"'s'"
    )


def test_arguments_that_are_no_text_are_replayed_exactly() -> None:
    """Bytes beside the readable form win, unless the readable form was redacted or they cannot be right."""
    raw = tuple(base64.b64encode(item).decode() for item in (b"x", b"\xff", b"--token=s3cret"))
    recipe = Recipe(argv=("x", "?", "--token=[REDACTED]"), argv_bytes=raw, cwd="/")

    assert exact_argv(recipe) == ("x", "\udcff", "--token=[REDACTED]")
    assert "$'\\xff'" in replay_command("", recipe)
    assert exact_argv(msgspec.structs.replace(recipe, argv_bytes=("%%%", "", ""))) == recipe.argv
    assert exact_argv(msgspec.structs.replace(recipe, argv_bytes=raw[:1])) == recipe.argv
