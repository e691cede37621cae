"""`SecretScan`: every place of a run is looked at, line by line, and nothing of a secret is told."""

import resource
from hashlib import sha256
from pathlib import Path

import msgspec
import pytest

from runlore.journal import exit_record
from runlore.journal.disk import REAL
from runlore.journal.errors import NotFound
from runlore.journal.exit_record import ExitRecord
from runlore.journal.layout import Layout
from runlore.journal.values import Actor, Reason, Recipe
from runlore.journal.writer import Writer
from runlore.projections.secret_views import SecretFoundView
from runlore.runtimes.redact import Redaction
from runlore.runtimes.secret_scan import SecretScan
from runlore.runtimes.transcript import Transcript
from tests.doubles.drafts import failed, new_run_id, noted, queued, tagged
from tests.journal.journals import RUN, registry

GITHUB = "ghp_" + "a1B2c3D4" * 5
MINE = "correct-horse-battery"


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A registry with a run that told nothing so far."""
    layout = registry(tmp_path / "registry")
    (Path(layout.root) / "runs" / RUN / "artifacts").mkdir(parents=True)
    Writer.create(REAL, layout, RUN, queued(RUN)).close()
    return layout


def scan(layout: Layout, **environ: str) -> list[SecretFoundView]:
    """Return what is found in the run, after a look that no secret is told."""
    found = list(SecretScan(REAL, layout, environ).scan(RUN))
    told = msgspec.json.encode(found).decode()
    assert GITHUB[:12] not in told
    assert MINE not in told
    return found


def append(layout: Layout, *texts: str) -> None:
    """Leave notes."""
    writer = Writer(REAL, layout, RUN)
    for text in texts:
        writer.append(noted(text))
    writer.close()


def printed(layout: Layout, *chunks: tuple[str, bytes]) -> None:
    """Make the run's transcript."""
    transcript = Transcript.create(
        REAL, layout.in_run(RUN, "transcript"), layout.in_run(RUN, "transcript.index")
    )
    for stream, data in chunks:
        transcript.store(stream, data)  # type: ignore[arg-type]  # they are streams
    transcript.close()


def test_a_run_without_secrets_is_clean(layout: Layout) -> None:
    """Nothing is found in what we write ourselves."""
    writer = Writer(REAL, layout, RUN, owner=True)
    writer.append(tagged())
    writer.append(failed())
    writer.close()
    printed(layout, ("stdout", b"auth-smoke: 3 FAIL\n"))

    assert scan(layout, PATH="/usr/bin", TOKEN_FILE="/run/secret") == []


def test_events_are_told_by_seq_and_field(layout: Layout) -> None:
    """As their lines are called in `events`."""
    append(layout, f"cloned with {GITHUB}", "fine", "DB_PASSWORD=hunter2hunter2")
    found = scan(layout)

    assert [(each.place, each.seq, each.field, each.kind, each.name) for each in found] == [
        ("journal", 2, "text", "github-token", None),
        ("journal", 4, "text", "named-value", "DB_PASSWORD"),
    ]
    assert found[0].path == f"journals/{RUN}.jsonl"


def test_what_was_submitted_is_told_by_its_path(layout: Layout) -> None:
    """Arguments, typed variables, tags and metadata; a recipe that is a blob as well."""
    recipe = Recipe(argv=("login", "--token", "abc123x"), cwd="/", env={"A": GITHUB})
    data = msgspec.json.encode(recipe)
    digest = sha256(data).hexdigest()
    Path(layout.blob(digest)).write_bytes(data)
    run_id = new_run_id(7)
    Writer.create(REAL, layout, run_id, queued(run_id, recipe_blob=digest)).close()
    found = list(SecretScan(REAL, layout, {}).scan(run_id))

    assert [(each.place, each.path, each.field, each.kind, each.name) for each in found] == [
        ("recipe", f"blobs/{digest}", "argv[2]", "named-value", "token"),
        ("recipe", f"blobs/{digest}", "env.A", "github-token", None),
    ]


def test_transcripts_are_told_by_stream_and_line(layout: Layout) -> None:
    """Lines are those of the stream, however its chunks were cut."""
    printed(
        layout,
        ("stdout", b"one\ntwo " + GITHUB[:9].encode()),
        ("stderr", f"TOKEN={GITHUB}\n".encode()),
        ("stdout", GITHUB[9:].encode() + b"\n\nPASSWORD=hunter2hunter2"),
    )

    assert [(each.place, each.stream, each.line, each.kind) for each in scan(layout)] == [
        ("transcript", "stdout", 2, "github-token"),
        ("transcript", "stdout", 4, "named-value"),
        ("transcript", "stderr", 1, "github-token"),
    ]


def test_files_are_told_by_line(layout: Layout) -> None:
    """Outputs, what was cut out of the journal, and what a keeper left."""
    (Path(layout.in_run(RUN, "artifacts")) / f"{MINE}.txt").write_text(f"\n{GITHUB}\n")
    Path(layout.in_run(RUN, "keeper.error")).write_text(f"Traceback\n\n{GITHUB}\n")
    Path(layout.quarantine, f"{RUN}-0-0badcafe").write_text(GITHUB)
    Path(layout.quarantine, f"{new_run_id(9)}-0-0badcafe").write_text(GITHUB)
    record = ExitRecord(at=REAL.now(), reason=Reason(code="spawn_failed", text=f"token={GITHUB}"))
    Path(layout.in_run(RUN, "exit")).write_bytes(exit_record.encode(record))
    found = scan(layout, MY_SECRET=MINE)

    assert [(each.place, each.line, each.kind) for each in found] == [
        ("keeper.error", 3, "github-token"),
        ("exit", None, "github-token"),
        ("quarantine", 1, "github-token"),
        ("artifact", 2, "github-token"),
    ]
    assert found[-1].path == f"runs/{RUN}/artifacts/[REDACTED].txt"


def test_what_lies_in_the_trash_is_looked_at(layout: Layout) -> None:
    """A removed run can be restored, with all that it recorded."""
    printed(layout, ("stdout", GITHUB.encode()))
    Path(layout.run_dir(RUN)).rename(layout.in_trash(RUN))

    assert [each.path for each in scan(layout)] == [f"trash/{RUN}/transcript"]


def test_values_of_your_own_environment_are_found(layout: Layout) -> None:
    """In their encodings, across blocks; by the variable's name, and only if it announces a secret."""
    append(layout, f"it is {MINE}")
    printed(layout, ("stdout", b"x\n" * 131_065 + MINE[:10].encode()), ("stdout", MINE[10:].encode() + b"\n"))
    found = scan(layout, MY_TOKEN=MINE, HOME=MINE, SHORT_TOKEN="x\n", OFF_TOKEN="required")

    assert [(each.place, each.seq, each.line, each.kind) for each in found] == [
        ("journal", 2, None, "value-of:$MY_TOKEN"),
        ("transcript", None, 131_066, "value-of:$MY_TOKEN"),
    ]


def test_what_was_redacted_is_no_finding(layout: Layout) -> None:
    """Whatever stands in its place."""
    append(layout, f"PASSWORD=hunter2hunter2 token={GITHUB} secret: 'q1w2'")
    printed(layout, ("stdout", b"PASSWORD=hunter2hunter2 password=q1w2\n"))
    assert scan(layout)
    (Path(layout.run_dir(RUN)) / "owner.lock").touch()
    Redaction(REAL, layout, RUN, ["hunter2hunter2", GITHUB, "q1w2"], by=Actor()).apply()

    assert scan(layout) == []


def test_memory_is_flat(layout: Layout) -> None:
    """A long output is looked at piece by piece, one long line as well."""
    with open(Path(layout.in_run(RUN, "artifacts")) / "long", "wb") as file:
        file.writelines(b"x" * (1 << 20) for _ in range(64))
        file.write(f" {GITHUB}\n".encode())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = scan(layout)

    assert [(each.line, each.kind) for each in found] == [(1, "github-token")]
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 32 << 10


def test_there_is_no_such_run(layout: Layout) -> None:
    """It is said so."""
    with pytest.raises(NotFound):
        list(SecretScan(REAL, layout, {}).scan(new_run_id(9)))
