"""What tests of crashes share with those of kept runs."""

from tests.runtimes.conftest import keeping, small_disk

__all__ = ["keeping", "small_disk"]
