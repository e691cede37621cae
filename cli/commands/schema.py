"""`runlore schema`: print the JSON Schema of an answer."""

import click
from click import Context, Parameter
from click.shell_completion import CompletionItem
from msgspec import json

from runlore.cli.options import verb
from runlore.cli.session import Session
from runlore.projections.about_views import NamesView
from runlore.projections.schema import NAMES, json_schema


def _complete(_ctx: Context, _parameter: Parameter, incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(name) for name in NAMES if name.startswith(incomplete)]


@verb("schema", "runlore schema", "runlore schema run", "runlore schema runlore.ps/1")
@click.argument("name", required=False, shell_complete=_complete)
def schema(session: Session, *, name: str | None) -> None:
    """Print the JSON Schema of the answer called NAME; without a NAME, the names there are.

    NAME is what stands in an answer's `schema`. Fields only ever get added, so allow for more.
    """
    if name is None:
        session.output.answer(NamesView(items=list(NAMES)), lambda: NAMES, NAMES)
        return
    found = json_schema(name)
    whole = json.format(json.encode(found), indent=2).decode()
    session.output.answer(found, lambda: whole.split("\n"), [name])
