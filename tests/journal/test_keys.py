"""Submit with a key: once is once, whoever asks and whatever crashed in between."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from msgspec import structs

from runlore.journal.disk import REAL
from runlore.journal.errors import BadInput, Conflict, LostJournal
from runlore.journal.journal_ids import journal_ids
from runlore.journal.keys import KEY_LIMIT, claim, claim_arrived, forget, spec_digest
from runlore.journal.layout import Layout
from runlore.journal.packs import index_path
from runlore.journal.values import Recipe, RunId
from runlore.journal.writer import Writer
from tests.doubles.drafts import booting, collecting, new_run_id, noted, queued, started, succeeded
from tests.journal.journals import new_run, overwrite, raw, registry
from tests.journal.packed import pack, packs

ONE, TWO = new_run_id(1), new_run_id(2)
SPEC, OTHER_SPEC = "ab" * 32, "cd" * 32
PROCESSES = 64


@pytest.fixture
def layout(registry_root: Path) -> Layout:
    return registry(registry_root)


def _submit(layout: Layout, key: str, run_id: RunId = ONE, spec: str = SPEC) -> tuple[RunId, bool]:
    """Submit as the command does: claim, create unless it exists."""
    with claim(REAL, layout, key, spec, lambda: run_id) as held:
        if not held.existing:
            Writer.create(REAL, layout, held.run_id, queued(held.run_id, key=key)).close()
        return held.run_id, held.existing


def test_the_same_submission_twice(layout: Layout) -> None:
    """The second one is led to the first one's run."""
    assert _submit(layout, "nightly") == (ONE, False)
    assert _submit(layout, "nightly", TWO) == (ONE, True)
    assert journal_ids(REAL, layout) == [ONE]


def test_another_key(layout: Layout) -> None:
    """Keys have nothing to do with each other, not even those that look like paths."""
    assert _submit(layout, "nightly") == (ONE, False)
    assert _submit(layout, "../../nightly", TWO) == (TWO, False)
    assert sorted(os.listdir(os.path.dirname(layout.root))) == [os.path.basename(layout.root)]


def test_the_same_key_with_another_spec(layout: Layout) -> None:
    """It is refused, and the error names the run that has the key."""
    _submit(layout, "nightly")

    with pytest.raises(Conflict, match=ONE):
        _submit(layout, "nightly", TWO, OTHER_SPEC)

    assert journal_ids(REAL, layout) == [ONE]


def test_a_submission_that_died_after_its_claim(layout: Layout) -> None:
    """Its run id is used up by whoever asks next."""
    claim(REAL, layout, "nightly", SPEC, lambda: ONE).close()

    assert _submit(layout, "nightly", TWO) == (ONE, False)


def test_a_submission_that_died_after_its_claim_and_was_corrected(layout: Layout) -> None:
    """No run has the key yet, so another spec may have it."""
    claim(REAL, layout, "nightly", SPEC, lambda: ONE).close()

    assert _submit(layout, "nightly", TWO, OTHER_SPEC) == (ONE, False)
    with pytest.raises(Conflict):
        _submit(layout, "nightly", TWO, SPEC)


@pytest.mark.parametrize("left", [b"", b'{"type":"run.queued","seq":1', bytes(300)])
def test_a_submission_that_died_in_its_first_event(layout: Layout, left: bytes) -> None:
    """What is left of a run that never began goes to quarantine, and the key is not blocked by it."""
    claim(REAL, layout, "nightly", SPEC, lambda: ONE).close()
    Path(layout.journal(ONE)).write_bytes(left)

    assert _submit(layout, "nightly", TWO) == (ONE, False)

    kept = [Path(layout.quarantine, name).read_bytes() for name in os.listdir(layout.quarantine)]
    assert kept == ([left] if left else [])


def test_a_claimed_run_whose_first_event_was_damaged_later(layout: Layout) -> None:
    """It did begin: whole records stand behind the damage, so nothing is moved and nothing is started."""
    _submit(layout, "nightly")
    Writer(REAL, layout, ONE).append(noted())
    overwrite(layout, raw(layout, ONE).replace(b"nightly", b"nightl\0", 1), ONE)
    before = raw(layout, ONE)

    assert _submit(layout, "nightly", TWO) == (ONE, True)
    assert raw(layout, ONE) == before


def _packed_and_damaged(layout: Layout) -> Path:
    """Pack the run of a key, and damage the line that says what run that is; return the pack."""
    _submit(layout, "nightly")
    writer = Writer(REAL, layout, ONE, owner=True)
    for draft in (booting(), started(), collecting(), succeeded()):
        writer.append(draft)
    writer.close()
    pack(layout)
    (path,) = packs(layout)
    path.write_bytes(path.read_bytes().replace(b'"format":1', b'"format":!', 1))
    return path


def test_a_claimed_run_whose_first_event_was_damaged_in_a_pack(layout: Layout) -> None:
    """It did begin, and ended long ago: nothing takes its id, and so its place, for another run."""
    path = _packed_and_damaged(layout)
    before = path.read_bytes()

    assert _submit(layout, "nightly", TWO) == (ONE, True)
    assert (path.read_bytes(), os.listdir(layout.journals)) == (before, [])


def test_a_claimed_run_that_may_be_in_a_damaged_pack(layout: Layout) -> None:
    """Without the pack's index nobody can tell whose the damaged part is; other keys are free."""
    path = _packed_and_damaged(layout)
    Path(index_path(str(path))).unlink()

    with pytest.raises(LostJournal, match=f"packs/{path.name}: bytes 0 to .* may be run {ONE}"):
        _submit(layout, "nightly", TWO)
    assert os.listdir(layout.journals) == []
    assert _submit(layout, "weekly", TWO) == (TWO, False)


@pytest.mark.parametrize("damage", [b"", b"{", bytes(100), b"[" * 5000])
def test_a_claim_that_was_damaged(layout: Layout, damage: bytes) -> None:
    """The journal knows the key, so it leads to the same run; an empty file is a claim that never was."""
    _submit(layout, "nightly")
    Path(layout.key_claim("nightly")).write_bytes(damage)

    assert _submit(layout, "nightly", TWO) == ((ONE, True) if damage else (TWO, False))


@pytest.mark.parametrize("folder_too", [False, True])
def test_claims_that_were_deleted(layout: Layout, folder_too: bool) -> None:
    """They come back from the journals before the next keyed submission."""
    _submit(layout, "nightly")
    new_run(layout, TWO).close()
    for name in os.listdir(layout.keys):
        os.unlink(f"{layout.keys}/{name}")
    if folder_too:
        os.rmdir(layout.keys)

    assert _submit(layout, "weekly", new_run_id(3)) == (new_run_id(3), False)
    assert _submit(layout, "nightly", new_run_id(4)) == (ONE, True)


def test_lost_claims_and_a_journal_nobody_can_read(layout: Layout) -> None:
    """Another run's damage does not keep anybody from submitting."""
    _submit(layout, "nightly")
    new_run(layout, TWO).close()
    overwrite(layout, bytes(100), TWO)
    for name in os.listdir(layout.keys):
        os.unlink(f"{layout.keys}/{name}")

    assert _submit(layout, "nightly", new_run_id(3)) == (ONE, True)


@pytest.mark.parametrize("key", ["", "x" * (KEY_LIMIT + 1), "é" * KEY_LIMIT, "\ud800"])
def test_a_key_no_claim_can_hold(layout: Layout, key: str) -> None:
    """It is refused before anything is written."""
    with pytest.raises(BadInput):
        _submit(layout, key)

    assert journal_ids(REAL, layout) == []
    assert os.listdir(layout.keys) == []


@pytest.mark.parametrize("key", ["x" * KEY_LIMIT, "a\nb", "\0", "ключ", "/etc/passwd"])
def test_odd_keys(layout: Layout, key: str) -> None:
    """A key is text and nothing else: it is found again, and is never part of a path."""
    assert _submit(layout, key) == (ONE, False)
    assert _submit(layout, key, TWO) == (ONE, True)


def test_what_makes_two_submissions_the_same() -> None:
    """The same recipe has the same digest; any difference in it gives another."""
    recipe = Recipe(argv=("true",), cwd="/")

    assert spec_digest(recipe) == spec_digest(Recipe(argv=("true",), cwd="/"))
    assert spec_digest(recipe) != spec_digest(Recipe(argv=("true",), cwd="/", timeout_s=5.0))
    assert spec_digest(recipe) != spec_digest(Recipe(argv=("true", ""), cwd="/"))


def _arrive(layout: Layout, run_id: RunId, key: str = "nightly") -> None:
    """Leave a run as an import does that came from another registry."""
    draft = queued(run_id, key=key)
    Writer.create(
        REAL, layout, run_id, lambda seq, at: structs.replace(draft(seq, at), registry_id="elsewhere")
    ).close()
    claim_arrived(REAL, layout, [run_id])


def test_a_key_that_came_with_its_run(layout: Layout) -> None:
    """It leads to that run as it did where the run comes from, and another command is refused."""
    _arrive(layout, ONE)

    assert _submit(layout, "nightly", TWO) == (ONE, True)
    with pytest.raises(Conflict, match=ONE):
        _submit(layout, "nightly", TWO, OTHER_SPEC)
    _arrive(layout, new_run_id(3), key="")
    assert sorted(os.listdir(layout.keys)) == sorted(
        [".complete", os.path.basename(layout.key_claim("nightly"))]
    )


@pytest.mark.parametrize("lost", [False, True])
def test_a_key_that_a_run_here_has_already(layout: Layout, lost: bool) -> None:
    """It stays with that run, and does so when claims are made anew, though the other one is older."""
    _submit(layout, "nightly", TWO)
    _arrive(layout, ONE)
    if lost:
        for name in os.listdir(layout.keys):
            os.unlink(f"{layout.keys}/{name}")

    assert _submit(layout, "nightly", new_run_id(3)) == (TWO, True)


def test_a_key_that_comes_while_all_claims_are_lost(layout: Layout) -> None:
    """It is among those that come back from the journals."""
    os.rmdir(layout.keys)
    _arrive(layout, ONE)

    assert _submit(layout, "weekly", TWO) == (TWO, False)
    assert _submit(layout, "nightly", new_run_id(3)) == (ONE, True)


def test_the_claim_of_another_run_is_not_forgotten(layout: Layout) -> None:
    """Whoever lets go of a journal lets go of its own claim; of one that is cut nobody knows whose it is."""
    _submit(layout, "nightly", TWO)
    forget(REAL, layout, "nightly", ONE)
    assert _submit(layout, "nightly", new_run_id(3)) == (TWO, True)
    path = Path(layout.key_claim("nightly"))
    path.write_bytes(path.read_bytes()[:9])
    forget(REAL, layout, "nightly", TWO)
    assert path.exists()
    assert _submit(layout, "nightly", new_run_id(3)) == (TWO, True)

    forget(REAL, layout, "nightly", TWO)
    forget(REAL, layout, "nightly", TWO)
    assert not path.exists()


SUBMIT = """
import os, sys
from runlore.journal.disk import REAL
from runlore.journal.ids import mint
from runlore.journal.keys import claim
from runlore.journal.layout import Layout
from runlore.journal.writer import Writer
from tests.doubles.drafts import queued

layout, count = Layout(sys.argv[1]), int(sys.argv[2])
children = []
for number in range(count):
    child = os.fork()
    if child == 0:
        try:
            with claim(REAL, layout, "nightly", "ab" * 32, lambda: mint(REAL.now(), os.urandom(5))) as held:
                if not held.existing:
                    Writer.create(REAL, layout, held.run_id, queued(held.run_id, key="nightly")).close()
                os.write(1, f"{held.run_id} {held.existing}\\n".encode())
            os._exit(0)
        except BaseException:
            import traceback
            traceback.print_exc()
            os._exit(1)
    children.append(child)
sys.exit(sum(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0 for child in children))
"""


@pytest.mark.parametrize("claims_are_lost", [False, True])
def test_many_processes_at_once(layout: Layout, claims_are_lost: bool) -> None:
    """Of 64 submissions one creates the run, and all are led to it."""
    if claims_are_lost:
        os.rmdir(layout.keys)
    root = str(Path(__file__).resolve().parents[2])
    command = [sys.executable, "-c", SUBMIT, layout.root, str(PROCESSES)]

    done = subprocess.run(command, cwd=root, check=False, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    answers = [line.split() for line in done.stdout.splitlines()]
    assert len(answers) == PROCESSES
    assert {run_id for run_id, _ in answers} == set(journal_ids(REAL, layout))
    assert [existing for _, existing in answers].count("False") == 1
    assert len(journal_ids(REAL, layout)) == 1
