"""Load what is needed and no more: for our own commands and keepers, where start-up counts.

msgspec asks for typing_extensions and falls back to typing, which has the same names from Python 3.11
on. That import, with inspect and ast behind it, takes a fifth of a command's start.
"""

import gc
import importlib
import sys
from typing import Final

_SPARED: Final = "typing_extensions"


def load_msgspec() -> None:
    """Import msgspec; typing_extensions stays unloaded, and loadable for everybody else.

    Only for processes of our own: other threads must not be importing at the same time.
    """
    if "msgspec" in sys.modules or _SPARED in sys.modules:
        return
    sys.modules[_SPARED] = None  # type: ignore[assignment]  # the import system's word for "not there"
    try:
        importlib.import_module("msgspec")
    except ImportError:
        return  # some later release may insist; whoever needs it imports it whole
    finally:
        del sys.modules[_SPARED]


def keep_loaded() -> None:
    """Begin to collect garbage: in what is made from here on, never in what was loaded by now.

    Whoever loads much calls `gc.disable` first.
    """
    gc.freeze()
    gc.enable()
