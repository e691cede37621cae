"""What `config.toml` says about keeping runs, understood: how long, how many, how much.

A value that means nothing is a problem with its line. It stops only what removes: recording goes on. Pure.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Final, cast

from msgspec import Struct

from runlore.journal.errors import BadInput, BadSettings
from runlore.journal.lifecycle import TERMINAL
from runlore.journal.settings import Problem, Said, Settings
from runlore.projections import durations, sizes

FOREVER: Final = "forever"
FLOOR_S: Final = 3600.0
TRASH_S: Final = 86_400.0


class RetentionPolicy(Struct, frozen=True, kw_only=True):
    """What rules there are; without any, nothing is ever removed but by name. Durations in seconds."""

    keep_s: float | None = None
    """After its newest byte a run may go; None: no such rule."""
    keep_last: int | None = None
    """Newest runs of each name that stay."""
    max_bytes: int | None = None
    """Ceiling for all runs together."""
    by_status: Mapping[str, float | None] = {}
    """Instead of `keep_s`; None: for ever."""
    by_tag: Mapping[str, float | None] = {}
    """The same, by `name` or `name=value`."""
    floor_s: float = FLOOR_S
    """Nothing younger goes by a rule."""
    journal_s: float | None = None
    """How long a tombstone stays; None: for ever."""
    automatic: bool = False
    trash_s: float = TRASH_S

    @property
    def has_rules(self) -> bool:
        """Some rule may take a run."""
        ages = (self.keep_s, *self.by_status.values(), *self.by_tag.values())
        return self.max_bytes is not None or any(age is not None for age in ages)


NO_POLICY: Final = RetentionPolicy()


def understood(said: Iterable[Said]) -> tuple[RetentionPolicy, tuple[Problem, ...]]:
    """Return the policy, as far as it can be understood, and what is wrong with it."""
    found: dict[str, object] = {}
    tables: dict[str, dict[str, float | None]] = {"status": {}, "tags": {}}
    problems: list[Problem] = []
    for each in said:
        section, _, key = each.key.partition(".")
        key, _, name = key.partition(".")
        try:
            if name:
                tables[key][_known(key, name)] = _age(cast("str", each.value))
            else:
                field, value = _VALUES[section, key](each.value)
                found[field] = value
        except BadInput as error:
            problems.append(Problem(each.line, f"{each.key}: {error}"))
    policy = RetentionPolicy(by_status=tables["status"], by_tag=tables["tags"], **found)  # type: ignore[arg-type]
    return policy, tuple(problems)


def policy_of(settings: Settings, path: str) -> RetentionPolicy:
    """Return the policy that settings hold.

    Raises:
        BadSettings: something in the file is not understood; nothing is removed by a policy in doubt.
    """
    policy, problems = understood(settings.retention)
    wrong = sorted((each.line, each.text) for each in (*settings.problems, *problems))
    if wrong:
        raise BadSettings(path, wrong)
    return policy


def _known(table: str, name: str) -> str:
    """Return a name in a table that can match a run."""
    if table == "status" and name not in TERMINAL:
        raise BadInput(f"no run that has ended is {name!a}; there are {', '.join(sorted(TERMINAL))}")
    return name


def _age(text: str) -> float | None:
    return None if text == FOREVER else durations.parse(text)


def _keep(value: object) -> tuple[str, object]:
    return "keep_s", _age(cast("str", value))


def _floor(value: object) -> tuple[str, object]:
    return "floor_s", durations.parse(cast("str", value), zero=True)


def _journal(value: object) -> tuple[str, object]:
    return "journal_s", _age(cast("str", value))


def _trash(value: object) -> tuple[str, object]:
    return "trash_s", durations.parse(cast("str", value), zero=True)


def _bytes(value: object) -> tuple[str, object]:
    return "max_bytes", sizes.parse(cast("str", value))


def _count(value: object) -> tuple[str, object]:
    return "keep_last", value


def _flag(value: object) -> tuple[str, object]:
    return "automatic", value


_VALUES: Final[Mapping[tuple[str, str], Callable[[object], tuple[str, object]]]] = {
    ("retention", "keep"): _keep,
    ("retention", "keep_last"): _count,
    ("retention", "max_bytes"): _bytes,
    ("retention", "floor"): _floor,
    ("retention", "journal"): _journal,
    ("retention", "automatic"): _flag,
    ("trash", "keep"): _trash,
}
"""By section and key: from what was said to the field of the policy and its value."""
