"""Every single edit is found: bits, lines, holes, and the lines of other runs."""

from collections import Counter
from collections.abc import Callable, Iterator
from random import Random

import pytest

from runlore.journal import events as e
from runlore.journal.scan import Scanner, Tail
from tests import proof
from tests.journal.agreement import by_the_scan, by_the_second_reader
from tests.journal.forge import OTHER_RUN, RUN, Forge, many
from tests.journal.samples import SAMPLES

PARTS = 8
_STEPS = (
    e.RunBooting,
    e.RunStarted,
    e.RunProgressed,
    e.RunCheckpointed,
    e.OwnerAdopted,
    e.RunTagged,
    e.RunNoted,
)


def finished(lines: int, *, labels: int = 0) -> Forge:
    """Return a journal of an ended run: `lines` records, the last of them a seal, then sealed labels."""
    forge = Forge().queued(tags={"env": "prod"}, name="nightly")
    while forge.seq < lines - 2:
        kind = _STEPS[forge.seq % len(_STEPS)]
        sample = SAMPLES[kind]
        fields = {name: getattr(sample, name) for name in kind.__struct_fields__ if name not in ("seq", "at")}
        forge.add(kind, **fields)
    forge.add(e.RunSucceeded, exit_code=0).seal()
    for number in range(labels):
        forge.add(e.RunNoted, text=f"label {number}").seal()
    return forge


def tails_of(forge: Forge) -> Iterator[tuple[int, bytes, Tail]]:
    """Yield (offset, line, tail in front of it) for each line."""
    scanner = Scanner(Tail.empty(forge.run_id))
    for line in forge.lines:
        tail = scanner.tail
        yield tail.size, line, tail
        scanner.advance(line)
    assert scanner.damage is None


@pytest.mark.parametrize("part", range(PARTS))
def test_every_flipped_bit_is_found(part: int) -> None:
    """Each bit of a 20 KB journal: the damage begins at the line that holds it, whatever the bit was."""
    forge = finished(53, labels=3)
    data, flips = forge.data, 0
    assert 20_000 <= len(data) <= 24_000
    for start, line, tail in tails_of(forge):
        after = data[start + len(line) :]
        following = after[: after.find(b"\n") + 1]
        for at in range(len(line)):
            if (start + at) % PARTS != part:
                continue
            for bit in range(8):
                hurt = bytes((*line[:at], line[at] ^ 1 << bit, *line[at + 1 :]))
                scanner = Scanner(tail)
                scanner.advance(hurt + following)
                damage = scanner.verdict().damage
                assert damage is not None, (start + at, bit)
                assert damage.offset == start, (start + at, bit)
                assert scanner.tail.seq == tail.seq, (start + at, bit)
                flips += 1
    promised = "one flipped bit anywhere in a journal is found, at the line that holds it"
    proof.record(f"flipped bits, part {part + 1} of {PARTS}", promised, {"flips": flips, "found": flips})


def test_both_readers_find_the_same_flipped_bits(sized: Callable[[int, int], int]) -> None:
    """Scanned whole, with everything behind the flip: same kind, same byte, same class of damage."""
    forge = finished(20, labels=1)
    data = forge.data
    flips = 0
    for position in range(0, len(data) * 8, sized(397, 7)):
        hurt = bytearray(data)
        hurt[position // 8] ^= 1 << position % 8
        ours = by_the_scan(bytes(hurt), RUN)
        assert ours == by_the_second_reader(bytes(hurt), RUN), position
        assert ours[1] != "clean", position
        flips += 1
    promised = "a reader written from the format page alone finds the same flipped bits"
    proof.record("two readers, flipped bits", promised, {"flips": flips, "found": flips})


LINES = 500


def edits(forge: Forge) -> Iterator[tuple[str, int, list[bytes]]]:
    """Yield (what, first line that differs, lines) for every deleted, repeated, swapped and inserted line."""
    lines = forge.lines
    stranger = many(3, OTHER_RUN).lines[2]
    for at in range(len(lines)):
        yield "deleted", at, lines[:at] + lines[at + 1 :]
        yield "duplicated", at + 1, [*lines[: at + 1], *lines[at:]]
        other = (at + 1) % len(lines)
        swapped = list(lines)
        swapped[at], swapped[other] = swapped[other], swapped[at]
        yield "swapped", min(at, other), swapped
        yield "inserted", at, [*lines[:at], stranger, *lines[at:]]


def test_every_edited_line_is_found() -> None:
    """Deleted, repeated, swapped or inserted at any of 500 places: damage there, or a missing seal."""
    forge = finished(LINES)
    counts: Counter[str] = Counter()
    whole = Scanner(Tail.empty(RUN))
    whole.advance(forge.data)
    tails = [*(tail for _, _, tail in tails_of(forge)), whole.tail]
    for what, at, lines in edits(forge):
        scanner = Scanner(tails[at])
        scanner.advance(b"".join(lines[at:]))
        if what == "deleted" and at == LINES - 1:
            assert scanner.verdict().state == "clean"
            assert not scanner.tail.sealed
        else:
            assert scanner.damage is not None, (what, at)
            assert scanner.tail.seq == at, (what, at)
        counts[what] += 1
    promised = "a deleted, duplicated, swapped or inserted line is found at every place"
    assert set(counts.values()) == {LINES}
    proof.record("edited lines", promised, counts)


def test_every_cut_at_a_line_end_is_reported_as_unsealed() -> None:
    """Each of 500 prefixes of a sealed journal is clean, and said not to be sealed."""
    forge = finished(LINES)
    scanner = Scanner(Tail.empty(RUN))
    for line in forge.lines:
        assert not scanner.tail.sealed
        assert scanner.verdict().state == "clean"
        scanner.advance(line)
    assert scanner.tail.sealed
    promised = "a sealed journal cut at a line end is reported as unsealed"
    proof.record("cuts at line ends", promised, {"cuts": LINES, "unsealed": LINES})


def test_a_cut_behind_an_earlier_seal_shows_only_in_the_head() -> None:
    """The one cut that a journal cannot tell by itself: the head noted elsewhere is not in it."""
    whole, shorter = finished(20, labels=2), finished(20, labels=1)
    assert whole.data.startswith(shorter.data)

    scanner = Scanner(Tail.empty(RUN))
    heads = {record.head for record in scanner.feed(shorter.data)}

    assert scanner.tail.sealed
    assert scanner.verdict().state == "clean"
    assert whole.head not in heads


def test_nuls_anywhere_are_a_tail_or_corruption(sized: Callable[[int, int], int]) -> None:
    """A hole is a crash tail if nothing synced stands behind it, else corruption; nothing is believed."""
    random = Random(20)
    counts: Counter[str] = Counter()
    for _ in range(sized(1000, 20_000)):
        forge = finished(random.randint(3, 40), labels=random.randint(0, 2))
        if random.random() < 0.3:
            forge = many(random.randint(1, 8))
            for number in range(random.randint(0, 8)):
                forge.add(e.RunProgressed, message=f"step {number}")
        data = forge.data
        start = random.randint(0, len(data))
        end = random.choice([len(data), start + 512, start + 4096, random.randint(start, len(data))])
        hurt = data[:start] + bytes(max(end, start + 1) - start) + data[end:]
        lies = [(offset, tail.seq, line) for offset, line, tail in tails_of(forge)]
        first = next(
            ((offset, seq) for offset, seq, line in lies if offset + len(line) > start),
            (len(data), forge.seq),
        )
        behind = [line for offset, _, line in lies if offset >= max(end, start + 1)]
        proven = any(
            b'"type":"run.progressed"' not in line[:30] and b"run.sealed" not in line[:30] for line in behind
        )

        scanner = Scanner(Tail.empty(RUN))
        records = scanner.feed(hurt)

        assert len(records) == first[1]
        assert scanner.tail.size == first[0]
        assert scanner.verdict().state == ("corrupt" if proven else "crash_tail")
        counts[scanner.verdict().state] += 1
    assert counts["corrupt"] > 100
    assert counts["crash_tail"] > 100
    promised = "NULs at the end heal, NULs in front of a synced record are corruption"
    proof.record("holes", promised, counts)


def test_the_lines_of_another_run_are_refused() -> None:
    """Pasted in anywhere, appended, or as a whole file under our name: never a record of ours."""
    ours, theirs = many(60), many(60, OTHER_RUN)
    tries = 0
    for at in range(61):
        for source in (0, at, 59):
            pasted = b"".join(ours.lines[:at]) + theirs.lines[min(source, 59)] + b"".join(ours.lines[at:])
            scanner = Scanner(Tail.empty(RUN))
            assert len(scanner.feed(pasted)) == at
            assert scanner.verdict().state == "corrupt"
            tries += 1
        spliced = b"".join(ours.lines[:at]) + b"".join(theirs.lines[at:])
        scanner = Scanner(Tail.empty(RUN))
        assert len(scanner.feed(spliced)) == at
        assert scanner.verdict().state == ("corrupt" if at < 60 else "clean")
        tries += at < 60
    promised = "lines of another run are refused wherever they are pasted in"
    proof.record("foreign lines", promised, {"tries": tries, "refused": tries})
