"""What `runlore doctor` can find: each kind of finding with its weight and its meaning. Pure."""

from collections.abc import Mapping
from typing import Final, Literal

from msgspec import Struct

Severity = Literal["error", "warning", "info"]


class Kind(Struct, frozen=True):
    """One kind of finding."""

    severity: Severity
    """error: runs cannot be recorded, or there is damage; warning: somebody should act; info: no more."""
    meaning: str


KINDS: Final[Mapping[str, Kind]] = {
    "run_lost": Kind("warning", "the run's keeper is gone, and how it ended is not written down yet"),
    "run_unsupervised": Kind("warning", "the command lives, and nobody keeps it"),
    "run_stalled": Kind("warning", "the keeper lives and gave no sign of life for 15 s"),
    "run_unknown": Kind("warning", "whether the run's owner lives cannot be told from here"),
    "run_waiting": Kind("warning", "the run waits in a queue, and no worker of this release will take it"),
    "run_paused": Kind("info", "the run's processes are stopped until `runlore unpause`"),
    "journal_damaged": Kind("error", "the journal is damaged; reads stop there and appends are refused"),
    "journal_unreadable": Kind("error", "the journal cannot be read"),
    "journal_torn": Kind("warning", "a crash cut the last line; the next append puts it right"),
    "journal_newer": Kind("info", "a newer release wrote the journal; it can be read, not written"),
    "imported_without_manifest": Kind(
        "info", "the run was imported from files that nobody described: how it ended is not known"
    ),
    "removal_unfinished": Kind("warning", "the removal of a run was cut short; the next one goes on with it"),
    "trash_stray": Kind("info", "something in the trash belongs to no run that is known here"),
    "pruning_failed": Kind("warning", "the last pruning by itself could not remove everything"),
    "keeper_failed": Kind("warning", "a keeper ended by a defect of ours, and left a note"),
    "live_files_left": Kind("warning", "files of a live run are left of one that has ended"),
    "folder_without_journal": Kind("warning", "a submission that a crash cut; the run never began"),
    "journal_missing": Kind(
        "error",
        "what a run printed or made is there without its journal: bring it back, if you can",
    ),
    "claim_without_journal": Kind("info", "a keyed submission that a crash cut; the key is free"),
    "claim_damaged": Kind("info", "a key's claim was cut by a crash; its next submission renews it"),
    "temporary_left": Kind("warning", "a file that was to be renamed; whoever wrote it died"),
    "import_unfinished": Kind("warning", "an import was cut short; the next one, or a pruning, sees to it"),
    "redaction_unfinished": Kind(
        "warning", "a crash cut a redaction; what it was to take out may still be there: do it again"
    ),
    "journals_packable": Kind("info", "runs that ended long ago take a file each; packing frees those"),
    "pack_unreadable": Kind("error", "a pack without an index cannot be read, so its runs have no names"),
    "pack_damaged": Kind("error", "bytes of a pack belong to no run: the line that named it is damaged"),
    "stray_file": Kind("warning", "a file that is not ours lies among ours"),
    "quarantine_kept": Kind("info", "bytes that repairs cut out; runlore never deletes them"),
    "feed_old": Kind("info", "the feed is of another boot; the next append begins a new one"),
    "position_broken": Kind("warning", "what a named subscription has seen cannot be read"),
    "registry_missing": Kind("info", "there is no registry there yet"),
    "registry_damaged": Kind("error", "registry.json cannot be used"),
    "not_writable": Kind("error", "runs cannot be recorded there"),
    "not_yours": Kind("info", "the registry belongs to somebody else: you may only read"),
    "open_to_others": Kind("error", "others may write there, and could forge what runs did"),
    "readable_by_others": Kind("warning", "others may read what runs printed and did"),
    "network_fs": Kind("info", "locks of other machines cannot be believed on this file system"),
    "disk_full": Kind("error", "there is no room left on the disk"),
    "disk_low": Kind("warning", "there is little room left on the disk"),
    "kernel_old": Kind("error", "this kernel lacks what keeping runs needs"),
    "kernel_without_pidfs": Kind(
        "info", "processes are told apart by their start time; where that is not enough, none is signalled"
    ),
    "logout_kills": Kind("error", "systemd kills your processes, keepers included, when you log out"),
    "no_bytecode": Kind("info", "Python compiles runlore anew for each command, which costs time"),
}
"""By code; codes are for ever."""


class Finding(Struct, frozen=True, kw_only=True):
    """One thing that the doctor found."""

    code: str
    severity: Severity
    run_id: str | None
    path: str | None
    meaning: str
    detail: str
    """What it rests on."""
    next: str
    """What to type; a command, or the beginning of one."""


def finding(
    code: str, detail: str, todo: str, *, run_id: str | None = None, path: str | None = None
) -> Finding:
    """Return a finding of a kind that is in the table."""
    kind = KINDS[code]
    return Finding(
        code=code,
        severity=kind.severity,
        run_id=run_id,
        path=path,
        meaning=kind.meaning,
        detail=detail,
        next=todo,
    )
