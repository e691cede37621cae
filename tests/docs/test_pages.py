"""Every code block of the documentation is true: it runs, and shows what comes."""

import json
import shutil
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.docs.likeness import Names, is_shown
from tests.docs.markdown import LANGUAGES, ROOT, RUN, Block, blocks, pages, preparation, steps
from tests.docs.session import Session

PAGES = pages()
WITH_BLOCKS = [page for page in PAGES if any(blocks(page))]
RUNNABLE = [page for page in WITH_BLOCKS if any(block.language in RUN for block in blocks(page))]
FAILURES_OF_OURS = {2: "usage error", 125: "failure of ours", 126: "not executable", 127: "not found"}

every_page = pytest.mark.parametrize("page", WITH_BLOCKS, ids=lambda page: str(page.relative_to(ROOT)))


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    """A reader with the installed command, in a home that nobody used before."""
    assert shutil.which("runlore", path=str(Path(sys.executable).parent)), "the command is not installed"
    session = Session(tmp_path / "home")
    yield session
    session.close()


@every_page
def test_every_block_says_what_it_is(page: Path) -> None:
    """A block without a language we know would be neither run nor left alone on purpose."""
    for block in blocks(page):
        assert block.language in LANGUAGES, f"{block.where}: unknown language {block.language!r}"
        assert not set(block.options) - {"elsewhere"}, f"{block.where}: unknown option"


@every_page
def test_every_block_of_data_parses(page: Path) -> None:
    """JSON and TOML on a page are JSON and TOML."""
    parsers: dict[str, Callable[[str], object]] = {
        "json": json.loads,
        "jsonl": lambda text: [json.loads(line) for line in text.splitlines()],
        "toml": tomllib.loads,
    }
    for block in blocks(page):
        if parse := parsers.get(block.language):
            try:
                parse(block.text)
            except ValueError as error:
                pytest.fail(f"{block.where}: {error}")


@every_page
def test_what_runs_elsewhere_really_does(page: Path) -> None:
    """A block that is run by another file names one in which its commands, or its page, stand."""
    for block in blocks(page):
        if elsewhere := block.options.get("elsewhere"):
            text = (ROOT / elsewhere).read_text("utf-8")
            missing = [line for line in block.text.splitlines() if line not in text]
            assert not missing or page.name in text, f"{block.where}: {elsewhere} runs none of {missing}"


@pytest.mark.parametrize("page", RUNNABLE, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_block_runs_and_shows_what_comes(page: Path, session: Session) -> None:
    """In order, in one shell: commands succeed, sessions show their output, Python raises nothing."""
    names = Names()
    for command in preparation(page.read_text("utf-8")):
        done = session.run(command)
        assert done.code == 0, f"{command}: {done}"
    for block in blocks(page):
        if "elsewhere" in block.options:
            continue
        if block.language == "console":
            _follow(session, block, names)
        elif block.language == "sh":
            done = session.run(names.in_command(f"(set -e\n{block.text})"))
            assert done.code == 0, f"{block.where}: exit code {done.code}\n{done.stdout}{done.stderr}"
        elif block.language == "python":
            assert not (said := session.python(block.where, block.text)), f"{block.where}:\n{said}"


def _follow(session: Session, block: Block, names: Names) -> None:
    for step in steps(block):
        done = session.run(names.in_command(step.command))
        told = (
            f"{block.where}: $ {step.command}\nexit code {done.code}\n{done.stdout}--- stderr\n{done.stderr}"
        )
        if done.code in FAILURES_OF_OURS:
            pytest.fail(f"{FAILURES_OF_OURS[done.code]}: {told}")
        if step.shown and not is_shown(step.shown, done.stdout, done.stderr, names):
            pytest.fail(f"the page shows something else than came: {told}")
