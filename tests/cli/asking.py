"""Many commands that only look, each in a process forked from one that has everything loaded.

`asking.py` reads one JSON list of words a line, and answers each with a line: what the command wrote to
both of its outputs, in base64. It is the installed command but for the start of an interpreter.
"""

import base64
import json
import os
import sys
import tempfile

from runlore.cli import app, main


def answer(words: list[str]) -> bytes:
    """Return what the command writes, in a process of its own."""
    with tempfile.TemporaryFile() as out:
        pid = os.fork()
        if pid == 0:
            os.dup2(out.fileno(), 1)
            os.dup2(out.fileno(), 2)
            sys.argv = ["runlore", *words]
            main.start()
        os.waitpid(pid, 0)
        out.seek(0)
        return out.read()


def ask_all() -> None:
    """Answer each line of standard input."""
    assert app.run_app is not None  # loaded before the first fork
    for line in sys.stdin:
        print(base64.b64encode(answer(json.loads(line))).decode(), flush=True)


if __name__ == "__main__":
    ask_all()
