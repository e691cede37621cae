"""A keeper is killed between two writes of one secret: what it held back is with its successor, masked."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.leaks.encoders import SECRETS, forms, leaks
from tests.proof import record
from tests.runtimes.keeping import Keeping, Kept, python, until

GATE = (
    "import fcntl, os, struct, sys, termios\n"
    "gate = sys.argv[1]\n"
    "first, second = open(gate + '.first', 'rb').read(), open(gate + '.second', 'rb').read()\n"
    "os.write(1, b'before <' + first)\n"
    "while struct.unpack('i', fcntl.ioctl(1, termios.FIONREAD, b'0000'))[0]: os.sched_yield()\n"
    "open(gate + '.reached', 'w').close()\n"
    "open(gate).read()\n"
    "os.write(1, second + b'> after\\n')\n"
)


@pytest.fixture
def keeping(registry_root: Path) -> Iterator[Keeping]:
    """Submits runs, and ends what is left of them."""
    made = Keeping(registry_root)
    yield made
    made.clean()


def cuts(every: int) -> Iterator[tuple[str, bytes, int]]:
    """Yield (secret, form, cut): each of them, or one in so many."""
    count = 0
    for secret in SECRETS.values():
        for form in dict.fromkeys(forms(secret).values()):
            for cut in range(1, len(form)):
                count += 1
                if count % every == 0:
                    yield secret, form, cut


@pytest.mark.timeout(3600)
def test_a_keeper_is_killed_between_two_writes(
    keeping: Keeping, tmp_path: Path, sized: Callable[[int, int], int]
) -> None:
    """The successor finds the bytes in the memory that the wrapper holds, and the values beside them."""
    killed = 0
    for number, (secret, form, cut) in enumerate(cuts(sized(211, 1))):
        gate = tmp_path / f"gate-{number}"
        os.mkfifo(gate)
        Path(f"{gate}.first").write_bytes(form[:cut])
        Path(f"{gate}.second").write_bytes(form[cut:])
        _require_clean(_killed_at(keeping, gate, secret), secret)
        killed += 1
    assert killed > 0
    record(
        "keepers killed between two writes of a secret",
        "not one byte of it is stored in the clear, and nothing beside it is lost",
        {"kills": killed},
    )


def _killed_at(keeping: Keeping, gate: Path, secret: str) -> Kept:
    """Return a run whose keeper was killed while its command stood at the gate, once it has ended."""
    kept = keeping.submit(*python(GATE, str(gate)), secret_values={"MINE": secret})
    kept.started()
    until(Path(f"{gate}.reached").exists, "the command to come to its gate")
    kept.kill(kept.keeper())
    until(lambda: "OwnerAdopted" in kept.tags(), "the next keeper")
    gate.write_bytes(b"")
    until(lambda: "RunSealed" in kept.tags(), "the seal")
    kept.hang_up()
    return kept


def _require_clean(kept: Kept, secret: str) -> None:
    output = kept.output()
    assert output.startswith(b"before <"), output
    assert output.endswith(b"after\n"), output
    assert b"[REDACTED]" in output
    for path in Path(kept.layout.root).rglob("*"):
        if path.is_file():
            assert leaks(path.read_bytes(), [secret]) == [], path
