"""A terminal with a person before it: a private tmux server, keys pressed, screens read."""

import os
import shlex
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.cli.command import COMMAND, LONG_S, Runlore


class Terminal:
    """One window of a tmux server of its own, with a shell whose prompt is `$ `."""

    def __init__(self, socket: Path, runlore: Runlore, columns: int, rows: int, shell: str) -> None:
        self._socket = socket
        self._env = runlore.environment(TERM="screen", PS1="$ ", ENV=None, TMUX=None)
        shell = f"env PS1='$ ' {shell}"
        size = ["-x", str(columns), "-y", str(rows)]
        self._tmux("-f", "/dev/null", "new-session", "-d", "-c", str(runlore.home), *size, shell)
        self.wait_for("$")

    def type(self, line: str) -> None:
        """Type a line and press Enter; `runlore` is the installed command."""
        self._tmux("send-keys", "-l", line.replace("runlore ", f"{shlex.quote(COMMAND)} ", 1))
        self.press("Enter")

    def press(self, *keys: str) -> None:
        """Press keys by tmux's names: `C-c`."""
        self._tmux("send-keys", *keys)

    def screen(self) -> str:
        """Return what is on the screen and above it, wrapped lines as they were written."""
        return self._tmux("capture-pane", "-p", "-J", "-S", "-").rstrip("\n")

    def shown(self) -> list[str]:
        """Return the lines of the screen as they stand there."""
        return self._tmux("capture-pane", "-p").rstrip("\n").split("\n")

    def coloured(self) -> str:
        """Return the screen with the escapes that colour it."""
        return self._tmux("capture-pane", "-p", "-e")

    def told(self, what: str) -> str:
        """Return what tmux knows about the window, by its formats: `#{pane_title}`."""
        return self._tmux("display-message", "-p", what).rstrip("\n")

    def buffers(self) -> str:
        """Return what was copied."""
        return self._tmux("list-buffers")

    def allow(self, **options: str) -> None:
        """Set options of the window and of the server: `allow_rename="on"`."""
        for name, value in options.items():
            self._tmux("set-option", "-g", name.replace("_", "-"), value)

    def columns_of(self, word: str) -> list[int]:
        """Return the cells in which `word` begins, as the terminal itself moves there."""
        found: list[int] = []
        self._tmux("copy-mode")
        self._tmux("send-keys", "-X", "history-top")
        for _ in range(self.screen().count(word)):
            self._tmux("send-keys", "-X", "search-forward-text", word)
            found.append(int(self._tmux("display-message", "-p", "#{copy_cursor_x}")))
        self._tmux("send-keys", "-X", "cancel")
        return found

    def wait_for(self, text: str, count: int = 1) -> str:
        """Return the screen once it holds `text` so many times."""
        deadline = time.monotonic() + LONG_S
        while (screen := self.screen()).count(text) < count:
            assert time.monotonic() < deadline, f"no {text!r} in:\n{screen}"
            time.sleep(0.02)  # between two looks: tmux tells nobody when a screen changes
        return screen

    def clear(self) -> None:
        """Begin an empty screen."""
        self._tmux("send-keys", "-R")
        self._tmux("clear-history")

    def resize(self, columns: int, rows: int) -> None:
        """Give the window another size."""
        self._tmux("resize-window", "-x", str(columns), "-y", str(rows))

    def close_window(self) -> None:
        """Close the window, as a person closes a terminal: everything in it is hung up."""
        self._tmux("kill-pane")

    def end(self) -> None:
        """End the server, if it has not ended with its last window."""
        subprocess.run(["tmux", "-S", str(self._socket), "kill-server"], capture_output=True, check=False)

    def _tmux(self, *words: str) -> str:
        done = subprocess.run(
            ["tmux", "-S", str(self._socket), *words],
            capture_output=True,
            text=True,
            env=self._env,
            check=False,
            timeout=LONG_S,
        )
        assert done.returncode == 0, (words, done.stderr)
        return done.stdout


@contextmanager
def terminal(
    runlore: Runlore, columns: int = 120, rows: int = 40, shell: str = "sh -i"
) -> Iterator[Terminal]:
    """Yield a terminal of that size; its server ends with the block."""
    with tempfile.TemporaryDirectory(prefix="tmux", dir=os.environ.get("TMPDIR", "/tmp")) as folder:
        window = Terminal(Path(folder, "s"), runlore, columns, rows, shell)
        try:
            yield window
        finally:
            window.end()
