"""What a run is given when an owner takes it: the command's environment, with the secrets that were named.

They are looked up here and not where the run was submitted, so that a run that waits or is tried again
gets the values of the moment. What is missing ends the run before its command is started.
"""

import os
import stat
from collections.abc import Mapping

from msgspec import Struct, structs

from runlore.journal.redactor import Policy
from runlore.runtimes.run_secrets import REDACT, Secrets, in_environment
from runlore.runtimes.spec import SECRET_BYTES, RunSpec


class Claimed(Struct, frozen=True, kw_only=True):
    """What was found for one run."""

    spec: RunSpec
    """Without the values that came with it."""
    environ: Mapping[bytes, bytes]
    """The command's, but for what says where it runs."""
    secrets: Secrets
    missing: str
    """Which secrets are not to be had, and what to do about it; empty if nothing is missing."""


def claim(spec: RunSpec, inherited: Mapping[bytes, bytes], policy: Policy) -> Claimed:
    """Return what the run is given; whatever is missing is said, so that it can go on record."""
    environ = {**inherited, **_encoded(spec.env), **_encoded(spec.secret_values)}
    missing = [
        f"secret {name} is not set in the environment that the run was submitted from: export it first"
        for name in spec.secrets
        if os.fsencode(name) not in environ
    ]
    for name, path in spec.secret_files.items():
        try:
            environ[os.fsencode(name)] = _content(path)
        except OSError as error:
            missing.append(f"the file of secret {name} cannot be read: {path}: {error.strerror or error}")
    given = (*spec.secrets, *spec.secret_values, *spec.secret_files)
    secrets = in_environment(environ, policy, given)
    if secrets.given:
        environ[REDACT.encode()] = os.fsencode(",".join(sorted(secrets.given)))
    return Claimed(
        spec=structs.replace(spec, secret_values=dict.fromkeys(spec.secret_values, "")),
        environ=environ,
        secrets=secrets,
        missing="; ".join(missing),
    )


def _encoded(variables: Mapping[str, str]) -> dict[bytes, bytes]:
    return {os.fsencode(name): os.fsencode(value) for name, value in variables.items()}


def _content(path: str) -> bytes:
    """Return what a secret's file holds, without the newline that editors put at its end.

    Raises:
        OSError: it cannot be read, or holds what no variable can.
    """
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise OSError("it is no regular file")
        value = os.read(fd, SECRET_BYTES + 2)
    finally:
        os.close(fd)
    value = value.removesuffix(b"\n").removesuffix(b"\r")
    if len(value) > SECRET_BYTES:
        raise OSError(f"it holds more than {SECRET_BYTES:,} bytes")
    if b"\0" in value:
        raise OSError("it holds a NUL, which no variable can")
    return value
