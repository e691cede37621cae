"""Load what is needed and no more: for our own commands and keepers, where start-up counts.

msgspec asks for typing_extensions and falls back to typing, which has the same names from Python 3.11
on. That import, with inspect and ast behind it, takes a fifth of a command's start. hashlib loads
OpenSSL, which takes a keeper 3 ms and 0.6 MiB; a keeper hashes a few short lines.
"""

import gc
import importlib
import os
import sys
from collections.abc import Generator
from contextlib import contextmanager
from types import ModuleType
from typing import Any, Final

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
        with _lent("platform", system=lambda: os.uname().sysname):
            __import__("uuid")
        with _lent("textwrap"):
            _load("msgspec", without=_SPARED)


def load_click() -> None:
    """Import click; inspect, which it needs for help texts of several lines, stays unloaded until then.

    Nothing that it says is looked for in catalogs of translations: it brings none, and we say the rest.
    Only for processes of our own, as above.
    """
    with _lent("inspect", cleandoc=_cleandoc), _lent("gettext", gettext=str, ngettext=_in_english):
        __import__("click")


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


@contextmanager
def _lent(name: str, **known: object) -> Generator[None]:
    """Let a stand-in be what others import meanwhile under a name that nothing has; they keep it."""
    if name in sys.modules:
        yield
        return
    stand_in = sys.modules[name] = _StandIn(name)
    vars(stand_in).update(known)
    try:
        yield
    finally:
        stand_in.leave()


class _StandIn(ModuleType):
    """A module of which only a little is needed for now; the rest is the real one's, loaded if asked for."""

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever that module has
        if name.startswith("__"):
            raise AttributeError(name)
        self.leave()
        return getattr(importlib.import_module(self.__name__), name)

    def leave(self) -> None:
        """Give the name back."""
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]


def _in_english(one: str, several: str, count: int) -> str:
    return one if count == 1 else several


def _cleandoc(text: str) -> str:
    """Return what `inspect.cleandoc` returns; a plain line is clean."""
    if "\n" not in text and "\t" not in text and not text[:1].isspace():
        return text
    cleaned: str = importlib.import_module("inspect").cleandoc(text)
    return cleaned


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
