"""Write CHANGELOG.md from the fragments beside this file; `--check` only says what is wrong with them.

A fragment is `unreleased/<kind>-<what>.md`. Releasing renames that folder to `<version>_<YYYY-MM-DD>`.
"""

import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).resolve().parent
KINDS: Final = {"added": "Added", "changed": "Changed", "fixed": "Fixed"}
FRAGMENT: Final = re.compile(rf"({'|'.join(KINDS)})(-[a-z0-9]+)+\.md")
RELEASE: Final = re.compile(r"(\d+)\.(\d+)\.(\d+)_(\d{4}-\d\d-\d\d)")
MAX_LINE: Final = 110
HEAD: Final = """\
# Changelog

What changed for the people who use runlore, newest first.
"""


def problems(folder: Path) -> Iterator[str]:
    """Yield what is wrong with the releases and fragments in `folder`, one line each."""
    for release in sorted(path for path in folder.iterdir() if path.is_dir() and path.name != "__pycache__"):
        if release.name != "unreleased" and not RELEASE.fullmatch(release.name):
            yield f"{release.name}: a release is named <major>.<minor>.<patch>_<YYYY-MM-DD>"
        for fragment in sorted(release.iterdir()):
            yield from (f"{release.name}/{fragment.name}: {flaw}" for flaw in flaws(fragment))


def flaws(path: Path) -> Iterator[str]:
    """Yield what is wrong with one fragment."""
    if not FRAGMENT.fullmatch(path.name):
        yield f"a fragment is named {'|'.join(KINDS)}-words-with-hyphens.md"
    text = path.read_text()
    if not text.endswith("\n") or text != text.strip() + "\n":
        yield "begin with text, end with one newline"
    if not text.rstrip().endswith((".", "`", ")")):
        yield "write whole sentences"
    if any(line.startswith(("#", "-", "*")) for line in text.splitlines()):
        yield "no headings or bullets: one fragment is one entry"
    if any(len(line) > MAX_LINE for line in text.splitlines()):
        yield f"keep lines within {MAX_LINE} characters"


def render(folder: Path) -> str:
    """Return the changelog: what is unreleased first, then the releases, newest first."""
    releases = [path for path in folder.iterdir() if RELEASE.fullmatch(path.name)]
    releases.sort(key=version, reverse=True)
    return HEAD + "".join(section(path) for path in (folder / "unreleased", *releases))


def version(release: Path) -> tuple[int, ...]:
    """Return what orders releases."""
    return tuple(int(part) for part in release.name.partition("_")[0].split("."))


def section(folder: Path) -> str:
    """Return the part of one release; nothing if it has no fragments."""
    name, _, day = folder.name.partition("_")
    title = f"{name} ({day})" if day else "Unreleased"
    text = "".join(entries(folder, kind) for kind in KINDS)
    return text and f"\n## {title}\n{text}"


def entries(folder: Path, kind: str) -> str:
    """Return the entries of one kind under their heading."""
    fragments = sorted(folder.glob(f"{kind}-*.md"))
    bullets = "".join("- " + path.read_text().strip().replace("\n", "\n  ") + "\n" for path in fragments)
    return bullets and f"\n### {KINDS[kind]}\n\n{bullets}".replace("\n  \n", "\n\n")


def main(args: Sequence[str]) -> None:
    """Refuse malformed fragments; then write the file, unless only a check was asked for."""
    if found := list(problems(HERE)):
        sys.exit("\n".join(found))
    if "--check" not in args:
        (HERE.parent / "CHANGELOG.md").write_text(render(HERE))


if __name__ == "__main__":
    main(sys.argv[1:])
