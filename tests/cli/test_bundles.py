"""`runlore export` and `runlore import`, as people, scripts and strangers to runlore use them."""

import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import proof
from tests.cli.command import COMMAND, Runlore
from tests.cli.test_long_memory import _ASK
from tests.cli.test_schemas import validator


@pytest.fixture
def filled(runlore: Runlore) -> Runlore:
    """Two runs that have ended, one of them with an output."""
    runlore.ok("run", "-q", "--name", "one", "--artifact", "a", "sh", "-c", "echo hello > a; echo printed")
    runlore.ok("run", "-q", "--name", "two", "true")
    return runlore


def elsewhere(runlore: Runlore, name: str = "other") -> Runlore:
    """The same user, with a registry that does not exist yet."""
    return Runlore(root=runlore.home / name, home=runlore.home)


def test_runs_move_through_a_file(filled: Runlore) -> None:
    """What is imported is listed, shown, printed and fetched as it was."""
    done = filled.ok("export", "one", "two", "-o", "runs.tar")
    assert done.lines[-1].startswith("2 runs, ")
    other = elsewhere(filled)
    assert [line.split()[1] for line in other.ok("import", "runs.tar").lines] == ["imported", "imported"]
    assert [line.split()[1] for line in other.ok("import", "runs.tar").lines] == ["existing", "existing"]
    for words in (["logs", "one"], ["artifacts", "cat", "one", "a"], ["history", "one", "--utc"], ["heads"]):
        assert other.ok(*words).stdout == filled.ok(*words).stdout
    assert "0 findings" in other.ok("artifacts", "verify", "one").stdout


def test_a_stranger_can_take_it_apart_and_check_it(filled: Runlore) -> None:
    """GNU tar and coreutils are enough, and say nothing but that all is well."""
    filled.ok("export", "--filter", "name = one", "-o", "runs.tar")
    done = filled.shell(
        "mkdir x && cd x && tar xf ../runs.tar && sha256sum -c --quiet SHA256SUMS && cat outputs/*"
    )
    assert (done.stdout, done.stderr, done.code) == ("hello\n", "", 0)


def test_runs_move_through_a_pipe(filled: Runlore) -> None:
    """Nothing is stored on the way; what is said goes to standard error."""
    other = elsewhere(filled)
    done = filled.shell(f"$RUNLORE export one -o - | RUNLORE_ROOT={other.root} $RUNLORE import - --json")
    assert done.code == 0, done
    assert '"outcome":"imported"' in done.stdout
    assert "1 run, " in done.stderr
    by_file = filled.ok("export", "one", "-o", "runs.tar")
    piped = filled.shell("$RUNLORE export one -o - 2>/dev/null | cmp - runs.tar")
    assert (by_file.code, piped.code) == (0, 0)


def test_answers_for_programs(filled: Runlore) -> None:
    """JSON of a schema, fields, and ids."""
    answer = filled.ok("export", "one", "-o", "runs.tar", "--json").json
    validator(filled, answer["schema"]).validate(answer)
    assert answer["bytes"] == (filled.home / "runs.tar").stat().st_size
    other = elsewhere(filled)
    told = other.ok("import", "runs.tar", "--json").json
    validator(filled, told["schema"]).validate(told)
    assert [item["run_id"] for item in told["items"]] == [answer["items"][0]["run_id"]]
    assert other.ok("import", "runs.tar", "-q").lines == [answer["items"][0]["run_id"]]


def test_what_is_wrong_with_what_was_typed(filled: Runlore) -> None:
    """Each with its own exit code, and nothing is made."""
    (filled.home / "taken").write_text("mine")
    (filled.home / "some.json").write_text('{"a": 1}')
    (filled.home / "folder").mkdir()
    going = filled.begin("sleep", "60")
    for words, code, said in (
        (["export", "one"], 2, "--output"),
        (["export", "-o", "x"], 2, "which runs?"),
        (["export", "one", "--filter", "name = one", "-o", "x"], 2, "either IDs or --filter"),
        (["export", "nobody", "-o", "x"], 3, "nobody"),
        (["export", "one", "-o", "taken"], 2, "is there already"),
        (["export", "one", "-o", "no/such/folder"], 2, "No such file"),
        (["export", going, "-o", "x"], 5, "runlore wait"),
        (["export", "one", "-o", "-", "--json"], 2, "standard output is the bundle"),
        (["import"], 2, "FILE|DIR|-"),
        (["import", "nothing"], 3, "no file nothing"),
        (["import", "taken"], 2, "is no bundle"),
        (["import", "some.json"], 2, "no field 'a'"),
        (["import", "folder"], 2, "folder"),
        (["import", "taken", "--max-bytes", "much"], 2, "not a size"),
    ):
        done = filled(*words, code=code)
        assert said in done.stderr, (words, done)
        assert done.stdout == ""
    assert not (filled.home / "x").exists()


def test_a_bundle_does_not_go_to_a_terminal(filled: Runlore) -> None:
    """It is not text; nothing is written."""
    ours, theirs = pty.openpty()
    try:
        command = [COMMAND, "export", "one", "-o", "-"]
        done = subprocess.run(
            command, stdout=theirs, stderr=subprocess.PIPE, env=filled.environment(), check=False
        )
        os.set_blocking(ours, False)
        assert done.returncode == 2
        assert b"not for a terminal" in done.stderr
        with pytest.raises(BlockingIOError):
            os.read(ours, 1)
    finally:
        os.close(ours)
        os.close(theirs)


def test_a_bundle_that_is_hurt(filled: Runlore) -> None:
    """65, the member that is wrong, and what to do next; nothing is there afterwards."""
    filled.ok("export", "one", "-o", "runs.tar")
    data = bytearray((filled.home / "runs.tar").read_bytes())
    data[data.index(b"hello\n")] ^= 1
    (filled.home / "runs.tar").write_bytes(data)
    other = elsewhere(filled)
    done = other("import", "runs.tar", code=65)
    assert "outputs/" in done.stderr
    assert "nothing was imported" in done.stderr
    assert other.ok("ls", "-q").stdout == ""


@pytest.mark.timeout(3600 if proof.SIZE == "full" else 120)
def test_memory_does_not_grow_with_the_bytes(runlore: Runlore, sized: Callable[[int, int], int]) -> None:
    """An output of 10 GB goes out and comes in with the memory of a small one; holes take no disk."""
    size = sized(96 << 20, 10 << 30)
    runlore.ok(
        "run", "-q", "--artifact", "big", "sh", "-c", f"truncate -s {size} big; echo x >> big", timeout=3600
    )
    other = elsewhere(runlore)
    peaks: dict[str, float] = {}
    for command, words in (
        (runlore, ["export", "latest", "-o", "runs.tar"]),
        (other, ["import", "runs.tar"]),
    ):
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", _ASK, COMMAND, *words],
            env=command.environment(),
            cwd=command.home,
            capture_output=True,
            text=True,
            check=True,
        )
        code, kib = done.stderr.splitlines()[-1].split()
        assert code == "0", done
        peaks[words[0]] = int(kib) / 1024
    stored = next(path for path in (other.root / "runs").rglob("*") if path.stat().st_size > size)

    assert max(peaks.values()) < 64, peaks
    assert stored.stat().st_blocks * 512 < size // 10
    proof.record(
        "memory of bundles",
        "Exporting and importing runs of any size needs at most 64 MiB.",
        {"bytes": size, **{f"MiB of {name}": round(peak) for name, peak in peaks.items()}},
    )


def test_a_registry_of_somebody_who_may_only_read(filled: Runlore) -> None:
    """Exporting reads, and makes nothing there."""

    def there() -> list[Path]:
        return sorted(path for path in Path(filled.root).rglob("*") if "index" not in path.parts)

    before = there()
    filled.ok("export", "one", "-o", "runs.tar")
    assert there() == before
