"""The process in which one case lives: prepares it, then measures one round per line on stdin.

`python -m benchmarks.station MODULE:FUNCTION PLACE`. Each case has its own, so that none inherits the
heap, imports or descriptors of another; the driver asks them in turn. Answers are JSON lines on stdout:
{"ready": true}, then {"sample": …} each; {"absent": reason} ends it. End of stdin cleans up.
"""

import importlib
import json
import os
import sys
from dataclasses import asdict

from benchmarks.place import Absent, Place, Setup


def main(code: str, place: Place) -> int:
    """Return the exit status after stdin has ended."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints must not look like an answer

    def answer(document: dict[str, object]) -> None:
        answers.write(json.dumps(document) + "\n")
        answers.flush()

    module, _, function = code.partition(":")
    try:
        setup: Setup = getattr(importlib.import_module(f"benchmarks.cases.{module}"), function)
        with setup(place) as measure:
            answer({"ready": True})
            for _ in sys.stdin:
                answer({"sample": asdict(measure())})
    except Absent as absent:
        answer({"absent": str(absent)})
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Place.decode(sys.argv[2])))
