"""Changelog fragments."""

import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).parents[2]
assemble = SimpleNamespace(**runpy.run_path(str(ROOT / "changelog/assemble.py")))


def write(folder: Path, name: str, text: str) -> None:
    """Add a fragment."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_every_fragment_of_ours_is_well_formed() -> None:
    """CHANGELOG.md can be rebuilt at any commit."""
    assert list(assemble.problems(ROOT / "changelog")) == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("unreleased/tail.md", "It works.\n"),
        ("unreleased/improved-tail.md", "It works.\n"),
        ("unreleased/fixed-Tail.md", "It works.\n"),
        ("unreleased/fixed-tail.txt", "It works.\n"),
        ("unreleased/fixed-tail.md", ""),
        ("unreleased/fixed-tail.md", "It works"),
        ("unreleased/fixed-tail.md", "it works\n"),
        ("unreleased/fixed-tail.md", "- It works.\n"),
        ("unreleased/fixed-tail.md", "# Tail\n\nIt works.\n"),
        ("unreleased/fixed-tail.md", f"It works{' well' * 30}.\n"),
        ("next/fixed-tail.md", "It works.\n"),
        ("0.2_2026-01-01/fixed-tail.md", "It works.\n"),
    ],
)
def test_a_malformed_fragment_is_named(tmp_path: Path, name: str, text: str) -> None:
    """What the check refuses, it refuses with the fragment's name."""
    write(tmp_path, name, text)

    assert any(problem.startswith(name.split("/", maxsplit=1)[0]) for problem in assemble.problems(tmp_path))


def test_the_changelog_is_newest_first_and_grouped_by_kind(tmp_path: Path) -> None:
    """0.10.0 is newer than 0.9.0, what is unreleased is newer than both, and additions come first."""
    write(tmp_path, "0.9.0_2026-01-05/added-first.md", "First.\n")
    write(tmp_path, "0.10.0_2026-02-06/fixed-second.md", "Second,\nin two lines.\n")
    write(tmp_path, "0.10.0_2026-02-06/added-more.md", "More.\n\nMuch more.\n")
    write(tmp_path, "unreleased/changed-third.md", "Third.\n")

    assert (
        assemble.render(tmp_path).removeprefix(assemble.HEAD)
        == """
## Unreleased

### Changed

- Third.

## 0.10.0 (2026-02-06)

### Added

- More.

  Much more.

### Fixed

- Second,
  in two lines.

## 0.9.0 (2026-01-05)

### Added

- First.
"""
    )


def test_released_history_in_the_file_is_what_the_fragments_say() -> None:
    """Nobody edits CHANGELOG.md by hand; its unreleased part may lag behind until the next release."""
    released = {path: assemble.section(path) for path in (ROOT / "changelog").glob("[0-9]*_*")}
    text = (ROOT / "CHANGELOG.md").read_text()

    assert [path.name for path, section in released.items() if section not in text] == []
