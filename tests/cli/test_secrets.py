"""Secrets on the command line: names only, values from elsewhere, and nothing of them in what is said."""

import pytest

from tests.cli.command import Runlore

SECRET = "hunter2-and-then-some"
MINE = {"MINE": SECRET}


def test_a_secret_is_named_and_its_value_is_not_typed(runlore: Runlore) -> None:
    """`ps` shows command lines to everybody, so a value is refused, and not repeated."""
    done = runlore("run", "--secret", f"MINE={SECRET}", "true", code=125)

    assert "export 'MINE' first" in done.stderr
    assert SECRET not in done.stderr
    assert not (runlore.root / "journals").exists()


def test_names_are_on_record_and_shown(runlore: Runlore) -> None:
    """`show` says which are masked and which are not; running it again asks for the same names."""
    pem = runlore.home / "cert.pem"
    pem.write_text("-----one-----\n-----two-----\n")
    words = ["--secret", "MINE", "--secret", "PIN", "--secret-file", "CERT=cert.pem"]

    done = runlore.ok("run", *words, "sh", "-c", 'echo "$MINE"', env={**MINE, "PIN": "1234"})

    assert done.stdout == "[REDACTED]\n"
    assert "warning: the value of PIN is not masked: it is shorter than 6 bytes" in done.stderr
    shown = runlore.ok("show").stdout
    assert "masked CERT, MINE; not masked PIN (it is shorter than 6 bytes)" in shown
    view = runlore.ok("show", "--json").json
    assert view["secrets"] == {
        "masked": ["CERT", "MINE"],
        "unmasked": {"PIN": "it is shorter than 6 bytes"},
        "output_kept": True,
    }
    assert f"--secret MINE --secret PIN --secret-file CERT={pem}" in view["rerun"]


def test_an_inherited_name_is_not_warned_about(runlore: Runlore) -> None:
    """Only what was asked for is; `show` has the rest."""
    done = runlore.ok("run", "true", env={"SOME_PASSWORD": "1234"})

    assert "warning" not in done.stderr
    assert "not masked SOME_PASSWORD" in runlore.ok("show").stdout


def test_a_missing_secret_is_125_and_on_record(runlore: Runlore) -> None:
    """The command never ran, and the run says why."""
    done = runlore("run", "--secret", "NOT_SET", "touch", "ran", code=125)

    assert "secret NOT_SET is not set" in done.stderr
    assert not (runlore.home / "ran").exists()
    assert runlore.ok("show", "--fields", "status,reason.code").stdout == "failed\tspawn_failed\n"
    assert "NOT_SET is not set" in runlore("run", "-d", "--secret", "NOT_SET", "true", code=125).stderr


@pytest.mark.parametrize("words", [["--env", f"API_TOKEN={SECRET}"], ["--env-file", "typed.env"]])
def test_a_typed_name_that_looks_secret_is_refused(runlore: Runlore, words: list[str]) -> None:
    """What is typed goes on record; the message says what to do instead, and no value."""
    (runlore.home / "typed.env").write_text(f"API_TOKEN={SECRET}\n")

    done = runlore("run", *words, "true", code=125)

    assert "use --secret API_TOKEN" in done.stderr
    assert SECRET not in done.stderr


def test_an_env_file_takes_the_callers_value_for_a_name_alone(runlore: Runlore) -> None:
    """As docker reads it: comments, blank lines, names alone, and nothing expanded."""
    (runlore.home / "v.env").write_bytes(b"\xef\xbb\xbfA=1\r\n# no\n\n  B='$A'\nC\nNOT_SET\nD=\n")
    script = 'echo "$A|$B|$C|${NOT_SET-unset}|${D-unset}"'

    done = runlore.ok("run", "--env-file", "v.env", "sh", "-c", script, env={"C": "mine"})

    assert done.stdout == "1|'$A'|mine|unset|\n"


@pytest.mark.parametrize("line", ["=x", "A B=x", "A =x", "A=x\0y"])
def test_a_line_that_is_none_is_told_with_its_place_and_no_value(runlore: Runlore, line: str) -> None:
    """`FILE:LINE: what is wrong`."""
    (runlore.home / "v.env").write_text(f"OK=1\n{line}\n")

    assert "v.env:2: " in runlore("run", "--env-file", "v.env", "true", code=125).stderr


def test_a_dry_run_shows_names_and_what_is_missing(runlore: Runlore) -> None:
    """Nothing is created, and no value is shown."""
    words = ["--secret", "MINE", "--secret", "GONE", "--dry-run", "echo", SECRET]

    done = runlore.ok("run", *words, env=MINE)

    assert "secrets   MINE GONE" in done.stdout
    assert "secret GONE is not set" in done.stdout
    assert "echo '[REDACTED]'" in done.stdout
    assert SECRET not in done.stdout


@pytest.mark.parametrize(
    "words",
    [
        ["show", SECRET],
        ["ps", "--filter-me", SECRET],
        ["wait", f"x{SECRET}"],
        ["run", "--secret", "MINE", "--timeout", SECRET, "true"],
        ["run", "--secret", "MINE", "--key", f"k-{SECRET}", "true"],
        ["run", "--secret=MINE", f"/no/such/{SECRET}"],
        ["run", "--secret", "MINE", "--cwd", f"/no/such/{SECRET}", "true"],
        ["run", f"--{SECRET}", "true"],
        ["emit", "progress", SECRET],
        ["emit", "preview", SECRET],
        [SECRET],
    ],
    ids=lambda words: " ".join(words).replace(SECRET, "…"),
)
def test_an_error_never_quotes_a_secret(runlore: Runlore, words: list[str]) -> None:
    """Whole, cut or escaped: of what was typed nothing secret comes back."""
    runlore.ok("run", "-q", "true")
    env = {**MINE, "MY_SECRET": SECRET, "RUNLORE_DEBUG": None}
    done = runlore(*words, env=env)

    assert done.code != 0
    assert SECRET[:6] not in done.stderr
    assert SECRET[:6] not in done.stdout
    assert "error: " in done.stderr


def test_labels_lose_the_secrets_of_whoever_sets_them(runlore: Runlore) -> None:
    """A tag's value, a note, a name, a reason: the caller's own secrets stay out of the journal."""
    runlore.ok("run", "-q", "--name", "good", "true")
    env = {"MY_SECRET": SECRET}
    runlore.ok("tag", "good", f"a=x{SECRET}", env=env)
    runlore.ok("note", "good", f"it was {SECRET}", env=env)
    runlore.ok("rename", "latest", f"n-{SECRET}", env=env)
    assert "holds what is" in runlore("tag", "latest", f"{SECRET}=x", env=env, code=2).stderr

    kept = b"".join(path.read_bytes() for path in runlore.root.rglob("*") if path.is_file())
    assert SECRET.encode() not in kept
    assert kept.count(b"[REDACTED]") >= 3


def test_what_is_said_later_of_a_run_loses_its_secrets_as_well(runlore: Runlore) -> None:
    """A name that only `--secret` made one counts for notes, tags and reasons about that run, too."""
    runlore.ok("run", "-d", "--name", "it", "--secret", "MINE", "sleep", "60", env=MINE)

    runlore.ok("note", "it", f"used {SECRET}", env=MINE)
    runlore.ok("tag", "it", f"with={SECRET}", env=MINE)
    runlore.ok("stop", "it", "--force", "--reason", f"for {SECRET}", env=MINE)

    told = runlore.ok("events", "it", "--json").stdout
    assert SECRET not in told
    assert told.count("[REDACTED]") >= 3
