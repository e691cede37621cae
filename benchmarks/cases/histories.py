"""What finished runs say: the events of journals to measure on. Pure.

A registry of very many runs is drawn from `SEED`, each run from its number alone: whoever makes it, in
however many processes, makes the same one.
"""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from runlore.journal import events as e
from runlore.journal import ids
from runlore.journal.values import Actor, Handle, Identity, Owner, Reason, Recipe, RunId, Usage

SEED = 20261129
BEGUN = datetime(2026, 1, 1, tzinfo=UTC)
EVENTS_PER_RUN = 1000
BY = Actor(user="builder", host="worker-17.example.internal", pid=48211, program="runlore")
OWNER = Owner(
    host="worker-17.example.internal",
    identity=Identity(boot_id="3f2b0c52-7a0e-4a37-9a4f-0f5b6c1d2e3f", pid_ns=4026531836, pid=48212),
)
WORDS = ("resolve", "fetch", "compile", "link", "package", "upload", "verify", "retry")


def chatter(seq: int, at: datetime) -> e.Event:
    """Return the event that stands at `seq` of a busy run: mostly progress, some of everything else."""
    word = WORDS[seq % len(WORDS)]
    if seq % 10 == 7:
        return e.RunCheckpointed(
            seq=seq, at=at, epoch=1, name=f"step-{seq}", path=f"/srv/project/checkpoints/{word}-{seq}.bin"
        )
    if seq % 10 == 9:
        return e.RunNoted(seq=seq, at=at, by=BY, text=f"{word}: slower than last time, {seq} ms")
    message = f"{word} module {seq}: {seq % 97} warnings, {seq % 89} cache hits"
    return e.RunProgressed(
        seq=seq, at=at, epoch=1, fraction=seq % 1000 / 1000, message=message, metrics={"loss": 1 / seq}
    )


def history(run_id: RunId, begun: datetime, count: int) -> Iterator[e.Event]:
    """Yield the events of one finished run; the seal comes by itself."""
    recipe = Recipe(argv=("python", "-m", "pytest", "-q", "tests/unit"), cwd="/srv/project")
    tags = {"team": "platform", "ticket": "OPS-1234"}
    at = begun
    yield e.RunQueued(
        seq=1, at=at, by=BY, format=e.FORMAT, run_id=run_id, recipe=recipe, name="unit-tests", tags=tags
    )
    yield e.RunBooting(seq=2, at=at, epoch=1, runtime="background", owner=OWNER)
    yield e.RunStarted(seq=3, at=at, epoch=1, handle=Handle(pid=48213, identity=OWNER.identity))
    for seq in range(4, count - 2):
        at += timedelta(milliseconds=250)
        yield chatter(seq, at)
    seq = max(4, count - 2)
    usage = Usage(cpu_s=12.5, max_rss_bytes=73400320)
    yield e.RunCollecting(seq=seq, at=at, epoch=1, exit_code=0, usage=usage, transcript_bytes=18231)
    yield e.RunSucceeded(seq=seq + 1, at=at, epoch=1, exit_code=0)


NAMES = ("train", "evaluate", "nightly", "deploy", "backfill", "unit-tests", "render", "import")
TEAMS = ("platform", "search", "vision", "billing", "data")
FEWEST, MOST = 9, 40
"""Records of a drawn run, its seal included."""
APART_S = 20
"""Seconds from one drawn run to the next: a million of them began within 232 days."""


def drawn_id(number: int) -> RunId:
    """Return the id of the run that is drawn for a number."""
    return ids.mint(
        BEGUN + timedelta(seconds=number * APART_S), (number * 2654435761 % 2**40).to_bytes(5, "big")
    )


def drawn(number: int) -> Iterator[e.Event]:
    """Yield the events of the run that is drawn for a number, 9 to 40 with its seal, which comes by itself.

    Nine of ten succeed; names, teams and lengths differ from run to run, tickets are all different.
    """
    chance = random.Random(f"{SEED}:{number}")
    at, last = BEGUN + timedelta(seconds=number * APART_S), chance.randint(FEWEST, MOST) - 1
    name, seed = chance.choice(NAMES), chance.randrange(10**6)
    recipe = Recipe(argv=("python", "-m", f"project.{name}", "--seed", str(seed)), cwd="/srv/project")
    tags = {"team": chance.choice(TEAMS), "ticket": f"OPS-{number}"}
    yield e.RunQueued(
        seq=1, at=at, by=BY, format=e.FORMAT, run_id=drawn_id(number), recipe=recipe, name=name, tags=tags
    )
    yield e.RunBooting(seq=2, at=at, epoch=1, runtime="background", owner=OWNER)
    yield e.RunStarted(seq=3, at=at, epoch=1, handle=Handle(pid=48213, identity=OWNER.identity))
    step = timedelta(seconds=round(chance.expovariate(1 / 5), 3))
    for seq in range(4, last - 1):
        at += step
        yield chatter(seq, at)
    exit_code = 0 if chance.random() < 0.9 else chance.randint(1, 3)
    usage = Usage(cpu_s=round(chance.uniform(0.1, 900), 3), max_rss_bytes=chance.randrange(10**7, 10**9))
    yield e.RunCollecting(
        seq=last - 1, at=at, epoch=1, exit_code=exit_code, usage=usage, transcript_bytes=seed
    )
    if exit_code:
        reason = Reason(code="exit_nonzero", text=f"exited with {exit_code}")
        yield e.RunFailed(seq=last, at=at, epoch=1, exit_code=exit_code, reason=reason)
    else:
        yield e.RunSucceeded(seq=last, at=at, epoch=1, exit_code=0)
