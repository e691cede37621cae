"""One code for each kind of damage (E1): each fixture hurts one thing, and exactly that is found."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec import json

from runlore.journal import events as e
from runlore.journal.disk import REAL
from runlore.projections.artifact_findings import FindingCode
from runlore.runtimes.check_outputs import check_outputs
from tests.runtimes.test_collect import World

CODES = FindingCode.__args__  # type: ignore[attr-defined]  # a Literal has them
REF = "runlore://x/y/artifacts/z"


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A run with three stored outputs, one of them a report, one of them promoted."""
    made = World(tmp_path)
    made.write("out/a", "bytes of a")
    made.write("out/b", "bytes of b")
    made.write("r.json", '{"loss": 1}')
    made.collect("out/*", reports=("*.json",))
    entry = made.entries["out/b"]
    evidence = tmp_path / "registry" / "evidence"
    evidence.mkdir(exist_ok=True)
    (evidence / str(entry.sha256)).write_bytes(b"bytes of b")
    made.append(e.RunSucceeded, exit_code=0)
    made.append(e.ArtifactPromoted, path="out/b", sha256=entry.sha256, bytes=10)
    made.owned.die()
    return made


def file_of(world: World, path: str) -> Path:
    """The file in the bundle that an output's bytes are in."""
    return world.bundle / str(world.entries[path].sha256)


def rewritten(change: Callable[[dict[str, Any]], object]) -> Callable[[World], object]:
    """Return what changes the manifest."""

    def hurt(world: World) -> None:
        path = world.bundle / "manifest.json"
        document = json.decode(path.read_bytes())
        change(document)
        path.write_bytes(json.encode(document))

    return hurt


def replaced(data: bytes) -> Callable[[World], object]:
    """Return what puts other bytes in the manifest's place."""
    return lambda world: (world.bundle / "manifest.json").write_bytes(data)


def overwritten(world: World) -> None:
    """Change a byte of a stored file."""
    path = file_of(world, "out/a")
    path.chmod(0o600)
    path.write_bytes(b"bytes of x")
    path.chmod(0o400)


def linked(world: World) -> None:
    """Put a link where a stored file was."""
    path = file_of(world, "out/a")
    path.rename(world.cwd / "moved")
    path.symlink_to(world.cwd / "moved")


def broken_report(world: World) -> None:
    """Store a report that calls itself JSON and is none."""
    folder = world.cwd.parent / "again"
    folder.mkdir()
    again = World(folder)
    again.write("bad.json", "{")
    again.collect(reports=("*.json",))
    again.owned.die()
    world.run_id, world.layout = again.run_id, again.layout


HURTS: dict[str, tuple[FindingCode, Callable[[World], object]]] = {
    "no manifest": ("missing-manifest", lambda world: (world.bundle / "manifest.json").unlink()),
    "no JSON": ("malformed-manifest", replaced(b"{")),
    "no text": ("malformed-manifest", replaced(b"\xff\xfe")),
    "deep": ("malformed-manifest", replaced(b"[" * 100_000)),
    "a list": ("invalid-manifest-shape", replaced(b"[]")),
    "another schema": ("invalid-manifest-shape", rewritten(lambda it: it.update(schema="x/2"))),
    "items is a text": ("invalid-manifest-shape", rewritten(lambda it: it.update(items="x"))),
    "an item of no path": ("invalid-manifest-shape", rewritten(lambda it: it["items"][0].pop("path"))),
    "leads out": ("invalid-path", rewritten(lambda it: it["items"][0].update(path="../../etc/passwd"))),
    "twice": ("invalid-path", rewritten(lambda it: it["items"].append(it["items"][0]))),
    "case": (
        "case-fold-duplicate",
        rewritten(lambda it: it["items"].append({**it["items"][0], "path": "OUT/A"})),
    ),
    "no file": ("missing-file", lambda world: file_of(world, "out/a").unlink()),
    "no bundle": ("missing-file", lambda world: world.bundle.rename(world.cwd / "bundle")),
    "more files": ("orphaned-file", lambda world: (world.bundle / "x").touch()),
    "a link": ("unsafe-file", linked),
    "writable by others": ("unsafe-file", lambda world: file_of(world, "out/a").chmod(0o666)),
    "another name": ("hardlink", lambda world: os.link(file_of(world, "out/a"), world.cwd / "hard")),
    "no digest": ("missing-file-hash", rewritten(lambda it: it["items"][0].pop("sha256"))),
    "half a digest": ("missing-file-hash", rewritten(lambda it: it["items"][0].update(sha256="ab"))),
    "other bytes": ("file-hash-mismatch", overwritten),
    "another digest": ("digest-mismatch", rewritten(lambda it: it["items"][0].update(sha256="ab" * 32))),
    "an item less": ("digest-mismatch", rewritten(lambda it: it["items"].pop())),
    "another bundle": ("bundle-id-mismatch", rewritten(lambda it: it.update(bundle_id="ab" * 32))),
    "another run": ("bundle-id-mismatch", rewritten(lambda it: it.update(run_id="another"))),
    "another ref": ("malformed-reference", rewritten(lambda it: it["items"][0].update(ref=REF))),
    "no evidence": (
        "review-evidence-mismatch",
        lambda world: Path(world.layout.root, "evidence", str(world.entries["out/b"].sha256)).unlink(),
    ),
    "other evidence": (
        "review-evidence-mismatch",
        lambda world: (
            Path(world.layout.root, "evidence", str(world.entries["out/b"].sha256)).write_text("x") and None
        ),
    ),
    "a report that is none": ("payload-schema-violation", broken_report),
}


def test_every_code_has_a_fixture() -> None:
    """Sixteen: the fifteen of the acceptance list, and names that differ in case only."""
    assert {code for code, _ in HURTS.values()} == set(CODES)
    assert len(CODES) == 16


def test_a_sound_bundle(world: World) -> None:
    """Nothing is found, and every byte was read, the evidence's as well; how far it is was told."""
    told: list[tuple[int, int]] = []
    view = check_outputs(REAL, world.layout, world.run_id, lambda *far: told.append(far))

    assert told[-1] == (41, 41)
    assert view.findings == []
    assert (view.files, view.bytes) == (4, 10 + 10 + 11 + 10)


@pytest.mark.parametrize(("code", "hurt"), HURTS.values(), ids=HURTS)
def test_damage_is_found_by_its_code(
    world: World, code: FindingCode, hurt: Callable[[World], object]
) -> None:
    """It names what is hurt; only a changed list of items has more to say than that."""
    hurt(world)
    view = check_outputs(REAL, world.layout, world.run_id)
    kinds = {each.kind for each in view.findings}

    assert code in kinds
    assert kinds <= {code, *FOLLOWS.get(code, set())}
    assert view.counts[code] == sum(each.kind == code for each in view.findings)


LISTED: set[FindingCode] = {"digest-mismatch", "bundle-id-mismatch", "malformed-reference"}
FOLLOWS: dict[FindingCode, set[FindingCode]] = {
    "invalid-path": LISTED,
    "case-fold-duplicate": LISTED,
    "missing-file-hash": LISTED,
    "digest-mismatch": LISTED,
    "missing-file": {"missing-manifest"},
}


def test_other_bytes_are_named(world: World) -> None:
    """The file that differs is told by its path (E3)."""
    overwritten(world)
    (finding,) = check_outputs(REAL, world.layout, world.run_id).findings

    assert finding.path == "out/a"


def test_a_bundle_that_is_no_folder(world: World) -> None:
    """A link in its place is not followed, wherever it leads; that is the finding, not an error."""
    for is_link in (True, False):
        shutil.rmtree(world.bundle)
        if is_link:
            world.bundle.symlink_to(world.cwd)
        else:
            world.bundle.touch()
        findings = check_outputs(REAL, world.layout, world.run_id).findings
        assert [(each.kind, each.path) for each in findings] == [("unsafe-file", "bundle")]
        world.bundle.unlink()
        world.bundle.mkdir()
