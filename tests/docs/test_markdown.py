"""The machinery that finds code blocks: none is overlooked, none is misread."""

from pathlib import Path

import pytest

from tests.docs.markdown import ROOT, Block, Step, blocks_of, pages, preparation, steps

PAGE = ROOT / "README.md"


def test_blocks_are_found_with_their_place_and_language() -> None:
    """Nested and indented fences come out as what a reader sees."""
    text = (
        "a\n```sh\necho\n```\n\n- item\n\n  ```python elsewhere=x.py\n  pass\n  ```\n"
        "````text\n```sh\n```\n````\n"
    )

    assert [(one.line, one.language, one.options, one.text) for one in blocks_of(text, PAGE)] == [
        (2, "sh", {}, "echo\n"),
        (8, "python", {"elsewhere": "x.py"}, "pass\n"),
        (11, "text", {}, "```sh\n```\n"),
    ]


def test_a_block_without_language_has_none() -> None:
    """It is found all the same, so that a test can complain about it."""
    assert [one.language for one in blocks_of("```\nx\n```\n", PAGE)] == [""]


def test_a_block_without_end_is_an_error() -> None:
    """It would swallow the rest of the page."""
    with pytest.raises(ValueError, match=r"README\.md:1: this block has no end"):
        list(blocks_of("```sh\necho\n", PAGE))


def test_a_session_is_commands_and_what_they_show() -> None:
    """Continuation lines belong to the command, everything else to its output."""
    block = Block(PAGE, 1, "console", "$ one\n$ two \\\n> more\nout\n> quoted\n")

    assert steps(block) == [Step("one", ()), Step("two \\\nmore", ("out", "> quoted"))]


def test_a_session_begins_with_a_command() -> None:
    """Output of nothing cannot be compared."""
    with pytest.raises(ValueError, match="begins with"):
        steps(Block(PAGE, 1, "console", "out\n"))


def test_a_page_may_need_something_before_it_begins() -> None:
    """Commands in a comment prepare what the reader of a how-to already has; they are not shown."""
    text = "# How to\n<!-- before: runlore run -- true -->\ntext\n<!-- before: touch file -->\n"

    assert preparation(text) == ["runlore run -- true", "touch file"]


def test_every_page_is_looked_at() -> None:
    """The list holds the README and every Markdown file under docs."""
    found = set(pages())

    assert {PAGE, ROOT / "docs/reference/journal-format.md"} <= found
    assert found >= set(Path(ROOT, "docs").rglob("*.md"))
