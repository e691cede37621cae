"""A keeper is killed between two writes of one secret: what it held back is with its successor, masked."""

import itertools
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
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


def cuts(secret: str, every: int) -> Iterator[tuple[bytes, int]]:
    """Yield (form, cut): each of them, or one in so many."""
    places = ((form, cut) for form in dict.fromkeys(forms(secret).values()) for cut in range(1, len(form)))
    return itertools.islice(places, every // 2, None, every)


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kind", SECRETS)
def test_a_keeper_is_killed_between_two_writes(
    keeping: Keeping, tmp_path: Path, kind: str, sized: Callable[[int, int], int]
) -> None:
    """The successor finds the bytes in the memory that the wrapper holds, and the values beside them."""
    secret, killed = SECRETS[kind], 0
    for number, (form, cut) in enumerate(cuts(secret, sized(211, 1))):
        gate = tmp_path / f"gate-{number}"
        os.mkfifo(gate)
        Path(f"{gate}.first").write_bytes(form[:cut])
        Path(f"{gate}.second").write_bytes(form[cut:])
        kept = _killed_at(keeping, gate, secret)
        _require_clean(kept.output(), kept.path("heartbeat").parent, secret)
        killed += 1
    assert killed > 0
    _require_no_leaks(Path(keeping.layout.root).rglob("*"), secret)
    record(
        f"keepers killed between two writes of a secret: {kind}",
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


def _require_clean(output: bytes, run: Path, secret: str) -> None:
    assert output.startswith(b"before <"), output
    assert output.endswith(b"after\n"), output
    assert b"[REDACTED]" in output
    _require_no_leaks(run.iterdir(), secret)


def _require_no_leaks(paths: Iterable[Path], secret: str) -> None:
    """Look through the files among these; the last keeper may still be tidying up."""
    for path in filter(Path.is_file, paths):
        with suppress(FileNotFoundError):
            assert leaks(path.read_bytes(), [secret]) == [], path
