"""The recipe of the how-to, exactly as it stands there, on real journals and on hurt ones."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from tests.compat.reading import FOLDER
from tests.docs.markdown import ROOT, blocks
from tests.journal.forge import RUN, many

PAGE = ROOT / "docs/how-to/check-a-chain-with-sha256sum.md"


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """The script, made by running the page's own block."""
    (block,) = [block for block in blocks(PAGE) if block.language == "sh"]
    subprocess.run(["sh", "-ec", block.text], cwd=tmp_path, check=True)
    return tmp_path / "check-chain"


def _checked(recipe: Path, data: bytes, *head: str) -> tuple[int, str]:
    journal = recipe.with_name(f"{RUN}.jsonl")
    journal.write_bytes(data)
    done = subprocess.run([recipe, journal, *head], capture_output=True, check=False)
    assert done.stderr == b""
    return done.returncode, done.stdout.decode().removeprefix(f"{journal}: ").rstrip("\n")


@pytest.mark.parametrize(
    "name", ["succeeded", "every_event", "unicode", "long_line", "written_by_another_program"]
)
def test_an_untouched_journal_matches(recipe: Path, name: str) -> None:
    """Every golden journal comes out at the head that the scan finds."""
    data = (FOLDER / f"{name}.jsonl").read_bytes()
    lines, head = data.count(b"\n"), data[-67:-3].decode()

    assert _checked(recipe, data) == (0, f"{lines} lines as they were written, head {head}")


def test_a_continuation_matches_from_the_head_of_its_packed_part(recipe: Path) -> None:
    """The second argument says where the history goes on from."""
    packed, continued = ((FOLDER / f"{name}.jsonl").read_bytes() for name in ("packed", "continued"))

    assert _checked(recipe, continued, packed[-67:-3].decode())[0] == 0
    assert _checked(recipe, continued)[0] == 1


HURT: Final[dict[str, Callable[[bytes], bytes]]] = {
    "a changed letter": lambda data: data.replace(b"note 2", b"note 3"),
    "a NUL put in": lambda data: data.replace(b"note 2", b"note\0 2"),
    "a byte put in": lambda data: data.replace(b"note 2", b"note  2"),
    "a line taken away": lambda data: b"".join(
        line for line in data.splitlines(keepends=True) if b"note 2" not in line
    ),
    "a carriage return": lambda data: data.replace(b"\n", b"\r\n", 3).replace(b"\r\n", b"\n", 2),
    "another h": lambda data: data.replace(many(3).head[:8].encode(), b"00000000"),
    "an h in capitals": lambda data: data.replace(many(3).head.encode(), many(3).head.upper().encode()),
}


@pytest.mark.parametrize("wound", HURT)
def test_a_hurt_journal_does_not_match_at_the_line_that_was_hurt(recipe: Path, wound: str) -> None:
    """Every kind of edit is found where it was made, with nothing of ours installed."""
    code, said = _checked(recipe, HURT[wound](many(5).data))

    assert code == 1
    assert said.startswith("line 3 was changed")


def test_a_torn_tail_is_told(recipe: Path) -> None:
    """Bytes behind the last newline are no line, and not passed over."""
    assert _checked(recipe, many(3).data + b'{"type"') == (1, "bytes behind the last whole line")


def test_another_runs_journal_under_our_name_does_not_match(recipe: Path) -> None:
    """The run id stands in front of the chain."""
    other = many(3, type(RUN)("20261120-201400-k3f9x2ac")).data

    assert _checked(recipe, other)[1].startswith("line 1 was changed")
