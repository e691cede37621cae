"""Make real system calls fail: `python -m tests.crash.errno_points VICTIM once|lasting EVERY FOLDER`.

The same as the matrix on the disk in memory, with the kernel's own calls: strace answers the n-th call
of a kind with an errno, or each from the n-th on. EVERY takes only some of the n. Prints one JSON line.
"""

import json
import os
import shutil
import sys
import tempfile
from collections import Counter
from typing import Final

from runlore.journal.disk import REAL
from runlore.journal.layout import Layout
from tests.crash.recovery import broken_registry, in_words
from tests.crash.traced import REFUSED, calls_of, note, traced
from tests.crash.victims import VICTIMS, Victim
from tests.crash.witness import Witness

ERRNOS: Final = ("EIO", "ENOSPC", "EROFS", "EDQUOT", "EMFILE", "EINTR")
_NEVER_RETRIED: Final = frozenset({"close", "fstat", "lseek", "newfstatat", "stat", "lstat", "statx"})
"""Calls that no signal interrupts."""


def main(name: str, how: str, every: str, folder: str) -> None:
    """Fail each call of an undisturbed life, in several ways."""
    kind = VICTIMS[name]
    kind.promises_chatter = False
    kind(f"{folder}/rehearsal", lambda *_: None).rehearse()
    calls = Counter(calls_of(kind, folder))
    runs, refused, broken = 0, 0, list[str]()
    for call, times in sorted(calls.items()):
        for number in range(1, times + 1, int(every)):
            reason = ERRNOS[(number + runs) % len(ERRNOS)]
            if reason == "EINTR" and (how != "once" or call in _NEVER_RETRIED):
                reason = "EIO"  # PEP 475: Python would ask again for ever
            root = tempfile.mkdtemp(dir=folder)
            code, problems = _broken_by(call, number, reason, how, kind, f"{root}/registry")
            broken += [f"{call} {number} {reason} {how}: {problem}" for problem in problems]
            refused += code == REFUSED
            runs += 1
            shutil.rmtree(root)
    print(json.dumps({"runs": runs, "refused": refused, "broken": broken}))


def _broken_by(  # noqa: PLR0917 - one point of the matrix
    call: str, number: int, reason: str, how: str, kind: type[Victim], root: str
) -> tuple[int, list[str]]:
    """Return the victim's exit code, and what is broken after its n-th `call` failed."""
    witness = Witness()
    when = f"{number}" if how == "once" else f"{number}+"
    inject = ["-o", "/dev/null", "-e", f"inject={call}:error={reason}:when={when}"]
    code = os.waitstatus_to_exitcode(traced(kind, root, witness, inject))
    problems = [] if code in {0, REFUSED} else [f"the victim ended with {code}"]
    if not os.path.exists(f"{root}/registry.json"):
        return code, [*problems, "the registry is gone"] if witness.promised else problems
    problems += in_words(kind(root, lambda what, about: note(what, about, witness)).mend)
    problems += in_words(lambda: broken_registry(REAL, Layout(root), witness, owner=number % 2 == 0))
    return code, problems


if __name__ == "__main__":
    main(*sys.argv[1:])
