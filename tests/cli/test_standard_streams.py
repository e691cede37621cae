"""Corpus C131-C133: closed, full and broken standard streams, terminals of any width, any encoding."""

import os
import subprocess

import pytest

from tests.cli.command import COMMAND, LONG_S, Runlore

LOOKS = [
    "ps",
    "ls --json",
    "show bad",
    "logs bad",
    "history bad",
    "events bad",
    "verify",
    "heads",
    "info",
    "schema run",
]
TALKS = [*LOOKS, "--help", "--version", "ps --help", "completion zsh"]


@pytest.mark.parametrize("line", TALKS)
def test_a_full_disk_behind_the_output_is_an_error(ended: Runlore, line: str) -> None:
    """What was asked for was not delivered: 74, and why."""
    done = ended.shell(f'"$RUNLORE" {line} >/dev/full')

    assert (done.code, done.stderr) == (74, "error: standard output: No space left on device\n")


@pytest.mark.parametrize("line", TALKS)
def test_a_closed_output_is_an_error(ended: Runlore, line: str) -> None:
    """As with any program that could not write."""
    done = ended.shell(f'"$RUNLORE" {line} >&-')

    assert (done.code, done.stderr) == (74, "error: standard output: Bad file descriptor\n")


@pytest.mark.parametrize("line", TALKS)
def test_a_reader_that_has_gone_ends_us_quietly(ended: Runlore, line: str) -> None:
    """By SIGPIPE, which a shell reports as 141; no message, no traceback."""
    read_end, write_end = os.pipe()
    os.close(read_end)
    with os.fdopen(write_end, "wb") as pipe:
        done = subprocess.run(
            [COMMAND, *line.split()],
            stdin=subprocess.DEVNULL,
            stdout=pipe,
            stderr=subprocess.PIPE,
            env=ended.environment(),
            timeout=LONG_S,
            check=False,
        )

    assert (done.returncode, done.stderr) == (-13, b"")


@pytest.mark.parametrize("line", LOOKS)
def test_a_closed_input_or_error_disturbs_nobody(ended: Runlore, line: str) -> None:
    """Commands that look neither read nor need to talk."""
    done = ended.shell(f'"$RUNLORE" {line} <&- 2>&-')

    assert done.code == 0
    assert done.stdout


def test_with_everything_closed_no_descriptor_becomes_a_standard_one(ended: Runlore) -> None:
    """What is written to descriptor 1 can never end up in a journal."""
    before = {path: path.read_bytes() for path in (ended.root / "journals").iterdir()}
    for line in LOOKS:
        assert ended.shell(f'"$RUNLORE" {line} <&- >&- 2>&-').code == 74

    assert {path: path.read_bytes() for path in (ended.root / "journals").iterdir()} == before


@pytest.mark.parametrize("redirection", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_run_survives_closed_streams(runlore: Runlore, redirection: str) -> None:
    """The command has streams of its own; what cannot be shown is in the transcript."""
    done = runlore.shell(f'"$RUNLORE" run sh -c "cat; echo out; echo err >&2" {redirection}')

    assert sorted(runlore.ok("logs", "latest").lines) == ["err", "out"]
    assert done.code == (125 if ">&- " in f" {redirection} ".replace("2>&-", "") else 0)


def test_output_that_cannot_be_shown_is_said_and_kept(runlore: Runlore) -> None:
    """A full disk behind stdout stops no run; the exit code tells that something is missing."""
    done = runlore.shell('"$RUNLORE" run sh -c "echo out; sleep 0.1; echo more" >/dev/full')

    assert done.code == 125
    assert done.stderr.count("No space left on device") == 1
    assert runlore.ok("logs", "latest").stdout == "out\nmore\n"
    assert runlore.ok("show", "--fields", "status").stdout == "succeeded\n"


@pytest.mark.parametrize("redirection", [">/dev/full", ">&-"])
def test_a_detached_run_whose_id_cannot_be_printed_is_named_on_stderr(
    runlore: Runlore, redirection: str
) -> None:
    """The run is there whether its id could be printed or not, so whoever asked can find and stop it."""
    done = runlore.shell(f'"$RUNLORE" run -d true {redirection}')

    (run_id,) = runlore.ok("ls", "-q").lines
    assert done.code == 74
    assert done.stderr.startswith(f"run {run_id} was submitted all the same\nerror: standard output: ")


def test_nobody_reading_the_output_stops_the_run(runlore: Runlore) -> None:
    """`runlore run yes | head -1` ends, as `yes | head -1` does; docker leaves it running for ever."""
    done = runlore.shell('"$RUNLORE" run sh -c "while :; do echo y; done" | head -1; echo "${PIPESTATUS[0]}"')

    assert done.stdout == "y\n141\n"
    assert (
        runlore.ok("show", "--fields", "status,reason.text").stdout
        == "cancelled\tits output is read no more\n"
    )


@pytest.mark.parametrize("columns", ["0", "1", "-5", "abc", "", "99999999999999999999", "٣", "40", "80"])
@pytest.mark.parametrize("line", ["ps", "show bad", "history bad", "ps --help", "--help"])
def test_any_width_gives_readable_lines(ended: Runlore, columns: str, line: str) -> None:
    """A width that is none is ignored; a narrow one never cuts ids or statuses."""
    done = ended.ok(*line.split(), env={"COLUMNS": columns})

    assert done.stdout
    if columns == "40" and line == "--help":
        assert "$RUNLORE_ROOT" in done.stdout, "no word is cut in two"
    if columns == "40" and line == "ps":
        assert max(map(len, done.lines)) <= 40
        assert all(len(row.split()[0]) == 8 for row in done.lines[1:])


@pytest.mark.parametrize(
    "env",
    [
        {"LC_ALL": "C"},
        {"LC_ALL": "POSIX", "LANG": "POSIX"},
        {"PYTHONIOENCODING": "ascii"},
        {
            "PYTHONIOENCODING": "ascii:strict",
            "PYTHONUTF8": "0",
            "LC_ALL": "POSIX",
            "PYTHONCOERCECLOCALE": "0",
        },
        {"PYTHONIOENCODING": "latin-1"},
        {"PYTHONIOENCODING": "utf-16"},
        {"TERM": "dumb"},
        {"TERM": ""},
        {"NO_COLOR": "1"},
        {"PYTHONDONTWRITEBYTECODE": "1"},
    ],
    ids=str,
)
def test_any_encoding_gets_what_it_can_show(runlore: Runlore, env: dict[str, str | None]) -> None:
    """No name, command or output is too much for an ASCII terminal; JSON is UTF-8 always."""
    runlore.ok("run", "-q", "--name", "größe-日本", "echo", "ä😀")

    for line in ("ps", "show", "logs", "history", "events latest", "verify", "--help"):
        assert runlore.ok(*line.split(), env=env).stdout
    assert runlore.ok("show", "--json", env=env).json["name"] == "größe-日本"
    assert "\ufffd" not in runlore.ok("run", "echo", "ä😀", env=env).stdout


def test_columns_line_up_where_characters_become_escapes(runlore: Runlore) -> None:
    """What an ASCII terminal shows of a name is what its column is measured by."""
    runlore.ok("run", "-q", "--name", "größe", "true")
    runlore.ok("run", "-q", "--name", "size", "true")
    lines = runlore.ok("ls", env={"PYTHONIOENCODING": "ascii", "COLUMNS": "120"}).lines

    assert "gr\\xf6\\xdfe" in lines[2]
    assert len({line.index(word) for line, word in zip(lines, ("STATUS", "succ", "succ"), strict=True)}) == 1


def test_an_ellipsis_is_ascii_where_it_must_be(ended: Runlore) -> None:
    """`...` instead of an escape."""
    env = {"PYTHONIOENCODING": "ascii", "COLUMNS": "40"}

    assert "..." in ended.ok("history", "bad", env=env).stdout
    assert "\\u2026" not in ended.ok("history", "bad", env=env).stdout


@pytest.mark.parametrize(
    ("words", "env", "coloured"),
    [
        ([], {}, False),
        (["--color", "always"], {}, True),
        (["--color", "always"], {"NO_COLOR": "1"}, True),
        (["--color", "never"], {"TERM": "xterm"}, False),
    ],
    ids=str,
)
def test_colour_in_a_pipe_only_if_asked_for(
    ended: Runlore, words: list[str], env: dict[str, str | None], coloured: bool
) -> None:
    """A pipe gets none by itself; what was asked for by name wins over NO_COLOR."""
    assert ("\x1b[" in ended.ok("ps", *words, env=env).stdout) is coloured


@pytest.mark.parametrize(
    ("env", "coloured"),
    [({"TERM": "xterm"}, True), ({"TERM": "dumb"}, False), ({"TERM": "xterm", "NO_COLOR": "1"}, False)],
    ids=str,
)
def test_colour_on_a_terminal(ended: Runlore, env: dict[str, str], coloured: bool) -> None:
    """On a terminal statuses are coloured, unless it is dumb or NO_COLOR says no."""
    master, slave = os.openpty()
    with os.fdopen(master, "rb", buffering=0) as terminal:
        subprocess.run(
            [COMMAND, "ps"], stdout=slave, env=ended.environment(**env), timeout=LONG_S, check=True
        )
        shown = os.read(terminal.fileno(), 1 << 16)
        os.close(slave)

    assert (b"\x1b[31m" in shown) is coloured


def test_a_broken_pipe_behind_stderr_is_nobodys_business(ended: Runlore) -> None:
    """Talk that nobody hears is no failure."""
    assert ended.shell('"$RUNLORE" ps 2> >(exit 0) >/dev/null').code == 0
