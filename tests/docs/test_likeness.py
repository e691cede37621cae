"""The comparison of pages with what really came: lenient about ids and times, about nothing else."""

import pytest

from tests.docs.likeness import Names, is_shown

OLD, NEW = "20261122-045158-93ncbcrx", "20270101-000001-abcdefg7"
OTHER = "20270101-000001-abcdefg8"


def _shown(page: str, stdout: str, stderr: str = "", names: Names | None = None) -> bool:
    return is_shown(tuple(page.splitlines()), stdout, stderr, names or Names())


ALIKE = [
    ("done", "done\n"),
    (f"run {OLD} failed (3)", f"run {NEW} failed (3)\n"),
    ("93ncbcrx  -  failed (3)  just now  0.0s  sh", "abcdefg7  -     failed (3)  2s ago    1.1s  sh\n"),
    ("   +0.0s  keeper 20158 on vm took it", "   +1.1s  keeper 77 on build-3.example took it\n"),
    ("sealed  6 records, head " + "a" * 64, "sealed  6 records, head " + "b" * 64 + "\n"),
    ('{"at":"2026-11-20T20:14:00Z","pid": 12}', '{"at":"2027-01-01T00:00:00.5Z","pid": 4711}\n'),
    ("ID        NAME", "ID  NAME\n"),
    ("first\n...\nlast", "first\nsecond\nthird\nlast\n"),
    ("first\n...", "first\n"),
    ("head of ... line", "head of a long line\n"),
]
UNLIKE = [
    ("done", ""),
    ("done", "done\ndone\n"),
    ("done", "Done\n"),
    ("failed (3)", "failed (4)\n"),
    (f"run {OLD} failed", f"run {NEW} succeeded\n"),
    ("6 records", "5 records\n"),
    ("first\nlast", "first\nsecond\nlast\n"),
    ("first\n...\nlast", "first\nsecond\n"),
    (f"{OLD}\n{OLD}", f"{NEW}\n{OTHER}\n"),
    ("a...c", "abd\n"),
    ("a.c", "abc\n"),
]


@pytest.mark.parametrize(("page", "came"), ALIKE)
def test_what_differs_from_run_to_run_may_differ(page: str, came: str) -> None:
    """A page stays true although ids, times, pids and widths are others each time."""
    assert _shown(page, came)


@pytest.mark.parametrize(("page", "came"), UNLIKE)
def test_everything_else_must_be_as_shown(page: str, came: str) -> None:
    """A page that shows what does not come any more is found."""
    assert not _shown(page, came)


def test_stderr_may_be_left_out_but_stdout_may_not() -> None:
    """Talk is shown where it helps; data is shown whole."""
    assert _shown("data", "data\n", "talk\n")
    assert _shown("talk\ndata", "data\n", "talk\nmore\n")
    assert not _shown("talk", "data\n", "talk\n")
    assert not _shown("more\ntalk\ndata", "data\n", "talk\nmore\n")


def test_a_command_may_name_an_id_that_the_page_has_shown() -> None:
    """The id on the page stands for the run that was really made, in full and in short."""
    names = Names()

    assert _shown(OLD, f"{NEW}\n", names=names)
    assert (
        names.in_command(f"show {OLD} 93ncbcrx --name x93ncbcrx") == f"show {NEW} abcdefg7 --name x93ncbcrx"
    )
    assert _shown("93ncbcrx ok", "abcdefg7 ok\n", names=names)
    assert not _shown("93ncbcrx ok", "abcdefg8 ok\n", names=names)


def test_a_short_id_that_looks_like_a_time_is_an_id() -> None:
    """They are made at random, of digits and letters."""
    assert _shown("93ncbcrx  cancelled   0.6s", "1234567s  cancelled  17s\n")
    assert not _shown("93ncbcrx  cancelled   0.6s", "123456s  cancelled  17s\n")
