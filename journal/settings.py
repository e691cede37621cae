"""What `config.toml` may say, and what is wrong with one that says something else.

Whatever is not understood is a problem with its line, never a guess: a misspelt `deny` that was passed
over would record a secret. Pure.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Literal, cast

from msgspec import Struct

from runlore.journal.redactor import Policy

REDACTION: Final = "redaction"
LIMITS: Final = "limits"
MOST_KEEPERS: Final = 1_000_000


class Key(Struct, frozen=True):
    """One thing that may be set."""

    says: str
    kind: Literal["list of texts", "number"] = "list of texts"


SECTIONS: Final[Mapping[str, Mapping[str, Key]]] = {
    REDACTION: {
        "allow": Key("Names that hold no secret although they look so."),
        "deny": Key("Names that hold a secret although they do not look so; stronger than `allow`."),
        "patterns": Key("What is redacted wherever it stands, in RE2 syntax; needs `runlore[redact]`."),
    },
    LIMITS: {
        "keepers": Key("How many runs may be kept at once, from 1 up; the next one is refused.", "number"),
    },
}
"""The sections there are, their keys, and what each says."""
LATER: Final = frozenset({"retention", "defaults"})
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


class Settings(Struct, frozen=True, kw_only=True):
    """What the file says, as far as it was understood, and what is wrong with it."""

    redaction: Policy = Policy()
    limits: Limits = Limits()
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
    said = _said(document, REDACTION)
    kept = {key: tuple(_texts(said.get(key))) for key in SECTIONS[REDACTION]}
    for pattern in kept["patterns"]:
        if wrong := refuse(pattern):
            problems.append(Problem(_line(lines, REDACTION, "patterns"), wrong))
    keepers = _said(document, LIMITS).get("keepers")
    limits = Limits(keepers=cast("int", keepers)) if _is_count(keepers) else Limits()
    return Settings(redaction=Policy(**kept), limits=limits, problems=tuple(problems))


def _said(document: Mapping[str, object], section: str) -> dict[str, object]:
    content = document.get(section)
    return cast("dict[str, object]", content) if isinstance(content, dict) else {}


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MOST_KEEPERS


def _wrong_keys(content: Mapping[str, object], section: str, lines: Sequence[str]) -> list[Problem]:
    problems: list[Problem] = []
    for key, value in content.items():
        line = _line(lines, section, key)
        if key not in SECTIONS[section]:
            problems.append(Problem(line, f"no key {key!a} in [{section}]{_near(key, SECTIONS[section])}"))
        elif SECTIONS[section][key].kind == "number":
            if not _is_count(value):
                problems.append(Problem(line, f"{key} is a whole number from 1 to {MOST_KEEPERS:,}"))
        elif not isinstance(value, list):
            problems.append(Problem(line, f'{key} is a list of texts, like {key} = ["…"]'))
        else:
            wrong = [item for item in cast("list[object]", value) if not isinstance(item, str) or not item]
            if wrong:
                problems.append(Problem(line, f"{key} holds something that is no text, or an empty one"))
    return problems


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
        left = text.partition("=")[0].strip().replace('"', "").replace("'", "")
        path = f"{here}.{left}" if here else left
        if path == f"{section}.{key}" or (key is None and left.split(".")[0].strip() == section):
            return number
    return found or 1
