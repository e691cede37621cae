"""`runlore signal`: send a signal to runs."""

from signal import NSIG, Signals

import click

from runlore.cli.arguments import SOME_RUNS
from runlore.cli.intervening import intervene
from runlore.cli.options import verb
from runlore.cli.outcomes import signal_name
from runlore.cli.session import Session
from runlore.journal.errors import BadInput


@verb(
    "signal",
    "runlore signal -s HUP server",
    "runlore signal -s USR1 k3f9x2ab",
    "runlore signal --tree -s INT k3f9x2ab",
)
@SOME_RUNS
@click.option("-s", "--signal", "wanted", metavar="SIG", required=True, help="USR1, SIGUSR1 or 10.")
@click.option("--tree", is_flag=True, help="To everything that the run started, not to its command alone.")
def signal(session: Session, *, run_ids: tuple[str, ...], wanted: str, tree: bool) -> None:
    """Send a signal to the command of runs; what it does with it is its own affair.

    Each process is compared with the one on record right before, so a stranger that got its number is
    never signalled. The signal is noted in the run's journal. To end a run use `runlore stop`.

    Exits with 3 if there is no such run, 5 if it has ended or has no command yet, 4 if its processes
    belong to another machine or container, or cannot be told from strangers.
    """
    number = _number(wanted)
    intervene(session, run_ids, signal_name(number), lambda run: run.signal(number, tree=tree))


def _number(text: str) -> int:
    """Return the signal that a name or number means.

    Raises:
        BadInput: there is none.
    """
    word = text.strip().upper()
    if word.isascii() and word.isdigit() and 0 < int(word[:4]) < NSIG:
        return int(word[:4])
    name = word if word.startswith("SIG") else f"SIG{word}"
    if name in Signals.__members__:
        return Signals[name].value
    raise BadInput(f"no signal {text[:40]!a}; `kill -l` lists them")
