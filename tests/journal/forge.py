"""Builds journals byte by byte: right ones, and ones that are wrong in one chosen way."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final, Self

from runlore.journal import chain, codec
from runlore.journal.events import FORMAT, Event, JournalContinued, RunQueued, RunSealed, UnknownEvent
from runlore.journal.values import Head, Recipe, RunId

RUN: Final = RunId("20261120-201400-k3f9x2ab")
OTHER_RUN: Final = RunId("20261120-201401-0123abcd")
AT: Final = datetime(2026, 11, 20, 20, 14, tzinfo=UTC)
AT_TEXT: Final = "2026-11-20T20:14:00Z"
RECIPE: Final = Recipe(argv=("echo", "hi"), cwd="/home/ada")


class Forge:
    """One journal in the making. The chain is always right; what it links need not be."""

    def __init__(self, run_id: RunId = RUN) -> None:
        self.run_id = run_id
        self.lines: list[bytes] = []
        self.digest = chain.seed(run_id)
        self.seq = 0
        self.base = 0

    @property
    def data(self) -> bytes:
        """The bytes of the file."""
        return b"".join(self.lines)

    @property
    def head(self) -> Head:
        """`h` of the last line."""
        return chain.head(self.digest)

    def queued(self, **fields: Any) -> Self:  # noqa: ANN401 - whatever the event has
        """Begin the journal."""
        given = {"format": FORMAT, "run_id": self.run_id, "recipe": RECIPE} | fields
        return self.add(RunQueued, **given)

    def continued(self, *, after: "Forge", **fields: Any) -> Self:  # noqa: ANN401
        """Begin a file that goes on from a packed part."""
        self.seq, self.base, self.digest = after.seq, after.base + len(after.data), after.digest
        given = {"format": FORMAT, "run_id": self.run_id, "head": after.head, "offset": self.base} | fields
        return self.add(JournalContinued, **given)

    def add(self, kind: type[Event], /, **fields: Any) -> Self:  # noqa: ANN401
        """Append an event in its place, a second after the one before it unless `at` says otherwise."""
        given: dict[str, Any] = {"seq": self.seq + 1, "at": AT + timedelta(seconds=self.seq)} | fields
        return self.event(kind(**given))

    def event(self, event: Event) -> Self:
        """Append an event as it stands."""
        return self.raw(codec.encode(event)[:-1])

    def text(self, members: str | bytes, *, seq: int | None = None) -> Self:
        """Append `{"type":"run.noted","seq":…,"at":…,` plus the members given."""
        place = self.seq + 1 if seq is None else seq
        text = members.encode() if isinstance(members, str) else members
        return self.raw(b'{"type":"run.noted","seq":%d,"at":"%s",%s' % (place, AT_TEXT.encode(), text))

    def raw(self, covered: bytes) -> Self:
        """Append a line whose covered bytes are these, whatever they are, with the `h` they should have."""
        line, self.digest = chain.close_line(self.digest, covered + b"}")
        self.lines.append(line)
        self.seq += 1
        return self

    def seal(self, **fields: Any) -> Self:  # noqa: ANN401
        """Append a seal that states what stands before it, unless told otherwise."""
        truth = {"count": self.seq, "bytes": self.base + len(self.data), "head": self.head}
        return self.add(RunSealed, **(truth | fields))

    def copy(self, event: UnknownEvent) -> Self:
        """Append the line of an event that is passed on unread."""
        self.lines.append(event.raw + b"\n")
        self.seq += 1
        self.digest = bytes.fromhex(event.raw[-66:-2].decode())
        return self


def many(count: int, run_id: RunId = RUN) -> Forge:
    """Return a journal of `count` lines, all of them synced notes but the first."""
    from runlore.journal.events import RunNoted

    forge = Forge(run_id).queued()
    while forge.seq < count:
        forge.add(RunNoted, text=f"note {forge.seq}")
    return forge
