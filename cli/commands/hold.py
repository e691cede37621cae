"""`runlore hold`: be a run for a program in any language."""

from runlore.cli.holding import Holder
from runlore.cli.options import verb
from runlore.cli.session import Session
from runlore.journal.disk import REAL
from runlore.journal.machine import actor
from runlore.journal.root import open_for_writing
from runlore.runtimes.registry import Registry


@verb(
    "hold",
    """{ echo '{"type":"begin","name":"backup"}'; ./backup.sh; echo '{"type":"finish"}'; } | runlore hold""",
)
def hold(session: Session) -> None:
    """Be a run for the program on the other end of standard input: it says what happens, in JSON.

    One message a line comes in, one answer a line goes out. The first message begins the run, `finish`
    ends it; docs/reference/hold.md has all of them. Input that ends without `finish` means that the
    program has died: the run has failed, owner_lost. If this process is killed, that is seen at once.

    Exits with 0 if the run succeeded, 1 if not, 2 if none was begun.
    """
    registry = Registry(open_for_writing(REAL, session.found.path), by=actor("runlore hold"))
    Holder(session, registry).hold()
