"""What `config.toml` may say; whatever it says otherwise is told with its line, and never passed over."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from runlore.journal import patterns
from runlore.journal.errors import BadSettings
from runlore.journal.redactor import Policy
from runlore.journal.settings import Limits
from runlore.journal.settings_file import MOST, examine_settings, path_of, read_settings


def problems(root: Path) -> list[tuple[int, str]]:
    """What is wrong with the file of a registry."""
    found = examine_settings(str(root))
    return [(each.line, each.text) for each in found.problems] if found else []


def test_no_file_means_that_everything_is_as_it_comes(registry_root: Path) -> None:
    """Most registries have none, and need none."""
    assert examine_settings(str(registry_root)) is None
    assert read_settings(str(registry_root)).redaction == Policy()


def test_what_may_be_said(registry_root: Path) -> None:
    """Names that hold no secret, names that do, and nothing of it has to be there."""
    (registry_root / "config.toml").write_text(
        '# mine\n[redaction]\nallow = ["CI_JOB_TOKEN", "*_PUBLIC_KEY"]\ndeny = ["FOO_*"]\n'
    )

    policy = read_settings(str(registry_root)).redaction

    assert policy == Policy(allow=("CI_JOB_TOKEN", "*_PUBLIC_KEY"), deny=("FOO_*",))
    assert read_settings(str(registry_root)).limits == Limits()
    (registry_root / "config.toml").write_text("[limits]\nkeepers = 40\n")
    assert read_settings(str(registry_root)).limits == Limits(keepers=40)


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("", 0, ""),
        ("[redaction]", 0, ""),
        ("redaction.deny = ['X']", 0, ""),
        ("not toml", 1, "is not TOML"),
        ("\n\n[redaction", 3, "is not TOML"),
        ("[redaction]\nallow = [", 2, "is not TOML"),
        ("[redaction]\nallow = []\nallow = []", 3, "is not TOML"),
        ("a" * 2000 + " = 1", 1, "no section"),
        ("x = " + "[" * 5000, 1, "nests too deep"),
        ("\n[redactoin]\n", 2, "did you mean redaction?"),
        ("[retention]\nkeep = 30", 2, "keep is a text"),
        ("[retention]\nkeep = '30d'\nkeep_last = 0", 3, "keep_last is a whole number above 0"),
        ("[retention]\nkeep_last = true", 2, "keep_last is a whole number above 0"),
        ("[retention]\nautomatic = 'yes'", 2, "automatic is true or false"),
        ("[retention]\nstatus = 'x'", 2, "status is a table of texts"),
        ("[retention]\n[retention.tags]\n'a=b' = 3", 1, "tags is a table of texts"),
        ("[retention]\nkep = '1d'", 2, "did you mean keep?"),
        ("[trash]\nkeep = 1", 2, "keep is a text"),
        ("[redaction]\n[defaults]", 2, "[defaults] is not in this version of runlore"),
        ("redaction = 3", 1, "write [redaction]"),
        ("[redaction]\n\nallwo = ['A']", 3, "did you mean allow?"),
        ("redaction.zebra = ['A']", 1, "there is allow, deny, patterns"),
        ("[redaction]\nallow = 'A'", 2, "allow is a list of texts"),
        ("[redaction]\ndeny = [\n  1,\n]", 2, "deny holds something that is no text"),
        ("[redaction]\ndeny = ['']", 2, "or an empty one"),
        ("[redaction]\ndeny = [['A']]", 2, "deny holds something"),
        ("[redaction.allow]\nx = 1", 1, "allow is a list of texts"),
        ("include = 'config.toml'", 1, "no section"),
        ("[limits]\nkeepers = 1", 0, ""),
        ("limits.keepers = 1_000_000", 0, ""),
        ("[limits]\nkeepers = 0", 2, "keepers is a whole number from 1 to 1,000,000"),
        ("[limits]\nkeepers = 1_000_001", 2, "keepers is a whole number"),
        ("[limits]\nkeepers = true", 2, "keepers is a whole number"),
        ("[limits]\nkeepers = 2.0", 2, "keepers is a whole number"),
        ("[limits]\nkeepers = '9'", 2, "keepers is a whole number"),
        ("[limits]\nkeeprs = 1", 2, "did you mean keepers?"),
        ("[limit]\nkeepers = 1", 1, "did you mean limits?"),
        ("[artifacts]\nmax_files = 5\nmax_bytes = '10G'", 0, ""),
        ("[artifacts]\nmax_files = 0", 2, "max_files is a whole number from 1 to 100,000"),
        ("[artifacts]\nmax_files = 100_001", 2, "max_files is a whole number from 1 to 100,000"),
        ("[artifacts]\nmax_bytes = 5", 2, "max_bytes is a text"),
        ("[artifacts]\nmax_file = 5", 2, "did you mean max_files?"),
    ],
)
def test_whatever_else_is_said_is_a_problem_with_its_line(
    registry_root: Path, text: str, line: int, said: str
) -> None:
    """The message names the line, and what was probably meant."""
    (registry_root / "config.toml").write_text(text)

    found = problems(registry_root)
    if not said:
        assert found == []
        return
    ((where, told),) = found
    assert where == line
    assert said in told
    with pytest.raises(BadSettings) as refused:
        read_settings(str(registry_root))
    assert f"{path_of(str(registry_root))}:{line}: " in str(refused.value)
    assert "config check" in str(refused.value)


def test_all_problems_are_told_at_once(registry_root: Path) -> None:
    """Nobody mends a file one error at a time."""
    (registry_root / "config.toml").write_text("[redaction]\nallow = 1\ndney = []\n[zoo]\n")

    assert [line for line, _ in problems(registry_root)] == [2, 3, 4]


@pytest.mark.parametrize("data", [b"[redaction]\n\xff = 1", b"[redaction]\nallow = ['\xe4']"])
def test_bytes_that_are_no_utf_8(registry_root: Path, data: bytes) -> None:
    """They are told with their line."""
    (registry_root / "config.toml").write_bytes(data)

    assert [line for line, _ in problems(registry_root)] == [2]


def a_socket(path: Path) -> None:
    """Put one there."""
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (Path.mkdir, "is a folder"),
        (os.mkfifo, "is a FIFO"),
        (lambda path: path.symlink_to("/dev/null"), "is a device"),
        (lambda path: path.symlink_to(path), "cannot be read"),
        (a_socket, "cannot be read"),
        (lambda path: path.write_bytes(b" " * (MOST + 1)), "is larger than"),
    ],
    ids=["folder", "FIFO", "device", "loop", "socket", "large"],
)
def test_what_is_no_file_is_refused_without_waiting(
    registry_root: Path, make: Callable[[Path], object], said: str
) -> None:
    """A FIFO that nobody writes to, and 100 MB of nothing, cost no time."""
    make(registry_root / "config.toml")

    ((line, told),) = problems(registry_root)

    assert line == 0
    assert said in told


def test_a_root_that_is_none_is_not_the_settings_affair(tmp_path: Path) -> None:
    """Whoever opens the registry says what is wrong with it."""
    (tmp_path / "file").write_text("")

    assert examine_settings(str(tmp_path / "file")) is None
    assert examine_settings(str(tmp_path / "nothing")) is None


def test_a_pattern_that_nothing_here_could_run(registry_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without RE2 a pattern is refused, not left out."""
    monkeypatch.setattr(patterns, "has_re2", lambda: False)
    (registry_root / "config.toml").write_text("[redaction]\npatterns = ['acme-[0-9]+']\n")

    ((line, told),) = problems(registry_root)

    assert line == 2
    assert "runlore[redact]" in told


def test_what_is_said_about_keeping_has_its_line(registry_root: Path) -> None:
    """Names in tables too, quoted or not, so that a value that means nothing is told with its line."""
    (registry_root / "config.toml").write_text(
        "[retention]\nkeep = '30d'\n[retention.status]\nfailed = '90d'\n\n"
        "[retention.tags]\n'env=prod' = 'forever'\n[trash]\nkeep = '1h'\n"
    )

    said = {each.key: (each.value, each.line) for each in read_settings(str(registry_root)).retention}

    assert said == {
        "retention.keep": ("30d", 2),
        "retention.status.failed": ("90d", 4),
        "retention.tags.env=prod": ("forever", 7),
        "trash.keep": ("1h", 9),
    }
