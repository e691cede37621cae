"""Say which of the values that are secret here can be masked, and why the others cannot. Pure.

A value that is too short, or that ordinary output is full of, would mask what is no secret; its name is
reported instead, so that its owner knows. The reasons never repeat the value.
"""

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from runlore.journal.secret_text import REDACTED

SHORTEST: Final = 6
"""Bytes of the shortest value that is masked; a shorter one would mask ordinary words."""
LONGEST: Final = 32 * 1024
"""Bytes of the longest value that is masked as a whole; of a longer one only its lines are."""

_ORDINARY: Final = frozenset(
    word
    for line in (
        "127.0.0.1 localhost localhost.localdomain example example.com example.org",
        "undefined required optional default defaults unknown nothing enabled disabled enable disable",
        "production development staging testing integration release master develop",
        "changeme change-me password passwd passphrase secret secrets access_token api_key apikey",
        "username administrator postgres postgresql mariadb mongodb rabbitmq elasticsearch memcached",
        "sqlite oracle docker kubernetes github gitlab bitbucket jenkins ubuntu debian alpine centos fedora",
        "python python3 nodejs javascript typescript golang windows darwin x86_64 aarch64",
        "string number integer boolean object function return import export public private static",
        "stdout stderr warning warnings errors failed failure passed success succeeded",
        "running finished started stopped pending cancelled timeout version latest stable nightly",
        "server client service worker manager account address network system process session",
        "<secret> <hidden> <redacted> redacted",
    )
    for word in line.split()
)
"""Values of six bytes or more that output is full of, in lower case."""


class Registration(Struct, frozen=True, kw_only=True):
    """What was found out about named values."""

    masked: dict[str, str | bytes]
    """Those that are masked wherever they appear, by name."""
    unmasked: dict[str, str]
    """Why the others are not, by name."""


def registered(values: Mapping[str, str | bytes]) -> Registration:
    """Return which of the named values are masked wherever they appear, and why the others are not."""
    reasons = {name: why_unmasked(value) for name, value in values.items()}
    return Registration(
        masked={name: value for name, value in values.items() if not reasons[name]},
        unmasked={name: why for name, why in reasons.items() if why},
    )


def why_unmasked(value: str | bytes) -> str:
    """Return why this value is not masked, for the person who registered it; empty if it is."""
    raw = value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value
    core = raw.strip()
    if not core:
        return "it is empty"
    if len(core) < SHORTEST:
        return f"it is shorter than {SHORTEST} bytes"
    if REDACTED.encode() in core or core in REDACTED.encode() * 3:
        return "it was redacted before"
    if core[2:] == core[:-2]:
        return "it only repeats one or two characters"
    if core.lower().decode("utf-8", "replace") in _ORDINARY:
        return "it is an ordinary word"
    if len(core) > LONGEST and b"\n" not in core:
        return f"it is longer than {LONGEST} bytes"
    return ""
