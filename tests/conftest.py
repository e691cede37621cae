"""What every test may count on: a private root, a chosen size of proof, and no skip that hides."""

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from hypothesis import settings

PROOF: Final = os.environ.get("RUNLORE_PROOF", "ci")
ALL_MUST_RUN: Final = os.environ.get("RUNLORE_CI") == "1"

# The same examples every time in CI, so that a red build means the change; new ones in a soak.
settings.register_profile("ci", deadline=None, derandomize=True, max_examples=60)
settings.register_profile("few", parent=settings.get_profile("ci"), max_examples=25)
settings.register_profile("full", deadline=None, max_examples=5000, print_blob=True)
settings.load_profile(PROOF)

_skipped: Final[list[str]] = []


# Whoever starts tests in the background leaves them Ctrl-C ignored, whoever uses nohup a hang-up, and what
# is ignored is inherited.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture
def registry_root(tmp_path: Path) -> Path:
    """A fresh, empty root that only its owner can enter, whatever the umask."""
    root = tmp_path / "registry"
    root.mkdir()
    root.chmod(0o700)
    return root


@pytest.fixture(scope="session")
def sized() -> Callable[[int, int], int]:
    """Pick a number by the size of the proof: `sized(10_000, 100_000)` is 10,000 in CI."""
    return lambda ci, full: full if PROOF == "full" else ci


@pytest.fixture(scope="session", autouse=True)
def _no_registry_of_the_user(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Whoever runs the tests inside a run, or has a registry, finds it untouched."""
    for name in ("RUNLORE_ROOT", "RUNLORE_RUN_ID", "RUNLORE_OUTPUTS", "RUNLORE_REDACT"):
        os.environ.pop(name, None)
    from runlore.journal.secret_names import looks_secret

    for name in filter(looks_secret, list(os.environ)):  # they would be masked, and named in every run
        os.environ.pop(name, None)
    os.environ["XDG_DATA_HOME"] = str(tmp_path_factory.mktemp("xdg-data"))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose `needs` are not met, with the reason."""
    path = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
    for need in [need for mark in item.iter_markers("needs") for need in mark.args]:
        met = os.geteuid() == 0 if need == "root" else shutil.which(need, path=path)
        if not met:
            pytest.skip(f"needs {need}")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note a skipped test; one that was expected to fail did run."""
    if report.skipped and not hasattr(report, "wasxfail"):
        _skipped.append(report.nodeid)


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """Note a file that was skipped whole."""
    if report.skipped:
        _skipped.append(report.nodeid)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where nothing may be skipped, a session that skipped something has failed."""
    if _skipped and ALL_MUST_RUN:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name the culprits."""
    if _skipped and ALL_MUST_RUN:
        terminalreporter.section("skipped, which RUNLORE_CI=1 forbids", red=True)
        terminalreporter.write_line("\n".join(sorted(_skipped)))
