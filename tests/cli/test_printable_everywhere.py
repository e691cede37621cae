"""Every answer for people, whatever stands in the registry: nothing that a terminal could obey."""

import json
import os
import re
import unicodedata
from pathlib import Path
from typing import Final

import pytest

from runlore.cli.app import COMMANDS, run_app
from runlore.projections.run_view import RunView
from tests.cli.attacks import ATTACKS
from tests.cli.hostile import DAMAGED, ENDED, NEWER, OPEN, TORN, filled, make
from tests.journal.samples import SAMPLES

COLOUR: Final = re.compile(r"\x1b\[\d*m")
DRAWN: Final = "\u200c\u200d\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2"
"""Format characters that scripts are written with."""
FIELDS: Final = ",".join(RunView.__struct_fields__)
LISTS: Final = [
    ["ps"],
    ["ls"],
    ["show", ENDED],
    ["show", OPEN],
    ["history", ENDED],
    ["history", OPEN],
    ["events", ENDED, OPEN],
    ["doctor"],
    ["verify"],
    ["reconcile", "--dry-run"],
    ["subscriptions", "ls"],
]
"""One line for each thing there is, whatever the things are called."""
ANSWERS: Final = [
    *LISTS,
    ["--color", "always", "ls", "--no-trunc"],
    ["--color", "always", "show", ENDED],
    ["ls", "--fields", FIELDS],
    ["events", ENDED, "--fields", "seq,event"],
    ["show", DAMAGED],
    ["show", NEWER],
    ["show", TORN],
    ["history", DAMAGED],
    ["events", DAMAGED],
    ["verify", DAMAGED, TORN, NEWER],
    ["heads"],
    ["repair", DAMAGED],
    ["repair", TORN],
    ["info"],
    ["pack", "--dry-run"],
    ["index", "info"],
    ["index", "verify"],
    ["sql", "SELECT * FROM runs"],
    ["sql", "SELECT * FROM events JOIN tags USING (run_id)"],
    ["sql", "SELECT * FROM runs LEFT JOIN tags USING (run_id)", "--format", "csv"],
    ["wait", ENDED],
    ["wait", OPEN, "--timeout", "1ms"],
    ["stop", ENDED],
    ["stop", OPEN, "--dry-run"],
    ["stop", "--filter", "status != failed", "--dry-run"],
    ["tag", "--filter", "age >= 0s", "x", "--dry-run"],
    ["note", "--filter", "age >= 0s", "x", "--dry-run"],
    ["pin", "--filter", "age >= 0s", "--dry-run"],
    ["unpin", ENDED, "--dry-run"],
    ["promote", ENDED, "--dry-run"],
    ["promote", "--filter", "age >= 0s", "--dry-run"],
    ["accept", ENDED, "--dry-run"],
    ["prune"],
    ["rm", ENDED, "--dry-run"],
    ["restore", ENDED],
    ["trash"],
    ["retention", ENDED],
    ["df"],
    ["artifacts", "ls", ENDED],
    ["artifacts", "manifest", ENDED],
    ["artifacts", "verify", ENDED],
    ["artifacts", "cat", ENDED, "x"],
    ["export", ENDED, "-o", "/dev/full"],
    ["export", DAMAGED, "-o", "/no/such/bundle"],
    ["signal", "-s", "TERM", ENDED],
    ["pause", ENDED],
    ["unpause", ENDED],
    ["logs", ENDED],
    ["logs", ENDED, "-t"],
    ["logs", ENDED, OPEN],
    ["logs", ENDED, "-n", "3"],
    ["logs", OPEN, "--stream", "stderr"],
    ["--color", "always", "logs", ENDED, "-t"],
    ["subscriptions", "show", "odd"],
    ["subscriptions", "show", "broken"],
    ["subscribe", "odd"],
    ["subscribe", "broken"],
]
SAID: Final = [
    ["show", "{}"],
    ["logs", "x{}"],
    ["ls", "--name", "{}"],
    ["ls", "--tag", "{}=x"],
    ["ls", "--status", "{}"],
    ["ls", "--since", "{}"],
    ["ls", "--fields", "{}"],
    ["ls", "--limit", "{}"],
    ["ls", "--after-cursor", "{}"],
    ["ls", "--color", "{}"],
    ["ls", "--{}"],
    ["ls", "-{}"],
    ["{}"],
    ["--root", "/no/{}", "ls"],
    ["--root", "/no/{}", "show"],
    ["events", ENDED, "--after-cursor", "{}"],
    ["events", ENDED, "--type", "{}"],
    ["schema", "{}"],
    ["completion", "{}"],
    ["init", "/no/such/{}"],
    ["wait", ENDED, "--timeout", "{}"],
    ["wait", ENDED, "--for", "{}"],
    ["stop", OPEN, "--grace", "{}"],
    ["tag", "--filter", "name = '{}'", "x"],
    ["pin", ENDED, "--reason", "{}"],
    ["unpin", "x{}"],
    ["promote", ENDED, "{}"],
    ["accept", ENDED, "--reason", "{}"],
    ["prune", "--free", "{}"],
    ["prune", "--as-of", "{}"],
    ["rm", "x{}"],
    ["restore", "x{}"],
    ["trash", "{}"],
    ["trash", "empty", "x{}"],
    ["retention", "x{}"],
    ["artifacts", "ls", ENDED, "{}"],
    ["artifacts", "get", ENDED, "{}"],
    ["artifacts", "cat", ENDED, "{}"],
    ["artifacts", "ls", ENDED, "--kind", "{}"],
    ["export", ENDED, "-o", "/no/such/{}"],
    ["import", "/no/such/{}"],
    ["import", "/dev/null", "--max-bytes", "{}"],
    ["submit", "--from", "/no/such/{}"],
    ["import", "/no/such/{}"],
    ["import", "/dev/null", "--tool", "{}"],
    ["signal", "-s", "{}", OPEN],
    ["verify", "--heads", "/no/{}"],
    ["heads", "-o", "/no/{}"],
    ["emit", "progress", "{}"],
    ["emit", "{}"],
    ["hold", "--metadata", "{}"],
    ["hold", "--root", "/no/{}"],
    ["run", "--dry-run", "--name", "{}", "--tag", "k={}", "--key", "{}", "--", "x{}", "{}"],
    ["run", "--dry-run", "--metadata", "{}", "x"],
    ["run", "--dry-run", "--env", "{}", "x"],
    ["run", "--dry-run", "--env-file", "/no/{}", "x"],
    ["run", "--dry-run", "--cwd", "/no/{}", "x"],
    ["run", "--dry-run", "--timeout", "{}", "x"],
    ["run", "--dry-run", "--output-limit", "{}", "x"],
    ["run", "--dry-run", "--{}", "x"],
    ["tag", ENDED, "{}=x"],
    ["tag", ENDED, "k={}"],
    ["note", ENDED, "{}"],
    ["rename", ENDED, "{}"],
    ["config", "{}"],
    ["pack", "--older-than", "{}"],
    ["--root", "/no/{}", "pack", "--dry-run"],
    ["index", "{}"],
    ["ls", "--filter", "{}"],
    ["scan", "{}"],
    ["redact", ENDED, "--value-from", "/no/{}"],
    ["subscribe", "{}"],
    ["subscriptions", "{}"],
    ["subscriptions", "show", "{}"],
    ["subscriptions", "create", "x{}"],
    ["subscriptions", "create", "x", "--after-cursor", "{}"],
    ["subscriptions", "create", "x", "--type", "{}"],
    ["subscriptions", "create", "x", "--status", "{}"],
    ["subscriptions", "create", "x", "--from", "{}"],
    ["subscriptions", "reset", "odd", "--to", "{}"],
]
"""The text is what somebody typed."""
JSON: Final = [
    ["ls", "--json"],
    ["show", "--json", ENDED],
    ["show", "--json", DAMAGED],
    ["history", "--json", ENDED],
    ["events", "--json", ENDED, OPEN],
    ["logs", "--json", ENDED],
    ["doctor", "--json"],
    ["index", "verify", "--json"],
    ["verify", "--json"],
    ["repair", "--json", TORN],
    ["subscriptions", "ls", "--json"],
    ["subscriptions", "show", "--json", "broken"],
    ["run", "--dry-run", "--json", "--", "x{}", "{}"],
]


@pytest.fixture
def answered(capfdbinary: pytest.CaptureFixture[bytes]) -> "Answered":
    """What the command line answers in this process."""
    return Answered(capfdbinary)


class Answered:
    def __init__(self, captured: pytest.CaptureFixture[bytes]) -> None:
        self._captured = captured

    def __call__(self, words: list[str]) -> tuple[str, str]:
        """Return what goes to standard output and to standard error."""
        self._captured.readouterr()
        run_app(words, None)
        out, err = self._captured.readouterr()
        told = err.decode("utf-8", "surrogateescape")
        assert "internal:" not in told, (words, ascii(told))
        assert "Traceback" not in told, (words, ascii(told))
        return out.decode("utf-8", "surrogateescape"), told


@pytest.fixture(params=ATTACKS)
def text(request: pytest.FixtureRequest) -> str:
    return ATTACKS[str(request.param)]


@pytest.fixture
def hostile(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A registry full of that text, which the command line works on."""
    folder = tmp_path / "registry"
    make(folder, text)
    monkeypatch.setenv("RUNLORE_ROOT", str(folder))
    monkeypatch.delenv("RUNLORE_RUN_ID", raising=False)
    monkeypatch.delenv("COLUMNS", raising=False)
    return folder


def obeyed(shown: str, *, separators: str = "") -> set[str]:
    """Return what of a text could act on a terminal, or cannot be seen there."""
    return {
        letter
        for letter in shown
        if letter not in "\n" + separators + DRAWN
        and (
            unicodedata.category(letter) in {"Cc", "Cf", "Cs", "Zl", "Zp"} or 0xE0000 <= ord(letter) < 0xE1000
        )
    }


def with_text(line: list[str], text: str) -> list[str]:
    """Return the words with the text in its place, as far as a word can hold it."""
    return [word.replace("{}", text.replace("\0", "")) for word in line]


@pytest.mark.usefixtures("hostile")
@pytest.mark.parametrize("columns", [None, "40"])
def test_what_stands_in_a_registry(
    answered: Answered, columns: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In no answer about runs, whole or cut to a narrow terminal, is there anything to obey but colours."""
    if columns:
        monkeypatch.setenv("COLUMNS", columns)
    for words in ANSWERS:
        out, err = answered(words)
        colours = COLOUR if "--color" in words else re.compile("(?!)")
        separators = "\t" if "--fields" in words else ""

        assert not obeyed(colours.sub("", out), separators=separators), (words, ascii(out))
        assert not obeyed(err), (words, ascii(err))


@pytest.mark.usefixtures("hostile")
def test_rows_are_as_many_as_things(
    answered: Answered, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No text makes a row, a column or a line of its own: there are as many as with a harmless one."""
    found = [answered(words)[0].count("\n") for words in LISTS]
    columns = {row.count("\t") for row in answered(["ls", "--fields", FIELDS])[0].splitlines()}
    make(tmp_path / "harmless", "harmless")
    monkeypatch.setenv("RUNLORE_ROOT", str(tmp_path / "harmless"))

    assert found == [answered(words)[0].count("\n") for words in LISTS]
    assert columns == {FIELDS.count(",")}


@pytest.mark.usefixtures("hostile")
def test_what_somebody_typed(text: str, answered: Answered) -> None:
    """An answer or a complaint quotes it, and obeys nothing of it."""
    for line in SAID:
        out, err = answered(with_text(line, text))

        assert not obeyed(out), (line, ascii(out))
        assert not obeyed(err), (line, ascii(err))


@pytest.mark.usefixtures("hostile")
def test_json_has_escapes(text: str, answered: Answered) -> None:
    """Answers for programs are JSON, and may be shown on a terminal all the same."""
    for line in JSON:
        out, err = answered(with_text(line, text))

        assert not obeyed(out + err), (line, ascii(out))
        assert [json.loads(row) for row in out.splitlines()], line
        assert out.count("\n") == len(out.splitlines())


@pytest.mark.usefixtures("hostile")
def test_what_a_shell_proposes(answered: Answered, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proposal that says what it stands for says it printably."""
    monkeypatch.setenv("COMP_WORDS", "runlore show ")
    for shell, place in (("bash", "2"), ("zsh", "2"), ("fish", "")):
        monkeypatch.setenv("_RUNLORE_COMPLETE", f"{shell}_complete")
        monkeypatch.setenv("COMP_CWORD", place)
        out, err = answered([])

        assert ENDED.rpartition("-")[2] in out
        assert not obeyed(out + err, separators="\t" if shell == "fish" else ""), (shell, ascii(out))


def test_a_folder_of_that_name(
    text: str, tmp_path: Path, answered: Answered, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A registry may lie anywhere; where it lies is told, not obeyed."""
    name = text.replace("/", "|").replace("\0", "|").encode("utf-8", "surrogateescape")[:200]
    folder = tmp_path / name.decode("utf-8", "ignore")
    make(folder, "harmless")
    monkeypatch.setenv("RUNLORE_ROOT", str(folder))
    monkeypatch.chdir(folder)
    os.chmod(folder, 0o755)
    for words in (["info"], ["doctor"], ["ls", "--name", "none"], ["show", ENDED], ["init"], ["verify", "x"]):
        out, err = answered(words)

        assert not obeyed(out + err), (words, ascii(out + err))


@pytest.mark.usefixtures("hostile")
def test_settings_that_are_none(hostile: Path, text: str, answered: Answered) -> None:
    """What is wrong with the settings is told, not obeyed."""
    named = json.dumps(text.replace("\x7f", ""))  # what TOML and JSON both write so
    for content in (text, f"{named} = 1\n", f"[redaction]\n{named} = [{named}]\nallow = {named}\n"):
        (hostile / "config.toml").write_bytes(content.encode("utf-8", "surrogateescape"))
        for words in (
            ["config", "check"],
            ["config", "check", "--json"],
            ["run", "--dry-run", "x"],
            ["doctor"],
        ):
            out, err = answered(words)

            assert not obeyed(out + err), (words, ascii(out + err))


def test_every_command_is_tried() -> None:
    """A new command is listed here, or nobody knows what it lets through."""
    words = {word for line in (*ANSWERS, *SAID, *JSON) for word in line}

    assert set(COMMANDS) - words == set()


def test_every_text_of_every_event_is_hostile() -> None:
    """The registry of these tests has the text in whatever can be any text, the names of things included."""
    places = {kind.__name__: repr(filled(kind, "EVIL")).count("EVIL") for kind in SAMPLES}

    assert min(places.values()) == 3  # who it was: user, host, program
    assert places["RunQueued"] >= 20
    assert places["RunProgressed"] == 3 + 3
