"""A lean start: msgspec comes without its costliest import, and nobody else is the poorer."""

import subprocess
import sys


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


def test_uuid_is_loaded_without_platform() -> None:
    """Which comes whole for whoever wants it, as uuid does where platform was there before."""
    code = (
        "import sys; from runlore.journal.lean import load_msgspec; load_msgspec()\n"
        "import uuid; print('platform' in sys.modules, uuid.uuid4().version)\n"
        "import platform; print(platform.machine() != '')\n"
    )

    assert _says(code).split() == ["False", "4", "True"]


def test_a_uuid_that_asks_for_more_comes_whole() -> None:
    """What another release may want of platform is there for it."""
    code = (
        "import enum, importlib.util, sys\n"
        "class Finder:\n"
        "    def find_spec(name, path, target=None):\n"
        "        if name == 'uuid': return importlib.util.spec_from_loader(name, Finder)\n"
        "    def create_module(spec): return None\n"
        "    def exec_module(module):\n"
        "        import platform\n"
        "        module.machine = platform.machine()\n"
        "        module.UUID, module.SafeUUID = type('UUID', (), {}), enum.Enum('SafeUUID', 'unknown')\n"
        "sys.meta_path.insert(0, Finder)\n"
        "from runlore.journal.lean import load_msgspec; load_msgspec()\n"
        "import msgspec, uuid; print(uuid.machine != '')\n"
    )

    assert _says(code) == "True"


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
