"""The secret values of a run, or of a process that speaks for one: which they are, and who masks them.

A value is secret because its variable was given as a secret (`--secret`, `RUNLORE_REDACT`), or because
the variable's name says so. Nothing here is ever recorded but names.
"""

import os
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Final, NamedTuple, TypeVar

import msgspec

from runlore.journal import exits
from runlore.journal.disk import Disk
from runlore.journal.errors import BadInput, RunloreError
from runlore.journal.events import Event, RunBooting
from runlore.journal.layout import Layout
from runlore.journal.quoting import forms, pieces, without, without_words
from runlore.journal.reader import JournalReader
from runlore.journal.redactor import Policy, Redactor
from runlore.journal.registration import registered
from runlore.journal.secret_names import name_rule
from runlore.journal.settings_file import read_settings
from runlore.journal.values import RunId
from runlore.runtimes.surroundings import environment

E = TypeVar("E", bound=Event)

REDACT: Final = "RUNLORE_REDACT"
"""Set for every command that runs here with secrets: their names, so that whatever it starts knows them."""
NO_POLICY: Final = Policy()
_MOST_NAMES: Final = 256
_LONGEST_NAME: Final = 255
_BEFORE_START: Final = 16
"""Records among which `run.booting` is: others may leave a note before."""


class _Packed(msgspec.Struct, frozen=True):
    """What the next keeper needs."""

    values: tuple[tuple[bytes, bytes], ...]
    given: tuple[str, ...]
    policy: Policy


class Named(NamedTuple):
    """Which variables hold secrets, as the journal may say it."""

    masked: tuple[str, ...]
    unmasked: dict[str, str]
    """Each with why its value is not masked."""


class Secrets:
    """Secret values by the names of their variables, and the redactor that knows them.

    given: names that somebody called secret, whatever they look like. Immutable.
    """

    def __init__(
        self,
        values: Mapping[str, bytes],
        policy: Policy = NO_POLICY,
        given: Iterable[str] = (),
    ) -> None:
        self.policy: Final = policy
        self.given: Final = frozenset(given)
        self._values: Final = dict(values)

    def __repr__(self) -> str:
        return f"<Secrets {', '.join(sorted(self._values))}>"

    @cached_property
    def redactor(self) -> Redactor:
        """What takes them out of anything that is recorded or shown."""
        return Redactor([form for value in self._texts for form in forms(value)], self.policy)

    @cached_property
    def unmasked(self) -> Mapping[str, str]:
        """Names whose values are not masked, because they would mask ordinary text, each with why."""
        return registered(self._values).unmasked

    @property
    def masked(self) -> tuple[str, ...]:
        """Names whose values are masked."""
        return tuple(sorted(name for name in self._values if name not in self.unmasked))

    @property
    def warned(self) -> dict[str, str]:
        """Those of the unmasked that somebody asked to be kept secret."""
        return {name: why for name, why in self.unmasked.items() if name in self.given}

    def named(self) -> Named:
        """Return what `run.booting` says of them: names only, and not beyond what fits a line."""
        masked = [_readable(name) for name in self.masked]
        unmasked = {_readable(name): why for name, why in self.unmasked.items()}
        more = len(masked) - _MOST_NAMES
        if more > 0:
            masked[_MOST_NAMES:] = [f"… and {more} more"]
        return Named(tuple(masked), dict(list(unmasked.items())[:_MOST_NAMES]))

    def event(self, event: E) -> E:
        """Return the event as it may be recorded."""
        return exits.redacted(event, lambda: self.redactor)

    def text(self, text: str) -> str:
        """Return a text as it may be recorded; whatever is not UTF-8 in it becomes visible escapes."""
        clean = self.redactor.text(text) if text else text
        return clean.encode("utf-8", "backslashreplace").decode("utf-8")

    def unchanged(self, what: str, label: str) -> str:
        """Return a label that is stored as it is, because it has to stay what it is.

        Raises:
            BadInput: it holds a secret, which the message does not tell.
        """
        if self.redactor.text(label) != label:
            raise BadInput(
                f"the {what} holds what is, or looks like, a secret, and is stored as it is; "
                "choose another, such as a digest of it"
            )
        return label

    def quoted(self, message: str, words: Iterable[str] = ()) -> str:
        """Return an error message without secrets, though it quotes words, cut short or escaped.

        Its own words stay: a hint such as `--secret NAME` is none. words: those it may quote.
        """
        given = tuple(words)
        clean = without(message, (forms(piece) for text in self._texts for piece in pieces(text)))
        return without_words(clean, zip(given, self.redactor.argv(given), strict=True))

    @property
    def _texts(self) -> list[str]:
        """The values that are masked."""
        return [self._values[name].decode("utf-8", "surrogateescape") for name in self.masked]

    def packed(self) -> bytes:
        """Return them for the memory that the next keeper reads."""
        values = tuple((os.fsencode(name), value) for name, value in self._values.items())
        return msgspec.msgpack.encode(_Packed(values, tuple(self.given), self.policy))

    @classmethod
    def unpacked(cls, data: bytes) -> "Secrets":
        """Return what `packed` made bytes of."""
        packed = msgspec.msgpack.decode(data, type=_Packed)
        return cls({os.fsdecode(name): value for name, value in packed.values}, packed.policy, packed.given)


def in_environment(environ: Mapping[bytes, bytes], policy: Policy, given: Iterable[str] = ()) -> Secrets:
    """Return the secrets among these variables: given, listed in RUNLORE_REDACT, or named like one."""
    names, is_secret = {*given, *named_in(environ)}, name_rule(policy.allow, policy.deny)
    found: dict[str, bytes] = {}
    for raw, value in environ.items():
        name = os.fsdecode(raw)
        if name in names or is_secret(name):
            found[name] = value
    return Secrets(found, policy, names)


def named_in(environ: Mapping[bytes, bytes]) -> tuple[str, ...]:
    """Return the names that RUNLORE_REDACT lists."""
    return tuple(filter(None, os.fsdecode(environ.get(REDACT.encode(), b"")).split(",")))


class OwnSecrets:
    """The secrets of this process's own environment, looked for when there is first something to record.

    given: names that are secret whatever they look like, asked for then.

    Raises, whenever it is used:
        BadSettings: the registry's settings cannot be obeyed.
    """

    def __init__(self, root: str, given: Callable[[], Iterable[str]] = tuple) -> None:
        self._root, self._given = root, given
        self._found: Secrets | None = None

    @property
    def found(self) -> Secrets:
        """The secrets, and their redactor."""
        if self._found is None:
            policy = read_settings(self._root).redaction
            self._found = in_environment(environment(), policy, self._given())
        return self._found

    def event(self, event: E) -> E:
        """Return the event as it may be recorded."""
        return exits.redacted(event, lambda: self.found.redactor)

    def tags(self, tags: dict[str, str]) -> dict[str, str]:
        """Return tags whose names hold no secret; out of their values it is taken when they are recorded.

        Raises:
            BadInput: a name holds one.
        """
        for name in tags:
            self.found.unchanged("name of a tag", name)
        return tags

    def text(self, text: str) -> str:
        """Return a text as it may be recorded."""
        return self.found.text(text) if text else text


def secrets_about(disk: Disk, layout: Layout, run_id: RunId) -> OwnSecrets:
    """Return the secrets of this process's own environment for what is said of a run.

    Names that the run called secret are secret here, too.
    """
    return OwnSecrets(layout.root, lambda: _named_by(disk, layout, run_id))


def _named_by(disk: Disk, layout: Layout, run_id: RunId) -> tuple[str, ...]:
    """Return the names of the variables that were secret to a run; none if its journal cannot be read."""
    try:
        with JournalReader(disk, layout, run_id) as reader:
            first = reader.read_available(most=_BEFORE_START)
    except RunloreError:
        return ()
    return tuple(name for each in first if isinstance(each.event, RunBooting) for name in each.event.masked)


def _readable(name: str) -> str:
    return os.fsencode(name).decode("utf-8", "backslashreplace")[:_LONGEST_NAME]
