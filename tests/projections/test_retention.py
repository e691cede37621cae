"""Which runs may go: one test for each veto, the rules, and what a ceiling takes."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from runlore.journal import ids
from runlore.journal.lifecycle import TERMINAL
from runlore.journal.values import RunId
from runlore.projections import retention
from runlore.projections.retention import HARD, Facts, Folder, Verdict
from runlore.projections.retention_policy import RetentionPolicy

NOW: Final = datetime(2026, 11, 29, 12, tzinfo=UTC)
DAY: Final = timedelta(days=1)
KEEP_30D: Final = RetentionPolicy(keep_s=30 * 86_400.0)


def run_id(number: int) -> RunId:
    """The id of a run that began so many days before another."""
    return ids.mint(NOW - timedelta(days=400 - number), number.to_bytes(5, "big"))


def folder(age: timedelta = 40 * DAY, **more: Any) -> Folder:  # noqa: ANN401 - any field
    """What lies in the folder of a run that is so old."""
    return Folder(**{"files": 3, "bytes": 4096, "newest": NOW - age, **more})


def facts(number: int = 1, age: timedelta = 40 * DAY, **more: Any) -> Facts:  # noqa: ANN401 - any field
    """The facts about a run that nothing keeps, but for those given."""
    known: dict[str, Any] = {
        "run_id": run_id(number),
        "status": "succeeded",
        "created_at": NOW - timedelta(days=400 - number),
        "ended_at": NOW - age,
        "folder": folder(age),
    }
    return Facts(**{**known, **more})


def judged(each: Facts, policy: RetentionPolicy = KEEP_30D) -> Verdict:
    """What becomes of it."""
    (verdict,) = retention.plan([each], policy, NOW)
    return verdict


def test_what_nothing_keeps_goes() -> None:
    """Otherwise no test of a veto below would tell anything."""
    verdict = judged(facts())

    assert (verdict.keep, verdict.code) == (False, "age")
    assert "older than 30d" in verdict.reason
    assert verdict.at == NOW - 10 * DAY


VETOES: Final[dict[str, dict[str, Any]]] = {
    "not_ended": {"status": "running", "ended_at": None},
    "owner_live": {"owner": "held"},
    "owner_unverifiable": {"owner": "unverifiable", "owner_detail": "its lock is missing"},
    "tree_live": {"tree_held": True},
    "heartbeat_fresh": {"beating": True},
    "preview_leased": {"preview_until": NOW + DAY},
    "pinned": {"pinned": True},
    "promoted": {"promoted": True},
    "accepted": {"accepted": True},
    "retained": {"retain_until": NOW + DAY},
    "young": {"ended_at": NOW - timedelta(minutes=59), "folder": folder(timedelta(minutes=59))},
    "times_unreadable": {"folder": folder(newest=None)},
    "foreign_shape": {"folder": folder(problem="'link' in its folder is a symbolic link")},
    "unreadable": {"problem": "line 3 is no event", "status": None},
    "newer_format": {"newer": True},
    "restored": {"restored": True},
    "needed": {"needed_by": run_id(7)},
}


@pytest.mark.parametrize("code", VETOES)
def test_any_veto_keeps(code: str) -> None:
    """Each alone, with its own code and a sentence, whatever the rules say."""
    policy = RetentionPolicy(keep_s=60.0, max_bytes=1)
    verdict = judged(facts(**VETOES[code]), policy)

    assert verdict.keep
    assert verdict.code == code
    assert [veto.code for veto in verdict.vetoes] == [code]
    assert verdict.reason


def test_all_that_stands_is_told() -> None:
    """The gravest first."""
    verdict = judged(facts(owner="held", pinned=True, restored=True))

    assert [veto.code for veto in verdict.vetoes] == ["owner_live", "pinned", "restored"]


@pytest.mark.parametrize("status", ["queued", "booting", "running", "collecting_artifacts"])
def test_what_has_not_ended_stays(status: str) -> None:
    """Every status that is not the last."""
    assert judged(facts(status=status)).code == "not_ended"


def test_a_time_of_the_future_keeps() -> None:
    """A clock that was wrong when it ended tells nothing about its age."""
    assert judged(facts(folder=folder(-DAY))).code == "times_unreadable"
    assert judged(facts(ended_at=NOW + DAY)).code == "times_unreadable"


def test_what_was_submitted_to_be_kept_for_a_while_is() -> None:
    """Counted from its end."""
    assert judged(facts(keep_s=41 * 86_400.0)).code == "retained"
    assert not judged(facts(keep_s=39 * 86_400.0)).keep


def test_the_age_counts_from_the_newest_byte() -> None:
    """A run that ended long ago, into whose outputs somebody wrote yesterday, is a day old."""
    verdict = judged(facts(folder=folder(DAY)))

    assert (verdict.keep, verdict.code, verdict.at) == (True, "too_young", NOW + 29 * DAY)


def test_a_veto_that_has_passed_keeps_nothing() -> None:
    """Leases and promises end."""
    assert not judged(facts(preview_until=NOW - DAY, retain_until=NOW - DAY)).keep


def test_without_rules_nothing_goes() -> None:
    """No removal unless somebody asked for it."""
    verdict = judged(facts(), RetentionPolicy())

    assert (verdict.keep, verdict.code) == (True, "no_rule")


def test_a_status_has_an_age_of_its_own() -> None:
    """Failed runs for longer, cancelled ones for less, none at all without a rule."""
    policy = RetentionPolicy(by_status={"failed": 50 * 86_400.0, "cancelled": 86_400.0})

    assert judged(facts(status="failed"), policy).code == "too_young"
    assert not judged(facts(status="cancelled"), policy).keep
    assert judged(facts(), policy).code == "no_rule"


def test_a_tag_has_an_age_of_its_own_and_the_longest_counts() -> None:
    """By name, or by name and value; for ever is longer than anything."""
    policy = RetentionPolicy(
        keep_s=60.0, by_status={"failed": 60.0}, by_tag={"release": None, "env=prod": 50 * 86_400.0}
    )

    assert judged(facts(tags={"release": "v2"}), policy).code == "no_rule"
    assert judged(facts(status="failed", tags={"env": "prod"}), policy).code == "too_young"
    assert not judged(facts(tags={"env": "test"}), policy).keep
    assert judged(facts(status="failed", tags={"env": "prod", "release": ""}), policy).code == "no_rule"


def test_the_last_of_each_name_stay() -> None:
    """However old; unnamed runs, and those whose outputs are gone, do not count."""
    policy = RetentionPolicy(keep_s=60.0, keep_last=2)
    runs = [
        facts(1, name="a"),
        facts(2, name="a"),
        facts(3, name="b"),
        facts(4),
        facts(5, name="a", status="running", ended_at=None),
        facts(6, name="a"),
        facts(7, name="a", moved=True),
    ]
    found = {each.run_id: each.code for each in retention.plan(runs, policy, NOW)}

    assert [found[run_id(number)] for number in (1, 2, 3, 4)] == [
        "age",
        "last_of_name",
        "last_of_name",
        "age",
    ]
    assert found[run_id(6)] == "last_of_name"


def test_a_ceiling_takes_the_oldest_until_the_rest_fits() -> None:
    """Exactly as many as it takes; live runs count, too."""
    policy = RetentionPolicy(max_bytes=3 * 4096)
    runs = [facts(number, DAY) for number in (3, 1, 2, 4)] + [facts(5, status="running", ended_at=None)]
    verdicts = retention.plan(runs, policy, NOW)

    assert [each.code for each in verdicts] == ["ceiling", "ceiling", "no_rule", "no_rule", "not_ended"]


def test_a_ceiling_that_cannot_be_kept_takes_no_more_for_it() -> None:
    """What vetoes, statuses and tags keep stays, however much is over."""
    policy = RetentionPolicy(max_bytes=1, by_status={"failed": None}, by_tag={"kept": 90 * 86_400.0})
    runs = [facts(1, pinned=True), facts(2, status="failed"), facts(3, tags={"kept": ""}), facts(4)]

    assert [each.keep for each in retention.plan(runs, policy, NOW)] == [True, True, True, False]


def test_what_rules_take_counts_before_the_ceiling_does() -> None:
    """It is not taken twice, and nothing goes that need not."""
    policy = RetentionPolicy(keep_s=30 * 86_400.0, max_bytes=4096)
    verdicts = retention.plan([facts(1), facts(2), facts(3, DAY)], policy, NOW)

    assert [each.code for each in verdicts] == ["age", "age", "too_young"]


def test_what_has_nothing_left_stays_as_it_is() -> None:
    """A journal without a folder, and one whose removal was decided before."""
    assert judged(facts(folder=None)).code == "nothing_left"
    assert judged(facts(moved=True)).code == "not_removed_yet"


def test_a_run_that_somebody_names_is_kept_by_hard_vetoes_only() -> None:
    """Rules and ages are for rules; what lives, is evidence or in doubt stays."""
    for code, known in VETOES.items():
        verdict = retention.asked_for(facts(**known), "asked", KEEP_30D, NOW)
        assert verdict.keep == (code in HARD), code
        assert not verdict.keep or verdict.code == code


def test_every_status_of_an_end_can_be_taken() -> None:
    """The table of the lifecycle is the one that counts."""
    assert all(not judged(facts(status=status)).keep for status in TERMINAL)
