"""A real terminal shows what is in a hostile registry, and obeys none of it."""

import shlex
from pathlib import Path
from typing import Final

import pytest

from tests.cli.attacks import ATTACKS
from tests.cli.command import COMMAND, Runlore
from tests.cli.hostile import DAMAGED, ENDED, OPEN, TORN, make
from tests.terminal.tmux import Terminal, terminal

pytestmark = pytest.mark.needs("tmux")

EVERYTHING: Final = " ".join(
    text for name, text in ATTACKS.items() if name not in {"stacked", "very long", "nul"}
)
STATE: Final = (
    "pane_title",
    "window_name",
    "alternate_on",
    "keypad_flag",
    "keypad_cursor_flag",
    "mouse_any_flag",
    "cursor_flag",
    "insert_flag",
    "origin_flag",
    "wrap_flag",
    "scroll_region_upper",
    "scroll_region_lower",
    "pane_width",
    "pane_height",
    "pane_dead",
    "pane_in_mode",
)
"""What a program in a window can change about it."""
READS: Final = (
    "ps",
    "ls --no-trunc",
    "--color always ls",
    f"show {ENDED}",
    f"show {OPEN}",
    f"show {DAMAGED}",
    f"history {ENDED}",
    f"events {ENDED} {OPEN}",
    f"logs {ENDED}",
    f"logs -t {OPEN}",
    f"--color always logs {ENDED}",
    f"logs --json {ENDED}",
    f"show --json {ENDED}",
    "doctor",
    "verify",
    "heads",
    f"repair {TORN}",
    "reconcile --dry-run",
    f"stop {ENDED}",
    'show "$TEXT"',
    'ls --name "$TEXT"',
    'ls --fields "$TEXT"',
    '"$TEXT"',
    'run --dry-run --key "$TEXT" -- "$TEXT"',
    'run --dry-run --name "$TEXT" x',
    f'note {ENDED} "$TEXT"',
    '--root "/no/$TEXT" ls',
)
PROBE: Final = """
saved=$(stty -g); stty raw -echo
printf '\\033[5n'; IFS= read -r -d n answer
stty "$saved"; printf 'typed=%q\\n' "$answer"
"""
"""Asks the terminal how it is, and prints what stood in the input before its answer, which is `0`."""


def script(runlore: Runlore, lines: str) -> str:
    """Return the line that runs a script of bash, with all attacks in $TEXT."""
    text = runlore.home / "text"
    text.write_bytes(EVERYTHING.encode())
    path = runlore.home / "script.sh"
    path.write_text(f"TEXT=$(cat {shlex.quote(str(text))})\n{lines}\n{PROBE}\necho end-of-it\n")
    return f"bash {shlex.quote(str(path))}"


def state(window: Terminal) -> dict[str, str]:
    """Return what the terminal was made to be, and what was copied."""
    told = window.told(" | ".join(f"{name}=#{{{name}}}" for name in STATE))
    return {**dict(part.split("=", 1) for part in told.split(" | ")), "buffers": window.buffers()}


def permissive(window: Terminal) -> None:
    """Let programs do to the terminal whatever this kind of terminal knows."""
    window.allow(
        automatic_rename="off",
        allow_rename="on",
        allow_passthrough="on",
        set_clipboard="on",
        alternate_screen="on",
        mouse="on",
    )


def test_a_hostile_registry_on_a_terminal(runlore: Runlore) -> None:
    """Title, clipboard, modes and screens stay as they were, nothing is typed, and escapes can be read."""
    make(runlore.root, EVERYTHING)
    lines = "\n".join(f"{shlex.quote(COMMAND)} {words}" for words in READS)
    with terminal(runlore, columns=132) as window:
        permissive(window)
        before = state(window)
        window.type(script(runlore, lines))
        screen = window.wait_for("end-of-it")

        assert state(window) == before
    assert r"typed=$'\E[0'" in screen
    assert all(
        escape in screen for escape in (r"\x1b[2J", r"\x1b]52;c;", r"\x9d52", r"\u202e", r"\x05", r"\r")
    )
    assert not Path(runlore.home, "owned").exists()


def test_the_same_without_us(runlore: Runlore) -> None:
    """The same bytes do change this terminal, and it does answer: what is tested above can happen."""
    with terminal(runlore, columns=132) as window:
        permissive(window)
        before = state(window)
        window.type(script(runlore, "printf '%s' \"$TEXT\"; printf '\\033\\\\\\033[?1049l'"))
        screen = window.wait_for("typed=")
        after = state(window)

    changed = {name for name, value in after.items() if value != before[name]}
    assert changed >= {"pane_title", "keypad_cursor_flag", "buffers"}, (changed, screen)
    assert r"typed=$'\E[0'" not in screen
