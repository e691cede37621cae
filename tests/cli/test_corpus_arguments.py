"""Corpus C128-C130, C138: options and arguments of every odd kind."""

import pytest

from tests.cli.command import Runlore


@pytest.mark.parametrize(
    "words",
    [
        ["--bogus"],
        ["ps", "--bogus"],
        ["ps", "--limit"],
        ["ps", "--limit", "x"],
        ["ps", "--name", "a", "--bogus=1"],
        ["show", "a", "b"],
        ["schema", "a", "b"],
        ["completion"],
        ["completion", "tcsh"],
        ["tag"],
        ["tag", "x"],
        ["note"],
        ["rename", "x"],
        ["repair"],
        ["stop"],
        ["events", "--type"],
        ["verify", "--all", "x"],
        ["init", "a", "b"],
        ["info", "x"],
        ["ps", "--color", "purple"],
        ["ps", "--json=yes"],
        ["-x"],
        ["psx"],
        ["PS"],
        [""],
        [" "],
        ["--root"],
        ["--", "--help"],
    ],
    ids=" ".join,
)
def test_a_usage_error_is_one_line_and_2(ended: Runlore, words: list[str]) -> None:
    """What is wrong, and where help is."""
    done = ended(*words, code=2)

    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert "--help`" in done.stderr


def test_a_typing_error_is_met_with_a_proposal(ended: Runlore) -> None:
    """`did you mean`, but only what is near."""
    assert "did you mean `logs`?" in ended("log").stderr
    assert "did you mean" not in ended("xyzzy").stderr
    assert "--status" in ended("ps", "--statsu", "x").stderr


def test_an_option_given_twice_is_the_last_one(ended: Runlore) -> None:
    """As everywhere; options that may be repeated collect."""
    assert len(ended.ok("ls", "-q", "--limit", "5", "--limit", "1").lines) == 1
    assert ended.ok("show", "bad", "--fields", "status", "--fields", "name").stdout == "bad\n"


def test_help_is_a_line_per_option_with_examples(ended: Runlore) -> None:
    """-h and --help, for the group and every command; examples begin with the command."""
    for line in ended.ok("--help").lines:
        assert len(line) <= 100
    assert ended.ok("-h").stdout == ended.ok("--help").stdout == ended.ok().stdout
    assert ended.ok("help").stdout == ended.ok("--help").stdout
    assert ended.ok("help", "ps").stdout == ended.ok("ps", "--help").stdout
    assert ended.ok("--color", "never", "--root=/no/such", "help", "ps").stdout == ended.ok("ps", "-h").stdout
    for name in ("run", "ps", "logs", "stop", "init"):
        told = ended.ok(name, "--help").stdout
        assert told.startswith(f"Usage: runlore {name} ")
        assert "Common options:" in told
        assert f"\n  $ runlore {name}" in told


def test_help_of_run_ends_at_the_command(runlore: Runlore) -> None:
    """`run ls --help` is for ls."""
    assert runlore.ok("run", "-q", "ls", "--help").stdout.startswith("Usage: ls")
    assert runlore.ok("run", "--help").stdout.startswith("Usage: runlore run ")


def test_odd_bytes_reach_the_command_unchanged(runlore: Runlore) -> None:
    """Whatever the kernel accepts as an argument, the command gets; the record has it readable."""
    odd = bytes(range(1, 256))

    done = runlore.ok("run", "-q", "printf", "%s", odd)
    assert done.stdout.encode("utf-8", "surrogateescape") == odd
    assert runlore.ok("show").stdout.replace("\n", "").isprintable()
    again = runlore.ok("show", "--fields", "rerun").stdout.strip()
    assert runlore.shell(again).stdout.encode("utf-8", "surrogateescape") == odd


def test_an_argument_of_the_kernels_greatest_length(runlore: Runlore) -> None:
    """128 KiB in one word, 1.5 MB in all: run, kept, listed."""
    word = "x" * (128 * 1024 - 1)

    assert runlore.ok("run", "-q", "sh", "-c", "echo ${#1}", "-", word).stdout == f"{len(word)}\n"
    assert runlore.ok("run", "-q", "sh", "-c", "echo $#", "-", *[word] * 11).stdout == "11\n"
    assert runlore.ok("ps", env={"COLUMNS": "80"}).stdout.count("\n") == 3
    assert max(map(len, runlore.ok("ps", env={"COLUMNS": "80"}).lines)) <= 80
    runlore.ok("verify")


@pytest.mark.parametrize(
    "text",
    [
        "-1s",
        "1e400s",
        "5 parsecs",
        "",
        " ",
        "s",
        "1h1h",
        "1s1h",
        "NaN",
        "inf",
        "9" * 400,
        "0x10",
        "\u0661s",
        "1_0",
    ],
    ids=lambda text: text[:12],
)
def test_a_duration_that_is_none_is_refused(ended: Runlore, text: str) -> None:
    """2, and how one is written."""
    done = ended("wait", "good", f"--timeout={text}", code=2)

    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(("zero", "code"), [("0", 0), ("0s", 0), ("0.0s", 0)])
def test_zero_is_a_time_to_wait_and_none_to_run(ended: Runlore, zero: str, code: int) -> None:
    """`wait --timeout 0` only looks; a run without any time is a mistake."""
    ended("wait", "good", "--timeout", zero, code=code)
    ended("run", "-d", "--timeout", zero, "true", code=2)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "[]",
        "1",
        "null",
        '"x"',
        '{"a":1,"a":2}',
        '{"a":NaN}',
        '{"a":1e999}',
        '{"a":' * 100 + "1" + "}" * 100,
        '{"a":"' + "x" * 70_000 + '"}',
        '{"a":99999999999999999999}',
        '{"a":"\\ud800"}',
        "{'a':1}",
        "{} {}",
    ],
    ids=lambda text: text[:12],
)
def test_metadata_that_is_none_is_refused(runlore: Runlore, text: str) -> None:
    """A JSON object, bounded; nothing is made otherwise."""
    done = runlore("run", "-d", f"--metadata={text}", "true", code=2)

    assert done.stderr.count("\n") == 1
    assert not (runlore.root / "journals").exists()
