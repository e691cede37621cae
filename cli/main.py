"""The entry point: look at argv, import as little as the command needs, and leave with its exit code.

`run` forks its keeper before anything costly is imported but msgspec, which both need, so that the
keeper gets ready while this process reads its options; `submit` forks what forks its keepers.
`--version` needs no command line library at all.
"""

import gc
import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, NoReturn

from runlore.cli import standard

if TYPE_CHECKING:
    from runlore.runtimes.link import KeeperLink
    from runlore.runtimes.nursery_link import Nursery

COMPLETE: Final = "_RUNLORE_COMPLETE"
"""Set by the scripts that `completion` prints: the shell asks what could come next."""
AWAIT_READY: Final = "--await-ready"
READY_WITHIN: Final = "60s"
"""How long a run may take to be ready if nobody says how long."""
_TIME: Final = frozenset("0123456789.wdhms")
_WITH_VALUE: Final = frozenset({"--root", "--color"})
_RUN_WITH_VALUE: Final = frozenset(
    {
        "--root",
        "--color",
        "--fields",
        "--name",
        "--tag",
        "--metadata",
        "--key",
        "--env",
        "--env-file",
        "--secret",
        "--secret-file",
        "--cwd",
        "--timeout",
        "--await-ready",
        "--idle-timeout",
        "--output-limit",
        "--artifact",
        "--report",
        "--require",
    }
)
"""Options of `run` whose next word is a value; a test compares them with the command itself."""


def start() -> NoReturn:
    """Do what `main` does, and leave without taking the interpreter apart, which would cost a fifth more.

    By then all output is out, and nothing that a command holds needs more than the end of the process.
    Until everything is loaded nothing is searched for garbage: what is loaded stays.
    """
    gc.disable()
    os._exit(main())


def main() -> int:
    """Return the exit code of the command in `sys.argv`."""
    standard.keep_open()
    standard.leave_interrupts_to_the_kernel()
    words = spelled_out(sys.argv[1:])
    if words == ["--version"]:
        return _print_version()
    gc.disable()  # until everything is loaded: what stays need not be searched for garbage
    try:
        ahead = _ahead(words)
    except OSError as error:
        return _no_keeper(error, words)
    if words[:1] == ["emit"] and COMPLETE not in os.environ:
        done = _emitted(words[1:])
        if done is not None:
            return done
    return _loaded()(words, ahead)


def command_word(words: Sequence[str]) -> str | None:
    """Return the first word that is no option of the group: the command, if there is one."""
    place = command_place(words)
    return None if place is None else words[place]


def command_place(words: Sequence[str]) -> int | None:
    """Return where the command stands among the words, if there is one."""
    rest = iter(enumerate(words))
    for place, word in rest:
        if word in _WITH_VALUE:
            next(rest, None)
        elif not word.startswith("-"):
            return place
    return None


def spelled_out(words: list[str]) -> list[str]:
    """Return the words with `run --await-ready [TIME]` as `--await-ready=TIME`.

    The next word is a time if it looks like one (`30s`), else it is not for us. No parser can tell.
    """
    place = command_place(words)
    if AWAIT_READY not in words or place is None or words[place] != "run":
        return words
    at = place + 1
    spelled = words[:at]
    while at < len(words) and words[at] != "--" and words[at].startswith("-"):
        after = words[at + 1 : at + 2]
        if words[at] == AWAIT_READY:
            after = [word for word in after if word[:1].isdigit() and _TIME.issuperset(word)]
            spelled.append(f"{AWAIT_READY}={after[0] if after else READY_WITHIN}")
        else:
            after = after if words[at] in _RUN_WITH_VALUE else []
            spelled += [words[at], *after]
        at += 1 + len(after)
    return spelled + words[at:]


def _ahead(words: Sequence[str]) -> "KeeperLink | Nursery | None":
    """Return what starts the command's runs, if it is one that does."""
    command = command_word(words)
    if command not in {"run", "submit"} or COMPLETE in os.environ or {"--help", "--dry-run"} & set(words):
        return None
    from runlore.runtimes.launch import fork_keeper, fork_nursery  # noqa: PLC0415 - only these keep runs

    return fork_keeper() if command == "run" else fork_nursery()


def _emitted(words: Sequence[str]) -> int | None:
    """Return the exit code of an `emit` that needs no command line library; None if it needs one."""
    from runlore.journal.lean import load_msgspec  # noqa: PLC0415 - `--version` needs no room

    load_msgspec()
    from runlore.cli.emitting import quick  # noqa: PLC0415 - called in loops: see there

    return quick(words, os.environ)


def _loaded() -> "Callable[[Sequence[str], KeeperLink | Nursery | None], int]":
    """Return what runs a command."""
    from runlore.journal.lean import keep_loaded, load_click, load_msgspec  # noqa: PLC0415 - see above

    load_msgspec()
    load_click()
    from runlore.cli.app import run_app  # noqa: PLC0415 - click, after the keeper was forked

    keep_loaded()
    return run_app


def is_foreground(words: Sequence[str]) -> bool:
    """Say whether this is `run` without -d: then exit codes below 125 belong to the command."""
    place = command_place(words)
    if place is None or words[place] != "run":
        return False
    rest = iter(words[place + 1 :])
    for word in rest:
        if word in _RUN_WITH_VALUE:
            next(rest, None)
        elif word == "--" or not word.startswith("-"):
            break
        elif word == "--detach" or (not word.startswith("--") and "d" in word):
            return False
    return True


def _no_keeper(error: OSError, words: Sequence[str]) -> int:
    """Return the exit code after saying that nobody can keep a run now: too many processes, or open files."""
    from runlore.cli.errors import end  # noqa: PLC0415 - only when it fails
    from runlore.journal.errors import JournalIO  # noqa: PLC0415 - only when it fails

    told = JournalIO(f"no keeper could be started: {error.strerror}; nothing was run")
    return end(told, foreground=is_foreground(words))


def version() -> str:
    """Return the line that `--version` prints."""
    from runlore import __version__  # noqa: PLC0415 - the door is lazy, and cheap

    return f"runlore {__version__}"


def _print_version() -> int:
    try:
        standard.write(f"{version()}\n".encode())
    except standard.OutputFailed as failure:
        from runlore.cli.errors import end  # noqa: PLC0415 - only when it fails

        return end(failure)
    return 0
