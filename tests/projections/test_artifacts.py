"""What a journal says of a run's outputs, and what a stranger can compute from the same."""

import subprocess
from hashlib import sha256
from pathlib import Path

import pytest
from msgspec import structs

from runlore.journal import events as e
from runlore.journal.errors import BadInput
from runlore.journal.values import Recipe
from runlore.projections.artifact_views import list_view, manifest
from runlore.projections.artifacts import ARTIFACTS, Artifacts, checksum_list, ref_of, selected, unmet
from runlore.projections.fold import fold
from runlore.projections.media_types import is_text, media_type
from tests.journal.forge import AT, RUN

A, B = sha256(b"a").hexdigest(), sha256(b"b").hexdigest()


def collected(path: str, **fields: object) -> e.ArtifactCollected:
    """One entry."""
    return e.ArtifactCollected(seq=5, at=AT, path=path, **fields)  # type: ignore[arg-type]


STORED = collected("out/a", sha256=A, bytes=1, kind="file", media_type="text/plain")
REPORT = collected("out/B.html", sha256=B, bytes=1, kind="report")
LINK = collected("out/link", outcome="skipped", reason="a symbolic link")
BROKEN = collected("out/x", outcome="failed", reason="Permission denied")
MORE = collected("", outcome="skipped", reason="at most 2", files=7, bytes=70)


def run_of(*entries: e.ArtifactCollected, **recipe: tuple[str, ...]) -> Artifacts:
    """The state of a run with these entries."""
    queued = e.RunQueued(
        seq=1,
        at=AT,
        format=1,
        run_id=RUN,
        registry_id="reg",
        recipe=Recipe(argv=("x",), cwd="/", **recipe),  # type: ignore[arg-type]
    )
    return fold(ARTIFACTS, [queued, *entries])


def test_the_fold_is_the_same_wherever_it_was_cut() -> None:
    """Stored outputs by path, the rest as it came; the state before stays as it was."""
    events = [STORED, REPORT, LINK, MORE]
    whole, first = run_of(*events), run_of(*events[:2])
    both = fold(ARTIFACTS, events[2:], first)

    assert both == whole
    assert len(first.entries) == 2
    assert [each.path for each in whole.stored] == ["out/B.html", "out/a"]
    assert whole.left_out == (LINK, MORE)
    assert whole.bytes == 2


def test_the_bundle_has_one_name_whatever_the_order() -> None:
    """It is the SHA-256 of what sha256sum prints: nothing but paths and digests counts."""
    known = f"{B}  out/B.html\n{A}  out/a\n"

    assert checksum_list([("out/a", A), ("out/B.html", B)]) == known
    assert run_of(STORED, REPORT).bundle_id == sha256(known.encode()).hexdigest()
    assert run_of(REPORT, LINK, STORED).bundle_id == run_of(STORED, REPORT).bundle_id
    assert run_of(STORED).bundle_id != run_of(REPORT).bundle_id


def test_sha256sum_writes_the_same_list(tmp_path: Path) -> None:
    """Odd names included: the list is the one that coreutils check."""
    paths = ["a", "b c", "ä", "line\nfeed", "car\rriage", "*"]
    for path in paths:
        (tmp_path / path).write_bytes(path.encode())
    names = sorted(path.encode() for path in paths)
    printed = subprocess.run(["sha256sum", "--", *names], cwd=tmp_path, capture_output=True, check=True)
    ours = checksum_list((path, sha256(path.encode()).hexdigest()) for path in paths)

    assert sorted(ours.splitlines()) == sorted(printed.stdout.decode().splitlines())
    assert subprocess.run(["sha256sum", "-c"], cwd=tmp_path, input=ours.encode(), check=False).returncode == 0


@pytest.mark.parametrize(
    ("entries", "required", "said"),
    [
        ([STORED], ["out/a"], ""),
        ([STORED, LINK, MORE], ["out/*"], ""),
        ([STORED], ["model"], "nothing was found for model, which is required"),
        ([STORED, LINK], ["out/link"], "out/link, which is required, was skipped: a symbolic link"),
        ([BROKEN], [], "out/x was not stored: Permission denied"),
        ([STORED, LINK, MORE], [], ""),
        ([], ["a", "b", "c", "d"], "(and 1 more)"),
    ],
)
def test_which_declared_outputs_are_not_durable(
    entries: list[e.ArtifactCollected], required: list[str], said: str
) -> None:
    """What is required and not stored, and whatever failed; what was skipped by rule is no failure."""
    told = unmet(Recipe(argv=("x",), cwd="/", required=tuple(required)), entries)

    assert (said in told) if said else (told == "")


def test_choosing_some_of_them() -> None:
    """By pattern, or by a path that is exactly one, whatever its letters stand for elsewhere."""
    odd = structs.replace(STORED, path="[x]")

    assert selected([STORED, REPORT, MORE], []) == [STORED, REPORT, MORE]
    assert selected([STORED, REPORT, MORE], ["**"]) == [STORED, REPORT]
    assert selected([STORED, odd], ["[x]"]) == [odd]
    with pytest.raises(BadInput, match="leads out"):
        selected([STORED], ["../x"])


def test_views_name_outputs_without_saying_where_they_lie() -> None:
    """A ref is a URL: what would end it is escaped. Nothing has one that is not stored."""
    view = list_view(run_of(STORED, REPORT, LINK, MORE), [LINK, STORED, MORE, REPORT])

    assert [item.path for item in view.items] == ["out/B.html", "out/a", "", "out/link"]
    assert [item.ref is None for item in view.items] == [False, False, True, True]
    assert (view.counts, view.bytes, view.collected) == ({"stored": 2, "skipped": 2}, 2, False)
    assert ref_of("reg", RUN, "a b#?%\n") == f"runlore://reg/{RUN}/artifacts/a%20b%23%3F%25%0A"


def test_the_manifest_lists_what_is_there_and_what_is_not() -> None:
    """With the same bundle id as everywhere else."""
    state = run_of(STORED, REPORT, LINK, MORE)
    made = manifest(state)

    assert [item.path for item in made.items] == ["out/B.html", "out/a"]
    assert [(item.path, item.files, item.bytes) for item in made.left_out] == [
        ("out/link", 1, 0),
        ("", 7, 70),
    ]
    assert made.bundle_id == state.bundle_id


@pytest.mark.parametrize(
    ("path", "beginning", "known"),
    [
        ("a.json", b"", "application/json"),
        ("a.jsonl", b"", "application/x-ndjson"),
        ("x/report.HTML", b"", "text/html"),
        ("a.tar.gz", b"", "application/gzip"),
        ("run.log", b"\0", "text/plain"),
        ("README", b"words", "text/plain"),
        ("model", b"\x80\x02}q\x00", "application/octet-stream"),
        ("a:b.csv", b"", "text/csv"),
    ],
)
def test_media_types(path: str, beginning: bytes, known: str) -> None:
    """By the name; only a name that says nothing is looked behind."""
    assert media_type(path, beginning) == known


def test_what_is_text() -> None:
    """A character that the look at the beginning cut through does not make a file binary."""
    assert is_text("ä".encode()[:1])
    assert is_text(b"")
    assert not is_text(b"a\0")
    assert not is_text(b"\xff\xfeabcdef")
