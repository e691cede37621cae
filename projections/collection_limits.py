"""What `config.toml` says about how much of a run is collected, understood. Pure."""

from collections.abc import Iterable
from typing import Final, cast

from msgspec import Struct

from runlore.journal.errors import BadInput, BadSettings
from runlore.journal.settings import Problem, Said, Settings
from runlore.projections import sizes

MAX_FILES: Final = 10_000
MAX_BYTES: Final = 64 << 30


class CollectionLimits(Struct, frozen=True, kw_only=True):
    """How much of one run is stored; what is beyond is counted, and on record."""

    max_files: int = MAX_FILES
    max_bytes: int = MAX_BYTES


def understood(said: Iterable[Said]) -> tuple[CollectionLimits, tuple[Problem, ...]]:
    """Return the limits, as far as they can be understood, and what is wrong with them."""
    found: dict[str, int] = {}
    problems: list[Problem] = []
    for each in said:
        try:
            found[each.key.partition(".")[2]] = _number(each.value)
        except BadInput as error:
            problems.append(Problem(each.line, f"{each.key}: {error}"))
    return CollectionLimits(**found), tuple(problems)


def limits_of(settings: Settings, path: str) -> CollectionLimits:
    """Return the limits that the settings in the file at `path` hold.

    Raises:
        BadSettings: a size is none; nobody knows then how much of a new run its user wants to keep.
    """
    limits, problems = understood(settings.artifacts)
    if problems:
        raise BadSettings(path, [(each.line, each.text) for each in problems])
    return limits


def _number(value: object) -> int:
    return sizes.parse(value) if isinstance(value, str) else cast("int", value)
