"""The foreground of a run and `logs -f` are one follower, and what it shows waits for nothing but secrets."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from runlore.cli import foreground
from runlore.cli.commands import logs
from tests import proof
from tests.cli.command import Runlore
from tests.leaks.encoders import SECRETS, forms
from tests.runtimes.keeping import until

PRINTER = "import os, sys\nfor line in open(sys.argv[1]): os.write(1, bytes.fromhex(line))\n"
"""Prints what it is told through a FIFO, byte for byte, and is silent otherwise."""


@contextmanager
def told(home: Path) -> Iterator[tuple[list[str], Callable[[bytes], object], Callable[[], None]]]:
    """Yield the words of such a command, what tells it to print something, and what tells it to end."""
    gate = home / f"gate-{len(list(home.iterdir()))}"
    os.mkfifo(gate)
    with open(gate, "r+b", buffering=0) as file:  # both ends, so that nobody waits for the other
        yield (
            [sys.executable, "-c", PRINTER, str(gate)],
            lambda data: file.write(data.hex().encode() + b"\n"),
            file.close,
        )


def read_until(stream: int, wanted: Callable[[bytes], bool], shown: bytes = b"") -> bytes:
    """Return what is shown once it is what is wanted, however long that takes."""
    while not wanted(shown):
        piece = os.read(stream, 1 << 16)
        assert piece, shown
        shown += piece
    return shown


def test_both_read_output_through_the_same_piece() -> None:
    """Neither has a way of its own to the transcript, so neither can show what the other would not."""
    assert vars(foreground)["Chunks"] is vars(logs)["Chunks"]
    for module in (foreground, logs):
        assert not [name for name in vars(module) if "TranscriptReader" in name]


def test_both_show_everything_across_an_adoption(runlore: Runlore) -> None:
    """The keeper is killed between two words; each follower shows both, to the last byte, and then ends."""
    with (
        told(runlore.home) as (words, tell, finish),
        runlore.started("run", "-q", *words) as shown,
    ):
        assert shown.stdout is not None
        tell(b"one\0\xff ")
        first = read_until(shown.stdout.fileno(), lambda data: data == b"one\0\xff ")
        keeper = runlore.ok("show", "--fields", "owner.pid").stdout.strip()
        with runlore.started("logs", "-f", "--raw") as followed:
            assert followed.stdout is not None
            second = read_until(followed.stdout.fileno(), lambda data: data == first)
            os.kill(int(keeper), signal.SIGKILL)
            until(
                lambda: runlore.ok("show", "--fields", "owner.pid").stdout.strip() not in {keeper, "-", ""},
                "the next keeper",
            )
            tell(b"two\r\n")
            tell(b"no newline")
            read_until(shown.stdout.fileno(), lambda data: data.endswith(b"two\r\nno "))
            finish()
            rest, ours = followed.communicate()[0], shown.communicate()[0]

    assert (second + rest, followed.returncode) == (b"one\0\xff two\r\nno newline", 0)
    assert (ours, shown.returncode) == (b"newline", 0)


@pytest.mark.timeout(3600)
def test_a_beginning_of_a_secret_holds_back_no_other_byte(
    runlore: Runlore, sized: Callable[[int, int], int]
) -> None:
    """While a command is silent, all that stands before what may become a secret is seen by `logs -f`."""
    prefixes = 0
    for secret in list(SECRETS.values())[: sized(1, len(SECRETS))]:
        runlore.env["MINE"] = secret
        prefixes += _each_prefix(runlore, secret)

    promised = "what stands before a possible secret is seen while the command is silent"
    proof.record("logs -f: held back", promised, {"prefixes": prefixes})


def _each_prefix(runlore: Runlore, secret: str) -> int:
    """Look at a line that ends in a secret's beginning, for each of them in every form; return how many."""
    prefixes = [form[:cut] for form in dict.fromkeys(forms(secret).values()) for cut in range(1, len(form))]
    with told(runlore.home) as (words, tell, finish):
        run_id = runlore.begin("--secret", "MINE", *words)
        with runlore.started("logs", "-f", "--raw", run_id) as followed:
            assert followed.stdout is not None
            stream = followed.stdout.fileno()
            for number, prefix in enumerate(prefixes):
                before = b"\nline %d at " % number
                tell(before + prefix)
                shown = read_until(stream, lambda data, before=before: before in data)  # type: ignore[misc]
                tell(b"!\n")
                shown = read_until(stream, lambda data: data.endswith(b"!\n"), shown)
                assert shown.startswith(before)
            finish()
            assert followed.communicate()[0] == b""
    return len(prefixes)
