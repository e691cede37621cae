"""Secrets of a run: where they come from, who gets them, and what is left of them afterwards: names."""

import hashlib
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runlore.journal import events
from runlore.journal.errors import BadInput
from runlore.runtimes import sealed
from runlore.runtimes.messages import NotStarted
from runlore.runtimes.registry import Registry
from runlore.runtimes.run_secrets import REDACT, Secrets
from tests.runtimes.keeping import Keeping, Kept, python, until

SECRET = "hunter2-and-then-some"
TWICE = (
    "import os, sys\n"
    "mine = os.environ.get('MINE', 'nothing')\n"
    "print(mine, flush=True)\n"
    "open(sys.argv[1]).read()\n"
    "print('then', mine)"
)
PRINTS = ("sh", "-c", 'echo "before $MINE after"; echo "$MINE" >&2')


def on_disk(root: Path) -> bytes:
    """All that lies under the root, names included."""
    return b"\n".join(
        os.fsencode(path) + (path.read_bytes() if path.is_file() else b"") for path in root.rglob("*")
    )


def wait_sealed(kept: Kept) -> None:
    """Return once the run's history is closed."""
    until(lambda: "RunSealed" in kept.tags(), "the seal")


def from_environment(monkeypatch: pytest.MonkeyPatch, _folder: Path) -> dict[str, Any]:
    """The caller has exported it."""
    monkeypatch.setenv("MINE", SECRET)
    return {"secrets": ("MINE",)}


def from_program(_monkeypatch: pytest.MonkeyPatch, _folder: Path) -> dict[str, Any]:
    """A program holds it."""
    return {"secret_values": {"MINE": SECRET}}


def from_file(_monkeypatch: pytest.MonkeyPatch, folder: Path) -> dict[str, Any]:
    """It lies in a file."""
    (folder / "mine").write_text(f"{SECRET}\n")
    return {"secret_files": {"MINE": str(folder / "mine")}}


Way = Callable[[pytest.MonkeyPatch, Path], dict[str, Any]]
WAYS: list[Way] = [from_environment, from_program, from_file]


@pytest.mark.parametrize("way", WAYS)
def test_the_command_gets_the_value_and_the_journal_the_name(
    keeping: Keeping, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, way: Way
) -> None:
    """In its output the value is masked, and it lies nowhere under the root."""
    kept = keeping.submit(*PRINTS, **way(monkeypatch, tmp_path))
    kept.end()

    assert kept.output("stdout") == b"before [REDACTED] after\n"
    assert kept.output("stderr") == b"[REDACTED]\n"
    assert SECRET.encode() not in on_disk(Path(kept.layout.root))
    recipe = kept.event(events.RunQueued).recipe
    assert "MINE" in {*recipe.secrets, *recipe.secret_files}
    assert kept.event(events.RunBooting).masked == ("MINE",)


def test_a_name_that_looks_secret_needs_no_option(keeping: Keeping, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the caller merely had is passed on, masked, and named."""
    monkeypatch.setenv("SOME_PASSWORD", SECRET)
    kept = keeping.submit("sh", "-c", 'echo "<$SOME_PASSWORD>"')
    kept.end()

    assert kept.output() == b"<[REDACTED]>\n"
    assert "SOME_PASSWORD" in kept.event(events.RunBooting).masked
    assert kept.event(events.RunQueued).recipe.secrets == ()


def test_a_missing_secret_ends_the_run_before_its_command(keeping: Keeping, tmp_path: Path) -> None:
    """The run is on record as failed, with what to do, and the command never ran."""
    kept = keeping.submit(
        "touch",
        str(tmp_path / "ran"),
        secrets=("NOT_SET_ANYWHERE",),
        secret_files={"A": str(tmp_path / "none")},
    )
    news = kept.not_started()
    kept.end()

    assert isinstance(news, NotStarted)
    assert (news.code, news.exit_code) == ("spawn_failed", 125)
    assert "secret NOT_SET_ANYWHERE is not set" in news.text
    assert f"{tmp_path}/none: No such file" in news.text
    failed = kept.event(events.RunFailed)
    assert failed.reason is not None
    assert (failed.reason.code, failed.reason.text) == ("spawn_failed", news.text)
    assert "RunBooting" not in kept.tags()
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("content", "why"), [(b"a\0b", "NUL"), (b"x" * (64 * 1024 + 1), "more than 65,536 bytes")]
)
def test_a_file_that_no_variable_can_hold(keeping: Keeping, tmp_path: Path, content: bytes, why: str) -> None:
    """It is named, and nothing of it is told."""
    (tmp_path / "mine").write_bytes(content)
    kept = keeping.submit("true", secret_files={"MINE": str(tmp_path / "mine")})

    assert why in kept.not_started().text


@pytest.mark.parametrize("kind", ["folder", "FIFO"])
def test_a_file_that_is_none(keeping: Keeping, tmp_path: Path, kind: str) -> None:
    """Nobody waits for a FIFO to be written to."""
    path = tmp_path / "mine"
    path.mkdir() if kind == "folder" else os.mkfifo(path)
    kept = keeping.submit("true", secret_files={"MINE": str(path)})

    assert "no regular file" in kept.not_started().text or "directory" in kept.not_started().text


@pytest.mark.parametrize(
    "fields",
    [
        {"secrets": ("",)},
        {"secrets": ("A=B",)},
        {"secrets": ("A,B",)},
        {"secrets": ("A", "A")},
        {"secrets": ("A",), "env": {"A": "1"}},
        {"secrets": ("A",), "secret_files": {"A": "/x"}},
        {"secret_values": {"A": "x\0y"}},
        {"secret_values": {"A": "x" * (64 * 1024 + 1)}},
        {"secret_files": {"A": "relative"}},
    ],
    ids=str,
)
def test_a_secret_has_one_name_and_one_source(keeping: Keeping, fields: dict[str, Any]) -> None:
    """Anything else is refused, and no run is made."""
    with pytest.raises(BadInput):
        keeping.submit("true", **fields)


def test_a_file_loses_one_newline_and_keeps_its_lines(keeping: Keeping, tmp_path: Path) -> None:
    """A key of several lines arrives as it is."""
    (tmp_path / "pem").write_text("line one\nline two\n\n")
    script = "import os, hashlib; print(hashlib.md5(os.environb[b'PEM']).hexdigest())"
    kept = keeping.submit(*python(script), secret_files={"PEM": str(tmp_path / "pem")})
    kept.end()

    assert kept.output().decode().strip() == hashlib.md5(b"line one\nline two\n").hexdigest()


def test_what_is_not_masked_is_named_with_why(keeping: Keeping) -> None:
    """The caller hears of those that were given; the journal has all."""
    kept = keeping.submit("true", secret_values={"PIN": "1234", "MINE": SECRET})
    kept.end()

    booting = kept.event(events.RunBooting)
    assert booting.unmasked == {"PIN": "it is shorter than 6 bytes"}
    assert "MINE" in booting.masked
    shown = Registry.open(kept.layout.root).view(kept.run_id).secrets
    assert shown is not None
    assert shown.unmasked == {"PIN": "it is shorter than 6 bytes"}


def test_what_is_inside_learns_the_names(keeping: Keeping, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that whatever speaks for the run from inside masks the same values; a run inside adds its own."""
    monkeypatch.setenv(REDACT, "OUTER")
    monkeypatch.setenv("OUTER", "the-outer-secret")
    script = f'echo "$MINE $OUTER ${REDACT}"'
    kept = keeping.submit("sh", "-c", script, secret_values={"MINE": SECRET})
    kept.end()

    assert kept.output() == b"[REDACTED] [REDACTED] MINE,OUTER\n"


def test_a_spawn_failure_tells_no_secret(keeping: Keeping) -> None:
    """Neither in the path of the program nor in its folder."""
    for argv, cwd in (((f"/no/such/{SECRET}",), "/"), (("true",), f"/no/such/{SECRET}")):
        kept = keeping.submit(*argv, cwd=cwd, secret_values={"MINE": SECRET})
        news = kept.not_started()
        kept.end()
        assert "[REDACTED]" in news.text
        assert SECRET not in news.text
    deep = keeping.submit("x" * 290 + SECRET, secret_values={"MINE": SECRET})
    assert SECRET[:6] not in deep.not_started().text
    deep.end()
    assert SECRET.encode() not in on_disk(Path(keeping.layout.root))


def test_a_key_or_the_name_of_a_tag_that_holds_a_secret_is_refused(keeping: Keeping) -> None:
    """They are stored as they are, so they may hold none; the message tells nothing of it."""
    for label in ({"key": f"k-{SECRET}"}, {"tags": {f"t-{SECRET}": "x"}}):
        with pytest.raises(BadInput) as refused:
            keeping.submit("true", secret_values={"MINE": SECRET}, **label)
        assert "digest" in str(refused.value)
        assert SECRET not in str(refused.value)


def test_the_next_keeper_knows_the_secrets(keeping: Keeping, tmp_path: Path) -> None:
    """A keeper is killed; what is printed afterwards is masked as before."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    kept = keeping.submit(*python(TWICE, str(gate)), secret_values={"MINE": SECRET})
    kept.started()
    kept.kill(kept.keeper())
    until(lambda: "OwnerAdopted" in kept.tags(), "the next keeper")
    gate.write_bytes(b"")
    kept.end()

    assert kept.output() == b"[REDACTED]\nthen [REDACTED]\n"
    assert not kept.event(events.OwnerAdopted).drops_output
    assert SECRET.encode() not in on_disk(Path(kept.layout.root))


def lose_both(
    keeping: Keeping,
    tmp_path: Path,
    meanwhile: Callable[[], None] = lambda: None,
    **secrets: Any,  # noqa: ANN401 - fields of a spec
) -> Kept:
    """A run that prints once, loses keeper and wrapper, is adopted, and prints once more."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    kept = keeping.submit(*python(TWICE, str(gate)), **secrets)
    kept.started()
    until(lambda: kept.output().endswith(b"\n"), "the first line")
    keeper, wrapper = kept.keeper(), kept.wrapper()
    for who in (wrapper, keeper):
        os.kill(who.pid, signal.SIGSTOP)
    for who in (wrapper, keeper):
        kept.kill(who)
    meanwhile()
    registry = Registry.open(kept.layout.root)
    registry.reconcile()
    until(lambda: "OwnerAdopted" in kept.tags(), "the adopter")
    gate.write_bytes(b"")
    wait_sealed(kept)
    return kept


def test_without_values_no_byte_is_stored(keeping: Keeping, tmp_path: Path) -> None:
    """Both our processes died, and the values with them: output is counted, marked, and explained."""
    kept = lose_both(keeping, tmp_path, secret_values={"MINE": SECRET})

    assert kept.output() == b"[REDACTED]\n"
    adopted = kept.event(events.OwnerAdopted)
    assert adopted.drops_output
    assert "no secret values are left to redact with" in adopted.why
    assert kept.event(events.RunCollecting).dropped_bytes == len(f"then {SECRET}\n")
    view = Registry.open(kept.layout.root).view(kept.run_id)
    assert view.secrets is not None
    assert not view.secrets.output_kept
    lines = list(Registry.open(kept.layout.root).get(kept.run_id).logs())
    assert sum(line.lost for line in lines) == len(f"then {SECRET}\n")


def test_where_there_were_none_output_goes_on(keeping: Keeping, tmp_path: Path) -> None:
    """A run without secrets keeps its output whoever dies."""
    kept = lose_both(keeping, tmp_path)

    assert kept.output() == b"nothing\nthen nothing\n"
    assert not kept.event(events.OwnerAdopted).drops_output


def test_settings_that_nobody_understands_cost_the_adopted_output(keeping: Keeping, tmp_path: Path) -> None:
    """They might have said what is secret, so nothing is stored until they are mended."""

    def spoil() -> None:
        (Path(keeping.layout.root) / "config.toml").write_text("[redaction")

    kept = lose_both(keeping, tmp_path, spoil)

    assert kept.output() == b"nothing\n"
    assert kept.event(events.OwnerAdopted).drops_output


def test_sealed_memory_cannot_be_changed() -> None:
    """Whoever holds it reads what was put there, and nobody can write to it, cut it, or add to it."""
    fd = sealed.memory(b"the values")
    try:
        for act in (
            lambda: os.pwrite(fd, b"x", 0),
            lambda: os.ftruncate(fd, 0),
            lambda: os.ftruncate(fd, 100),
        ):
            with pytest.raises(PermissionError):
                act()
        assert sealed.read(fd) == b"the values"
        assert not os.get_inheritable(fd)
    finally:
        os.close(fd)


def test_secrets_survive_packing_and_tell_nothing() -> None:
    """The next keeper has them all; a traceback that shows them shows names."""
    secrets = Secrets({"MINE": b"\xff\xfe-secret", "PIN": b"1"}, given=["MINE"])
    again = Secrets.unpacked(secrets.packed())

    assert again.redactor.text("a \udcff\udcfe-secret b") == "a [REDACTED] b"
    assert (again.masked, again.given, dict(again.unmasked)) == (
        secrets.masked,
        secrets.given,
        dict(secrets.unmasked),
    )
    assert "secret" not in repr(secrets)
