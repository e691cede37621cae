"""The code blocks of the documentation, and what each of them claims about itself.

The first word behind the fence is the language; `key=value` words may follow.

| language | what happens to the block |
| --- | --- |
| console | `$ command` lines run, one page one shell; output that is shown must come (see likeness.py) |
| sh | runs in the same shell, and must succeed |
| python | runs, in one interpreter per page; top-level `await` is allowed |
| json, jsonl, toml | must parse |
| text, abnf, mermaid, diff | is not run |

`elsewhere=PATH` says that the file at PATH runs it instead; its commands, or the page's name, stand there.
`<!-- before: COMMAND -->` prepares what a reader of the page already has.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
RUN: Final = frozenset({"console", "sh", "python"})
PARSED: Final = frozenset({"json", "jsonl", "toml"})
NOT_RUN: Final = frozenset({"text", "abnf", "mermaid", "diff"})
LANGUAGES: Final = RUN | PARSED | NOT_RUN

_FENCE: Final = re.compile(r"^(?P<indent> *)(?P<fence>`{3,}|~{3,})(?P<info>[^`\n]*)$")


@dataclass(frozen=True)
class Block:
    """One fenced code block."""

    page: Path
    line: int
    """Line of the opening fence, from 1."""
    info: str
    text: str

    @property
    def language(self) -> str:
        """The first word behind the fence; empty if there is none."""
        return (self.info.split() or [""])[0]

    @property
    def options(self) -> dict[str, str]:
        """The `key=value` words behind the fence."""
        return dict(word.split("=", 1) for word in self.info.split()[1:] if "=" in word)

    @property
    def where(self) -> str:
        """Page and line, as editors take it."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def pages() -> list[Path]:
    """Return every page of the documentation."""
    top = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")]
    return [*top, *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(page: Path) -> Iterator[Block]:
    """Yield the code blocks of a page in order.

    Raises:
        ValueError: a block has no end.
    """
    yield from blocks_of(page.read_text("utf-8"), page)


def blocks_of(text: str, page: Path) -> Iterator[Block]:
    """Yield the code blocks of a page's text."""
    opening: re.Match[str] | None = None
    begin, inside = 0, list[str]()
    for number, line in enumerate(text.split("\n"), 1):
        fence = _FENCE.match(line)
        if opening is None:
            if fence:
                opening, begin, inside = fence, number, []
        elif fence and fence["fence"].startswith(opening["fence"]) and not fence["info"].strip():
            yield Block(page, begin, opening["info"].strip(), "".join(f"{one}\n" for one in inside))
            opening = None
        else:
            inside.append(line.removeprefix(opening["indent"]))
    if opening is not None:
        raise ValueError(f"{page}:{begin}: this block has no end")


def preparation(text: str) -> list[str]:
    """Return the commands that a page needs before its first block."""
    return re.findall(r"^<!-- before: (.*) -->$", text, re.MULTILINE)


@dataclass(frozen=True)
class Step:
    """A command of a session, and the output that the page shows for it."""

    command: str
    shown: tuple[str, ...]


def steps(block: Block) -> list[Step]:
    """Return the commands of a console block; lines that begin with `> ` continue a command.

    Raises:
        ValueError: it begins with output.
    """
    found: list[Step] = []
    for line in block.text.splitlines():
        if line.startswith("$ "):
            found.append(Step(line[2:], ()))
        elif not found:
            raise ValueError(f"{block.where}: a console block begins with `$ `")
        elif line.startswith("> ") and not found[-1].shown:
            found[-1] = Step(f"{found[-1].command}\n{line[2:]}", ())
        else:
            found[-1] = Step(found[-1].command, (*found[-1].shown, line))
    return found
