"""Corpus I: ids, names and labels that are none, or that look like others, at every place that takes one."""

import os

import pytest

from tests.cli.command import Runlore

NO_RUN = [
    ".",
    "..",
    "...",
    "../x",
    "../../etc/passwd",
    "a/b",
    "a\\b",
    "/abs",
    "~root",
    "*",
    "?",
    "[a]",
    "$(id)",
    "`id`",
    "a b",
    " u",  # no id has a u, so no run of the fixture can be meant by chance
    "u ",
    ".hidden",
    "x" * 255,
    "x" * 4096,
    "😀",
    "e\u0301",
    "а",  # noqa: RUF001 - Cyrillic, that is the case
    "\u202eabc",
    "%2e%2e%2f",
    "file:///etc/passwd",
    "C:\\x",
    "20261120-201400-k3f9x2ab/../x",
    "20261120-201400-k3f9x2aB\n",
    "20261120-201400-iiiiiiii",
    "20261120-201400",
    "20261120-201400-",
    "latest:",
    "latest:nope",
    "key:",
    "key:nope",
    "all",
    "null",
    "٣٣٣٣٣٣٣٣",
    "a\nb",
    "a\rb",
]


def spelled(case: str) -> str:
    """Return a case as a test's name."""
    return ascii(case[:24])


@pytest.mark.parametrize("case", NO_RUN, ids=spelled)
def test_what_is_no_run_is_told_so(ended: Runlore, case: str) -> None:
    """One line of printable text, 2 or 3, and no file outside the registry is touched."""
    done = ended("show", "--", case)

    assert done.code in {2, 3}
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert done.stderr.removesuffix("\n").isprintable()


@pytest.mark.parametrize("case", ["", "-rf", "--help-me", "\udcff"], ids=spelled)
def test_words_that_are_not_even_selectors(ended: Runlore, case: str) -> None:
    """Empty, taken for an option, or no text at all."""
    done = ended("show", os.fsencode(case))

    assert done.code in {2, 3}
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "case",
    [
        "",
        " ",
        " a",
        "a ",
        "latest",
        "Latest",
        "ALL",
        "key:x",
        "a:b",
        "-rf",
        "a\nb",
        "a\rb",
        "a\tb",
        "a\x1b[2Jb",
        "a\x7fb",
        "a\x9db",
        "\u202eabc",
        "a\u2066b",
        "a\u2028b",
        "a\u200bb",
        "\ufeffa",
        "\u3164",
        "x" * 256,
        "ü" * 128,
        "20261120-201400-k3f9x2ab",
    ],
    ids=spelled,
)
def test_a_name_that_cannot_be_seen_typed_or_told_apart_is_refused(runlore: Runlore, case: str) -> None:
    """Where a run is made, and where it is renamed; nothing is made."""
    done = runlore("run", "-d", f"--name={case}", "true", code=2)

    assert done.stderr.startswith("error: ")
    assert done.stderr.removesuffix("\n").isprintable()
    assert not (runlore.root / "journals").exists()


@pytest.mark.parametrize(
    "case",
    [
        "../x",
        "a/b",
        "a\\b",
        "/abs",
        "~root",
        "*",
        "?",
        "[a]",
        "$(id)",
        "`id`",
        "a b",
        ".",
        "..",
        "😀",
        "日本",
        "x" * 255,
    ],
    ids=spelled,
)
def test_a_label_is_never_part_of_a_path(runlore: Runlore, case: str) -> None:
    """Any other text may be a name, a tag's value and a key: it is found again and stays inside the root."""
    runlore.ok("run", "-q", "--name", case, "--tag", f"t={case}", "--key", case, "true")
    (run_id,) = runlore.ok("ls", "-q").lines

    assert runlore.ok("show", "-q", "--", case).lines == [run_id]
    assert runlore.ok("show", "-q", f"key:{case}").lines == [run_id]
    assert runlore.ok("ls", "-q", "--tag", f"t={case}").lines == [run_id]
    names = {path.name for path in runlore.root.rglob("*")}
    assert not [name for name in names if case in name and len(case) > 3]
    assert sorted(path.name for path in runlore.home.iterdir()) == []


def test_two_spellings_of_one_name_are_one_name(runlore: Runlore) -> None:
    """é composed or combined: what looks alike because of its spelling is the same run."""
    runlore.ok("run", "-q", "--name", "cafe\u0301", "true")

    assert runlore.ok("show", "caf\u00e9", "--fields", "name").stdout == "caf\u00e9\n"
    assert runlore.ok("show", "cafe\u0301", "--fields", "name").stdout == "caf\u00e9\n"
    assert len(runlore.ok("ls", "-q", "--name", "cafe\u0301").lines) == 1


def test_letters_of_other_scripts_stay_other_letters(runlore: Runlore) -> None:
    """A Cyrillic letter is not the Latin one that looks like it."""
    runlore.ok("run", "-q", "--name", "prod-\u0430", "true")

    runlore("show", "prod-a", code=3)
    runlore.ok("show", "prod-\u0430")


def test_bytes_that_are_no_text_are_no_label(runlore: Runlore) -> None:
    """In a name, a tag, a key or a note; the message shows them as escapes."""
    odd = b"\xff\xfe"
    for words in ([b"--name=" + odd], [b"--tag=k=" + odd], [b"--key=" + odd], [b"--metadata=" + odd]):
        done = runlore("run", "-d", *words, "true", code=2)
        assert done.stderr.isascii()


def test_a_registry_of_odd_files_is_read_as_if_they_were_not_there(runlore: Runlore) -> None:
    """Only `<run id>.jsonl` is a journal."""
    runlore.ok("run", "-q", "true")
    journals = runlore.root / "journals"
    for name in (
        "x.jsonl",
        ".jsonl",
        "..jsonl",
        "20261120-201400-k3f9x2ab.jsonl.tmp",
        "20261120-201400-K3F9X2AB.jsonl",
    ):
        (journals / name).write_text("{}\n")
    (journals / os.fsdecode(b"\xff.jsonl")).write_text("{}\n")
    (journals / "folder").mkdir()

    assert len(runlore.ok("ls", "-q").lines) == 1
    runlore.ok("verify")


@pytest.mark.parametrize("kind", ["folder", "fifo", "link to a file outside", "loop"])
def test_a_journal_that_is_no_file_hides_no_other_and_hangs_nobody(runlore: Runlore, kind: str) -> None:
    """It is a row with a problem, or none."""
    runlore.ok("run", "-q", "true")
    path = runlore.journal("20261120-201400-k3f9x2ab")
    if kind == "folder":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    else:
        path.symlink_to("/etc/passwd" if kind.startswith("link") else path)

    assert any("succeeded" in line for line in runlore.ok("ls").lines)
    assert runlore("verify").code in {65, 74}
    assert "root:" not in runlore("show", "20261120-201400-k3f9x2ab").stdout
