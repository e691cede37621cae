"""Learn whether a submitted command runs: from its keeper, or from the journal if that keeper dies."""

import time
from typing import TYPE_CHECKING, Final

from runlore.journal.values import RunId
from runlore.runtimes.folding import RunFold
from runlore.runtimes.link import KeeperLink
from runlore.runtimes.messages import Ended, NotReady, NotStarted, Started
from runlore.runtimes.rescue import rescue

if TYPE_CHECKING:
    from runlore.runtimes.registry import Registry

_LOOK_S: Final = 0.05


def wait_started(link: KeeperLink, registry: "Registry", run_id: RunId) -> Started | NotStarted | NotReady:
    """Return whether the command runs, and is ready if that is awaited, or why not.

    The keeper that was asked knows first; if it dies, its successor tells the journal only.
    """
    news = link.wait_started()
    if news is not None and not (isinstance(news, NotStarted) and news.code == "owner_lost"):
        return news
    assert isinstance(news, NotStarted)  # noqa: S101 - without a time limit there is an answer
    folded, rescued = RunFold(registry.disk, registry.layout, run_id), False
    while True:
        found = registry.observer.look(folded).assessment
        state = found.state
        if state.handle is not None:
            return Started(state.handle.pid)
        if state.ended and state.status is not None:
            return NotReady.of(Ended(state.status, state.exit_code, state.signal, state.reason))
        if found.health == "unsupervised" and not rescued:
            rescued = True
            if rescue(registry.layout, run_id, state) == "failed":
                return news
        time.sleep(_LOOK_S)
