"""Made the golden journals of format 1, once; kept to show how. It never writes over one.

`python -m tests.compat.make_format_1` adds what is missing. A golden journal that exists is never made
again: that a later release still reads these very bytes is the promise.
"""

import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec

from runlore.journal import events as e
from runlore.journal import values as v
from runlore.journal.lifecycle import STATUS_OF
from runlore.journal.overwrite import Overwriter
from runlore.journal.sought import Sought
from tests.compat.reading import FOLDER, expectation
from tests.journal.forge import AT, AT_TEXT, OTHER_RUN, RECIPE, RUN, Forge
from tests.journal.samples import ACTOR, DIGEST, IDENTITY, OBSERVATION, OWNER, SAMPLES

MAKERS: Final[dict[str, Callable[[], Forge]]] = {}


def golden(make: Callable[[], Forge]) -> Callable[[], Forge]:
    """Add a maker; its name is the journal's."""
    MAKERS[make.__name__] = make
    return make


def _sample(forge: Forge, kind: type[e.Event], **other: object) -> Forge:
    sample = SAMPLES[kind]
    fields = {name: getattr(sample, name) for name in kind.__struct_fields__ if name not in ("seq", "at")}
    return forge.add(kind, **(fields | other))


def _later(seconds: float) -> datetime:
    return AT + timedelta(seconds=seconds)


@golden
def queued_only() -> Forge:
    """The shortest journal: a run was submitted, and nobody has taken it yet."""
    return Forge().queued()


@golden
def readied() -> Forge:
    """A run that was waited for until it was ready, and still runs."""
    forge = Forge().queued(name="server", by=ACTOR, boot_id=IDENTITY.boot_id)
    forge.add(e.RunBooting, runtime="background", owner=OWNER, epoch=1)
    _sample(forge, e.RunReadied, epoch=0)
    return forge.add(e.RunStarted, handle=v.Handle(pid=4712, identity=IDENTITY, wrapper=IDENTITY), epoch=1)


@golden
def succeeded() -> Forge:
    """An ordinary life, as the background runtime writes it."""
    forge = Forge().queued(name="hello", by=ACTOR, boot_id=IDENTITY.boot_id)
    forge.add(e.RunBooting, runtime="background", owner=OWNER, epoch=1)
    forge.add(e.RunStarted, handle=v.Handle(pid=4712, identity=IDENTITY, wrapper=IDENTITY), epoch=1)
    forge.add(e.RunProgressed, fraction=0.5, message="half", epoch=1)
    usage = v.Usage(cpu_s=0.25, max_rss_bytes=8 << 20)
    forge.add(e.RunCollecting, exit_code=0, exited_at=_later(3.5), usage=usage, transcript_bytes=3, epoch=1)
    return forge.add(e.RunSucceeded, exit_code=0, ended_at=_later(3.5), epoch=1).seal(epoch=1)


@golden
def collected() -> Forge:
    """A run whose workload named an output, and of whose outputs one is stored and others are not."""
    recipe = msgspec.structs.replace(
        RECIPE, artifacts=("out/**", "!out/tmp"), reports=("*.html",), required=("out/m",)
    )
    forge = Forge().queued(name="train", by=ACTOR, boot_id=IDENTITY.boot_id, recipe=recipe)
    forge.add(e.RunBooting, runtime="background", owner=OWNER, epoch=1)
    forge.add(e.RunStarted, handle=v.Handle(pid=4712, identity=IDENTITY, wrapper=IDENTITY), epoch=1)
    forge.add(e.ArtifactDeclared, path="/home/ada/loss.html", kind="report", by=ACTOR)
    forge.add(e.RunCollecting, exit_code=0, exited_at=_later(3.5), epoch=1)
    forge.add(e.ArtifactCollected, path="out/m", sha256=DIGEST, bytes=7, kind="file", epoch=1)
    forge.add(e.ArtifactCollected, path="out/l", outcome="skipped", reason="a symbolic link", epoch=1)
    _sample(forge, e.ArtifactCollected, path="", outcome="skipped", sha256=None, files=12, epoch=1)
    return forge.add(e.RunSucceeded, exit_code=0, ended_at=_later(3.5), epoch=1).seal(epoch=1)


@golden
def every_event() -> Forge:
    """Every event of format 1 with every field set, each where the lifecycle allows it, some twice."""
    forge = _sample(Forge(), e.RunQueued)
    for kind in SAMPLES:
        if kind not in STATUS_OF and kind not in (
            e.RunSealed,
            e.JournalContinued,
            e.TextRedacted,
            e.ArtifactDeclared,  # younger than this journal: see `collected`
        ):
            _sample(forge, kind)
    for kind in (e.RunBooting, e.RunStarted, e.RunProgressed, e.RunResultSet, e.RunCollecting):
        _sample(forge, kind)
    _sample(forge, e.RunTimedOut).seal()
    for kind in SAMPLES:
        if kind in (e.RunTagged, e.RunNoted, e.RunRenamed, e.RunPinned, e.ArtifactPromoted, e.RunExpired):
            _sample(forge, kind).seal()
    return forge


@golden
def failed_by_reconciler() -> Forge:
    """Nobody was left to write the end: a reconciler did, with what it saw."""
    forge = Forge().queued().add(e.RunBooting, runtime="background", owner=OWNER, epoch=1)
    forge.add(e.RunStarted, handle=v.Handle(pid=4712, identity=IDENTITY), epoch=1)
    forge.add(e.OwnerAdopted, owner=OWNER, previous=IDENTITY, why="owner lock free", epoch=2)
    reason = v.Reason(code="owner_lost", text="the machine was restarted", by=ACTOR)
    ended = {"reason": reason, "ended_at": _later(2), "observation": OBSERVATION}
    return forge.add(e.RunFailed, **ended, epoch=2).seal(epoch=2)


@golden
def cancelled_before_it_began() -> Forge:
    """Stopped while it waited in a queue."""
    forge = Forge().queued(queue="gpu", durability="process", boot_id=IDENTITY.boot_id)
    forge.add(e.RunStopRequested, reason="not needed any more", by=ACTOR)
    return forge.add(e.RunCancelled, reason=v.Reason(code="cancelled", by=ACTOR)).seal()


@golden
def written_by_a_later_release() -> Forge:
    """New event types, and new fields in events, in values and in free JSON."""
    forge = Forge().queued(name="later")
    later = b'"later":{"a":[1,-2.5e3,null,true,"\\u00e9"],"h":"' + b"0" * 64 + b'"}'
    forge.raw(b'{"type":"run.hibernated","seq":2,"at":"%b","epoch":1,%b' % (AT_TEXT.encode(), later))
    forge.text(b'"text":"known type, new field",' + later)
    forge.text('"text":"new field in a value","by":{"user":"ada","shoe_size":43}')
    forge.raw(b'{"type":"weather.sensor_2.read","seq":5,"at":"%b"' % AT_TEXT.encode())
    forge.add(e.RunFailed, reason=v.Reason(code="spawn_failed")).seal()
    forge.raw(b'{"type":"run.remembered","seq":8,"at":"%b"' % AT_TEXT.encode())
    return forge.seal()


@golden
def written_by_another_program() -> Forge:
    """What section 3 of the format page lets other writers do: order, white space, escapes, offsets."""
    forge = Forge().raw(
        b'{ "format" : 1,\t"run_id":"20261120-201400-k3f9x2ab", "by":null,"epoch":0,'
        b'"recipe":{"cwd":"\\/home","argv":["\\u0061"]},"type":"run.queued",'
        b'"at":"2026-11-20t20:14:00.1234567-00:00","seq":1'
    )
    forge.text('"text":"first","text":"last","type":"run.noted"')
    forge.raw(b'{"type":"run.t\\u0061gged","seq":3,"at":"2026-11-20 20:14:00Z","tags":{"a":"1","a":"2"}')
    forge.raw(
        b'{"type":"run.progressed","seq":4,"at":"%b","fraction":1,"metrics":{"h":1e2}' % AT_TEXT.encode()
    )
    return forge.text('"text":"ignored number","later":1e999')


@golden
def unicode() -> Forge:
    """Names and texts in many scripts, with separators, controls, and what a terminal would obey."""
    forge = Forge().queued(
        name="Größe, 温度, ☕, עברית",
        tags={"é": "e\u0301", "\u202e": "right to left", "": ""},
        recipe=v.Recipe(argv=("printf", "\u2028\x85\x00\x1b[2J\u2066", "\U0001f600"), cwd="/tmp/ü"),
    )
    forge.add(e.RunRenamed, name="नया ﷽")
    return forge.add(e.RunNoted, text="\x7f\ufffe\ufeff\U0010ffff\r\n\ttab", by=v.Actor(user="Åsa"))


@golden
def long_line() -> Forge:
    """A line of 200 KiB between two short ones."""
    forge = Forge().queued().add(e.RunResultSet, result={"table": [list(range(1000))] * 52})
    return forge.add(e.RunNoted, text="behind it")


@golden
def repaired() -> Forge:
    """A crash tail was set aside twice, once with nothing in it, and the chain went on."""
    forge = Forge().queued()
    cut = {"cause": "crash_tail", "offset": len(forge.data), "bytes": 118, "sha256": DIGEST}
    forge.add(e.JournalRepaired, **cut, quarantine=f"{RUN}-229-0badcafe", by=ACTOR)
    forge.add(e.RunNoted, text="goes on")
    empty = {"offset": len(forge.data), "bytes": 0, "sha256": sha256().hexdigest()}
    return forge.add(e.JournalRepaired, cause="sync_failed", **empty)


@golden
def packed() -> Forge:
    """The first part of a run's history, as a pack holds it."""
    return succeeded().add(e.RunNoted, text="packed the next day").seal()


@golden
def continued() -> Forge:
    """What followed after `packed` was packed: offsets and seals count the packed part."""
    forge = Forge().continued(after=packed(), pack="2026-11-20-1.jsonl")
    return (
        forge.add(e.RunTagged, tags={"kept": "yes"}).seal().add(e.RunPinned, why="the paper cites it").seal()
    )


@golden
def redacted() -> Forge:
    """Two lines had a secret overwritten afterwards; they keep the `h` they had."""
    forge = Forge().queued(name="hunter2hunter2")
    forge.add(e.RunNoted, text="the password is hunter2hunter2").add(e.RunNoted, text="oh no")
    forge.add(e.TextRedacted, seqs=(1, 2), what="a password", why="typed by mistake", by=ACTOR)
    forge.add(e.RunCancelled).seal()
    forge.lines[:2] = [line.replace(b"hunter2hunter2", b"[REDACTED]****") for line in forge.lines[:2]]
    return forge


@golden
def redacted_after_the_end() -> Forge:
    """A value was taken out of every kind of place on a line, twice, after the run was sealed."""
    forge = Forge().queued(
        name="key 12345678",
        tags={"12345678": '12345678 and "more"', "x12345678": "é"},
        metadata={"pin": 12345678, "list": [{"12345678": None}, 1.5]},
        recipe=v.Recipe(argv=("a", "12345678\ufffd"), cwd="/", argv_bytes=("YQ==", "MTIzNDU2Nzj/")),
    )
    forge.add(e.RunProgressed, metrics={"n": 12345678.0}).text(r'"text":"\u0031234567\u0038"')
    forge.add(e.RunCancelled).seal().add(e.RunNoted, text="12345678 9876-5432-1098").seal()
    for seqs, value in (((1, 2, 3, 6), "12345678"), ((6,), "9876-5432-1098")):
        overwriter = Overwriter(Sought([value.encode()]).spans)
        forge.lines = [overwriter.line(line) or line for line in forge.lines]
        forge.add(e.TextRedacted, seqs=seqs, what="a secret (also in: transcript)", by=ACTOR).seal()
    return forge


@golden
def crash_tail() -> Forge:
    """A power cut left the last line without its end, over progress that lost its middle."""
    forge = succeeded()
    progress = forge.lines[3]
    forge.lines[3:] = [progress[:60] + bytes(40) + progress[100:], forge.lines[4][:100]]
    return forge


@golden
def corrupt() -> Forge:
    """One bit of the third line is wrong, and synced records stand behind it."""
    forge = succeeded()
    line = bytearray(forge.lines[2])
    line[20] ^= 1
    forge.lines[2] = bytes(line)
    return forge


@golden
def another_runs_lines() -> Forge:
    """Somebody pasted the lines of another run behind ours."""
    forge = Forge().queued().add(e.RunNoted, text="ours")
    theirs = (
        Forge(OTHER_RUN).queued(recipe=RECIPE).add(e.RunNoted, text="theirs").add(e.RunNoted, text="theirs")
    )
    forge.lines.append(theirs.lines[2])
    return forge


def main() -> int:
    """Write the golden journals that do not exist yet, each with what must be read from it."""
    FOLDER.mkdir(exist_ok=True)
    for name, make in MAKERS.items():
        path = Path(FOLDER, f"{name}.jsonl")
        if path.exists():
            continue
        path.write_bytes(make().data)
        text = msgspec.json.format(msgspec.json.encode(expectation(path.read_bytes())), indent=1)
        path.with_suffix(".json").write_bytes(text + b"\n")
        print(f"made {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
