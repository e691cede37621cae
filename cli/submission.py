"""From the options of `run`, as they were typed, to the spec of a run; nothing is started here."""

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, cast

import msgspec

from runlore.cli.session import Session
from runlore.journal import machine
from runlore.journal.errors import BadInput
from runlore.projections import durations, labels, shell, sizes
from runlore.projections.printable import printable
from runlore.runtimes.spec import RunSpec
from runlore.runtimes.submission import Submission, spec_of
from runlore.runtimes.surroundings import folder_of

if TYPE_CHECKING:
    from runlore.projections.submit_views import SpecView

PROGRAM: Final = "runlore run"
_LONGEST_FILE: Final = 1 << 20


class Typed(msgspec.Struct, frozen=True, kw_only=True):
    """The options of `run` that say what is to be run."""

    argv: tuple[str, ...]
    name: str | None
    tags: tuple[str, ...]
    metadata: str | None
    key: str | None
    env: tuple[str, ...]
    env_files: tuple[tuple[str, bytes], ...]
    """(path, contents); later files win over earlier ones, and `--env` wins over all."""
    secrets: tuple[str, ...]
    secret_files: tuple[str, ...]
    cwd: str | None
    timeout: str | None
    await_ready: str | None
    idle_timeout: str | None
    output_limit: str | None
    artifacts: tuple[str, ...]
    reports: tuple[str, ...]
    required: tuple[str, ...]
    stdin: bool
    pin: bool


def understood(session: Session, typed: Typed) -> RunSpec:
    """Return what is to be submitted.

    Raises:
        BadInput: an option is not what it could be; the message names it.
    """
    wanted = Submission(
        argv=typed.argv,
        name=typed.name,
        tags=labels.tags(typed.tags),
        metadata=labels.metadata_from(typed.metadata) if typed.metadata is not None else None,
        key=typed.key,
        env=_environment(typed, session.environ),
        secrets=_secret_names(typed.secrets),
        secret_files=_secret_files(typed.secret_files),
        cwd=folder_of(typed.cwd),
        timeout=durations.parse(typed.timeout) if typed.timeout is not None else None,
        await_ready=durations.parse(typed.await_ready) if typed.await_ready is not None else None,
        idle_timeout=durations.parse(typed.idle_timeout) if typed.idle_timeout is not None else None,
        output_limit=sizes.parse(typed.output_limit) if typed.output_limit is not None else None,
        artifacts=typed.artifacts,
        reports=typed.reports,
        required=typed.required,
        stdin=typed.stdin,
        pin=typed.pin,
    )
    return spec_of(wanted, session.found.path, machine.actor(PROGRAM), "power")


def spec_view(spec: RunSpec, *, detached: bool) -> "SpecView":
    """Return what a dry run shows: what would go on record, so without secrets."""
    from runlore.journal.settings_file import read_settings  # noqa: PLC0415 - see below
    from runlore.projections.submit_views import SpecView  # noqa: PLC0415 - a run that is started needs no view yet
    from runlore.runtimes.boot import refuse_secret_labels  # noqa: PLC0415 - see above
    from runlore.runtimes.claim import claim  # noqa: PLC0415 - see above
    from runlore.runtimes.recipe import recipe_of  # noqa: PLC0415 - see above
    from runlore.runtimes.surroundings import environment  # noqa: PLC0415 - see above

    claimed = claim(spec, environment(), read_settings(spec.root).redaction)
    secrets = claimed.secrets
    refuse_secret_labels(spec, secrets)
    recipe = recipe_of(spec, secrets.redactor)
    return SpecView(
        root=secrets.text(spec.root),
        command=shell.join(recipe.argv),
        argv=list(recipe.argv),
        cwd=recipe.cwd,
        env=recipe.env,
        secrets=list(recipe.secrets),
        secret_files=recipe.secret_files,
        missing=secrets.text(claimed.missing),
        name=secrets.text(spec.name) or None,
        tags=secrets.redactor.values(spec.tags),
        metadata=cast("dict[str, object]", secrets.redactor.metadata(spec.metadata)),
        key=spec.key or None,
        parent=spec.parent or None,
        timeout_s=spec.timeout_s,
        await_ready_s=spec.await_ready_s,
        idle_timeout_s=spec.idle_timeout_s,
        output_limit=spec.output_limit,
        artifacts=list(recipe.artifacts),
        reports=list(recipe.reports),
        required=list(recipe.required),
        stdin=spec.stdin,
        pin=spec.pin,
        detached=detached,
    )


def spec_lines(view: "SpecView") -> list[str]:
    """Return the same for people, one "what  value" a line."""
    told = {
        "command": view.command,
        "folder": view.cwd,
        "name": view.name or "",
        "tags": " ".join(f"{name}={value}" for name, value in view.tags.items()),
        "metadata": msgspec.json.encode(view.metadata).decode() if view.metadata else "",
        "key": view.key or "",
        "env": " ".join(f"{name}={value}" for name, value in view.env.items()),
        "secrets": " ".join((*view.secrets, *(f"{name}={path}" for name, path in view.secret_files.items()))),
        "missing": view.missing,
        "timeout": durations.spelled(view.timeout_s) if view.timeout_s else "",
        "ready": f"within {durations.spelled(view.await_ready_s)}" if view.await_ready_s else "",
        "silence": f"at most {durations.spelled(view.idle_timeout_s)}" if view.idle_timeout_s else "",
        "output": f"at most {sizes.spelled(view.output_limit)}" if view.output_limit else "",
        "kept": "until it is unpinned" if view.pin else "",
        "artifacts": shell.join(view.artifacts),
        "reports": shell.join(view.reports),
        "required": shell.join(view.required),
        "stdin": "passed on" if view.stdin else "/dev/null",
        "registry": view.root,
    }
    return [f"{what:<9} {printable(value)}" for what, value in told.items() if value]


def variables(data: bytes, place: str, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of an env file, as docker reads it: `NAME=VALUE` lines, nothing expanded.

    `#` begins a comment, and `NAME` alone takes the value it has in `environ`, if it has one.

    Raises:
        BadInput: a line is none; the message names it, and no value.
    """
    if len(data) > _LONGEST_FILE:
        raise BadInput(f"{place} is larger than {_LONGEST_FILE:,} bytes")
    found: dict[str, str] = {}
    for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        text = os.fsdecode(line.removesuffix(b"\r")).lstrip()
        if not text or text.startswith("#"):
            continue
        name, equals, value = text.partition("=")
        if not name or name != name.rstrip() or " " in name or "\t" in name:
            raise BadInput(f"{place}:{number}: this is not NAME=VALUE; a name holds no blank")
        if "\0" in text:
            raise BadInput(f"{place}:{number}: a NUL, which no variable can hold")
        if equals:
            found[name] = value
        elif name in environ:
            found[name] = environ[name]
    return found


def _environment(typed: Typed, environ: Mapping[str, str]) -> dict[str, str]:
    env: dict[str, str] = {}
    for path, data in typed.env_files:
        env |= variables(data, path, environ)
    for word in typed.env:
        name, equals, value = word.partition("=")
        if not equals:
            raise BadInput(f"--env {word!a}: write NAME=VALUE; what you have exported is passed on anyway")
        env[name] = value
    return env


def _secret_names(words: Sequence[str]) -> tuple[str, ...]:
    """Return the names of secrets, of which no value may be typed: a command line can be seen by all."""
    for word in words:
        name, equals, _ = word.partition("=")
        if equals:
            raise BadInput(
                f"--secret takes a name and no value, which `ps` would show to everybody: export {name!a} "
                f"first, then `--secret {name}`; or put the value into a file: `--secret-file {name}=PATH`"
            )
    return tuple(words)


def _secret_files(words: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for word in words:
        name, equals, path = word.partition("=")
        if not equals or not name or not path:
            raise BadInput(f"--secret-file {word!a}: write NAME=PATH")
        if name in found:
            raise BadInput(f"--secret-file {name!a} is given twice")
        found[name] = path
    return found
