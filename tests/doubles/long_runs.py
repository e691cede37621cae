"""Journals of very many events, written at once: what the appender would have written, without its syncs."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from msgspec import structs

from runlore.journal import chain, codec, compose
from runlore.journal import events as e
from runlore.journal.layout import Layout
from runlore.journal.scan import Tail
from runlore.journal.values import Actor, Handle, Identity, Owner, Recipe, RunId

BEGUN = datetime(2026, 11, 1, tzinfo=UTC)
EVERY = timedelta(seconds=1)
BY = Actor(user="ann", host="host", pid=7, program="test")
_AT_ONCE = 2000
OWNER = Owner(host="host", identity=Identity(boot_id="", pid_ns=1, pid=7))


def write_journal(
    layout: Layout,
    run_id: RunId,
    count: int,
    *,
    texts: Sequence[str] = (),
    ends: bool = True,
    boot_id: str = "",
) -> str:
    """Return the path of a journal of `count` events and, if it ends, a final event and its seal.

    Event n happens n seconds after BEGUN. Nearly all are progress; each of `texts` is a note. The last one
    of a run that ends is `run.collecting`.
    """
    path, tail = layout.journal(run_id), Tail.empty(run_id)
    recipe = Recipe(argv=("train", "--for-days"), cwd="/srv")
    queued = e.RunQueued(
        seq=1, at=BEGUN + EVERY, by=BY, format=e.FORMAT, run_id=run_id, recipe=recipe, boot_id=boot_id
    )
    with open(path, "wb") as file:
        composed = compose.compose(tail, queued)
        file.write(composed.data)
        tail = composed.after
        digest, seq, size = tail.digest, 1, tail.size
        while seq < count:
            lines: list[bytes] = []
            upto = min(seq + _AT_ONCE, count)
            for place in range(seq + 1, upto + 1):
                event = _event(place, texts)
                if ends and place == count > len(texts) + 3:
                    event = e.RunCollecting(seq=place, at=event.at, epoch=1, exit_code=0)
                line, digest = chain.close_line(digest, codec.encode(event))
                lines.append(line)
            seq = upto
            data = b"".join(lines)
            size += file.write(data)
        if ends:
            tail = structs.replace(tail, digest=digest, seq=seq, size=size, status="collecting_artifacts")
            final = e.RunSucceeded(seq=seq + 1, at=BEGUN + EVERY * (seq + 1), epoch=1, exit_code=0)
            file.write(compose.compose(tail, final).data)
    return path


def _event(seq: int, texts: Sequence[str]) -> e.Event:
    at = BEGUN + EVERY * seq
    if seq - 2 < len(texts):
        return e.RunNoted(seq=seq, at=at, by=BY, text=texts[seq - 2])
    if seq == len(texts) + 2:
        return e.RunBooting(seq=seq, at=at, epoch=1, runtime="background", owner=OWNER)
    if seq == len(texts) + 3:
        return e.RunStarted(seq=seq, at=at, epoch=1, handle=Handle(pid=7, identity=OWNER.identity))
    return e.RunProgressed(seq=seq, at=at, epoch=1, fraction=seq % 100 / 100, message=f"step {seq}")
