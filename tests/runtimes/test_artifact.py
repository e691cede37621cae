"""Outputs as programs take them: listed, read, opened, saved, and never taken for what they are not."""

from pathlib import Path

import pytest

from runlore.journal.errors import BadInput, DamagedArtifact, NotFound
from runlore.runtimes.registry import Registry
from runlore.runtimes.run import Run
from tests.runtimes.kept_runs import registry_at
from tests.runtimes.removable import RUN, leave_run


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run with two stored outputs."""
    layout = registry_at(tmp_path / "registry")
    leave_run(layout, outputs={"out/a[1].csv": b"1,2\n", "r.html": b"<p>"})
    return Registry(layout).get(RUN)


def test_listing(run: Run) -> None:
    """As `artifacts ls` does, by pattern and kind."""
    assert [item.path for item in run.artifacts()] == ["out/a[1].csv", "r.html"]
    assert [item.path for item in run.artifacts("out", "!**/*.tmp")] == ["out/a[1].csv"]
    assert run.artifacts(kind="report") == []
    with pytest.raises(BadInput):
        run.artifacts("../x")


def test_taking_one(run: Run, tmp_path: Path) -> None:
    """Its bytes; a file that can be sought in; a copy under another name, or in a folder under its own."""
    one = run.get_artifact("out/a[1].csv")

    assert one.read() == b"1,2\n"
    with one.open() as file:
        assert (file.read(2), file.seek(0), file.read()) == (b"1,", 0, b"1,2\n")
    assert (one.path, one.view.bytes, one.run_id) == ("out/a[1].csv", 4, RUN)
    assert one.save(tmp_path / "b.csv") == tmp_path / "b.csv"
    assert one.save(str(tmp_path)) == tmp_path / "a[1].csv"
    assert (tmp_path / "a[1].csv").read_bytes() == (tmp_path / "b.csv").read_bytes() == b"1,2\n"
    assert "out/a[1].csv" in repr(one)


@pytest.mark.parametrize("to", ["there", "no/such/folder/x", "there/x", "link", ""])
def test_saving_where_it_cannot_be(
    run: Run, tmp_path: Path, to: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is written over, followed or made on the way."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there").write_text("mine")
    (tmp_path / "link").symlink_to("nowhere")
    with pytest.raises(BadInput):
        run.get_artifact("r.html").save(to)

    assert {path.name for path in tmp_path.iterdir()} == {"registry", "there", "link"}
    assert (tmp_path / "there").read_text() == "mine"


def test_bytes_that_are_others(run: Run, tmp_path: Path) -> None:
    """No way of taking them gives them."""
    one = run.get_artifact("r.html")
    path = tmp_path / "registry/runs" / RUN / "bundle" / str(one.view.sha256)
    path.chmod(0o600)
    path.write_bytes(b"<b>")

    for take in (one.read, one.open, lambda: one.save(tmp_path / "x")):
        with pytest.raises(DamagedArtifact, match="its bytes are not those on record"):
            take()
    assert not (tmp_path / "x").exists()
    path.unlink()
    for take in (one.read, one.open, lambda: one.save(tmp_path / "x")):
        with pytest.raises(NotFound):
            take()
