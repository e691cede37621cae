"""What the command imports, and when: start-up time is a feature."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from runlore.cli import app, main, reserved, standard
from runlore.cli.commands.run import run as run_command
from runlore.cli.options import Verb
from tests.cli.command import COMMAND, Runlore

HEAVY = {
    "anyio",
    "asyncio",
    "concurrent.futures",
    "json",
    "multiprocessing",
    "pathlib",
    "shutil",
    "sqlite3",
} | {
    "socket",
    "subprocess",
    "tempfile",
    "traceback",
    "inotify_simple",
}


PYTHON = str(Path(COMMAND).with_name("python"))
SHOWN = re.compile(r"runlore\.projections\.\w+_(views?|records)")
MODULES = (
    "import sys; from runlore.cli.main import main; code = main(); sys.stderr.write(' '.join(sys.modules))"
)


def imported(runlore: Runlore, *words: str) -> set[str]:
    """Return the modules that `runlore WORDS` imports."""
    argv = [PYTHON, "-c", MODULES, *words]
    done = subprocess.run(argv, env=runlore.environment(), capture_output=True, text=True, check=True)
    return set(done.stderr.splitlines()[-1].split())


def test_the_version_costs_no_library(runlore: Runlore) -> None:
    """`--version` loads neither click nor msgspec nor any room but the command line's own."""
    modules = imported(runlore, "--version")

    assert "runlore.cli.main" in modules
    assert not {"click", "msgspec"} & modules
    assert not [name for name in modules if name.startswith(("runlore.journal", "runlore.runtimes"))]


def test_help_imports_no_command(runlore: Runlore) -> None:
    """The list of commands is a table: none of them is loaded to be listed."""
    assert not [name for name in imported(runlore, "--help") if name.startswith("runlore.cli.commands.")]


@pytest.mark.parametrize("words", [["ps"], ["ls", "--json"], ["show", "good"], ["info"]], ids=" ".join)
def test_looking_imports_only_what_looking_needs(ended: Runlore, words: list[str]) -> None:
    """A command that lists or shows loads one command file and nothing that is slow to import."""
    modules = imported(ended, *words)

    assert not HEAVY & modules
    assert [name for name in modules if name.startswith("runlore.cli.commands.")] == [
        f"runlore.cli.commands.{words[0]}"
    ]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("ps", {"list_views", "run_view"}),
        ("ls --json", {"list_views", "run_view"}),
        ("heads", {"integrity_views"}),
        ("init", {"about_views", "subscription_views"}),
    ],
)
def test_a_command_builds_no_answers_but_its_own(ended: Runlore, line: str, expected: set[str]) -> None:
    """The structs of other commands' answers are not made: each would cost a little of every start."""
    shown = {name.rpartition(".")[2] for name in imported(ended, *line.split()) if SHOWN.fullmatch(name)}

    assert shown == expected


def test_telling_about_a_registry_loads_nothing_that_acts_on_one(ended: Runlore) -> None:
    """Whoever only asks is given what answers; the deeds, and the handles for them, stay where they are."""
    modules = imported(ended, "info")

    assert "runlore.runtimes.lookup" in modules
    assert not {"runlore.runtimes.registry", "runlore.runtimes.run"} & modules


def test_garbage_is_collected_once_everything_is_loaded(ended: Runlore) -> None:
    """What is loaded is never searched for garbage, and what a long command makes is."""
    code = (
        "import gc; from runlore.cli.main import main; main(); print(gc.isenabled(), gc.get_freeze_count())"
    )
    argv = [PYTHON, "-c", code, "show", "-q", "good"]
    done = subprocess.run(argv, env=ended.environment(), capture_output=True, text=True, check=True)

    collects, kept = done.stdout.split()[-2:]
    assert collects == "True"
    assert int(kept) > 0


def test_run_forks_its_keeper_before_it_loads_click(runlore: Runlore) -> None:
    """The keeper gets ready while this process reads its options, and shares none of their memory."""
    argv = [PYTHON, "-X", "importtime", COMMAND, "run", "-d", "true"]
    done = subprocess.run(argv, env=runlore.environment(), capture_output=True, text=True, check=True)

    order = [line.rpartition("|")[2].strip() for line in done.stderr.splitlines()]
    assert order.index("runlore.runtimes.launch") < order.index("click")


def test_a_detached_run_loads_nothing_to_follow_it(runlore: Runlore) -> None:
    """The caller of `run -d` has its spec ready as soon as the keeper is: it loads no more than it says."""
    modules = imported(runlore, "run", "-d", "true")

    assert "msgspec" in modules
    assert not {"typing_extensions", "base64", "runlore.cli.foreground"} & modules


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], None),
        (["ps"], "ps"),
        (["--root", "run", "ps"], "ps"),
        (["--root=/x", "run", "ps"], "run"),
        (["--color", "never", "run"], "run"),
        (["--help"], None),
        (["--root"], None),
    ],
)
def test_the_command_is_the_first_word_that_is_no_option(words: list[str], expected: str | None) -> None:
    """A keeper is forked for `run` and for nothing that merely mentions it."""
    assert main.command_word(words) == expected


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["run", "ls"], True),
        (["run", "ls", "-d"], True),
        (["run", "--", "-d"], True),
        (["run", "--name", "-d", "ls"], True),
        (["run", "--name=-d", "ls"], True),
        (["run", "-d", "ls"], False),
        (["run", "-qd", "ls"], False),
        (["run", "--name", "x", "--detach", "ls"], False),
        (["--root", "/x", "run", "-id", "ls"], False),
        (["--root", "run", "run", "-d", "ls"], False),
        (["stop", "-d"], False),
    ],
)
def test_only_a_foreground_run_lends_its_exit_codes(words: list[str], expected: bool) -> None:
    """Before options are parsed it is known whether a usage error is 125 or 2."""
    assert main.is_foreground(words) is expected


def test_every_option_of_run_that_takes_a_value_is_known_to_the_early_look() -> None:
    """The early look at argv and the parser agree about which words are values."""
    with_value = {
        name
        for parameter in run_command.params
        if parameter.param_type_name == "option" and not getattr(parameter, "is_flag", False)
        for name in parameter.opts
    }

    assert with_value == main._RUN_WITH_VALUE


def test_every_command_is_in_its_file_under_its_name() -> None:
    """The table of commands, the files and the functions agree; each has examples of itself."""
    folder = Path(app.__file__).parent / "commands"
    named = {app.FILES.get(name, name) for name in app.COMMANDS}
    assert {path.stem for path in folder.glob("*.py")} == {*named, "__init__"}

    with app.app.make_context("runlore", [], resilient_parsing=True) as context:
        for name in app.COMMANDS:
            command = app.app.get_command(context, name)
            assert isinstance(command, Verb)
            assert command.name == name
            assert command.examples
            assert all("runlore" in example for example in command.examples)


def test_reserved_names_are_not_taken() -> None:
    """What a later version will be called is no command and no option of this one."""
    assert not reserved.COMMANDS & set(app.COMMANDS)
    with app.app.make_context("runlore", [], resilient_parsing=True) as context:
        for name in app.COMMANDS:
            command = app.app.get_command(context, name)
            assert command is not None
            assert not reserved.OPTIONS & {option for each in command.params for option in each.opts}


@pytest.mark.parametrize("name", sorted(reserved.COMMANDS))
def test_a_command_of_a_later_version_says_so(
    name: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """It is not listed, does nothing, and exits with 2."""
    monkeypatch.setattr(sys, "argv", ["runlore", name, "--some", "thing"])
    monkeypatch.setattr(standard, "leave_interrupts_to_the_kernel", lambda: None)  # this process lives on

    assert main.main() == 2
    assert f"`{name}` is not in this version of runlore" in capfd.readouterr().err


def test_reserved_names_are_not_listed(runlore: Runlore) -> None:
    """Help shows what there is."""
    listed = {
        line.split()[0] for line in runlore.ok("--help").lines if line.startswith("  ") and line.split()
    }

    assert set(app.COMMANDS) <= listed
    assert not reserved.COMMANDS & listed


@pytest.mark.parametrize(
    ("words", "code"), [(["run", "--tty", "ls"], 125), (["ps", "--at", "1"], 2)], ids=str
)
def test_an_option_of_a_later_version_says_so(runlore: Runlore, words: list[str], code: int) -> None:
    """A reserved option is refused by name instead of as a typing error."""
    done = runlore(*words, code=code)

    assert "is not in this version of runlore" in done.stderr
    assert not (runlore.root / "journals").exists()


def test_starting_a_run_loads_nothing_that_lists_runs(runlore: Runlore) -> None:
    """Neither SQLite nor the index nor the language of filters is for whoever only begins."""
    modules = imported(runlore, "run", "-d", "true")

    assert "runlore.runtimes.registry" in modules
    assert not {"sqlite3", "_sqlite3", "runlore.runtimes.indexed"} & modules
    assert not [name for name in modules if name.startswith("runlore.projections.index.r")]
