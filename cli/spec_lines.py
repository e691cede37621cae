"""Runs that are to be submitted, out of bytes that come in pieces: one JSON object a line."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from msgspec import Struct, structs

from runlore.cli.numbered import NumberedLines
from runlore.journal import machine
from runlore.journal.errors import BadInput, BadSettings, RunloreError
from runlore.projections.run_line import MOST_BYTES, parse
from runlore.runtimes.run_secrets import OwnSecrets
from runlore.runtimes.spec import RunSpec
from runlore.runtimes.submission import spec_of_line

PROGRAM: Final = "runlore submit"


class Wanted(Struct, frozen=True):
    """One line: a run to be launched, or what is wrong with it."""

    number: int
    spec: RunSpec | RunloreError


class SpecLines:
    """Turns bytes into what is wanted, line by line; remembers none of them.

    key_prefix: lines without a key get one of it and their number.
    """

    def __init__(self, root: str, key_prefix: str | None) -> None:
        self._root, self._prefix = root, key_prefix
        self._by = machine.actor(PROGRAM)
        self._secrets = OwnSecrets(root)
        self._lines = NumberedLines(MOST_BYTES)
        self.count = 0
        """Lines by now, but for empty ones."""
        self.keyless = 0

    def feed(self, data: bytes) -> Iterator[Wanted]:
        """Yield what is on the lines that are whole by now; no bytes are the end, also of the last line."""
        for number, line in self._lines.feed(data) if data else self._lines.end():
            self.count += 1
            yield Wanted(number, self._understood(number, line))

    def _understood(self, number: int, line: bytes | None) -> RunSpec | RunloreError:
        if line is None:
            return BadInput(f"this is longer than {MOST_BYTES:,} bytes")
        try:
            wanted = parse(line)
            if self._prefix is not None and wanted.key is None:
                wanted = structs.replace(wanted, key=f"{self._prefix}:{number}")
            spec = spec_of_line(wanted, self._root, self._by, "power")
            self._refuse_secrets(spec)
        except RunloreError as error:
            return error
        self.keyless += not spec.key
        return spec

    def _refuse_secrets(self, spec: RunSpec) -> None:
        """Return if key and names of tags hold no secret, as far as can be told before the run is launched.

        Raises:
            BadInput: one does, so nobody would submit it.
        """
        with suppress(BadSettings):  # whoever submits says what is wrong with them
            if spec.key:
                self._secrets.found.unchanged("key", spec.key)
            self._secrets.tags(spec.tags)
