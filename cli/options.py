"""What commands are made of: a command class with examples, and the options that all of them have."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from runlore.cli import reserved
from runlore.cli.session import Session

if TYPE_CHECKING:
    from click import Context, HelpFormatter, Parameter

F = TypeVar("F", bound=Callable[..., Any])


_NARROW: Final = 16
"""The column of option names takes no less; a name that does not fit has a line of its own."""


class CommonOption(click.Option):
    """An option that every command has: it goes to the session, not to the command."""


class WithHelp(click.Command):
    """Prints its help as every answer is printed, so that a full disk or a closed pipe is told as there."""

    def get_help_option(self, ctx: "Context") -> click.Option | None:
        """Return --help."""
        option = super().get_help_option(ctx)
        if option is not None:
            option.callback = _print_help
            option.help = "Print this help."
        return option

    def parse_args(self, ctx: "Context", args: list[str]) -> list[str]:
        """Return what is left of the words after the options.

        Raises:
            UsageError: an option is unknown, or of a later version.
        """
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            error.ctx = error.ctx or ctx
            if isinstance(error, click.NoSuchOption) and reserved.is_reserved(
                ctx.info_name, error.option_name
            ):
                raise click.UsageError(reserved.absent(error.option_name), ctx) from None
            raise


def write_options(formatter: "HelpFormatter", title: str, records: Sequence[tuple[str, str]]) -> None:
    """Write a list of options, if there are any, in columns that leave room for what is said about them."""
    if records:
        with formatter.section(title):
            formatter.write_dl(list(records), col_max=max(_NARROW, formatter.width // 3))


class Verb(WithHelp):
    """A command whose help ends with examples and keeps its own options apart from the common ones."""

    examples: tuple[str, ...] = ()

    def format_options(self, ctx: "Context", formatter: "HelpFormatter") -> None:
        """Write the command's own options, then the common ones."""
        own: list[tuple[str, str]] = []
        common: list[tuple[str, str]] = []
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None and isinstance(parameter, click.Option):
                (common if isinstance(parameter, CommonOption) else own).append(record)
        for title, records in (("Options", own), ("Common options", common)):
            write_options(formatter, title, records)

    def format_epilog(self, ctx: "Context", formatter: "HelpFormatter") -> None:
        """Write the examples."""
        super().format_epilog(ctx, formatter)
        if self.examples:
            with formatter.section("Examples"):
                for example in self.examples:
                    formatter.write(f"{'':>{formatter.current_indent}}$ {example}\n")


def _print_help(ctx: "Context", _parameter: "Parameter", wanted: bool) -> None:
    session = ctx.find_object(Session)
    if not wanted or ctx.resilient_parsing or session is None:
        return
    session.output.line(ctx.get_help())
    session.output.flush()
    ctx.exit(0)


def _to_session(ctx: "Context", parameter: "Parameter", value: Any) -> None:  # noqa: ANN401 - click's
    session = ctx.find_object(Session)
    if session is None or value is None or ctx.get_parameter_source(parameter.name or "").name == "DEFAULT":  # type: ignore[union-attr]
        return
    match parameter.name:
        case "root":
            session.root = value
        case "utc":
            session.utc = value
        case "fields":
            from runlore.projections.fields import parse_fields  # noqa: PLC0415 - only for scripts

            session.output.fields = parse_fields(value)
        case name:
            setattr(session.output, str(name), value)


def _common(*declarations: str, **settings: Any) -> Callable[[F], F]:  # noqa: ANN401 - click's
    return click.option(*declarations, cls=CommonOption, expose_value=False, callback=_to_session, **settings)


ROOT: Final = _common(
    "--root",
    metavar="DIR",
    type=click.Path(),
    help="The registry. Default: $RUNLORE_ROOT, else the nearest .runlore/, else your own.",
)
COLOR: Final = _common(
    "--color",
    type=click.Choice(["auto", "always", "never"]),
    help="Colours; auto also obeys NO_COLOR.",
)
COMMON: Final[tuple[Callable[[Any], Any], ...]] = (
    ROOT,
    _common("--json", is_flag=True, help="Answer in JSON; `runlore schema` lists the shapes."),
    _common("--fields", metavar="A,B", help="Only these fields, in JSON or as tab-separated text."),
    _common("-q", "--quiet", is_flag=True, help="Ids only, and no talk on stderr."),
    _common("--utc", is_flag=True, help="Absolute times in UTC, instead of `3m ago`."),
    _common("--no-trunc", is_flag=True, help="Cut nothing to fit the terminal."),
    COLOR,
)


def verb(
    name: str, *examples: str, settings: Mapping[str, object] | None = None
) -> Callable[[Callable[..., None]], Verb]:
    """Return what makes a function the command `name`: it gets the session first, then its options."""

    def decorate(function: Callable[..., None]) -> Verb:
        for option in reversed(COMMON):
            function = option(function)
        made = click.command(name, cls=Verb, context_settings=dict(settings or {}))(click.pass_obj(function))
        made.examples = examples
        made.params.sort(key=lambda parameter: isinstance(parameter, CommonOption))
        return made

    return decorate
