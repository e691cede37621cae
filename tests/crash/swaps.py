"""Somebody who does nothing but exchange names for links that lead outside.

They do it in bursts as fast as the kernel can, of any length, and rest for any short while behind each: who
never rests leaves a machine with two free cores no moment in which a file can be found and opened, and who
rests at set times is met in one state alone.
"""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_SWAPPER: Final = """
import ctypes, os, random, sys, time
exchange = ctypes.CDLL(None, use_errno=True).renameat2
def held(path):
    folder, _, name = os.fsencode(path).rpartition(b"/")
    return os.open(folder, os.O_PATH), name
names = [held(path) for path in sys.argv[1:]]
pairs = list(zip(names[::2], names[1::2]))
print("ready", flush=True)
while True:
    for _ in range(random.randrange(1, 100)):
        for first, second in random.sample(pairs, random.randrange(1, len(pairs) + 1)):
            if exchange(*first, *second, 2):
                sys.exit("renameat2 failed")
    time.sleep(random.uniform(0, 0.0005))
"""

_ONE_IN: Final = 1_000
_PATIENCE: Final = 50


def both_met(tries: int, met: int) -> bool:
    """Tell whether the tries met a name in each of its states often enough: else nobody swapped."""
    return min(met, tries - met) > tries / _ONE_IN


def are_enough(tries: int, met: int, times: int) -> bool:
    """Tell whether the tries may end: so many times at least, and until both states were met.

    On a busy machine few tries are quick enough to meet one of the states; there is a bound all the same.
    """
    return tries >= times * (1 if both_met(tries, met) else _PATIENCE)


@contextmanager
def swapping(pairs: Sequence[tuple[Path, Path]]) -> Iterator[None]:
    """Exchange the pairs of names until the block is left; who stopped before that fails it.

    Names are looked up in the folders that they are in at first, wherever those are by then.
    """
    words = [str(path) for pair in pairs for path in pair]
    command = [sys.executable, "-I", "-S", "-c", _SWAPPER, *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as swapper:
        assert swapper.stdout is not None
        swapper.stdout.readline()
        try:
            yield
            assert swapper.poll() is None, "the swapper has given up"
        finally:
            swapper.kill()
            swapper.wait()
