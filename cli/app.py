"""The group of commands: each is imported only when it is called; `--help` imports none."""

import os
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Final

import click

from runlore.cli import errors, reserved
from runlore.cli.cleaning import cleaner
from runlore.cli.main import COMPLETE, command_place, is_foreground, version
from runlore.cli.options import COLOR, ROOT, Verb, WithHelp, write_options
from runlore.cli.session import Session
from runlore.cli.standard import OutputFailed

if TYPE_CHECKING:
    from click import Context, HelpFormatter
    from click.shell_completion import CompletionItem

    from runlore.runtimes.link import KeeperLink
    from runlore.runtimes.nursery_link import Nursery

SECTIONS: Final[Mapping[str, Mapping[str, str]]] = {
    "Run": {
        "run": "Run a command and keep everything about it.",
        "submit": "Start many runs, one a line of a file or a stream.",
        "stop": "Stop runs, and wait until they are over.",
        "wait": "Wait until runs have ended.",
        "signal": "Send a signal to runs.",
        "pause": "Stop the processes of runs for a while.",
        "unpause": "Let paused runs go on.",
    },
    "Look": {
        "ps": "List runs: the live ones and the last five that ended.",
        "ls": "List all runs.",
        "show": "Show one run.",
        "logs": "Show what a run's command wrote.",
        "history": "Show what happened to a run, for people.",
        "events": "Show the events of runs, and follow them.",
        "import": "Bring in runs that other tools executed.",
        "artifacts": "List, fetch and check the outputs of a run.",
    },
    "Subscribe": {
        "subscriptions": "Make, list, move and remove named subscriptions.",
        "subscribe": "Consume a named subscription: events until they are acked.",
    },
    "Inside a run": {
        "emit": "Say how the run is getting on.",
        "hold": "Be a run for a program in any language.",
    },
    "Label": {
        "tag": "Set or remove tags of a run.",
        "note": "Leave a note on a run.",
        "rename": "Give a run another name.",
        "pin": "Keep runs until they are unpinned.",
        "unpin": "Take the pins of runs away.",
        "promote": "Make outputs of runs evidence, which nothing removes.",
        "accept": "Accept the outcome of runs, which keeps them.",
    },
    "Make room": {
        "df": "Tell what takes the disk.",
        "prune": "Remove what the rules remove, or show what they would.",
        "rm": "Remove the outputs of runs.",
        "restore": "Bring removed runs back from the trash.",
        "trash": "List removed runs, and empty the trash.",
        "retention": "Tell what keeps a run, or which rule takes it.",
    },
    "Trust": {
        "verify": "Check journals against their own chain.",
        "heads": "Print what names each history, to be kept elsewhere.",
        "repair": "Cut what is damaged out of a journal, into quarantine.",
        "scan": "Look for likely secrets in what runs recorded.",
        "redact": "Take a secret out of what a run recorded.",
        "doctor": "Look for everything that is wrong, and say what to type.",
        "index": "Look after the index that listings use.",
        "sql": "Ask about runs in SQL.",
        "reconcile": "Write down how runs ended whose keeper is gone.",
        "pack": "Move the journals of old runs into a few files.",
    },
    "Move": {
        "export": "Write whole runs into one file.",
        "import": "Bring in runs that were exported.",
    },
    "Set up": {
        "init": "Make a registry for this folder.",
        "info": "Show which registry is used, and what it is on.",
        "config": "Check the settings.",
        "schema": "Print the JSON Schema of an answer.",
        "completion": "Print the completion script of a shell.",
    },
}
FILES: Final = {"import": "import_runs"}
"""Commands that are words of Python, so that file and function are called otherwise."""
HELP_WIDTH: Final = 100
COMMANDS: Final[Mapping[str, str]] = {
    name: short for section in SECTIONS.values() for name, short in section.items()
}


class App(WithHelp, click.Group):
    """All commands, by name."""

    def list_commands(self, ctx: "Context") -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names of the commands there are."""
        return list(COMMANDS)

    def get_command(self, ctx: "Context", cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's
        """Return a command, imported now; None if there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        module = FILES.get(cmd_name, cmd_name)
        command: object = getattr(import_module(f"runlore.cli.commands.{module}"), module)
        assert isinstance(command, Verb)  # noqa: S101 - what every command file defines; tested
        return command

    def resolve_command(
        self, ctx: "Context", args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that the first word names, and the rest of the words."""
        name = args[0]
        if name not in COMMANDS and not ctx.resilient_parsing:
            raise click.UsageError(_unknown(name), ctx)
        return super().resolve_command(ctx, args)

    def format_options(self, ctx: "Context", formatter: "HelpFormatter") -> None:
        """Write the options, then the commands."""
        records = [parameter.get_help_record(ctx) for parameter in self.get_params(ctx)]
        write_options(formatter, "Options", [record for record in records if record is not None])
        self.format_commands(ctx, formatter)

    def format_commands(self, ctx: "Context", formatter: "HelpFormatter") -> None:  # noqa: ARG002 - click's
        """Write the commands by what they are for."""
        for title, commands in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl(list(commands.items()), col_max=14)

    def shell_complete(self, ctx: "Context", incomplete: str) -> list["CompletionItem"]:
        """Return the commands that begin so; no command is imported for it."""
        from click.shell_completion import CompletionItem  # noqa: PLC0415 - only for completion

        found = [
            CompletionItem(name, help=short)
            for name, short in COMMANDS.items()
            if name.startswith(incomplete)
        ]
        return found + click.Command.shell_complete(self, ctx, incomplete)


@click.group(
    "runlore",
    cls=App,
    no_args_is_help=False,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@ROOT
@COLOR
@click.option("--version", "wants_version", is_flag=True, help="Print the version.")
@click.pass_context
def app(ctx: "Context", *, wants_version: bool) -> None:
    """Run commands and keep everything about them: one run, one journal, the truth for ever.

    `runlore COMMAND --help` tells more about a command, with examples.
    """
    output = ctx.find_object(Session).output  # type: ignore[union-attr]  # run_app gave it
    if wants_version:
        output.line(version())
        ctx.exit(0)
    if ctx.invoked_subcommand is None:
        output.line(ctx.get_help())


def run_app(words: Sequence[str], ahead: "KeeperLink | Nursery | None") -> int:
    """Return the exit code of the command in `words`; every error has been told by then.

    ahead: what was started for it before it was looked at more closely.
    """
    session = Session(words, os.environ, ahead)
    session.foreground = is_foreground(words)
    try:
        if instruction := os.environ.get(COMPLETE):
            return _complete(session, instruction)
        width = min(session.output.width or HELP_WIDTH, HELP_WIDTH)
        with app.make_context("runlore", _spelled(words), obj=session, terminal_width=width) as context:
            app.invoke(context)
        session.output.flush()
    except BaseException as error:  # noqa: BLE001 - the one place where errors end
        clean = cleaner(words, lambda: session.found.path)
        return errors.end(_after_output(session, error), foreground=session.foreground, clean=clean)
    finally:
        session.close()
    return 0


def _spelled(words: Sequence[str]) -> list[str]:
    """Return the words, with `help COMMAND` spelled as everything else spells it."""
    place = command_place(words)
    if place is None or words[place] != "help":
        return list(words)
    return [*words[:place], *words[place + 1 : place + 2], "--help"]


def _after_output(session: Session, error: BaseException) -> BaseException:
    """Return what went wrong, once the output that came before it is out; or that it could not get out."""
    try:
        session.output.flush()
    except OutputFailed as failure:
        return failure
    return error


def _complete(session: Session, instruction: str) -> int:
    """Return 0 once the shell that asks was told what could come next."""
    from click.shell_completion import shell_complete  # noqa: PLC0415 - only for completion

    return shell_complete(app, {"obj": session}, "runlore", COMPLETE, instruction)


def _unknown(name: str) -> str:
    """Return why there is no such command."""
    if name in reserved.COMMANDS:
        return reserved.absent(name)
    from difflib import get_close_matches  # noqa: PLC0415 - only for a typing error

    near = get_close_matches(name, COMMANDS, 1, 0.7)
    return f"no command {name!a}" + (f"; did you mean `{near[0]}`?" if near else "")
