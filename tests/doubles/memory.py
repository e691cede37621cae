"""How much memory something needs at most, of what Python allocates."""

import gc
import tracemalloc
from collections.abc import Callable


def peak_of(act: Callable[[], object]) -> int:
    """Return by how many bytes more are in use at the worst moment of `act` than before it."""
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        act()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
