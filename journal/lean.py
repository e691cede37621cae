"""Load what is needed and no more: for our own commands and keepers, where start-up counts.

msgspec asks for typing_extensions and falls back to typing, which has the same names from Python 3.11
on. That import, with inspect and ast behind it, takes a fifth of a command's start. hashlib loads
OpenSSL, which takes a keeper 3 ms and 0.6 MiB; a keeper hashes a few short lines.
"""

import gc
import importlib
import os
import sys
from types import ModuleType
from typing import Final

_SPARED: Final = "typing_extensions"
_OPENSSL: Final = "_hashlib"
_C_DATETIME: Final = "_datetime"
_OWN_SHA256: Final = ("_sha2", "_sha256")
"""The interpreter's own, by its name from Python 3.12 on and before; some distributions leave it out."""


def load_msgspec() -> None:
    """Import msgspec; typing_extensions stays unloaded, and loadable for everybody else.

    Only for processes of our own: other threads must not be importing at the same time.
    """
    if "msgspec" not in sys.modules:
        _load_datetime()
        _load_uuid()
        _load("msgspec", without=_SPARED)


def load_hashlib() -> None:
    """Import hashlib without OpenSSL, where the interpreter has a SHA-256 of its own.

    Only for processes of our own that hash little: it is half as fast.
    """
    if "hashlib" not in sys.modules and any(map(_is_there, _OWN_SHA256)):
        _load("hashlib", without=_OPENSSL)


def _load_datetime() -> None:
    """Take the C module, which has every name of datetime's, for datetime, where that would be costly."""
    if sys.version_info < (3, 12) and "datetime" not in sys.modules and _is_there(_C_DATETIME):
        sys.modules["datetime"] = sys.modules[_C_DATETIME]


def _load_uuid() -> None:
    """Import uuid with no more of platform than it asks for; that stays loadable for everybody else."""
    if "platform" in sys.modules or "uuid" in sys.modules:
        return
    stand_in = ModuleType("platform")
    stand_in.system = lambda: os.uname().sysname  # type: ignore[attr-defined]
    sys.modules["platform"] = stand_in
    try:
        importlib.import_module("uuid")
    except (ImportError, AttributeError):
        return  # some later release may ask for more; whoever needs it imports it whole
    finally:
        del sys.modules["platform"]


def _load(name: str, *, without: str) -> None:
    """Import a module that can do without another one, which stays loadable for everybody else."""
    if without in sys.modules:
        return
    sys.modules[without] = None  # type: ignore[assignment]  # the import system's word for "not there"
    try:
        importlib.import_module(name)
    except ImportError:
        return  # some later release may insist; whoever needs it imports it whole
    finally:
        del sys.modules[without]


def _is_there(name: str) -> bool:
    try:
        importlib.import_module(name)
    except ImportError:
        return False
    return True


def keep_loaded() -> None:
    """Begin to collect garbage: in what is made from here on, never in what was loaded by now.

    Whoever loads much calls `gc.disable` first.
    """
    gc.freeze()
    gc.enable()
