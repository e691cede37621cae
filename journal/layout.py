"""Where everything lies under a registry's root. Paths only; nothing here touches the disk.

Pure. The folders are listed in docs/reference/on-disk.md.
"""

from typing import Final

from runlore.journal.errors import BadInput
from runlore.journal.values import RunId

SUFFIX: Final = ".jsonl"
POSITION_SUFFIX: Final = ".json"
FOLDERS: Final = (
    "journals",
    "packs",
    "blobs",
    "runs",
    "evidence",
    "keys",
    "settings",
    "positions",
    "quarantine",
    "trash",
    "queues",
    "feed",
    "index",
)
DERIVED: Final = ("feed", "index")
"""Everything below these may be deleted at any time."""


class Layout:
    """The paths of one registry; what is no run id leads nowhere outside it.

    Raises, wherever a run is named:
        BadInput: the id would be a path of its own.
    """

    def __init__(self, root: str) -> None:
        self.root: Final[str] = root
        self.journals: Final[str] = f"{root}/journals"
        self.packs: Final[str] = f"{root}/packs"
        self.feed: Final[str] = f"{root}/feed"
        self.index: Final[str] = f"{root}/index"
        self.quarantine: Final[str] = f"{root}/quarantine"
        self.keys: Final[str] = f"{root}/keys"
        self.blobs: Final[str] = f"{root}/blobs"
        self.keepers: Final[str] = f"{root}/keepers.slots"
        self.registry_file: Final[str] = f"{root}/registry.json"
        self.config_file: Final[str] = f"{root}/config.toml"
        self.settings: Final[str] = f"{root}/settings"
        self.positions: Final[str] = f"{root}/positions"
        self.runs: Final[str] = f"{root}/runs"
        self.evidence: Final[str] = f"{root}/evidence"
        self.trash: Final[str] = f"{root}/trash"
        self.imports: Final[str] = f"{root}/imports"

    def journal(self, run_id: RunId) -> str:
        """The run's journal."""
        return f"{self.journals}/{_inside(run_id)}{SUFFIX}"

    def run_dir(self, run_id: RunId) -> str:
        """Everything of the run but its journal."""
        return f"{self.root}/runs/{_inside(run_id)}"

    def owner_lock(self, run_id: RunId) -> str:
        """Held by the keeper for the life of the run."""
        return self.in_run(run_id, "owner.lock")

    def tree_lock(self, run_id: RunId) -> str:
        """Held by wrapper and command: held proves life, free proves nothing."""
        return self.in_run(run_id, "tree.lock")

    def in_run(self, run_id: RunId, name: str) -> str:
        """A file of the run's folder: heartbeat, exit, out, err, bell, transcript, transcript.index."""
        return f"{self.run_dir(run_id)}/{name}"

    def in_trash(self, run_id: RunId) -> str:
        """The folder of a removed run that can still be restored."""
        return f"{self.trash}/{_inside(run_id)}"

    def going(self, run_id: RunId) -> str:
        """The same once its bytes are being removed for good: whatever is left of it goes."""
        return f"{self.trash}/{_inside(run_id)}.going"

    def key_claim(self, key: str) -> str:
        """The claim file of an idempotency key; the key itself is never part of a path."""
        from hashlib import sha256  # noqa: PLC0415 - OpenSSL behind it: 3 ms that few commands need

        return f"{self.keys}/{sha256(key.encode('utf-8', 'surrogatepass')).hexdigest()}"

    def position(self, name: str) -> str:
        """What a named subscription has seen; the name was checked: see positions."""
        return f"{self.positions}/{name}{POSITION_SUFFIX}"

    def position_lock(self, name: str) -> str:
        """Held by whoever consumes or changes a named subscription."""
        return f"{self.positions}/{name}.lock"

    def blob(self, digest: str) -> str:
        """A payload that does not fit a line."""
        return f"{self.blobs}/{digest}"


def _inside(run_id: RunId) -> RunId:
    """Return an id that is one part of a path; whether there is such a run is for the disk to say."""
    if "/" in run_id or "\0" in run_id or run_id in {"", ".", ".."}:
        raise BadInput(f"{run_id[:40]!a} is no run id; `Registry.get` takes names and short ids")
    return run_id
