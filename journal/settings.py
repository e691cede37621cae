"""What `config.toml` may say, and what is wrong with one that says something else.

Whatever is not understood is a problem with its line, never a guess: a misspelt `deny` that was passed
over would record a secret, and a misspelt `keep` would remove a run. Pure.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Literal, cast

from msgspec import Struct

from runlore.journal.redactor import Policy

Shape = Literal["list of texts", "text", "number", "true or false", "table of texts"]


class Key(Struct, frozen=True):
    """One key of a section."""

    shape: Shape
    what: str
    most: int | None = None


REDACTION: Final = "redaction"
LIMITS: Final = "limits"
ARTIFACTS: Final = "artifacts"
MOST_KEEPERS: Final = 1_000_000
MOST_FILES: Final = 100_000
"""Of one run: each is a line of its journal and of its manifest."""
RETENTION: Final = ("retention", "trash")
SECTIONS: Final[Mapping[str, Mapping[str, Key]]] = {
    REDACTION: {
        "allow": Key("list of texts", "Names that hold no secret although they look so."),
        "deny": Key(
            "list of texts", "Names that hold a secret although they do not look so; stronger than `allow`."
        ),
        "patterns": Key(
            "list of texts", "What is redacted wherever it stands, in RE2 syntax; needs `runlore[redact]`."
        ),
    },
    LIMITS: {
        "keepers": Key(
            "number", "How many runs may be kept at once, from 1 up; the next one is refused.", MOST_KEEPERS
        ),
    },
    ARTIFACTS: {
        "max_files": Key(
            "number", "How many outputs of one run are stored at most; 10,000 unless given.", MOST_FILES
        ),
        "max_bytes": Key("text", "How many bytes they may have together; `64G` unless given."),
    },
    "retention": {
        "keep": Key("text", "How long a run is kept after its newest byte; without it, for ever."),
        "keep_last": Key("number", "So many of the newest runs of each name are kept whatever their age."),
        "max_bytes": Key("text", "When all runs take more, the oldest go until they do not, however young."),
        "status": Key("table of texts", "Status to how long such runs are kept, instead of `keep`."),
        "tags": Key("table of texts", "Tag to how long such runs are kept, instead of `keep`."),
        "floor": Key("text", "Nothing younger than this is removed by a rule; `1h` unless given."),
        "journal": Key("text", "How long the journal of a removed run stays; for ever unless given."),
        "automatic": Key("true or false", "Prune by itself after a run has ended, at most once an hour."),
    },
    "trash": {
        "keep": Key("text", "How long removed runs can be restored; `24h` unless given."),
    },
}
"""The sections there are, their keys, and what each holds and says."""
LATER: Final = frozenset({"defaults"})
"""Sections of a later version."""


class Problem(Struct, frozen=True):
    """One thing that is wrong with the file."""

    line: int
    """Counted from 1; 0 where it is the file itself."""
    text: str


class Limits(Struct, frozen=True, kw_only=True):
    """The section `[limits]`."""

    keepers: int | None = None
    """None leaves it to the machine's memory."""


class Said(Struct, frozen=True):
    """One value as it stands in the file: of the right shape, whatever it means."""

    key: str
    """With its section, and with a name in a table: `retention.status.failed`."""
    value: str | int | bool
    line: int


class Settings(Struct, frozen=True, kw_only=True):
    """What the file says, as far as it was understood, and what is wrong with it."""

    redaction: Policy = Policy()
    limits: Limits = Limits()
    artifacts: tuple[Said, ...] = ()
    """How much of a run is collected, for whoever collects to understand."""
    retention: tuple[Said, ...] = ()
    """What is to be kept, for whoever decides that to understand."""
    problems: tuple[Problem, ...] = ()


def understood(
    document: Mapping[str, object], lines: Sequence[str], refuse: Callable[[str], str]
) -> Settings:
    """Return what a parsed file says.

    lines: those of the file, to say where something stands. refuse: says what is wrong with a pattern,
    or nothing.
    """
    problems: list[Problem] = []
    for section, content in document.items():
        if section not in SECTIONS:
            problems.append(Problem(_line(lines, section), _unknown_section(section)))
        elif not isinstance(content, dict):
            problems.append(Problem(_line(lines, section), f"{section} is a section: write [{section}]"))
        else:
            problems += _wrong_keys(cast("dict[str, object]", content), section, lines)
    said = _content(document, REDACTION)
    kept = {key: tuple(_texts(said.get(key))) for key in SECTIONS[REDACTION]}
    for pattern in kept["patterns"]:
        if wrong := refuse(pattern):
            problems.append(Problem(_line(lines, REDACTION, "patterns"), wrong))
    keepers = _content(document, LIMITS).get("keepers")
    is_kept = not _wrong_shape("keepers", SECTIONS[LIMITS]["keepers"], keepers)
    limits = Limits(keepers=cast("int", keepers)) if is_kept else Limits()
    retention = [each for section in RETENTION for each in _said(document, section, lines)]
    return Settings(
        redaction=Policy(**kept),
        limits=limits,
        artifacts=tuple(_said(document, ARTIFACTS, lines)),
        retention=tuple(retention),
        problems=tuple(problems),
    )


def _content(document: Mapping[str, object], section: str) -> dict[str, object]:
    content = document.get(section)
    return cast("dict[str, object]", content) if isinstance(content, dict) else {}


def _said(document: Mapping[str, object], section: str, lines: Sequence[str]) -> list[Said]:
    """Return the values of a section that have the right shape."""
    found: list[Said] = []
    for key, value in _content(document, section).items():
        known = SECTIONS[section].get(key)
        if known is None or _wrong_shape(key, known, value):
            continue
        table = cast("dict[str, str]", value) if known.shape == "table of texts" else {"": value}
        for name, one in table.items():
            path = f"{key}.{name}" if name else key
            line = _line(lines, section, path) if name else _line(lines, section, key)
            found.append(Said(f"{section}.{path}", cast("str | int | bool", one), line))
    return found


def _wrong_keys(content: Mapping[str, object], section: str, lines: Sequence[str]) -> list[Problem]:
    problems: list[Problem] = []
    for key, value in content.items():
        line = _line(lines, section, key)
        known = SECTIONS[section].get(key)
        if known is None:
            problems.append(Problem(line, f"no key {key!a} in [{section}]{_near(key, SECTIONS[section])}"))
        elif wrong := _wrong_shape(key, known, value):
            problems.append(Problem(line, wrong))
    return problems


def _wrong_shape(key: str, known: Key, value: object) -> str:
    """Say what is wrong with the kind of a value, or nothing."""
    match known.shape:
        case "list of texts":
            if not isinstance(value, list):
                return f'{key} is a list of texts, like {key} = ["…"]'
            bad = [item for item in cast("list[object]", value) if not isinstance(item, str) or not item]
            return f"{key} holds something that is no text, or an empty one" if bad else ""
        case "text":
            return "" if isinstance(value, str) else f'{key} is a text, like {key} = "…"'
        case "number":
            good = isinstance(value, int) and not isinstance(value, bool) and value > 0
            if known.most is None:
                return "" if good else f"{key} is a whole number above 0"
            good = good and cast("int", value) <= known.most
            return "" if good else f"{key} is a whole number from 1 to {known.most:,}"
        case "true or false":
            return "" if isinstance(value, bool) else f"{key} is true or false"
        case "table of texts":
            content = cast("dict[str, object]", value) if isinstance(value, dict) else {"": None}
            good = all(name and isinstance(one, str) for name, one in content.items())
            return "" if good else f'{key} is a table of texts, like {key} = {{ name = "…" }}'


def _unknown_section(section: str) -> str:
    if section in LATER:
        return f"section [{section}] is not in this version of runlore"
    return f"no section {section!a}{_near(section, SECTIONS)}"


def _near(word: str, known: Mapping[str, object]) -> str:
    """Return what was probably meant, or all there is."""
    from difflib import get_close_matches  # noqa: PLC0415 - only for a typing error

    near = get_close_matches(word, known, 1, 0.6)
    return f"; did you mean {near[0]}?" if near else f"; there is {', '.join(known)}"


def _texts(value: object) -> list[str]:
    """Return the texts in what should be a list of them."""
    items = cast("list[object]", value) if isinstance(value, list) else []
    return [item for item in items if isinstance(item, str) and item]


def _line(lines: Sequence[str], section: str, key: str | None = None) -> int:
    """Return where a section or a key begins, as well as lines tell; 1 where they do not."""
    here, found = "", 0
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if text.startswith("["):
            here = text.strip("[]").split("]")[0].strip().strip("\"'")
            found = found or (number if here.split(".")[0].strip() == section else 0)
            if found and key is None:
                return found
            continue
        left = _left(text)
        path = f"{here}.{left}" if here else left
        if path == f"{section}.{key}" or (key is None and left.split(".")[0].strip() == section):
            return number
    return found or 1


def _left(text: str) -> str:
    """Return what stands before the sign of equality that is not inside quotes, without its quotes."""
    quote, left = "", ""
    for letter in text:
        if letter in {'"', "'"} and quote in {"", letter}:
            quote = "" if quote else letter
        elif letter == "=" and not quote:
            break
        else:
            left += letter
    return left.strip()
