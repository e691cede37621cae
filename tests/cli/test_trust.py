"""`runlore verify`, `heads`, `repair`: whether histories are what they were."""

import pytest

from tests.cli.command import Runlore


@pytest.fixture
def run_id(runlore: Runlore) -> str:
    """A sealed run."""
    runlore.ok("run", "-q", "--name", "n", "true")
    return runlore.ok("ls", "-q").stdout.strip()


def edit(runlore: Runlore, run_id: str, old: bytes, new: bytes) -> None:
    """Change bytes inside a journal."""
    path = runlore.journal(run_id)
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new, 1))


def cut(runlore: Runlore, run_id: str, records: int) -> None:
    """Keep only the first records of a journal."""
    path = runlore.journal(run_id)
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:records]))


def test_a_sound_registry_verifies(ended: Runlore) -> None:
    """All journals without an ID; the counts say what was found."""
    done = ended.ok("verify")
    view = ended.ok("verify", "--all", "--require-sealed", "--json").json

    assert done.stdout == "6 journals: 6 sealed\n"
    assert (view["schema"], view["counts"], len(view["items"])) == ("runlore.verify/1", {"sealed": 6}, 6)
    assert all(item["findings"] == [] for item in view["items"])


def test_one_run_is_told_with_its_head(runlore: Runlore, run_id: str) -> None:
    """Integrity, number of records, and the name of its history."""
    head = runlore.ok("show", run_id, "--fields", "journal_head").stdout.strip()

    assert runlore.ok("verify", "n").stdout == f"{run_id}  sealed  6 records, head {head}\n"


def test_a_live_run_is_unsealed_and_no_finding(runlore: Runlore) -> None:
    """Unless being sealed was asked for."""
    run_id = runlore.begin("sleep", "60")

    assert "unsealed" in runlore.ok("verify", run_id).stdout
    runlore("verify", run_id, "--require-sealed", code=1)


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [(b'"name":"n"', b'"name":"m"', "chain"), (b'"run.booting"', b'"run.boot', "undecodable")],
)
def test_an_edit_is_found(runlore: Runlore, run_id: str, old: bytes, new: bytes, kind: str) -> None:
    """65, with kind and place; nothing is repaired by looking."""
    edit(runlore, run_id, old, new)
    before = runlore.journal(run_id).read_bytes()
    done = runlore("verify", code=65)
    (item,) = runlore("verify", "--json", code=65).json["items"]

    assert kind in done.stdout
    assert "1 journal: 1 damaged" in done.stdout
    assert (item["integrity"], item["findings"][0]["kind"]) == ("damaged", kind)
    assert runlore.journal(run_id).read_bytes() == before


def test_a_crash_tail_that_nobody_is_writing_is_a_finding(runlore: Runlore, run_id: str) -> None:
    """Half a line at the end was cut by a crash."""
    with runlore.journal(run_id).open("ab") as file:
        file.write(b'{"type":"run.no')
    done = runlore("verify", code=65)

    assert "crash tail of 15 bytes" in done.stdout


def test_a_cut_end_is_found_against_heads_kept_elsewhere(runlore: Runlore, run_id: str) -> None:
    """A cut behind an earlier seal, and a whole journal that is gone: 4."""
    runlore.ok("note", run_id, "evidence")
    kept = runlore.home / "heads.txt"
    runlore.ok("heads", "-o", str(kept))
    runlore.ok("verify", "--heads", str(kept))

    cut(runlore, run_id, 6)
    runlore.ok("verify")
    assert "anchor" in runlore("verify", "--heads", str(kept), code=4).stdout
    runlore.journal(run_id).unlink()
    assert "there is no journal" in runlore("verify", "--heads", str(kept), code=4).stdout


def test_heads_name_every_history(runlore: Runlore, run_id: str) -> None:
    """`run_id seq head` lines, or the same as JSON; either is an anchor; a pipe is a file."""
    lines = runlore.ok("heads").stdout
    as_json = runlore.ok("heads", "--json").stdout
    head = runlore.ok("show", run_id, "--fields", "journal_head").stdout.strip()

    assert lines == f"{run_id} 6 {head}\n"
    for anchors in (lines, as_json, f"# kept on Monday\n\n{lines}"):
        runlore.ok("verify", "--heads", "-", stdin=anchors.encode())


def test_heads_are_written_whole_and_say_how_many(runlore: Runlore, run_id: str) -> None:
    """-o replaces the file; what is no ordinary file is written into."""
    path = runlore.home / "kept" / "heads.txt"
    path.parent.mkdir()
    done = runlore.ok("heads", "-o", "kept/heads.txt")

    assert (done.stdout, done.stderr) == ("", "1 head written to kept/heads.txt\n")
    assert path.read_text().startswith(run_id)
    assert runlore.ok("heads", "-o", "/dev/stdout").stdout == path.read_text()
    assert runlore("heads", "-o", "/no/such/folder/x", code=74).stderr.startswith("error: ")


def test_a_damaged_journal_has_no_head_worth_keeping(runlore: Runlore, run_id: str) -> None:
    """It is left out, named, and the exit code tells."""
    runlore.ok("run", "-q", "true")
    edit(runlore, run_id, b'"name":"n"', b'"name":"m"')
    done = runlore("heads", code=65)

    assert len(done.lines) == 1
    assert f"run {run_id} is damaged and left out" in done.stderr


@pytest.mark.parametrize(
    "text",
    [
        "nonsense",
        "20261120-201400-k3f9x2ab 1",
        "20261120-201400-k3f9x2ab x " + "0" * 64,
        "20261120-201400-k3f9x2ab 0 " + "0" * 64,
        "../../etc/passwd 1 " + "0" * 64,
        "20261120-201400-k3f9x2ab 1 " + "0" * 63,
        '{"items": 1}',
        '{"items": [{"run_id": "x", "seq": 1, "journal_head": "y"}]}',
        "20261120-201400-k3f9x2ab 1 " + "0" * 64 + "\n20261120-201400-k3f9x2ab 1 " + "1" * 64,
        "\x00\xff",
        "\x00" * 100_000,
        "x" * 100_000,
        "{" * 100_000,
    ],
)
@pytest.mark.usefixtures("run_id")
def test_a_file_that_holds_no_anchors_is_refused(runlore: Runlore, text: str) -> None:
    """It never passes for "nothing to compare with"."""
    runlore("verify", "--heads", "-", stdin=text.encode("latin-1"), code=2)


@pytest.mark.usefixtures("run_id")
def test_a_file_of_anchors_that_is_not_there_is_not_found(runlore: Runlore) -> None:
    """The message says how one is made."""
    assert "runlore heads -o FILE" in runlore("verify", "--heads", "/no/such/file", code=3).stderr


def test_repair_says_what_it_would_cut_and_asks(runlore: Runlore, run_id: str) -> None:
    """Without --yes nothing changes, and the exit code is 1."""
    edit(runlore, run_id, b'"run.started"', b'"run.start!')
    before = runlore.journal(run_id).read_bytes()
    done = runlore("repair", run_id, code=1)

    assert "corruption at seq 3" in done.stdout
    assert "would cut" in done.stdout
    assert "acknowledged once" in done.stdout
    assert done.stderr == f"nothing was changed; to do it: `runlore repair {run_id} --yes`\n"
    assert runlore.journal(run_id).read_bytes() == before


def test_repair_keeps_what_it_cuts(runlore: Runlore, run_id: str) -> None:
    """The bytes are in quarantine, the journal is sound again and says what was done."""
    edit(runlore, run_id, b'"run.started"', b'"run.start!')
    view = runlore.ok("repair", run_id, "--yes", "--json").json

    assert (view["schema"], view["applied"], view["cause"], view["records_kept"]) == (
        "runlore.repair/1",
        True,
        "corruption",
        2,
    )
    kept = runlore.root / "quarantine" / view["quarantine"]
    assert len(kept.read_bytes()) == view["bytes"]
    runlore.ok("verify", run_id)
    assert "repaired after corruption" in runlore.ok("history", run_id).stdout


def test_there_may_be_nothing_to_repair(runlore: Runlore, run_id: str) -> None:
    """Then nothing is done, with or without --yes."""
    before = runlore.journal(run_id).read_bytes()

    for words in ([], ["--yes"]):
        assert "nothing to repair" in runlore.ok("repair", run_id, *words).stdout
    assert runlore.journal(run_id).read_bytes() == before


def test_what_is_damaged_is_refused_for_writing(runlore: Runlore, run_id: str) -> None:
    """A label is not appended behind damage; the message names both commands that help."""
    edit(runlore, run_id, b'"run.started"', b'"run.start!')
    done = runlore("tag", run_id, "x", code=65)

    assert f"runlore verify {run_id}" in done.stderr
    assert f"runlore repair {run_id}" in done.stderr
