"""detect-secrets as a second opinion: what it takes for a secret in a text, plugin by plugin, unfiltered."""

import importlib
import inspect
import os
import pkgutil
from collections.abc import Iterator
from functools import cache
from typing import Final, NamedTuple

from detect_secrets import plugins as package
from detect_secrets.plugins.base import BasePlugin

from runlore.journal.redaction import REDACTED

_LEFT_OUT: Final = {
    "base",
    "high_entropy_strings",  # a journal is full of digests: its chain, its heads, its blobs
    "ip_public",  # an address is no secret
    "keyword",  # anything behind the word `key`, which is a label of ours
}


class Finding(NamedTuple):
    """What a plugin took for a secret, and where."""

    kind: str
    where: str
    line: str


@cache
def plugins() -> tuple[BasePlugin, ...]:
    """Return every plugin that knows what a certain kind of secret looks like."""
    found: list[BasePlugin] = []
    for name in sorted(module.name for module in pkgutil.iter_modules(package.__path__)):
        if name in _LEFT_OUT:
            continue
        module = importlib.import_module(f"{package.__name__}.{name}")
        found += [
            kind()
            for kind in vars(module).values()
            if inspect.isclass(kind) and kind.__module__ == module.__name__ and issubclass(kind, BasePlugin)
        ]
    return tuple(found)


def findings(text: str, where: str = "") -> Iterator[Finding]:
    """Yield what is found in a text, line by line; not what was redacted."""
    lines = text.split("\n")
    for number, line in enumerate(lines, 1):
        for plugin in plugins():
            for secret in plugin.analyze_line(filename=where, line=line, line_number=number):
                if not _is_redacted(secret.secret_value or "", "\n".join(lines[number - 1 : number + 1])):
                    yield Finding(secret.type, f"{where}:{number}", line[:400])


def findings_below(root: str) -> Iterator[Finding]:
    """Yield what is found in every file below a folder, and in the names of those files."""
    for folder, _, names in os.walk(root):
        for name in names:
            path = os.path.join(folder, name)
            yield from findings(path.removeprefix(root), "a path")
            if os.path.isfile(path):
                with open(path, "rb") as file:
                    yield from findings(file.read().decode("latin-1"), path.removeprefix(root))


def _is_redacted(value: str, text: str) -> bool:
    """Say whether only the place of a secret is left: `://user:[REDACTED]@`, or the words around a key."""
    if value.startswith("BEGIN "):
        behind = text.partition(value)[2].lstrip("-").removeprefix("\\n").lstrip()
        behind = behind.partition('"text":"')[2] if behind.startswith('"') else behind  # a line of JSON each
        return behind.startswith(REDACTED[:4])  # what follows may be cut
    return value.strip("\"',") in {REDACTED, REDACTED.strip("[]")}
