"""Which runs may go, and why each other one stays: facts and a policy in, a verdict for each run out.

Every veto keeps. An age rule takes what is older, counted from a run's newest byte; a ceiling takes the
oldest first until all that is left fits below it. Neither takes anything that a veto keeps. Pure.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from msgspec import Struct, structs

from runlore.journal.lifecycle import TERMINAL
from runlore.journal.values import RunId, Status
from runlore.projections import durations, sizes
from runlore.projections.retention_policy import RetentionPolicy

SKEW: Final = timedelta(minutes=1)
"""A clock that was set back by less is no future."""
_FIRST: Final = datetime.min.replace(tzinfo=UTC)
Code = Literal[
    "unreadable",
    "newer_format",
    "not_ended",
    "owner_live",
    "owner_unverifiable",
    "tree_live",
    "heartbeat_fresh",
    "preview_leased",
    "pinned",
    "promoted",
    "accepted",
    "foreign_shape",
    "changed",
    "needed",
    "times_unreadable",
    "retained",
    "young",
    "restored",
    "last_of_name",
    "not_removed_yet",
    "nothing_left",
    "too_young",
    "no_rule",
    "age",
    "ceiling",
    "asked",
    "enough",
]
Owner = Literal["free", "held", "unverifiable"]
HARD: Final[frozenset[Code]] = frozenset(
    {
        "unreadable",
        "newer_format",
        "not_ended",
        "owner_live",
        "owner_unverifiable",
        "tree_live",
        "heartbeat_fresh",
        "pinned",
        "promoted",
        "accepted",
        "foreign_shape",
        "changed",
        "needed",
    }
)
"""Vetoes that no command overrides, `rm --force` included: whoever wants the run gone settles them first."""


class Folder(Struct, frozen=True, kw_only=True):
    """What lies in a run's folder."""

    files: int
    bytes: int
    """Of disk that removing it gives back."""
    newest: datetime | None
    """When its newest byte was written; None if some time could not be read."""
    problem: str = ""
    """Why it is not the folder of a run as we make them."""
    device: int = 0
    inode: int = 0


class Facts(Struct, frozen=True, kw_only=True):
    """All that decides about one run."""

    run_id: RunId
    name: str = ""
    status: Status | None = None
    tags: Mapping[str, str] = {}
    created_at: datetime | None = None
    ended_at: datetime | None = None
    problem: str = ""
    """Why its journal cannot be read."""
    newer: bool = False
    pinned: bool = False
    promoted: bool = False
    accepted: bool = False
    restored: bool = False
    keep_s: float | None = None
    retain_until: datetime | None = None
    preview_until: datetime | None = None
    """Until when its preview is leased; the end of time for a lease without an end."""
    owner: Owner = "free"
    owner_detail: str = ""
    tree_held: bool = False
    """Something that the run began still lives."""
    beating: bool = False
    """Its heartbeat is fresh although nobody owns it."""
    needed_by: RunId | None = None
    """A run that has not ended and goes back to this one."""
    folder: Folder | None = None
    """None: there is none."""
    moved: bool = False
    """Its removal was decided before."""

    @property
    def newest(self) -> datetime | None:
        """The time from which its age counts."""
        times = [at for at in (self.ended_at, self.folder.newest if self.folder else None) if at is not None]
        return max(times, default=None)

    @property
    def bytes(self) -> int:
        """Of disk that its removal frees."""
        return self.folder.bytes if self.folder else 0


class Veto(Struct, frozen=True):
    """One reason to keep a run."""

    code: Code
    text: str


class Verdict(Struct, frozen=True, kw_only=True):
    """What becomes of one run."""

    facts: Facts
    keep: bool
    code: Code
    reason: str
    at: datetime | None = None
    """From when on an age rule takes it, vetoes aside."""
    vetoes: tuple[Veto, ...] = ()
    """All that stand, the gravest first."""

    @property
    def run_id(self) -> RunId:
        """Of the run."""
        return self.facts.run_id


def vetoes(facts: Facts, policy: RetentionPolicy, now: datetime) -> Iterable[Veto]:
    """Yield why a run has to stay, whatever rule would take it, the gravest first."""
    yield from _doubts(facts)
    yield from _decisions(facts, now)
    yield from _times(facts, policy, now)


def _doubts(facts: Facts) -> Iterable[Veto]:
    """Yield what cannot be known, or goes on."""
    if facts.problem:
        yield Veto("unreadable", f"its journal cannot be read to the end: {facts.problem}")
    if facts.newer:
        yield Veto("newer_format", "a newer release wrote its journal")
    if facts.status not in TERMINAL and not facts.problem:
        yield Veto("not_ended", f"it is {facts.status or 'not begun'}")
    if facts.owner == "held":
        yield Veto("owner_live", "somebody owns it right now")
    elif facts.owner == "unverifiable":
        yield Veto("owner_unverifiable", f"whether anybody owns it cannot be told: {facts.owner_detail}")
    if facts.tree_held:
        yield Veto("tree_live", "something that it began still lives")
    if facts.beating:
        yield Veto("heartbeat_fresh", "its heartbeat is fresh")
    folder = facts.folder
    if folder is not None and folder.problem:
        yield Veto("foreign_shape", folder.problem)
    if facts.needed_by is not None:
        yield Veto("needed", f"run {facts.needed_by} goes back to it and has not ended")


def _decisions(facts: Facts, now: datetime) -> Iterable[Veto]:
    """Yield what somebody has decided."""
    if facts.pinned:
        yield Veto("pinned", "it is pinned")
    if facts.promoted:
        yield Veto("promoted", "an output of it is evidence")
    if facts.accepted:
        yield Veto("accepted", "its outcome was accepted")
    if facts.preview_until is not None and facts.preview_until > now:
        yield Veto("preview_leased", "its preview is leased")
    until = [each for each in (facts.retain_until, _promised(facts)) if each is not None and each > now]
    if until:
        yield Veto("retained", f"it was submitted to be kept until {_day(max(until))}")
    if facts.restored:
        yield Veto("restored", "somebody took it back from the trash")


def _times(facts: Facts, policy: RetentionPolicy, now: datetime) -> Iterable[Veto]:
    folder, newest = facts.folder, facts.newest
    if folder is not None and folder.newest is None:
        yield Veto("times_unreadable", "the time of its newest byte cannot be read")
    elif newest is None:
        yield Veto("times_unreadable", "when it ended is not known")
    elif newest > now + SKEW:
        yield Veto("times_unreadable", f"its newest byte is of the future: {_day(newest)}")
    elif (now - newest).total_seconds() < policy.floor_s:
        yield Veto("young", f"its newest byte is younger than {durations.spelled(policy.floor_s)}")


def plan(all_facts: Sequence[Facts], policy: RetentionPolicy, now: datetime) -> list[Verdict]:
    """Return a verdict for each run, in the order in which runs began."""
    oldest_first = by_age(all_facts)
    last = last_of_names(oldest_first, policy.keep_last)
    judged = {each.run_id: judge(each, policy, now, last.get(each.run_id, "")) for each in oldest_first}
    if policy.max_bytes is not None:
        judged |= _over(list(judged.values()), policy, policy.max_bytes)
    return list(judged.values())


def by_age(all_facts: Iterable[Facts]) -> list[Facts]:
    """Return the oldest first: by when they were created, which ids tell to the second only."""
    return sorted(all_facts, key=lambda each: (each.created_at or _FIRST, each.run_id))


def judge(facts: Facts, policy: RetentionPolicy, now: datetime, last_of: str = "") -> Verdict:
    """Return what the age rules say of one run; last_of: the name of which it is among the last."""
    standing = list(vetoes(facts, policy, now))
    if last_of:
        standing.append(Veto("last_of_name", f"it is one of the last {policy.keep_last} of {last_of!a}"))
    at, why = _due(facts, policy)
    if facts.moved:
        return _kept(facts, "not_removed_yet", "its removal was decided before", at, standing)
    if facts.folder is None and not standing:
        return _kept(facts, "nothing_left", "nothing of it is left but its journal", at, standing)
    if standing:
        return _kept(facts, standing[0].code, standing[0].text, at, standing)
    if at is None:
        return _kept(facts, "no_rule", why, at, standing)
    if at > now:
        return _kept(facts, "too_young", f"{why}, which it is on {_day(at)}", at, standing)
    return Verdict(facts=facts, keep=False, code="age", reason=why, at=at)


def asked_for(facts: Facts, why: str, policy: RetentionPolicy, now: datetime) -> Verdict:
    """Return what becomes of a run that somebody named: only what no command overrides keeps it."""
    standing = [each for each in vetoes(facts, policy, now) if each.code in HARD]
    if facts.moved:
        return _kept(facts, "not_removed_yet", "its removal was decided before", None, standing)
    if standing:
        return _kept(facts, standing[0].code, standing[0].text, None, standing)
    if facts.folder is None:
        return _kept(facts, "nothing_left", "nothing of it is left but its journal", None, standing)
    return Verdict(facts=facts, keep=False, code="asked", reason=why)


def last_of_names(oldest_first: Iterable[Facts], count: int | None) -> dict[RunId, str]:
    """Return the newest runs of each name that have ended and still have their outputs."""
    found: dict[str, list[RunId]] = {}
    if count is not None:
        for each in oldest_first:
            if each.name and each.status in TERMINAL and not each.moved:
                found.setdefault(each.name, []).append(each.run_id)
    return {run_id: name for name, run_ids in found.items() for run_id in run_ids[-(count or 0) :]}


def _over(judged: list[Verdict], policy: RetentionPolicy, ceiling: int) -> dict[RunId, Verdict]:
    """Return the verdicts of those that go as well because all runs together take too much.

    What a status or a tag keeps for a while is not taken; the oldest of the others go first.
    """
    left = sum(each.facts.bytes for each in judged if each.keep)
    taken: dict[RunId, Verdict] = {}
    for each in judged:
        if left <= ceiling:
            break
        may_go = each.code in {"too_young", "no_rule"} and not _special(each.facts, policy)
        if not may_go or not each.facts.bytes:
            continue
        left -= each.facts.bytes
        reason = f"all runs together take more than {sizes.spelled(ceiling)}"
        taken[each.run_id] = structs.replace(each, keep=False, code="ceiling", reason=reason)
    return taken


def _special(facts: Facts, policy: RetentionPolicy) -> dict[str, float | None]:
    """Return the ages that the run's status and tags have of their own, by what is said of each."""
    found: dict[str, float | None] = {}
    status = facts.status or ""
    if status in policy.by_status:
        found[f"{status} runs"] = policy.by_status[status]
    for tag, age_s in policy.by_tag.items():
        name, equals, value = tag.partition("=")
        if name in facts.tags and (not equals or facts.tags[name] == value):
            found[f"runs tagged {tag!a}"] = age_s
    return found


def _due(facts: Facts, policy: RetentionPolicy) -> tuple[datetime | None, str]:
    """Return when an age rule takes the run, and what it says; the longest of several ages counts."""
    special = _special(facts, policy)
    for what, age_s in special.items():
        if age_s is None:
            return None, f"{what} are kept for ever"
    whose, age = max(special.items(), key=lambda each: each[1] or 0.0, default=("runs", policy.keep_s))
    if age is None:
        return None, "no rule removes it by its age"
    newest = facts.newest
    why = f"{whose} go when they are older than {durations.spelled(age)}"
    return (newest + timedelta(seconds=age) if newest else None), why


def _promised(facts: Facts) -> datetime | None:
    """Return until when the run was to be kept after its end."""
    if facts.keep_s is None or facts.ended_at is None:
        return None
    return facts.ended_at + timedelta(seconds=facts.keep_s)


def _kept(facts: Facts, code: Code, reason: str, at: datetime | None, standing: Iterable[Veto]) -> Verdict:
    return Verdict(facts=facts, keep=True, code=code, reason=reason, at=at, vetoes=tuple(standing))


def _day(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%SZ}"
