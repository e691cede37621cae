"""What a caller asks for: the command and everything said about it. Goes to the keeper through a pipe.

Arguments, paths and variables are text with surrogate escapes, so any byte the kernel accepts passes
unchanged; on the wire they are bytes.
"""

import os
from collections.abc import Iterable, Mapping
from math import isfinite
from typing import Final

import msgspec

from runlore.journal.errors import BadInput
from runlore.journal.values import MAX_INT, Actor, Durability

SECRET_BYTES: Final = 64 * 1024
"""Most that one secret may hold: Linux gives a command no longer variable than 128 KiB."""
_MAX_TIMEOUT_S: Final = 1e9
_UNFIT: Final = frozenset("=,\0")


class RunSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One submission."""

    root: str
    argv: tuple[str, ...]
    cwd: str
    """Absolute; where the command starts."""
    by: Actor
    env: dict[str, str] = {}
    """Typed variables only, on top of what the keeper inherits from the caller."""
    secrets: tuple[str, ...] = ()
    """Names of variables that the keeper inherits and must find."""
    secret_values: dict[str, str] = {}
    """Variables whose values came from a program; nowhere but in this pipe."""
    secret_files: dict[str, str] = {}
    """Variables whose values are in files, each with its absolute path."""
    name: str = ""
    tags: dict[str, str] = {}
    metadata: dict[str, object] = {}
    key: str = ""
    parent: str = ""
    """The run inside which this one was submitted."""
    timeout_s: float | None = None
    await_ready_s: float | None = None
    """Stay booting until the command says that it is ready, so long at most."""
    idle_timeout_s: float | None = None
    """Longest time it may print nothing."""
    output_limit: int | None = None
    """Bytes of the transcript to keep: the first half of them, and the last."""
    artifacts: tuple[str, ...] = ()
    """Patterns of files below `cwd` that are collected when the command has ended."""
    reports: tuple[str, ...] = ()
    """The same, for reports."""
    required: tuple[str, ...] = ()
    """The same; each must have a stored file, or the run has not succeeded."""
    stdin: bool = False
    """Pass the caller's standard input on, instead of /dev/null."""
    pin: bool = False
    """Keep the run until it is unpinned."""
    durability: Durability = "power"

    def __repr__(self) -> str:
        return f"<RunSpec of {len(self.argv)} words in {self.root}>"  # no values: they may be secrets


class _Wire(msgspec.Struct, frozen=True, kw_only=True):
    """A spec as JSON: what may hold any byte stands beside the rest, in base64."""

    root: bytes
    argv: tuple[bytes, ...]
    cwd: bytes
    env: tuple[tuple[bytes, bytes], ...]
    rest: RunSpec
    secrets: tuple[bytes, ...] = ()
    secret_values: tuple[tuple[bytes, bytes], ...] = ()
    secret_files: tuple[tuple[bytes, bytes], ...] = ()


def encode(spec: RunSpec) -> bytes:
    """Return the spec as one line.

    Raises:
        BadInput: a label or metadata holds what JSON cannot carry.
    """
    wire = _Wire(
        root=os.fsencode(spec.root),
        argv=tuple(os.fsencode(word) for word in spec.argv),
        cwd=os.fsencode(spec.cwd),
        env=_pairs(spec.env),
        rest=msgspec.structs.replace(
            spec, root="", argv=(), cwd="", env={}, secrets=(), secret_values={}, secret_files={}
        ),
        secrets=tuple(os.fsencode(name) for name in spec.secrets),
        secret_values=_pairs(spec.secret_values),
        secret_files=_pairs(spec.secret_files),
    )
    try:
        return msgspec.json.encode(wire) + b"\n"
    except (msgspec.MsgspecError, UnicodeError, RecursionError, TypeError, ValueError) as error:
        raise BadInput(f"name, tags, key and metadata must be text that JSON can carry: {error}") from error


def decode(line: bytes) -> RunSpec:
    """Return the spec that `encode` turned into `line`."""
    wire = msgspec.json.decode(line, type=_Wire)
    return msgspec.structs.replace(
        wire.rest,
        root=os.fsdecode(wire.root),
        argv=tuple(os.fsdecode(word) for word in wire.argv),
        cwd=os.fsdecode(wire.cwd),
        env=_variables(wire.env),
        secrets=tuple(os.fsdecode(name) for name in wire.secrets),
        secret_values=_variables(wire.secret_values),
        secret_files=_variables(wire.secret_files),
    )


def check(spec: RunSpec) -> None:
    """Return if the spec can be submitted at all; whether its command exists is for the kernel to say.

    Labels are the affair of whoever was given them: `projections.labels`.

    Raises:
        BadInput: it cannot; the message says which part and why.
    """
    if not spec.argv:
        raise BadInput("no command given: `runlore run [OPTIONS] CMD…`")
    if any("\0" in word for word in spec.argv):
        raise BadInput("an argument holds a NUL byte; no program can be given one")
    if not spec.cwd.startswith("/") or "\0" in spec.cwd:
        raise BadInput(f"working folder {spec.cwd!a} is not an absolute path")
    for name, value in spec.env.items():
        if not name or "=" in name or "\0" in name + value:
            raise BadInput(f"variable {name!a} cannot be set: a name is not empty and holds no `=` or NUL")
    _check_secrets(spec)
    limits = {
        "timeout": spec.timeout_s,
        "idle timeout": spec.idle_timeout_s,
        "time to be ready": spec.await_ready_s,
    }
    for what, limit_s in limits.items():
        if limit_s is not None and not (isfinite(limit_s) and 0 < limit_s <= _MAX_TIMEOUT_S):
            raise BadInput(f"{what} {limit_s} is not a number of seconds above 0 and up to 1e9")
    if spec.output_limit is not None and not 0 < spec.output_limit <= MAX_INT:
        raise BadInput(f"output limit {spec.output_limit} is not a number of bytes above 0")
    check_patterns(spec)


def check_patterns(spec: RunSpec) -> None:
    """Return if what is declared can be looked for.

    Raises:
        BadInput: a pattern is none.
    """
    if spec.artifacts or spec.reports or spec.required:
        from runlore.projections import globs  # noqa: PLC0415 - `re` behind it, which few runs need

        globs.checked("--artifact", spec.artifacts)
        globs.checked("--report", spec.reports)
        globs.checked("--require", spec.required, may_exclude=False)


def _check_secrets(spec: RunSpec) -> None:
    """Return if each secret has a name that can be set and one place to come from; no value is told.

    Raises:
        BadInput: one has not.
    """
    given = [*spec.secrets, *spec.secret_values, *spec.secret_files]
    for name in given:
        if not name or not _UNFIT.isdisjoint(name):
            raise BadInput(
                f"secret {name.partition('=')[0]!a} cannot be set: a name is not empty and holds no `=`, "
                "comma or NUL"
            )
        if given.count(name) > 1 or name in spec.env:
            raise BadInput(f"variable {name!a} is given twice: it has one value, from one place")
    for name, value in spec.secret_values.items():
        if "\0" in value or len(os.fsencode(value)) > SECRET_BYTES:
            raise BadInput(f"secret {name!a} holds a NUL, or more than {SECRET_BYTES:,} bytes")
    for name, path in spec.secret_files.items():
        if not path.startswith("/") or "\0" in path:
            raise BadInput(f"the file of secret {name!a} has no absolute path")


def _pairs(variables: Mapping[str, str]) -> tuple[tuple[bytes, bytes], ...]:
    return tuple((os.fsencode(name), os.fsencode(value)) for name, value in variables.items())


def _variables(pairs: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    return {os.fsdecode(name): os.fsdecode(value) for name, value in pairs}
