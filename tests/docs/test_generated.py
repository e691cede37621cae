"""The generated parts of the documentation are what the code says today."""

import importlib.util
from types import ModuleType
from typing import get_args

import pytest

from runlore.journal.events import TAGS
from runlore.journal.values import Status
from tests.docs.markdown import ROOT

FORMAT_PAGE = ROOT / "docs/reference/journal-format.md"


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    """The script, imported as a module."""
    spec = importlib.util.spec_from_file_location("docs_generate", ROOT / "docs/generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_page_is_in_step_with_the_code(generate: ModuleType) -> None:
    """If this fails, run `python docs/generate.py` and look at what it changed."""
    stale = [
        str(page.relative_to(ROOT))
        for page in generate.pages()
        if page.exists() and generate.brought_up_to_date(page.read_text("utf-8")) != page.read_text("utf-8")
    ]
    assert not stale


def test_a_page_out_of_step_would_be_noticed(generate: ModuleType) -> None:
    """The comparison can fail: a changed cell and a missing event are put right."""
    page = FORMAT_PAGE.read_text("utf-8")
    for changed in (
        page.replace("| `fencing` |", ""),
        page.replace("| `epoch` | count |", "| `epoch` | string |"),
    ):
        assert generate.brought_up_to_date(changed) == page
    assert generate.brought_up_to_date(page.replace("### `run.noted`", "### `run.quoted`")) == page


def test_the_format_page_has_every_event_and_status() -> None:
    """Nothing that the code can write is missing from the page that defines it."""
    page = FORMAT_PAGE.read_text("utf-8")

    assert all(f"### `{tag}`\n" in page for tag in TAGS)
    assert all(f"| {status} |" in page for status in get_args(Status))


def test_every_generated_part_is_on_a_page(generate: ModuleType) -> None:
    """What the script can write is read by somebody."""
    pages = "".join(page.read_text("utf-8") for page in generate.pages() if page.exists())

    assert [part for part in generate.PARTS if f"<!-- generated: {part} -->" not in pages] == []


def test_an_unbounded_integer_has_no_word_on_the_page(generate: ModuleType) -> None:
    """A field whose type the page does not explain cannot be documented by accident."""
    from msgspec import inspect

    with pytest.raises(KeyError):
        generate.type_name(inspect.type_info(int))
    with pytest.raises(KeyError):
        generate.type_name(inspect.type_info(bytes))


def test_the_second_reader_is_small() -> None:
    """The format is simple enough to be read by 150 lines of anybody's Python."""
    text = (ROOT / "tests/second_reader.py").read_text("utf-8")

    assert len(text.splitlines()) <= 150
    assert "runlore" not in text.replace("docs/reference/journal-format.md", "")
    assert "msgspec" not in text
