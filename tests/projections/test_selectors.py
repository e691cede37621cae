"""Selectors: which run somebody means, and when they are asked to say more."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runlore.journal.errors import Ambiguous, BadInput, NotFound
from runlore.journal.events import RunQueued
from runlore.journal.values import Origin, RunId, Status
from runlore.projections.fold import fold
from runlore.projections.printable import printable
from runlore.projections.selectors import Candidate, candidate, choose, full_id, resolve
from runlore.projections.status import STATUS
from tests.journal.forge import AT, RECIPE


def run(
    suffix: str,
    second: int = 0,
    *,
    name: str = "",
    key: str = "",
    external_id: str = "",
    status: Status = "succeeded",
) -> Candidate:
    """A run created so many seconds into the story."""
    created: datetime = AT + timedelta(seconds=second)
    return Candidate(
        run_id=RunId(f"{created:%Y%m%d-%H%M%S}-{suffix}"),
        name=name,
        key=key,
        external_id=external_id,
        status=status,
        created_at=created,
    )


OLD = run("k3f9x2ab", 0, name="nightly", key="k1")
FAILED = run("k3zzzzzz", 1, name="nightly", status="failed")
LIVE = run("abcdefgh", 2, name="café", status="running")
IMPORTED = run("99999999", 3, external_id="job/17", status="timed_out")
NAMED = run("hhhhhhhh", 4, name="abc")
SHORTISH = run("gggggggg", 5, name="k3f9x2ab")
RUNS = [OLD, FAILED, LIVE, IMPORTED, NAMED]
ALL = [*RUNS, SHORTISH]


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        (OLD.run_id, OLD),
        (OLD.run_id.upper(), OLD),
        (f"  {OLD.run_id} ", OLD),
        ("k3f9x2ab", OLD),
        ("K3F9X2AB", OLD),
        ("nightly", FAILED),
        ("café", LIVE),
        ("cafe\u0301", LIVE),
        ("latest", NAMED),
        ("LATEST", NAMED),
        ("latest:failed", FAILED),
        ("latest:timed-out", IMPORTED),
        ("latest:running", LIVE),
        ("key:k1", OLD),
        ("job/17", IMPORTED),
        ("abc", NAMED),
        ("abcd", LIVE),
        ("k3f", OLD),
        ("9", IMPORTED),
    ],
)
def test_each_way_to_mean_a_run_finds_it(word: str, expected: Candidate) -> None:
    """Full id, short id, name, latest, key, external id and prefix all lead to the run, in this order."""
    assert resolve(word, RUNS) == expected.run_id


@pytest.mark.parametrize(
    "word", [OLD.run_id, "nightlz", "zz", "latest:failed", "key:none", "k 3", "../x", "latest"]
)
def test_a_run_that_is_not_there_is_not_found(word: str) -> None:
    """Nothing is guessed: no match is an error that says what to do next."""
    with pytest.raises(NotFound, match=r"runlore ls|no run is failed|no runs yet"):
        resolve(word, [])


def test_what_cannot_be_an_id_is_said_to_be_none() -> None:
    """A mistyped name is told apart from a mistyped id."""
    with pytest.raises(NotFound, match="it is no id: those have only digits and a-z without ilou"):
        resolve("latst", RUNS)
    with pytest.raises(NotFound, match="no run has the id, name or short id"):
        resolve("vvv", RUNS)


def test_a_prefix_of_two_ids_lists_them() -> None:
    """Ambiguity is answered with the candidates, newest first, so that the next try is right."""
    with pytest.raises(Ambiguous, match='"k3" could mean 2 runs') as caught:
        resolve("k3", RUNS)

    assert caught.value.candidates == (FAILED.run_id, OLD.run_id)
    assert "nightly" in str(caught.value)


def test_a_long_list_of_candidates_is_cut() -> None:
    """Many candidates are counted, not all printed."""
    many = [run(f"aa{number:06d}", number) for number in range(15)]

    with pytest.raises(Ambiguous, match="and 5 more") as caught:
        resolve("aa", many)

    assert len(caught.value.candidates) == 15


@pytest.mark.parametrize(
    ("word", "runs", "meant"),
    [
        ("nightly", RUNS, {OLD.run_id, FAILED.run_id}),
        ("abc", RUNS, {NAMED.run_id, LIVE.run_id}),
        ("k3f9x2ab", ALL, {OLD.run_id, SHORTISH.run_id}),
        ("k3", RUNS, {OLD.run_id, FAILED.run_id}),
    ],
    ids=["shared name", "name and prefix", "short id and name", "prefix of two"],
)
def test_a_destructive_verb_never_guesses(word: str, runs: list[Candidate], meant: set[RunId]) -> None:
    """What a reader may take for the likeliest run is refused where a run could be lost by it."""
    with pytest.raises(Ambiguous, match=r"this verb never guesses") as caught:
        resolve(word, runs, destructive=True)

    assert set(caught.value.candidates) == meant


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        (OLD.run_id, OLD),
        ("k3f9x2ab", OLD),
        ("café", LIVE),
        ("latest", NAMED),
        ("latest:failed", FAILED),
        ("key:k1", OLD),
        ("job/17", IMPORTED),
        ("abcd", LIVE),
    ],
)
def test_a_destructive_verb_takes_what_is_plain(word: str, expected: Candidate) -> None:
    """Where only one run can be meant, nobody is asked again."""
    assert resolve(word, RUNS, destructive=True) == expected.run_id


def test_two_runs_with_one_short_id_are_ambiguous() -> None:
    """Forty random bits can collide: then the short id alone means nobody."""
    twin = run("k3f9x2ab", 9)

    with pytest.raises(Ambiguous):
        resolve("k3f9x2ab", [OLD, twin])


@pytest.mark.parametrize("word", ["", "   ", "latest:", "latest:done"])
def test_a_selector_that_means_nothing_is_bad_input(word: str) -> None:
    """Empty words and statuses that do not exist are mistakes, not missing runs."""
    with pytest.raises(BadInput):
        resolve(word, RUNS)


def test_latest_is_by_creation_and_then_by_id() -> None:
    """Two runs of one moment have an order, and an imported old run is not the latest for its new id."""
    first, second = run("bbbbbbbb", 7), run("cccccccc", 7)
    imported = Candidate(run_id=RunId("20991231-000000-zzzzzzzz"), created_at=AT)

    assert resolve("latest", [second, imported, first]) == second.run_id


@pytest.mark.parametrize(
    ("word", "expected"),
    [("train", "aaaaaaaa"), ("latest", "aaaaaaaa"), ("nightly", "k3zzzzzz"), ("latest:failed", "k3zzzzzz")],
)
def test_what_goes_on_comes_first(word: str, expected: str) -> None:
    """Of two runs the one that goes on is meant, though the other is newer; else one that has ended."""
    going, ended = run("aaaaaaaa", 5, name="train", status="running"), run("bbbbbbbb", 6, name="train")

    assert resolve(word, [*RUNS[:2], going, ended], live=True).endswith(expected)


def test_what_goes_on_may_still_be_ambiguous() -> None:
    """Runs that have ended do not decide between two that go on."""
    live = [run("bbbbbbbb", name="train", status="running"), run("bbcccccc", 1, status="running")]

    with pytest.raises(Ambiguous):
        resolve("bb", [*live, run("bbb00000", 2, name="bb")], live=True)


def test_without_a_selector_the_sole_live_run_is_meant() -> None:
    """One run is going on: that is the one people look at; otherwise it is the latest."""
    chosen = choose(RUNS)
    assert (chosen.run_id, chosen.why) == (LIVE.run_id, "the only live run")

    two = [*RUNS, run("dddddddd", 9, status="queued")]
    assert choose(two).run_id == two[-1].run_id
    assert choose([OLD, FAILED]).why == "the latest run"
    with pytest.raises(NotFound, match="no runs yet"):
        choose([])


def test_a_full_id_is_known_without_looking_at_other_runs() -> None:
    """Who writes the whole id out pays for no listing."""
    assert full_id(OLD.run_id.upper()) == OLD.run_id
    assert full_id("k3f9x2ab") is None


def test_a_candidate_says_what_a_state_says() -> None:
    """Name, key, external id, and the status that is shown if it is another one."""
    origin = Origin(kind="imported", external_id="job/17")
    queued = RunQueued(
        seq=1, at=AT, format=1, run_id=OLD.run_id, recipe=RECIPE, name="n", key="k", origin=origin
    )

    made = candidate(fold(STATUS, [queued]), status="failed")

    assert made == Candidate(
        run_id=OLD.run_id, name="n", key="k", external_id="job/17", status="failed", created_at=AT
    )


@given(st.text(max_size=40), st.booleans(), st.booleans())
def test_any_text_has_an_answer(word: str, destructive: bool, live: bool) -> None:
    """Whatever is typed, a run or a reason comes back, and the reason can be printed."""
    try:
        said: str = resolve(word, ALL, destructive=destructive, live=live)
    except (NotFound, BadInput) as error:
        said = str(error)

    assert said
    assert all(printable(line) == line for line in said.split("\n"))
