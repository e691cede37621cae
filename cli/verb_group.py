"""A command whose first word says what is to be done, as in `subscriptions create`; each has its help."""

from typing import TYPE_CHECKING, Final

import click

from runlore.cli.options import COMMON, Verb

if TYPE_CHECKING:
    from click import Context, HelpFormatter

_COLUMN: Final = 12


class VerbGroup(Verb, click.Group):
    """Several commands under one name; all of them, and the name alone, have the common options."""

    def format_options(self, ctx: "Context", formatter: "HelpFormatter") -> None:
        """Write what it can do, then the options."""
        with formatter.section("Commands"):
            rows = [(name, each.get_short_help_str(100)) for name, each in self.commands.items()]
            formatter.write_dl(rows, col_max=_COLUMN)
        super().format_options(ctx, formatter)

    def list_commands(self, ctx: "Context") -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names in the order in which they were given."""
        return list(self.commands)


def verb_group(name: str, told: str, *verbs: Verb) -> VerbGroup:
    """Return the command `name`, which does nothing but with the name of one of its own."""

    def nothing() -> None:
        """Do nothing: one of the commands does."""

    for option in reversed(COMMON):
        nothing = option(nothing)
    made = click.command(name, cls=VerbGroup, help=told, no_args_is_help=False)(nothing)
    made.examples = tuple(example for each in verbs for example in each.examples[:1])
    for each in verbs:
        made.add_command(each)
    return made
