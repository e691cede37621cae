"""`runlore completion`: print the completion script of a shell."""

from typing import Final, Literal, cast

import click
from click.shell_completion import ShellComplete, get_completion_class

from runlore.cli.app import app
from runlore.cli.main import COMPLETE
from runlore.cli.options import verb
from runlore.cli.session import Session
from runlore.projections.about_views import CompletionView

SHELLS: Final = ("bash", "zsh", "fish")


@verb(
    "completion",
    "source <(runlore completion bash)      # in ~/.bashrc",
    "runlore completion zsh > ~/.zfunc/_runlore",
    "runlore completion fish > ~/.config/fish/completions/runlore.fish",
)
@click.argument("shell", type=click.Choice(SHELLS))
def completion(session: Session, *, shell: str) -> None:
    """Print the script that makes a shell complete commands, options, and the ids of runs."""
    kind = get_completion_class(shell)
    assert kind is not None  # noqa: S101 - click knows these three; tested
    # Not kind.source(): for bash that starts a bash to ask for its version.
    script = ShellComplete.source(kind(app, {}, "runlore", COMPLETE))
    view = CompletionView(shell=cast("Literal['bash', 'zsh', 'fish']", shell), script=script)
    session.output.answer(view, lambda: [script.rstrip("\n")])
