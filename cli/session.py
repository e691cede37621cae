"""What every command is given: where the registry is, which runs are meant, how to answer."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING

from runlore.cli.output import Output
from runlore.journal.errors import BadInput
from runlore.runtimes.surroundings import current_folder

if TYPE_CHECKING:
    from runlore.journal.layout import Layout
    from runlore.journal.root import FoundRoot
    from runlore.journal.values import RunId
    from runlore.runtimes.link import KeeperLink
    from runlore.runtimes.nursery_link import Nursery
    from runlore.runtimes.registry import Registry


class Session:
    """One invocation of the command line."""

    def __init__(
        self,
        words: Sequence[str],
        environ: Mapping[str, str],
        ahead: "KeeperLink | Nursery | None" = None,
    ) -> None:
        self._words = words
        self.environ = environ
        self.root: str | None = None
        self.utc = False
        self.output = Output(environ)
        self.now = datetime.now(UTC)
        self.foreground = False
        """The exit codes below 125 belong to the command that `run` runs."""
        self._ahead = ahead

    def next_page(self, cursor: str) -> list[str]:
        """Return the words of this command, for the page that begins after `cursor`."""
        kept: list[str] = []
        rest = iter(self._words)
        for word in rest:
            if word == "--after-cursor":
                next(rest, None)
            elif not word.startswith("--after-cursor="):
                kept.append(word)
        return [*kept, "--after-cursor", cursor]

    # -- the registry

    @cached_property
    def found(self) -> "FoundRoot":
        """The root this command uses, and the rule that chose it."""
        from runlore.journal.lock_waits import tell_of_waits  # noqa: PLC0415 - see below
        from runlore.journal.root import find_root  # noqa: PLC0415 - `--help` needs no registry

        tell_of_waits(self.output.warn)
        return find_root(self.root, self.environ, current_folder())

    def root_to_make(self, folder: str | None) -> str:
        """Return where `init` makes a registry: DIR's, the chosen root, or the current folder's."""
        if folder is None and (self.root is not None or self.environ.get("RUNLORE_ROOT")):
            return self.found.path
        if folder == "":
            raise BadInput("DIR is empty; `runlore init` alone means the current folder")
        from runlore.journal.root import PROJECT_FOLDER, find_root  # noqa: PLC0415 - only `init` needs it

        return find_root(f"{folder or '.'}/{PROJECT_FOLDER}", {}, current_folder()).path

    def reading(self) -> "Layout":
        """Return the registry's layout; nothing is created."""
        from runlore.journal.root import open_for_reading  # noqa: PLC0415 - see found

        return open_for_reading(self.found.path)

    def writing(self) -> "Layout":
        """Return the layout of a registry that exists and may be written."""
        from runlore.journal.disk import REAL  # noqa: PLC0415 - few need it
        from runlore.journal.root import open_for_writing  # noqa: PLC0415 - few need it

        return open_for_writing(REAL, self.found.path, create=False)

    def see_to_registry(self) -> None:
        """Make the registry if there is none yet, as a run would.

        Raises:
            NotPermitted, JournalIO: it cannot be made, or may not be written.
        """
        from runlore.journal.disk import REAL  # noqa: PLC0415 - few need it
        from runlore.journal.root import open_for_writing  # noqa: PLC0415 - few need it

        open_for_writing(REAL, self.found.path)

    @cached_property
    def registry(self) -> "Registry":
        """The registry; whoever acts on it is asked then whether it may be written."""
        from runlore.journal.machine import actor  # noqa: PLC0415 - see below
        from runlore.runtimes.registry import Registry  # noqa: PLC0415 - not every command needs it

        return Registry(self.reading(), by=actor("runlore"))

    def keeper(self) -> "KeeperLink":
        """Return the keeper that was forked at the start, or fork one now."""
        from runlore.runtimes.launch import fork_keeper  # noqa: PLC0415 - only `run` keeps a run
        from runlore.runtimes.link import KeeperLink  # noqa: PLC0415 - see above

        ahead, self._ahead = self._ahead, None
        return ahead if isinstance(ahead, KeeperLink) else fork_keeper()

    def nursery(self) -> "Nursery":
        """Return what forks keepers: started already, or started now."""
        from runlore.runtimes.launch import fork_nursery  # noqa: PLC0415 - only `submit` keeps many
        from runlore.runtimes.nursery_link import Nursery  # noqa: PLC0415 - see above

        ahead, self._ahead = self._ahead, None
        return ahead if isinstance(ahead, Nursery) else fork_nursery()

    def close(self) -> None:
        """Let end what was started ahead and given nothing to keep."""
        if self._ahead is not None:
            self._ahead.close()

    # -- the runs that are meant

    def one(self, selector: str | None) -> "RunId":
        """Return the run that is meant; without a selector the sole live one, else the latest, said aloud."""
        if selector is not None:
            return self.registry.resolve(selector)
        chosen = self.registry.choose()
        self.output.say(f"run {chosen.run_id}: {chosen.why}")
        return chosen.run_id

    def some(
        self, selectors: Sequence[str], *, destructive: bool = False, live: bool = False
    ) -> "list[RunId]":
        """Return the runs that are meant, each once, in the order given; see `Registry.resolve`."""
        found = (self.registry.resolve(each, destructive=destructive, live=live) for each in selectors)
        return list(dict.fromkeys(found))

    def some_or_one(self, selectors: Sequence[str]) -> "list[RunId]":
        """Return the runs that are meant, or the one that a command without an id means."""
        return self.some(selectors) if selectors else [self.one(None)]

    def journals(self, selectors: Sequence[str], also: "Iterable[RunId]" = ()) -> "list[RunId]":
        """Return the runs that are meant; without a selector all journals, and the others named."""
        if selectors:
            return self.some(selectors)
        from runlore.journal.disk import REAL  # noqa: PLC0415 - few need it
        from runlore.journal.journal_ids import journal_ids  # noqa: PLC0415 - few need it

        return sorted({*journal_ids(REAL, self.reading()), *also})
