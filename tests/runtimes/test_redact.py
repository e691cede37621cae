"""`Redaction`: a value taken out of everything a run recorded, and named where it still is."""

import os
from base64 import b64decode, b64encode
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import pytest

from runlore.journal import exit_record
from runlore.journal.disk import REAL
from runlore.journal.errors import BadInput, Busy, CorruptJournal, JournalIO, NotFound
from runlore.journal.events import (
    ArtifactCollected,
    ArtifactPromoted,
    RunExpired,
    RunNoted,
    RunQueued,
    TextRedacted,
)
from runlore.journal.exit_record import ExitRecord
from runlore.journal.layout import Layout
from runlore.journal.reader import read
from runlore.journal.values import Actor, Reason, Recipe, Seq
from runlore.journal.verify import verify
from runlore.journal.writer import Writer
from runlore.projections.artifact_views import manifest_file
from runlore.projections.secret_views import RedactView
from runlore.runtimes.check_outputs import check_outputs
from runlore.runtimes.owner_lock import OwnerLock
from runlore.runtimes.redact import LONGEST, Redaction
from runlore.runtimes.registry import Registry
from runlore.runtimes.secret_search import PIECE, REACH
from runlore.runtimes.stored import artifacts_of
from runlore.runtimes.transcript import Transcript
from runlore.runtimes.transcript_reader import TranscriptReader
from tests.doubles.drafts import failed, new_run_id, noted, queued
from tests.doubles.failer import failing
from tests.journal.journals import RUN, raw, registry
from tests.journal.secret_forms import VALUES, encoded

SECRET = "correct-horse-battery"
MARK = b"[REDACTED]           "


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A registry with a run that has ended."""
    layout = registry(tmp_path / "registry")
    begin(layout).close()
    return layout


def begin(layout: Layout, run_id: Any = RUN, **fields: Any) -> Writer:  # noqa: ANN401 - RunId; whatever there is
    """Return the owner's writer of a run that told its secret, and has ended."""
    OwnerLock.create(REAL, layout, run_id).release()
    writer = Writer.create(REAL, layout, run_id, queued(run_id, name=SECRET, **fields))
    writer.append(noted(f"{SECRET}, twice: {SECRET}"))
    writer.append(failed())
    return writer


def redact(layout: Layout, *values: str, run_id: Any = RUN, why: str = "", dry: bool = False) -> RedactView:  # noqa: ANN401
    """Redact, or plan to."""
    redaction = Redaction(REAL, layout, run_id, values or (SECRET,), by=Actor(user="ada"), why=why)
    return redaction.plan() if dry else redaction.apply()


def in_run(layout: Layout, name: str) -> Path:
    """A file of the run."""
    return Path(layout.in_run(RUN, name))


def printed(layout: Layout, *chunks: tuple[str, bytes]) -> None:
    """Make the run's transcript."""
    paths = (layout.in_run(RUN, name) for name in ("transcript", "transcript.index"))
    transcript = Transcript.create(REAL, *paths)
    for stream, data in chunks:
        transcript.store(stream, data)  # type: ignore[arg-type]  # they are streams
    transcript.close()


def test_the_journal_is_rewritten_in_place(layout: Layout) -> None:
    """Same lengths, same hashes; `text.redacted` and its seal stand behind."""
    before = raw(layout)
    view = redact(layout, why="typed by mistake")
    after = raw(layout)
    event = [record.event for record in read(REAL, layout, RUN)][-2]

    assert (view.applied, view.seqs, view.places, view.still_there) == (True, [1, 2], [], [])
    assert len(after) > len(before)
    assert after[: len(before)] == before.replace(SECRET.encode(), MARK)
    assert isinstance(event, TextRedacted)
    assert (event.seqs, event.what, event.why) == ((1, 2), "a secret", "typed by mistake")
    assert event.by == Actor(user="ada")
    found = verify(REAL, layout, RUN)
    assert (found.integrity, found.sealed, found.findings) == ("redacted", True, [])


def test_twice_is_once(layout: Layout) -> None:
    """The second time finds nothing and writes nothing."""
    redact(layout)
    before = raw(layout)
    view = redact(layout)

    assert (view.applied, view.seqs, view.places) == (False, [], [])
    assert raw(layout) == before


def test_several_values_at_different_times(layout: Layout) -> None:
    """Lines that were redacted already may be redacted again."""
    redact(layout, "correct")
    view = redact(layout, "battery", "twice")

    assert view.seqs == [1, 2]
    assert b"*******-horse-*******, *****: *******-horse-*******" in raw(layout)
    assert verify(REAL, layout, RUN).findings == []


def test_a_plan_changes_nothing(layout: Layout) -> None:
    """It says the same as what is done then."""
    printed(layout, ("stdout", SECRET.encode()))
    before = {path: path.read_bytes() for path in Path(layout.root).rglob("*") if path.is_file()}
    planned = redact(layout, dry=True)

    assert before == {path: path.read_bytes() for path in Path(layout.root).rglob("*") if path.is_file()}
    assert planned.applied is False
    assert msgspec.structs.replace(redact(layout), applied=False) == planned


def test_the_reason_does_not_tell_the_secret(layout: Layout) -> None:
    """It passes the redactor, too."""
    assert redact(layout, why=f"I typed {SECRET}").why == "I typed [REDACTED]"
    assert SECRET.encode() not in raw(layout)


def test_an_unsealed_end_is_sealed_first(layout: Layout) -> None:
    """What a crash cut off is made good, as by any appender."""
    data = raw(layout)
    Path(layout.journal(RUN)).write_bytes(data[: data.index(b'{"type":"run.sealed"')])
    redact(layout)

    assert raw(layout).count(b'"run.sealed"') == 2
    assert (verify(REAL, layout, RUN).integrity, verify(REAL, layout, RUN).sealed) == ("redacted", True)


def test_a_run_that_nobody_ended_is_redacted_unsealed(layout: Layout) -> None:
    """Its keeper is gone; how it ended is for reconcile to say."""
    run_id = new_run_id(7)
    OwnerLock.create(REAL, layout, run_id).release()
    Writer.create(REAL, layout, run_id, queued(run_id, name=SECRET)).close()
    redact(layout, run_id=run_id)
    found = verify(REAL, layout, run_id)

    assert (found.integrity, found.sealed, found.records) == ("redacted", False, 2)


def test_a_crash_tail_goes_to_quarantine_redacted(layout: Layout) -> None:
    """No byte of it is lost, but for the secret."""
    with open(layout.journal(RUN), "ab") as file:
        file.write(b'{"type":"run.noted","text":"' + SECRET.encode())
    view = redact(layout)
    (kept,) = Path(layout.quarantine).iterdir()

    assert [place.kind for place in view.places] == ["quarantine"]
    assert kept.read_bytes() == b'{"type":"run.noted","text":"' + MARK
    assert verify(REAL, layout, RUN).integrity == "redacted"


def test_a_damaged_journal_is_refused(layout: Layout) -> None:
    """It is a person's decision what of it is kept; nothing is changed."""
    data = raw(layout).replace(b", twice", b", Twice")
    Path(layout.journal(RUN)).write_bytes(data)

    with pytest.raises(CorruptJournal):
        redact(layout)
    assert raw(layout) == data


def test_each_stream_is_searched_as_it_reads(layout: Layout) -> None:
    """What stands between two chunks of a stream does not hide a secret; the index fits as before."""
    printed(layout, ("stdout", b"a correct-"), ("stderr", b"between\n"), ("stdout", b"horse-battery b\n"))
    index = in_run(layout, "transcript.index").read_bytes()
    view = redact(layout)

    assert [(place.kind, place.count) for place in view.places] == [("transcript", 1)]
    assert in_run(layout, "transcript.index").read_bytes() == index
    with TranscriptReader(REAL, layout, RUN) as reader:
        chunks = [(chunk.stream, chunk.data) for chunk in reader.read_available()]
    assert (
        chunks == [("stdout", b"a [REDACTE"), ("stderr", b"between\n"), ("stdout", b"]             b\n")]
        or chunks
    )
    text = b"".join(data for stream, data in chunks if stream == "stdout")
    assert text == b"a " + MARK + b" b\n"
    assert b'"what":"a secret (also in: transcript)"' in raw(layout)


def test_a_long_transcript_is_searched_to_its_end(layout: Layout) -> None:
    """Across the borders of what is looked at together; what was a hole stays one."""
    with open(in_run(layout, "transcript"), "wb") as file:
        for place in (0, PIECE - 5, PIECE + REACH - 5, 2 * PIECE + REACH - 9, 40 * PIECE):
            file.seek(place)
            file.write(SECRET.encode())
        file.truncate(41 * PIECE)
    view = redact(layout)
    after = in_run(layout, "transcript")

    assert view.places[0].count == 5
    assert SECRET.encode() not in after.read_bytes()
    assert after.read_bytes().count(MARK) == 5
    assert after.stat().st_size == 41 * PIECE
    assert after.stat().st_blocks * 512 < 10 * PIECE


def test_lines_of_a_transcript_stay_lines(layout: Layout) -> None:
    """A secret of several lines leaves as many."""
    printed(layout, ("stdout", b"BEGIN\nline one\nline two\nEND\n"))
    redact(layout, "BEGIN\nline one\nline two\nEND")

    assert in_run(layout, "transcript").read_bytes() == b"*****\n********\n********\n***\n"


def test_a_recipe_in_a_blob_gets_another_name(layout: Layout) -> None:
    """Its digest is what the journal names; the old one is gone."""
    recipe = msgspec.json.encode(Recipe(argv=("login", SECRET), cwd="/"))
    digest, run_id = sha256(recipe).hexdigest(), new_run_id(7)
    Path(layout.blob(digest)).write_bytes(recipe)
    begin(layout, run_id, recipe_blob=digest).close()
    view = redact(layout, run_id=run_id)
    (blob,) = Path(layout.blobs).iterdir()

    assert [(place.kind, place.path) for place in view.places] == [("recipe", f"blobs/{digest}")]
    assert blob.read_bytes() == recipe.replace(SECRET.encode(), MARK)
    assert blob.name == sha256(blob.read_bytes()).hexdigest()
    assert f'"recipe_blob":"{blob.name}"'.encode() in raw(layout, run_id)
    assert verify(REAL, layout, run_id).integrity == "redacted"


def test_a_recipe_of_several_runs_is_kept_for_the_others(layout: Layout) -> None:
    """It is named as still there; the last of them takes it away."""
    recipe = msgspec.json.encode(Recipe(argv=("login", SECRET), cwd="/"))
    digest, first, second = sha256(recipe).hexdigest(), new_run_id(7), new_run_id(8)
    Path(layout.blob(digest)).write_bytes(recipe)
    for run_id in (first, second):
        begin(layout, run_id, recipe_blob=digest).close()

    view = redact(layout, run_id=first)
    assert [rest.path for rest in view.still_there] == [f"blobs/{digest}"]
    assert not redact(layout, run_id=second).still_there
    assert not Path(layout.blob(digest)).exists()


def test_a_recipe_stays_if_the_journal_cannot_be_redacted(layout: Layout) -> None:
    """Nothing was changed, and nothing waits to be removed."""
    recipe = msgspec.json.encode(Recipe(argv=("login", "20261120"), cwd="/"))
    digest, run_id = sha256(recipe).hexdigest(), new_run_id(7)
    Path(layout.blob(digest)).write_bytes(recipe)
    begin(layout, run_id, recipe_blob=digest).close()
    before = raw(layout, run_id)

    with pytest.raises(BadInput, match="`run_id`"):
        redact(layout, "20261120", run_id=run_id)
    assert raw(layout, run_id) == before
    assert Path(layout.blob(digest)).read_bytes() == recipe
    assert not [path for path in Path(layout.blobs).iterdir() if path.name.startswith(".")]


def test_the_manifest_is_made_anew_and_outputs_stay(layout: Layout) -> None:
    """What is ours is masked as the journal is; evidence is named by its path, with what removes it."""
    run_id = new_run_id(7)
    OwnerLock.create(REAL, layout, run_id).release()
    with closing(Writer.create(REAL, layout, run_id, queued(run_id))) as writer:
        for path, content in ((f"out/{SECRET}", b"clean"), ("log", f"it is {SECRET}".encode())):
            stored(layout, run_id, writer, path, content)
        writer.append(failed())
    manifest = Path(layout.in_run(run_id, "bundle"), "manifest.json")
    manifest.write_bytes(manifest_file(artifacts_of(REAL, layout, run_id)))
    (manifest.parent / ".manifest.json.half.tmp").write_text(SECRET)
    view = redact(layout, run_id=run_id)
    digest = sha256(f"it is {SECRET}".encode()).hexdigest()

    assert [(place.kind, place.count) for place in view.places] == [("manifest", 2)]
    assert [(rest.path, rest.why.partition(",")[0]) for rest in view.still_there] == [
        (f"runs/{run_id}/bundle/{digest}", "the output log"),
        (f"evidence/{digest}", "promoted evidence"),
    ]
    assert f"`runlore rm {run_id} --now`" in view.still_there[0].why
    assert SECRET.encode() not in manifest.read_bytes()
    assert {path.name for path in manifest.parent.iterdir()} == {
        "manifest.json",
        digest,
        sha256(b"clean").hexdigest(),
    }
    assert check_outputs(REAL, layout, run_id).findings == []


def stored(layout: Layout, run_id: Any, writer: Writer, path: str, content: bytes) -> None:  # noqa: ANN401 - RunId
    """Have an output in the bundle and on record, and one with a secret among the evidence, too."""
    digest, size = sha256(content).hexdigest(), len(content)
    folders = [layout.in_run(run_id, "bundle")]
    writer.append(
        lambda seq, at: ArtifactCollected(
            seq=seq, at=at, epoch=1, path=path, kind="file", bytes=size, sha256=digest
        )
    )
    if SECRET.encode() in content:
        writer.append(
            lambda seq, at: ArtifactPromoted(seq=seq, at=at, path=path, sha256=digest, bytes=size, why="")
        )
        folders.append(f"{layout.root}/evidence")
    for folder in map(Path, folders):
        folder.mkdir(exist_ok=True, mode=0o700)
        (folder / digest).write_bytes(content)
        (folder / digest).chmod(0o400)


def test_what_a_keeper_left_is_redacted(layout: Layout) -> None:
    """Its note about a defect, and the reason in the exit record, which stays valid."""
    in_run(layout, "keeper.error").write_text(f"Traceback: {SECRET}\n")
    reason = Reason(code="spawn_failed", text=f"no such file: {SECRET}")
    record = ExitRecord(at=REAL.now(), reason=reason)
    in_run(layout, "exit").write_bytes(exit_record.encode(record))
    view = redact(layout)

    assert [place.kind for place in view.places] == ["keeper.error", "exit"]
    assert in_run(layout, "keeper.error").read_bytes() == b"Traceback: " + MARK + b"\n"
    after = exit_record.decode(in_run(layout, "exit").read_bytes())
    assert after is not None
    assert after.reason is not None
    assert after.reason.text == f"no such file: {MARK.decode()}"


@pytest.mark.parametrize("name", [RUN, f"{RUN}.going"])
def test_what_lies_in_the_trash_is_redacted_there(layout: Layout, name: str) -> None:
    """It may come back, or stay for a day. Whoever removes it or brings it back has to wait meanwhile."""
    printed(layout, ("stdout", f"logging in with {SECRET}\n".encode()))
    in_run(layout, "keeper.error").write_text(SECRET)
    in_run(layout, "artifacts").mkdir()
    (in_run(layout, "artifacts") / "a.txt").write_text(SECRET)
    in_run(layout, ".abc.tmp").write_text(SECRET)
    Path(layout.trash).mkdir(exist_ok=True)
    folder = Path(layout.run_dir(RUN)).rename(Path(layout.trash) / name)

    with OwnerLock.take(REAL, layout, RUN, folder=str(folder)):
        for dry in (True, False):
            with pytest.raises(Busy):
                redact(layout, dry=dry)
    planned, done = redact(layout, dry=True), redact(layout)
    assert [(each.kind, each.path) for each in done.places] == [
        ("transcript", f"trash/{name}/transcript"),
        ("keeper.error", f"trash/{name}/keeper.error"),
    ]
    assert [each.path for each in done.still_there] == [f"trash/{name}/artifacts/a.txt"]
    assert planned.places == done.places
    assert [
        path.name for path in folder.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()
    ] == ["a.txt"]


def test_what_is_not_ours_is_named(layout: Layout) -> None:
    """Outputs by content and by name, the key's claim, settings, subscriptions, files of later releases."""
    run_id = new_run_id(7)
    begin(layout, run_id, key=SECRET).close()
    outputs = Path(layout.run_dir(run_id)) / "artifacts" / "deep"
    outputs.mkdir(parents=True)
    (outputs / "a.txt").write_text(f"x{SECRET}")
    (outputs / f"{SECRET}.txt").write_text("clean")
    (outputs / "link").symlink_to("/etc/passwd")
    os.mkfifo(outputs / "pipe")
    (Path(layout.run_dir(run_id)) / "later").write_text(SECRET)
    Path(layout.key_claim(SECRET)).write_text(f'{{"key":"{SECRET}","spec":"","run_id":"{run_id}"}}')
    Path(layout.config_file).write_text(f"# {SECRET}")
    Path(layout.position("mail")).write_text(f'{{"choice":{{"name":"{SECRET}"}}}}')
    Path(layout.position_lock(SECRET)).touch()
    view = redact(layout, run_id=run_id)
    runs = f"runs/{run_id}"

    assert [rest.path for rest in view.still_there] == [
        f"{runs}/artifacts/deep/a.txt",
        f"{runs}/artifacts/deep/[REDACTED].txt",
        f"{runs}/later",
        layout.key_claim(SECRET).removeprefix(f"{layout.root}/"),
        "config.toml",
        "positions/[REDACTED].lock",
        "positions/mail.json",
    ]
    assert view.out_of_reach


def test_a_run_in_the_trash_is_redacted_there(layout: Layout) -> None:
    """All that it recorded lies there, and `restore` would bring it back."""
    printed(layout, ("stdout", f"{SECRET}\n".encode()))
    in_run(layout, "left").write_text(SECRET)
    _remove(layout)
    trashed = f"trash/{RUN}"
    planned = redact(layout, dry=True)
    view = redact(layout)

    assert [(place.kind, place.path) for place in view.places] == [("transcript", f"{trashed}/transcript")]
    assert [each.path for each in view.still_there] == [f"{trashed}/left"]
    assert (planned.places, planned.still_there) == (view.places, view.still_there)
    Registry(layout).get(RUN).restore()
    assert in_run(layout, "transcript").read_bytes() == MARK + b"\n"
    assert redact(layout).places == []


def test_what_is_left_of_a_removal_that_was_cut_short_is_redacted_too(layout: Layout) -> None:
    """Whoever goes on with it may come late, or never."""
    printed(layout, ("stdout", f"{SECRET}\n".encode()))
    _remove(layout)
    os.rename(layout.in_trash(RUN), layout.going(RUN))

    assert [place.path for place in redact(layout).places] == [f"trash/{RUN}.going/transcript"]
    assert SECRET.encode() not in Path(layout.going(RUN), "transcript").read_bytes()


def test_what_an_import_left_is_finished_first(layout: Layout) -> None:
    """A journal that a killed import put in its place has a second name, which no rename of it replaces."""
    staged = Path(layout.imports, "0123456789abcdef", "journals")
    staged.mkdir(parents=True)
    os.link(layout.journal(RUN), staged / f"{RUN}.jsonl")
    redact(layout)

    files = [path for path in Path(layout.root).rglob("*") if path.is_file()]
    assert [path for path in files if SECRET.encode() in path.read_bytes()] == []


def _remove(layout: Layout) -> None:
    """Move the run's folder to the trash, as `rm` does."""
    run_dir = layout.run_dir(RUN)
    Writer(REAL, layout, RUN).append(
        lambda seq, at: RunExpired(seq=seq, at=at, by=Actor(), rule="asked", expected_seq=Seq(seq - 1))
    )
    os.rename(run_dir, layout.in_trash(RUN))


def test_a_secret_that_is_only_in_files_is_told_in_the_journal(layout: Layout) -> None:
    """No line is named, and the journal stays sealed."""
    redact(layout)
    printed(layout, ("stdout", b"another-secret"))
    view = redact(layout, "another-secret")

    assert (view.applied, view.seqs) == (True, [])
    assert b'"seqs":[],"what":"a secret (in: transcript)"' in raw(layout)


def test_a_live_run_is_refused(layout: Layout) -> None:
    """Its keeper still writes; the message says what to do. Nothing is changed."""
    before = raw(layout)
    with OwnerLock.take(REAL, layout, RUN):
        for dry in (True, False):
            with pytest.raises(Busy, match=f"runlore wait {RUN}"):
                redact(layout, dry=dry)
    assert raw(layout) == before


def test_a_command_without_a_keeper_is_refused(layout: Layout) -> None:
    """It may get one at any time."""
    run_id = new_run_id(7)
    OwnerLock.create(REAL, layout, run_id).release()
    Writer.create(REAL, layout, run_id, queued(run_id, name=SECRET)).close()
    fd = REAL.open(layout.tree_lock(run_id), os.O_RDWR | os.O_CREAT)
    REAL.lock(fd)

    with pytest.raises(Busy, match="runlore stop"):
        redact(layout, run_id=run_id)
    REAL.close(fd)


def test_a_run_that_ended_needs_no_lock_file(layout: Layout) -> None:
    """A journal that came back from a backup alone can be redacted; one that goes on cannot."""
    in_run(layout, "owner.lock").unlink()
    assert redact(layout).applied

    run_id = new_run_id(7)
    Writer.create(REAL, layout, run_id, queued(run_id, name=SECRET)).close()
    with pytest.raises(NotFound, match="owner lock"):
        redact(layout, run_id=run_id)


def test_there_is_no_such_run(layout: Layout) -> None:
    """It is said so, whether or not something was to be changed."""
    for dry in (True, False):
        with pytest.raises(NotFound):
            redact(layout, run_id=new_run_id(9), dry=dry)


@pytest.mark.parametrize("value", ["", "  \n ", "abc", "q" * (LONGEST + 1), "REDACTED", "****"])
def test_what_is_no_value_is_refused(layout: Layout, value: str) -> None:
    """The message holds nothing of it."""
    with pytest.raises(BadInput) as refused:
        redact(layout, value)
    assert not value.strip() or value not in str(refused.value) or value == "abc"


def test_halves_that_a_crash_left_go(layout: Layout) -> None:
    """A copy of a journal or a transcript may hold the secret."""
    left = [Path(f"{layout.journals}/.{RUN}.0badcafe.tmp"), in_run(layout, ".transcript.0badcafe.tmp")]
    for path in left:
        path.write_text(SECRET)
    redact(layout)

    assert not any(path.exists() for path in left)


def test_a_full_disk_changes_nothing(layout: Layout) -> None:
    """It is said that it has to be done again, and then it is."""
    printed(layout, ("stdout", SECRET.encode()))
    at, refused = 0, 0
    while True:
        at += 1
        disk, failer = failing(REAL, at, 28, "for ever", only=frozenset({"write", "pwrite", "fdatasync"}))
        try:
            Redaction(disk, layout, RUN, [SECRET], by=Actor()).apply()
        except JournalIO:
            refused += 1
        assert verify(REAL, layout, RUN).integrity in {"sealed", "redacted"}
        if not failer.failed:
            break
    assert refused >= 4
    assert not redact(layout).applied
    assert SECRET.encode() not in raw(layout) + in_run(layout, "transcript").read_bytes()


@pytest.mark.parametrize("name", VALUES)
def test_every_form_of_a_value_goes_from_every_place(layout: Layout, name: str) -> None:
    """However some program encoded it, in notes, metadata, exact arguments and both streams."""
    run_id = new_run_id(7)
    forms = dict(encoded(name))
    texts = {encoder: form.decode() for encoder, form in forms.items() if _is_utf8(form)}
    OwnerLock.create(REAL, layout, run_id).release()
    recipe = Recipe(
        argv=("a",), cwd="/", argv_bytes=tuple(b64encode(b"x" + form).decode() for form in forms.values())
    )
    draft = queued(run_id)(Seq(1), REAL.now())
    first = msgspec.structs.replace(draft, recipe=recipe, metadata={"forms": list(texts.values())})
    writer = Writer.create(REAL, layout, run_id, lambda _seq, _at: first)
    for text in texts.values():
        writer.append(noted(f"said {text} aloud"))
    writer.append(failed())
    writer.close()
    for stream in ("transcript", "keeper.error"):
        Path(layout.in_run(run_id, stream)).write_bytes(
            b"\n".join(b"<" + form + b">" for form in forms.values())
        )

    Redaction(REAL, layout, run_id, [VALUES[name]], by=Actor()).apply()

    records = [record.event for record in read(REAL, layout, run_id)]
    notes = [event.text for event in records if isinstance(event, RunNoted)]
    (queued_then,) = [event for event in records if isinstance(event, RunQueued)]
    left = [b64decode(each) for each in queued_then.recipe.argv_bytes]
    files = [Path(layout.in_run(run_id, each)).read_bytes() for each in ("transcript", "keeper.error")]
    for (encoder, form), exact in zip(forms.items(), left, strict=True):
        core = form.strip()
        assert core not in exact, encoder
        assert not [each for each in files if core in each], encoder
    for (encoder, text), note in zip(texts.items(), notes, strict=True):
        assert text.strip() not in note, encoder
        assert text.strip() not in str(queued_then.metadata), encoder
        assert (note[:5], note[-6:]) == ("said ", " aloud")
    assert verify(REAL, layout, run_id).integrity == "redacted"
    assert not Redaction(REAL, layout, run_id, [VALUES[name]], by=Actor()).apply().applied


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
