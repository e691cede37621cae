"""Start a run from any process: under a keeper of its own, and not done before its command runs.

The keeper that was asked knows first; if it dies, its successor tells the journal only.
"""

import time
from typing import TYPE_CHECKING, Final

from runlore.journal.errors import DidNotStart
from runlore.journal.values import RunId
from runlore.runtimes.folding import RunFold
from runlore.runtimes.launch import exec_keeper
from runlore.runtimes.link import KeeperLink
from runlore.runtimes.messages import Accepted, Ended, NotReady, NotStarted, Started
from runlore.runtimes.rescue import rescue
from runlore.runtimes.submission import Submission, spec_of

if TYPE_CHECKING:
    from runlore.runtimes.registry import Registry

_LOOK_S: Final = 0.05
_NOT_READY: Final = 1


def submit(registry: "Registry", wanted: Submission) -> Accepted:
    """Return the run that exists by now, its command started; or the run that the key names already.

    Raises:
        DidNotStart: the command could not be started; the run is on record with the reason.
        RunloreError: no run was made.
    """
    registry.require_writable()
    spec = spec_of(wanted, registry.root, registry.by, registry.durability)
    with exec_keeper(stdin=spec.stdin) as link:
        accepted = link.submit(spec)
        if accepted.existing:
            return accepted
        news = wait_started(link, registry, accepted.run_id)
    if (failure := why_not(accepted.run_id, news)) is not None:
        raise failure
    return accepted


def wait_started(link: KeeperLink, registry: "Registry", run_id: RunId) -> Started | NotStarted | NotReady:
    """Return whether the command runs, and is ready if that is awaited, or why not."""
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


def why_not(run_id: RunId, news: Started | NotStarted | NotReady) -> DidNotStart | None:
    """Return why the command of a run that exists does not run, or was over before it was ready."""
    match news:
        case NotStarted():
            return DidNotStart(run_id, news.code, news.text, news.exit_code)
        case NotReady():
            return DidNotStart(run_id, news.code, news.text, _NOT_READY)
        case Started():
            return None
