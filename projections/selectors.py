"""Find the run that somebody means: one resolver for every door.

In this order: full id, suffix, name (the latest run of that name), `latest`, `latest:STATUS`, `key:K`,
external id, unique prefix of the suffix. Ids are read without regard to case. A verb that destroys
never guesses: what could mean two runs is refused, though one of them would come first. Pure.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

from msgspec import Struct

from runlore.journal import ids
from runlore.journal.errors import Ambiguous, BadInput, NotFound
from runlore.journal.lifecycle import TERMINAL
from runlore.journal.values import RunId, Status
from runlore.projections.filters import STATUSES
from runlore.projections.printable import printable
from runlore.projections.run_state import RunState

_BEGINNING: Final = datetime.min.replace(tzinfo=UTC)
_MOST_LISTED: Final = 10


class Candidate(Struct, frozen=True, kw_only=True):
    """What the resolver knows of a run."""

    run_id: RunId
    name: str = ""
    key: str = ""
    external_id: str = ""
    status: Status | None = None
    created_at: datetime | None = None


class Chosen(Struct, frozen=True, kw_only=True):
    """The run taken when none was named, and why, for the person to be told."""

    run_id: RunId
    why: str


def candidate(state: RunState, status: Status | None = None) -> Candidate:
    """Return what the resolver has to know of a run; `status`: the one shown, if another one is."""
    origin = state.origin
    return Candidate(
        run_id=state.run_id,
        name=state.name,
        key=state.key,
        external_id=origin.external_id if origin else "",
        status=status or state.status,
        created_at=state.created_at,
    )


def full_id(text: str) -> RunId | None:
    """Return the run id that is written out, if it is one: then nobody has to look at other runs."""
    word = text.strip().lower()
    return RunId(word) if ids.is_run_id(word) else None


def resolve(text: str, runs: Iterable[Candidate], *, destructive: bool = False, live: bool = False) -> RunId:
    """Return the run that `text` means.

    destructive: a name that several runs share, or that also begins another run's short id, is
    ambiguous even though the order above would settle it. live: runs that have not ended come first;
    only if none of those is meant, the others count.

    Raises:
        NotFound: no run is meant. Ambiguous: several are; the message lists them.
        BadInput: `text` is empty, or names a status that does not exist.
    """
    word = text.strip()
    if not word:
        raise BadInput("an empty selector; give an id, a name, `latest` or `key:K`")
    known = list(runs)
    if live:
        try:
            going = [run for run in known if run.status not in TERMINAL]
            return resolve(text, going, destructive=destructive)
        except Ambiguous:
            raise
        except NotFound:
            pass  # then one that has ended is meant, and the caller may say so
    for find in _ORDER:
        found = find(word, known)
        if found:
            return _one(word, found, known, find=find, destructive=destructive)
    raise _not_found(word)


def choose(runs: Iterable[Candidate]) -> Chosen:
    """Return the sole live run, else the latest one: what a command without an id means.

    Raises:
        NotFound: there are no runs.
    """
    known = list(runs)
    live = [run for run in known if run.status is not None and run.status not in TERMINAL]
    if len(live) == 1:
        return Chosen(run_id=live[0].run_id, why="the only live run")
    if not known:
        raise NotFound("no runs yet; `runlore run -- COMMAND` makes one")
    return Chosen(run_id=max(known, key=_place).run_id, why="the latest run")


# -- the ways to mean a run, in their order; each gives all the runs it could mean


def _by_full_id(word: str, runs: Sequence[Candidate]) -> list[Candidate]:
    run_id = full_id(word)
    return [run for run in runs if run.run_id == run_id]


def _by_suffix(word: str, runs: Sequence[Candidate]) -> list[Candidate]:
    suffix = word.lower()
    if not ids.is_suffix(suffix):
        return []
    return [run for run in runs if ids.short(run.run_id) == suffix]


def _by_name(word: str, runs: Sequence[Candidate]) -> list[Candidate]:
    name = composed(word)
    return [run for run in runs if run.name == name]


def _latest(word: str, runs: Sequence[Candidate]) -> list[Candidate]:
    kind, colon, status = word.lower().partition(":")
    if kind != "latest":
        return []
    if colon and status.replace("-", "_") not in STATUSES:
        raise BadInput(f"latest:{status[:40]!a}: no such status; there are {', '.join(STATUSES)}")
    of_status = [run for run in runs if not colon or run.status == status.replace("-", "_")]
    if not of_status:
        raise NotFound(f"no run is {status.replace('_', ' ')}" if colon else "no runs yet")
    return [max(of_status, key=_place)]


def _by_key(word: str, runs: Sequence[Candidate]) -> list[Candidate]:
    kind, colon, key = word.partition(":")
    if not colon or kind.lower() != "key" or not key:
        return []
    wanted = composed(key)
    return [run for run in runs if run.key == wanted]


def _by_external_id(word: str, runs: Sequence[Candidate]) -> list[Candidate]:
    return [run for run in runs if run.external_id == word]


def _by_prefix(word: str, runs: Sequence[Candidate]) -> list[Candidate]:
    prefix = word.lower()
    if not ids.is_suffix_prefix(prefix):
        return []
    return [run for run in runs if ids.short(run.run_id).startswith(prefix)]


_Find = Callable[[str, Sequence[Candidate]], list[Candidate]]
_ORDER: Final[tuple[_Find, ...]] = (
    _by_full_id,
    _by_suffix,
    _by_name,
    _latest,
    _by_key,
    _by_external_id,
    _by_prefix,
)
_LABELS: Final = frozenset({_by_name, _by_external_id})
"""What several runs may share: reads take the latest of them."""
_COULD_ALSO_MEAN: Final[tuple[_Find, ...]] = (_by_name, _by_external_id, _by_prefix)


def _one(
    word: str, found: list[Candidate], runs: Sequence[Candidate], *, find: _Find, destructive: bool
) -> RunId:
    """Return the one run that is meant by what was found first, or say which it could be."""
    if destructive and find not in {_by_full_id, _latest}:
        meant = {run.run_id: run for other in (find, *_COULD_ALSO_MEAN) for run in other(word, runs)}
        found = list(meant.values())
    elif find in _LABELS:
        found = [max(found, key=_place)]
    if len(found) == 1:
        return found[0].run_id
    raise _ambiguous(word, found, destructive=destructive)


def _ambiguous(word: str, found: list[Candidate], *, destructive: bool) -> Ambiguous:
    ordered = sorted(found, key=_place, reverse=True)
    lines = [f"  {_line(run)}" for run in ordered[:_MOST_LISTED]]
    if len(ordered) > _MOST_LISTED:
        lines.append(f"  and {len(ordered) - _MOST_LISTED} more")
    why = "this verb never guesses" if destructive else "more letters of the id tell them apart"
    listed = "\n".join(lines)
    return Ambiguous(
        f"{_quoted(word)} could mean {len(ordered)} runs; {why}:\n{listed}",
        tuple(run.run_id for run in ordered),
    )


def _not_found(word: str) -> NotFound:
    prefix = word.lower()
    if ids.is_run_id(prefix) or ids.is_suffix_prefix(prefix):
        what = f"no run has the id, name or short id {_quoted(word)}"
    elif word.lower().startswith("key:"):
        what = f"no run was submitted with the {_quoted(word)}"
    else:
        what = (
            f"no run is named {_quoted(word)}, and it is no id: those have only digits and a-z without ilou"
        )
    return NotFound(f"{what}; `runlore ls` lists the runs")


def _line(run: Candidate) -> str:
    created = f"{run.created_at:%Y-%m-%d %H:%M:%SZ}" if run.created_at else "-"
    return f"{run.run_id}  {run.status or '-'}  {created}  {printable(run.name)}".rstrip()


def _quoted(word: str) -> str:
    shown = printable(word)
    return f'"{shown[:60]}…"' if len(shown) > 60 else f'"{shown}"'  # noqa: PLR2004 - a message's worth


def _place(run: Candidate) -> tuple[datetime, RunId]:
    return run.created_at or _BEGINNING, run.run_id


def composed(text: str) -> str:
    """Return a label as it is stored: see `labels`."""
    if text.isascii():
        return text
    import unicodedata  # noqa: PLC0415 - half a MiB that ASCII never needs

    return unicodedata.normalize("NFC", text)
