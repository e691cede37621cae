"""What a program or a line of JSON asks to be run, checked, as the spec that a keeper is given."""

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import cast

from msgspec import Struct

from runlore.journal.errors import BadInput
from runlore.journal.secret_names import name_rule
from runlore.journal.settings_file import read_settings
from runlore.journal.values import Actor, Durability
from runlore.projections import durations, labels, sizes
from runlore.projections.run_line import RunLine
from runlore.runtimes.spec import RunSpec, check
from runlore.runtimes.surroundings import current_folder, folder_of, parent_in


class Submission(Struct, frozen=True, kw_only=True):
    """What a program asks for, before it is checked."""

    argv: Sequence[str | os.PathLike[str]]
    name: str | None = None
    tags: Mapping[str, str] | None = None
    metadata: Mapping[str, object] | None = None
    key: str | None = None
    env: Mapping[str, str] | None = None
    secrets: Iterable[str] | Mapping[str, str] = ()
    """Names of variables to be found where the run is kept, or variables with their values."""
    secret_files: Mapping[str, str | os.PathLike[str]] | None = None
    cwd: str | os.PathLike[str] | None = None
    timeout: float | None = None
    await_ready: float | None = None
    idle_timeout: float | None = None
    output_limit: int | None = None
    artifacts: Iterable[str] = ()
    reports: Iterable[str] = ()
    required: Iterable[str] = ()
    stdin: bool = False
    pin: bool = False


def spec_of(wanted: Submission, root: str, by: Actor, durability: Durability) -> RunSpec:
    """Return the spec that a keeper is given.

    Raises:
        BadInput: the submission is none; the message says which part and why.
    """
    if isinstance(wanted.argv, str | bytes):
        raise BadInput('argv is a list of words; for a line of shell: ["sh", "-c", LINE]')
    here = current_folder()
    names, held = _secrets_of(wanted)
    spec = RunSpec(
        root=root,
        argv=tuple(os.fspath(word) for word in wanted.argv),
        cwd=os.path.join(here, os.fspath(wanted.cwd or "")).rstrip("/") or "/",
        by=by,
        env=dict(wanted.env or {}),
        secrets=names,
        secret_values=held,
        secret_files={
            name: os.path.join(here, os.fspath(path)) for name, path in (wanted.secret_files or {}).items()
        },
        name=labels.name(wanted.name) if wanted.name is not None else "",
        tags=labels.tags(wanted.tags or {}),
        metadata=labels.metadata(wanted.metadata or {}),
        key=labels.key(wanted.key) if wanted.key is not None else "",
        parent=parent_in(root),
        timeout_s=wanted.timeout,
        await_ready_s=wanted.await_ready,
        idle_timeout_s=wanted.idle_timeout,
        output_limit=wanted.output_limit,
        artifacts=_patterns("artifacts", wanted.artifacts),
        reports=_patterns("reports", wanted.reports),
        required=_patterns("required", wanted.required),
        stdin=wanted.stdin,
        pin=wanted.pin,
        durability=durability,
    )
    check(spec)
    if spec.env:
        _refuse_typed_secrets(spec)
    return spec


def spec_of_line(line: RunLine, root: str, by: Actor, durability: Durability) -> RunSpec:
    """Return the spec of a run that was given as a line of JSON.

    Raises:
        BadInput: it cannot be submitted; the message says which part and why.
    """
    if not line.argv:
        raise BadInput('argv is empty; it takes the words of a command, such as ["make", "test"]')
    wanted = Submission(
        argv=line.argv,
        name=line.name,
        tags=line.tags,
        metadata=line.metadata,
        key=line.key,
        env=line.env,
        secrets=line.secrets,
        secret_files=line.secret_files,
        cwd=folder_of(line.cwd) if line.cwd is not None else None,
        timeout=_seconds(line.timeout),
        await_ready=_seconds(line.await_ready),
        idle_timeout=_seconds(line.idle_timeout),
        output_limit=sizes.parse(line.output_limit)
        if isinstance(line.output_limit, str)
        else line.output_limit,
        artifacts=line.artifacts,
        reports=line.reports,
        required=line.required,
        pin=line.pin,
    )
    return spec_of(wanted, root, by, durability)


def _seconds(given: float | str | None) -> float | None:
    return durations.parse(given) if isinstance(given, str) else given


def _patterns(what: str, given: Iterable[str]) -> tuple[str, ...]:
    if isinstance(given, str | bytes):
        raise BadInput(f'{what} is a list of patterns, like ["out/**"]')
    return tuple(dict.fromkeys(given))


def _secrets_of(wanted: Submission) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return the names to be looked up, and the values that the program holds."""
    if isinstance(wanted.secrets, str | bytes):
        raise BadInput("secrets is a list of names, or a mapping of names to values")
    if isinstance(wanted.secrets, Mapping):
        return (), dict(cast("Mapping[str, str]", wanted.secrets))  # pyright: ignore[reportUnknownMemberType]
    return tuple(dict.fromkeys(wanted.secrets)), {}


def _refuse_typed_secrets(spec: RunSpec) -> None:
    """Return if no typed variable looks like a secret: typed values go on record.

    Raises:
        BadInput: one does. BadSettings: the registry's settings cannot be obeyed.
    """
    policy = read_settings(spec.root).redaction
    is_secret = name_rule(policy.allow, policy.deny)
    for name in spec.env:
        if is_secret(name):
            raise BadInput(
                f"variable {name!a} looks like a secret, and what is typed goes on record: use --secret "
                f"{name}, in Python `secrets`, or name it in `allow` of {spec.root}/config.toml"
            )
