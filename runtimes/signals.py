"""The only place that signals a process: through a pidfd that was compared just before, or not at all."""

import os
from signal import pidfd_send_signal

from msgspec import Struct

from runlore.journal.values import Identity
from runlore.runtimes.identity import Doubtful, Gone, open_same


class Sent(Struct, frozen=True, gc=False):
    """The kernel took the signal; what the process does with it is its own affair."""


class Refused(Struct, frozen=True, gc=False):
    """Nothing was sent: it may be a stranger, or it is not ours to signal."""

    why: str


def send(target: Identity, number: int) -> Sent | Gone | Refused:
    """Send signal `number` to the very process that `target` names; never to one that reused its pid."""
    found = open_same(target)
    if isinstance(found, Gone):
        return found
    if isinstance(found, Doubtful):
        return Refused(f"process {target.pid} was not signalled: {found.why}")
    try:
        pidfd_send_signal(found.fd, number)
    except ProcessLookupError:
        return Gone()
    except OSError as error:
        return Refused(f"process {target.pid} was not signalled: {error.strerror}")
    finally:
        os.close(found.fd)
    return Sent()
