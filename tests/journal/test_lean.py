"""A lean start: libraries come without their costliest imports, and nobody else is the poorer."""

import inspect
import subprocess
import sys

import pytest

from runlore.journal import lean


def _says(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_msgspec_is_loaded_without_typing_extensions() -> None:
    """A command pays for the import that it needs, not for the one behind it."""
    code = (
        "import sys; from runlore.journal.lean import load_msgspec; load_msgspec();"
        "print('msgspec' in sys.modules, 'typing_extensions' in sys.modules)"
    )

    assert _says(code) == "True False"


def test_typing_extensions_can_be_imported_afterwards() -> None:
    """A library that does need it finds it as if nothing had happened."""
    code = (
        "from runlore.journal.lean import load_msgspec; load_msgspec();"
        "import typing_extensions; print(hasattr(typing_extensions, 'TypedDict'))"
    )

    assert _says(code) == "True"


def test_datetime_is_what_it_always_is() -> None:
    """Before Python 3.12 its C module stands in for it, and has all that a program knows of it."""
    code = (
        "import sys; from runlore.journal.lean import load_msgspec; load_msgspec(); import datetime\n"
        "at = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)\n"
        "names = 'MINYEAR MAXYEAR date time timedelta timezone tzinfo datetime_CAPI'.split()\n"
        "print(at.isoformat(), all(hasattr(datetime, name) for name in names),\n"
        "      at.strptime('2026', '%Y').year,\n"
        "      datetime.__name__ if sys.version_info < (3, 12) else '_datetime')\n"
    )

    assert _says(code) == "2026-01-01T00:00:00+00:00 True 2026 _datetime"


@pytest.mark.parametrize("name", ["platform", "textwrap", "inspect", "gettext"])
def test_costly_modules_come_when_they_are_needed(name: str) -> None:
    """Whoever was lent a stand-in for one finds all of it, and so does whoever imports it afterwards."""
    code = (
        "import sys; from runlore.journal import lean; lean.load_msgspec(); lean.load_click()\n"
        f"import click, msgspec, uuid; print({name!r} in sys.modules)\n"
        "holder = {'platform': uuid, 'textwrap': msgspec._json_schema, 'inspect': click.core}\n"
        "uses = {'platform': 'machine', 'textwrap': 'dedent', 'inspect': 'signature', 'gettext': 'find'}\n"
        f"lent = getattr(holder.get({name!r}), {name!r}, None)\n"
        f"import {name}; real = getattr({name}, uses[{name!r}])\n"
        f"print({name}.__file__ is not None, lent is None or getattr(lent, uses[{name!r}]) is real)\n"
    )

    assert _says(code).split() == ["False", "True", "True"]


def test_what_a_stand_in_lacks_is_the_real_ones() -> None:
    """Also while it is still lent: what another release may want of a module is there for it."""
    code = (
        "import sys; from runlore.journal import lean\n"
        "with lean._lent('platform', system=lambda: 'here'):\n"
        "    import platform as lent\n"
        "    print(lent.system(), lent.machine() != '')\n"
        "import platform; print(platform is not lent, platform.system() == 'Linux')\n"
    )

    assert _says(code).split() == ["here", "True", "True", "True"]


@pytest.mark.parametrize(
    "text", ["", "plain", " led by a space", "\ttab", "a\tb", "two\n  lines\n", "\x0b x", "trailing  "]
)
def test_help_texts_are_cleaned_as_ever(text: str) -> None:
    """The short way is taken only where it changes nothing."""
    assert lean._cleandoc(text) == inspect.cleandoc(text)


def test_events_decode_the_same_after_a_lean_start() -> None:
    """Annotations with limits still mean what they say."""
    code = (
        "from runlore.journal.lean import load_msgspec; load_msgspec()\n"
        "from runlore.journal import codec\n"
        "from runlore.journal.errors import UndecodableLine\n"
        "try:\n"
        '    codec.decode(b\'{"type":"run.noted","seq":0,"at":"2026-01-01T00:00:00Z","text":"x"}\')\n'
        "except UndecodableLine:\n"
        "    print('refused')\n"
    )

    assert _says(code) == "refused"


def test_hashlib_is_loaded_without_openssl() -> None:
    """A keeper hashes a few short lines; it does not carry OpenSSL along for that."""
    code = (
        "import sys; from runlore.journal.lean import load_hashlib; load_hashlib(); import hashlib;"
        "print(hashlib.sha256(b'abc').hexdigest()[:8], '_hashlib' in sys.modules)"
    )

    assert _says(code) == "ba7816bf False"


def test_hashlib_comes_whole_where_the_interpreter_has_no_sha256_of_its_own() -> None:
    """Some distributions leave it out; then OpenSSL's is loaded, as everywhere else."""
    code = (
        "import sys; sys.modules['_sha2'] = sys.modules['_sha256'] = None\n"
        "from runlore.journal.lean import load_hashlib; load_hashlib(); import hashlib\n"
        "print(hashlib.sha256(b'abc').hexdigest()[:8], '_hashlib' in sys.modules)\n"
    )

    assert _says(code) == "ba7816bf True"
