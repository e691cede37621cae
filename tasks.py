"""The chores of the project: `python3 tasks.py TASK [ARGS]`, on nothing but Python 3.11 or newer.

A task first makes what it needs: `.venv` with the declared requirements, and `.links`, where the rooms
appear under the names they have once installed. Both may be deleted at any time.

Environment: RUNLORE_VENV names another virtual environment (one per Python version), RUNLORE_PROOF is
the size of the proofs (`ci` or `full`), RUNLORE_CI=1 makes a skipped test a failure.
"""

import fcntl
import importlib
import importlib.util
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NoReturn

try:
    import tomllib
except ModuleNotFoundError:
    sys.exit("tasks: Python 3.11 or newer is needed; this is " + sys.version.split()[0])

ROOT: Final = Path(__file__).resolve().parent
LINKS: Final = ROOT / ".links"
BUILD: Final = ROOT / ".build"
VENV: Final = ROOT / os.environ.get("RUNLORE_VENV", ".venv")
PYTHON: Final = f"{sys.version_info.major}.{sys.version_info.minor}"

# As many workers as cores, but not so many that starting them costs more than they save.
# Tests that must not run side by side share a pytest.mark.xdist_group.
PARALLEL: Final = ("-n", "auto", "--maxprocesses", "8", "--dist", "loadgroup")
MISLEADING: Final = frozenset({"PYTHONPATH", "PYTHONHOME", "PYTHONDONTWRITEBYTECODE"})
"""The last one, common in containers, has each of the tests' thousands of commands compile all it imports."""
SOAK_TIMEOUT_S: Final = 3600
SUPPORTED: Final = ("3.11", "3.12", "3.13")
QUICK: Final = (
    *("tests/projections", "tests/compat", "tests/smoke", "tests/journal/test_codec.py"),
    "--hypothesis-profile=few",
)
"""What tells one Python from another at little cost; a whole run, with each, is `tasks.py pythons tests`."""

PROJECT: Final = tomllib.loads((ROOT / "pyproject.toml").read_text())
ROOMS: Final[Mapping[str, str]] = PROJECT["tool"]["setuptools"]["package-dir"]
DEPENDENCIES: Final[Sequence[str]] = PROJECT["project"]["dependencies"]
DEV: Final[Sequence[str]] = PROJECT["project"]["optional-dependencies"]["dev"]

# What pip would generate looks up metadata or compiles a pattern first, depending on its age.
COMMAND: Final = """\
{shebang}
from runlore.cli.start import start

start()
"""


# -- tasks -----------------------------------------------------------------------------------------


def setup(_: Sequence[str]) -> None:
    """Make .venv and .links, and install the Debian packages that tests need."""
    install_tools()


def lint(args: Sequence[str]) -> None:
    """Check style: ruff, with every rule that pyproject.toml does not excuse."""
    run(["ruff", "check", *args], ["ruff", "format", "--check", *args])


def types(_: Sequence[str]) -> None:
    """Check types: mypy strict everywhere, pyright strict in the rooms."""
    candidates = "tests", "benchmarks", "changelog", "docs"
    others = [name for name in candidates if any((ROOT / name).rglob("*.py"))]
    run(
        ["mypy", LINKS / "runlore", *others, "tasks.py"],
        ["pyright", "--project", pyright_config(LINKS), "--pythonpath", VENV / "bin/python"],
        at_once=True,
    )


def imports(_: Sequence[str]) -> None:
    """Check that the rooms only look inward (import-linter)."""
    run(["lint-imports", "--no-logo", "--cache-dir", BUILD / "import-linter"])


def test(args: Sequence[str]) -> None:
    """Run the tests; ARGS go to pytest."""
    install_tools()
    run(["pytest", *PARALLEL, *args])


def crash(args: Sequence[str]) -> None:
    """Run only the crash tests: kills, power cuts, full disks."""
    test(["tests/crash", *args])


def docs(args: Sequence[str]) -> None:
    """Check the documentation: its code blocks run, its links lead somewhere."""
    test(["tests/docs", *args])


def pythons(args: Sequence[str]) -> None:
    """Run the quick tests under the newest other Python found here, or those in ARGS under each of them."""
    found = {version: find_python(version) for version in SUPPORTED if version != PYTHON}
    for version in (each for each, interpreter in found.items() if interpreter is None):
        say(f"Python {version} is absent here; nothing was run with it")
    here = [(version, interpreter) for version, interpreter in found.items() if interpreter is not None]
    failed = []
    for version, interpreter in here if args else here[-1:]:
        env = os.environ | {"RUNLORE_VENV": f".venv-{version}"}
        done = subprocess.run([interpreter, __file__, "test", *(args or QUICK)], env=env, check=False)
        failed += [version] if done.returncode else []
    if failed:
        give_up(f"the tests fail with Python {', '.join(failed)}")


def proof(args: Sequence[str]) -> None:
    """Run the tests, and write what they proved into docs/reliability.md."""
    report = BUILD / "proof.jsonl"
    report.unlink(missing_ok=True)
    os.environ["RUNLORE_PROOF_REPORT"] = str(report)
    test(args)
    run(["python", "docs/reliability_page.py", report])


def soak(args: Sequence[str]) -> None:
    """Do the same at the size that proves something: hours, not minutes."""
    os.environ["RUNLORE_PROOF"] = "full"
    proof([f"--timeout={SOAK_TIMEOUT_S}", *args])


def bench(args: Sequence[str]) -> None:
    """Measure; ARGS go to `python -m benchmarks`."""
    run(["python", "-m", "benchmarks", *args])


def build(args: Sequence[str]) -> None:
    """Build the sdist, and from it the wheel, into .build/dist or the folder named."""
    target = Path(args[0]) if args else BUILD / "dist"
    shutil.rmtree(target, ignore_errors=True)
    # From a copy: setuptools leaves folders behind, and would ship a stale one with the next wheel.
    with tempfile.TemporaryDirectory() as source:
        rooms = sorted({room.partition("/")[0] for room in ROOMS.values()})
        for name in (*rooms, "pyproject.toml", "README.md", "LICENSE"):
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            copy(ROOT / name, Path(source, name))
        run(["python", "-m", "build", "--no-isolation", "--outdir", target, source], quiet=True)
    say("built " + ", ".join(sorted(path.name for path in target.iterdir())))


def smoke(args: Sequence[str]) -> None:
    """Install the built wheel with the oldest dependencies it admits, and try the command."""
    build([])
    (wheel,) = (BUILD / "dist").glob("*.whl")
    home = BUILD / "smoke"
    venv.create(home, clear=True, with_pip=True)
    oldest = BUILD / "oldest.txt"
    oldest.write_text("".join(f"{requirement.replace('>=', '==')}\n" for requirement in DEPENDENCIES))
    pip_install(home, [str(wheel), "--constraint", str(oldest)])
    os.environ |= {"RUNLORE_COMMAND": str(home / "bin/runlore"), "RUNLORE_WHEEL": str(wheel)}
    run(["pytest", "tests/smoke", *args])


def fmt(args: Sequence[str]) -> None:
    """Repair what ruff can repair."""
    run(["ruff", "check", "--fix", *args], ["ruff", "format", *args])


def changelog(args: Sequence[str]) -> None:
    """Rebuild CHANGELOG.md from the fragments in changelog/."""
    run(["python", "changelog/assemble.py", *args])


_CHECKS: Final = (setup, lint, types, imports, test, pythons, crash, docs, build, smoke, proof, soak)
TASKS: Final = {task.__name__: task for task in (*_CHECKS, bench, fmt, changelog)}


# -- set-up ----------------------------------------------------------------------------------------


def prepare() -> None:
    """Make the virtual environment and the links, or bring them up to date."""
    with one_at_a_time():
        make_venv()
        link_rooms(ROOT, LINKS / "runlore")
        write_if_new(site_packages() / "runlore.pth", f"{LINKS}\n")
        write_if_new(VENV / "bin/runlore", COMMAND.format(shebang=shebang(VENV / "bin/python")), mode=0o755)


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Keep two tasks started side by side from setting up at the same moment."""
    BUILD.mkdir(exist_ok=True)
    with (BUILD / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def make_venv() -> None:
    """Install the declared requirements into VENV, unless its stamp says that they are there."""
    stamp = VENV / "runlore-requirements.txt"
    home, requirements = f"# {ROOT}, Python {PYTHON}\n", "\n".join([*DEPENDENCIES, *DEV])
    found = stamp.read_text() if stamp.is_file() else ""
    if found == home + requirements:
        return
    if found and not found.splitlines()[0].endswith(f"Python {PYTHON}"):
        give_up(f"{VENV.name} belongs to another Python; remove it or set RUNLORE_VENV=.venv-{PYTHON}")
    if not found.startswith(home):  # absent, half made, or copied from elsewhere
        say(f"making {VENV.name}")
        require_ensurepip()
        venv.create(VENV, clear=True, symlinks=True, with_pip=True)
    say("installing the declared requirements")
    pip_install(VENV, [*DEPENDENCIES, *DEV])
    # setuptools' hook costs every start of the interpreter some 3 ms; nothing here uses distutils.
    (site_packages() / "distutils-precedence.pth").unlink(missing_ok=True)
    stamp.write_text(home + requirements)


def find_python(version: str) -> str | None:
    """Return a working interpreter of that version: on PATH, or one that pyenv keeps."""
    kept = sorted((Path.home() / ".pyenv/versions").glob(f"{version}.*/bin/python{version}"))
    for candidate in [shutil.which(f"python{version}"), *map(str, kept)]:
        if not candidate:
            continue
        if subprocess.run([candidate, "-c", ""], capture_output=True, check=False).returncode == 0:
            return candidate
    return None


def require_ensurepip() -> None:
    """End with advice where Python came without ensurepip, as on Debian without python3-venv."""
    if importlib.util.find_spec("ensurepip") is None:
        apt_install(["python3-venv"])
        importlib.invalidate_caches()
    if importlib.util.find_spec("ensurepip") is None:
        give_up("this Python cannot make virtual environments; apt-get install python3-venv")


def pip_install(home: Path, what: Sequence[str]) -> None:
    """Install into the virtual environment `home`."""
    pip = [str(home / "bin/python"), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    if subprocess.run([*pip, *what], cwd=ROOT, check=False).returncode:
        give_up("pip could not install the requirements; see above")


def link_rooms(root: Path, package: Path) -> None:
    """Make `package` a folder of links that looks as setuptools will install it; drop stale links."""
    package.mkdir(parents=True, exist_ok=True)
    entries = [entry for entry in (root / ROOMS["runlore"]).iterdir() if entry.name != "__pycache__"]
    wanted = {entry.name: entry for entry in entries}
    wanted |= {name.partition(".")[2]: root / room for name, room in ROOMS.items() if name != "runlore"}
    for link in package.iterdir():
        if link.is_symlink() and link.name not in wanted:
            link.unlink()
    for name, entry in wanted.items():
        target = os.path.relpath(entry, package)
        if not (package / name).is_symlink() or os.readlink(package / name) != target:
            fresh = package / f".{name}.new"
            fresh.symlink_to(target)
            fresh.replace(package / name)


def pyright_config(links: Path) -> Path:
    """Return the configuration, written into `links`, that shows pyright the rooms through their links.

    Started at the root it would see each file twice, as `journal.x` and as `runlore.journal.x`, with
    classes that do not match; and it never enters a folder whose name begins with a dot, nor a link.
    """
    config = {"extends": "../pyproject.toml", "include": [name.replace(".", "/") for name in ROOMS]}
    path = links / "pyrightconfig.json"
    write_if_new(path, json.dumps(config))
    return path


def shebang(python: Path) -> str:
    """Return the first line of a script for `python`; a path with blanks takes a detour through sh."""
    if " " not in str(python):
        return f"#!{python}"
    return f"#!/bin/sh\n'''exec' {shlex.quote(str(python))} \"$0\" \"$@\"\n' '''"


def site_packages() -> Path:
    """Return the folder whose .pth files VENV's interpreter reads."""
    return VENV / f"lib/python{PYTHON}/site-packages"


def write_if_new(path: Path, text: str, *, mode: int = 0o644) -> None:
    """Make `path` contain `text`; a file that already does is left alone, somebody may be running it."""
    if not path.is_file() or path.read_text() != text:
        path.write_text(text)
        path.chmod(mode)


# -- Debian packages -------------------------------------------------------------------------------


def install_tools() -> None:
    """Install the Debian packages the tests need, or say which tests will not run without them."""
    if apt_install(missing_tools()):
        return
    if missing := missing_tools():
        names = " ".join(missing)
        say(f"not installed: {names}. Tests that need them are reported as skipped; apt-get install {names}")


def missing_tools() -> list[str]:
    """Return the packages of .ci/debian-packages.txt whose command is not on this machine."""
    lines = (ROOT / ".ci/debian-packages.txt").read_text().splitlines()
    tools = dict(line.split() for line in lines if line and not line.startswith("#"))
    path = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
    return [package for package, command in tools.items() if not shutil.which(command, path=path)]


def apt_install(packages: Sequence[str]) -> bool:
    """Install Debian packages and return True; return False where we may not, or it failed."""
    if not packages:
        return True
    if os.geteuid() or not shutil.which("apt-get"):
        return False
    say("installing Debian packages: " + " ".join(packages))
    apt = ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300"]
    commands = [*apt, "update"], [*apt, "install", "-y", "--no-install-recommends", *packages]
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    null = subprocess.DEVNULL
    return all(
        subprocess.run(command, env=env, stdin=null, stdout=null, check=False).returncode == 0
        for command in commands
    )


# -- running and talking ---------------------------------------------------------------------------


def run(*commands: Iterable[str | Path], quiet: bool = False, at_once: bool = False) -> None:
    """Run every command with VENV first on PATH, also after one failed; end if any of them failed."""
    env = {name: value for name, value in os.environ.items() if name not in MISLEADING}
    env["PYTHONPYCACHEPREFIX"] = str(BUILD / "pycache")
    env["PATH"] = f"{VENV / 'bin'}{os.pathsep}{env.get('PATH', os.defpath)}"
    with ThreadPoolExecutor(len(commands) if at_once else 1) as pool:
        codes = list(pool.map(lambda command: run_one(command, env, quiet=quiet), commands))
    if failure := next(filter(None, codes), 0):
        sys.exit(failure)


def run_one(command: Iterable[str | Path], env: Mapping[str, str], *, quiet: bool) -> int:
    """Return the exit code of one command."""
    program, *args = map(str, command)
    say("$ " + shlex.join([program, *args]))
    argv = [str(VENV / "bin" / program), *args]
    done = subprocess.run(argv, cwd=ROOT, env=env, check=False, capture_output=quiet, text=True)
    if done.returncode:
        sys.stderr.write(f"{done.stdout or ''}{done.stderr or ''}")
    return done.returncode


def say(text: str) -> None:
    """Talk on stderr; stdout is the task's own."""
    print(f"tasks: {text}", file=sys.stderr, flush=True)


def give_up(text: str) -> NoReturn:
    """End with the reason."""
    sys.exit(f"tasks: {text}")


def usage() -> str:
    """Return the list of tasks, each with the first line of its docstring."""
    width = max(map(len, TASKS))
    lines = [f"  {name:<{width}}  {task.__doc__}" for name, task in TASKS.items()]
    return "\n".join(["usage: python3 tasks.py TASK [ARGS]", *lines])


def main(argv: Sequence[str]) -> None:
    """Do the task that was named, or list them all."""
    if not argv or argv[0] in {"-h", "--help"}:
        print(usage())
    elif argv[0] not in TASKS:
        give_up(f"there is no task {argv[0]!r}\n{usage()}")
    else:
        prepare()
        TASKS[argv[0]](argv[1:])


if __name__ == "__main__":
    main(sys.argv[1:])
