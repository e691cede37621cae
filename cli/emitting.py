"""What `emit` says, from its words to the record: shared by the command and by its quick way.

A workload calls `emit` in loops, so words that need no explaining never load the command line library:
`quick` does them. Everything else (help, common options, mistakes) is the command's, with the same
result; a test compares the two.
"""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from runlore.journal.disk import REAL
from runlore.journal.errors import BadInput, RunloreError
from runlore.journal.machine import actor
from runlore.runtimes import saying
from runlore.runtimes.inside import find_inside

if TYPE_CHECKING:
    from runlore.journal.events import Event
    from runlore.journal.scan import Record

OPTIONS: Final = ("--step", "--metric", "--lease", "--detail", "--sha256", "--kind")
"""The command's own options: each has a value, and may be among the words anywhere."""
_HELP: Final = "; see `runlore emit --help`"
_PERCENT: Final = 100.0


class Spoken(NamedTuple):
    """The words behind `emit`, taken apart."""

    what: str
    values: tuple[str, ...] = ()
    options: Mapping[str, tuple[str, ...]] = {}


def quick(words: Sequence[str], environ: Mapping[str, str]) -> int | None:
    """Return the exit code of `emit WORDS` done at once; None if the command itself has to look at them."""
    spoken = _taken_apart(words)
    if spoken is None:
        return None
    try:
        speak(spoken, environ, None)
    except (RunloreError, OSError) as error:
        from runlore.cli.cleaning import cleaner  # noqa: PLC0415 - only when it fails
        from runlore.cli.errors import end  # noqa: PLC0415 - only when it fails

        return end(error, clean=cleaner(words, lambda: environ.get("RUNLORE_ROOT", "")))
    return 0


def speak(spoken: Spoken, environ: Mapping[str, str], root: str | None) -> "Record":
    """Return the record of what was said, durable; the run is the one that `environ` names.

    Raises:
        BadInput: it says nothing that can be said. OutsideRun: there is no run to say it of.
        AlreadyEnded: the run has ended. NotFound, NotPermitted, JournalIO: it was not recorded.
    """
    plain = _readable(spoken)
    event = event_of(plain)
    voice = find_inside(REAL, environ, root, actor("runlore emit"))
    try:
        if plain.what == _ARTIFACT:
            return voice.artifact(plain.values[0], _option(plain, "--kind"))
        return voice.tell(event)
    finally:
        voice.close()


def event_of(spoken: Spoken) -> "Event":
    """Return the event that was meant.

    Raises:
        BadInput: there is no such thing to say, or it takes other words.
    """
    known = _KINDS.get(spoken.what)
    if known is None:
        raise BadInput(f"nothing to emit is called {spoken.what!a}; there is {', '.join(_KINDS)}{_HELP}")
    least, most, options, make = known
    if not least <= len(spoken.values) <= most:
        raise BadInput(f"`emit {spoken.what}` takes {_USES[spoken.what]}{_HELP}")
    for name, values in spoken.options.items():
        if name not in options:
            raise BadInput(f"`emit {spoken.what}` has no option {name}{_HELP}")
        if len(values) > 1 and name != "--metric":
            raise BadInput(f"{name} is given {len(values)} times")
    return make(spoken)


def fraction(text: str) -> float | None:
    """Return the share of the work that `text` means: `0.4`, `40%` or `2/5`; None for `-`.

    Raises:
        BadInput: it means none.
    """
    if text == "-":
        return None
    try:
        done, slash, whole = text.partition("/")
        if slash:
            share = float(done) / float(whole)
        else:
            share = float(text[:-1]) / _PERCENT if text.endswith("%") else float(text)
    except (ValueError, ZeroDivisionError):
        raise BadInput(f"{text[:40]!a} is no fraction; write 0.4, 40%, 2/5, or - if nobody knows") from None
    if not 0 <= share <= 1:
        raise BadInput(f"{text[:40]!a} is not from 0 to 1; for percent write {text[:40]}%")
    return share


def _progress(spoken: Spoken) -> "Event":
    share, *message = spoken.values
    metrics: dict[str, float] = {}
    for word in spoken.options.get("--metric", ()):
        name, equals, value = word.partition("=")
        try:
            metrics[name] = float(value)
        except ValueError:
            equals = ""
        if not equals or not name:
            raise BadInput(f"--metric {word[:80]!a}: write NAME=NUMBER")
    step = _option(spoken, "--step")
    return saying.progressed(fraction(share), " ".join(message), step=step, metrics=metrics)


def _result(spoken: Spoken) -> "Event":
    import json  # noqa: PLC0415 - 5 ms, and the only one that shows a field given twice

    text = _given(spoken)
    try:
        document = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_number)
    except RecursionError:
        raise BadInput("the result nests too deep; store it as a file and name that") from None
    except ValueError as error:
        raise BadInput(f"the result is not JSON: {error}") from None
    return saying.result_set(document)


def _preview(spoken: Spoken) -> "Event":
    until, lease = None, _option(spoken, "--lease")
    if lease:
        from runlore.projections.durations import parse  # noqa: PLC0415 - few leases are renewed in loops

        until = REAL.now() + timedelta(seconds=parse(lease, zero=True))
    state, url = (*spoken.values, "")[:2]
    return saying.preview_changed(state, url, lease_until=until, detail=_option(spoken, "--detail"))


def _checkpoint(spoken: Spoken) -> "Event":
    name, path = spoken.values
    digest = _option(spoken, "--sha256") or None
    return saying.checkpointed(name, saying.saved_at(path, os.path.abspath), sha256=digest)


def _artifact(spoken: Spoken) -> "Event":
    return saying.declared(os.path.abspath(spoken.values[0]), kind=_option(spoken, "--kind"))


def _note(spoken: Spoken) -> "Event":
    return saying.noted(_given(spoken).strip())


def _readable(spoken: Spoken) -> Spoken:
    """Return the words as text, which bytes that are none stand in as visible escapes."""

    def text(word: str) -> str:
        return os.fsencode(word).decode("utf-8", "backslashreplace")

    options = {name: tuple(map(text, values)) for name, values in spoken.options.items()}
    return Spoken(spoken.what, tuple(map(text, spoken.values)), options)


def _given(spoken: Spoken) -> str:
    """Return the words as one text, or for a single `-` what stands on standard input."""
    if spoken.values == ("-",):
        return sys.stdin.buffer.read().decode("utf-8", "backslashreplace")
    return " ".join(spoken.values)


def _option(spoken: Spoken, name: str) -> str:
    return spoken.options.get(name, ("",))[0]


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise BadInput("the result names a field twice in one object")
    return fields


def _no_number(word: str) -> object:
    raise BadInput(f"the result holds {word}, which is not JSON")


def _taken_apart(words: Sequence[str]) -> Spoken | None:
    """Return the words by what they are, if every one of them is plain; None if that takes a parser."""
    values: list[str] = []
    options: dict[str, tuple[str, ...]] = {}
    rest = iter(words)
    for word in rest:
        if word in OPTIONS:
            value = next(rest, None)
            if value is None or value.startswith("-"):
                return None
            options[word] = (*options.get(word, ()), value)
        elif word.startswith("-") and word != "-":
            return None
        else:
            values.append(word)
    return Spoken(values[0], tuple(values[1:]), options) if values else None


_ARTIFACT: Final = "artifact"
_MANY: Final = sys.maxsize
_KINDS: Final[Mapping[str, tuple[int, int, tuple[str, ...], "Callable[[Spoken], Event]"]]] = {
    "ready": (0, 0, (), lambda _: saying.readied()),
    "progress": (1, _MANY, ("--step", "--metric"), _progress),
    "result": (1, 1, (), _result),
    "preview": (1, 2, ("--lease", "--detail"), _preview),
    "checkpoint": (2, 2, ("--sha256",), _checkpoint),
    _ARTIFACT: (1, 1, ("--kind",), _artifact),
    "note": (1, _MANY, (), _note),
}
"""What can be said: how many words it takes at least and at most, with which options, and what it means."""
_USES: Final = {
    "ready": "no more words",
    "progress": "FRACTION [MESSAGE...]",
    "result": "JSON, as one word, or - for standard input",
    "preview": "STATE [URL]",
    "checkpoint": "NAME PATH",
    "artifact": "PATH",
    "note": "TEXT..., or - for standard input",
}
KINDS: Final = tuple(_KINDS)
