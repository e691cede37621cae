"""Kill a process at its system calls in turn: `python -m tests.crash.kill_points VICTIM EVERY FOLDER`.

EVERY takes only some of the calls; 1 takes each. strace delivers SIGKILL when the victim enters its n-th
call of a kind (it counts each kind by itself). Afterwards its user does again what was interrupted, and
the registry must recover. Prints one JSON line.
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
from tests.crash.collectors import COLLECTORS
from tests.crash.consuming import Consumes
from tests.crash.importers import IMPORTERS
from tests.crash.movers import MOVERS
from tests.crash.recovery import broken_registry, in_words
from tests.crash.removers import REMOVERS
from tests.crash.traced import calls_of, note, traced
from tests.crash.victims import VICTIMS, Victim
from tests.crash.witness import Witness

KINDS: Final[dict[str, type[Victim]]] = {
    **VICTIMS,
    **REMOVERS,
    **COLLECTORS,
    **MOVERS,
    **IMPORTERS,
    "consume": Consumes,
}


def main(name: str, every: str, folder: str) -> None:
    """Count the calls of an undisturbed life, then kill at each of them, or at every so many."""
    kind = KINDS[name]
    kind(f"{folder}/rehearsal", lambda *_: None).rehearse()
    calls = Counter(calls_of(kind, folder))
    points = [(call, number) for call, times in sorted(calls.items()) for number in range(1, times + 1)]
    taken, broken = points[:: int(every)], list[str]()
    for call, number in taken:
        root = tempfile.mkdtemp(dir=folder)
        problems = _broken_by(call, number, kind, f"{root}/registry")
        broken += [f"{call} {number}: {problem}" for problem in problems]
        shutil.rmtree(root)
    print(json.dumps({"points": len(points), "kills": len(taken), "calls": len(calls), "broken": broken}))


def _broken_by(call: str, number: int, kind: type[Victim], root: str) -> list[str]:
    """Return what is broken after a kill at the n-th `call`."""
    witness = Witness()
    inject = ["-o", "/dev/null", "-e", f"inject={call}:signal=SIGKILL:when={number}"]
    status = traced(kind, root, witness, inject)
    problems = [] if os.WIFSIGNALED(status) or kind.varies else ["nothing was killed"]
    if not os.path.exists(f"{root}/registry.json"):
        return [*problems, "the registry is gone"] if witness.promised else problems
    problems += in_words(kind(root, lambda what, about: note(what, about, witness)).mend)
    return problems + in_words(lambda: broken_registry(REAL, Layout(root), witness, owner=number % 2 == 0))


if __name__ == "__main__":
    main(*sys.argv[1:])
