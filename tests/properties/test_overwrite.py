"""Any value may be taken out of any journal: nothing moves, nothing else changes, and the chain holds."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runlore.journal import codec
from runlore.journal.errors import BadInput
from runlore.journal.events import TextRedacted
from runlore.journal.overwrite import Overwriter, overwritten_bytes
from runlore.journal.scan import Scanner, Tail
from runlore.journal.sought import Sought
from runlore.runtimes import secret_search
from runlore.runtimes.redact import checked
from tests import proof
from tests.journal.agreement import by_the_scan, by_the_second_reader
from tests.journal.forge import AT, Forge
from tests.properties.histories import journals, texts

pytestmark = pytest.mark.timeout(3600 if proof.SIZE == "full" else 300)
"""A busy machine may take a minute for what is only work for the processor."""


@st.composite
def told_and_value(draw: st.DrawFn) -> tuple[Forge, str]:
    """Draw a journal, and a value: a piece of a text in it, or any other."""
    forge = draw(journals(max_events=6))
    found = sorted({text for line in forge.lines for text in _texts(json.loads(line)) if len(text) > 3})
    text = draw(st.sampled_from(found)) if found else draw(texts)
    start = draw(st.integers(0, max(0, len(text) - 4)))
    return forge, text[start : start + draw(st.integers(4, 24))]


def test_a_value_goes_and_nothing_else(sized: Callable[[int, int], int]) -> None:
    """Same length, same events, same shape; both readers call the journal whole, and the value is gone."""
    counts: Counter[str] = Counter()

    @settings(max_examples=sized(600, 30_000))
    @given(told_and_value())
    def each(given: tuple[Forge, str]) -> None:
        forge, value = given
        try:
            sought = Sought(checked([value]))
            after = [_overwritten(line, sought) for line in forge.lines]
        except BadInput:
            counts.update(refused=1)
            return
        changed = tuple(
            seq for seq, (was, now) in enumerate(zip(forge.lines, after, strict=True), 1) if was != now
        )
        if changed:
            forge.add(TextRedacted, seqs=changed, what="a secret", at=AT)
        data = b"".join([*after, *forge.lines[len(after) :]])
        scanner = Scanner(Tail.empty(forge.run_id), redacted=frozenset(changed))
        scanner.advance(data)

        assert (scanner.tail.head, scanner.verdict().state) == (forge.head, "clean")
        assert by_the_scan(data, forge.run_id) == by_the_second_reader(data, forge.run_id)
        counts.update(journals=1, redacted=bool(changed))

    each()
    assert counts["redacted"] > counts["journals"] // 4, "too few values were found to prove anything"
    promised = "a value taken out of a journal leaves every line its place, its event and its hash"
    proof.record("redaction of journals", promised, counts)


def _overwritten(line: bytes, sought: Sought) -> bytes:
    """Return the line without the value, after a look at what else has changed."""
    new = Overwriter(sought.spans).line(line)
    if new is None:
        return line
    was, now = codec.decode(line[:-1]), codec.decode(new[:-1])
    assert (len(new), new[-73:], type(now)) == (len(line), line[-73:], type(was))
    assert (now.seq, now.at) == (was.seq, was.at)
    assert Overwriter(sought.spans).line(new) is None, "twice is not once"
    _same_shape(json.loads(line), json.loads(new), sought)
    return new


def _same_shape(was: Any, now: Any, sought: Sought) -> None:  # noqa: ANN401 - JSON
    if isinstance(was, dict):
        assert len(was) == len(now)
        for (name, item), (other, after) in zip(was.items(), now.items(), strict=True):
            assert name == other or sought.spans(json.dumps(name, ensure_ascii=False).encode())
            _same_shape(item, after, sought)
    elif isinstance(was, list):
        assert len(was) == len(now)
        for item, after in zip(was, now, strict=True):
            _same_shape(item, after, sought)
    elif was != now:
        said = json.dumps(was, ensure_ascii=False)
        assert sought.spans(said.encode()) or isinstance(was, float | int | str)


def _texts(value: Any) -> Iterator[str]:  # noqa: ANN401 - JSON
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, item in value.items():
            yield name
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


@given(
    st.lists(st.binary(min_size=1, max_size=40), max_size=12), st.binary(min_size=4, max_size=12), st.data()
)
def test_a_value_in_pieces_of_a_text_is_found(pieces: list[bytes], value: bytes, data: st.DataObject) -> None:
    """However the pieces are cut, and wherever in the file they lie, the text reads as if it were whole."""
    at = data.draw(st.integers(0, len(pieces)))
    cut = data.draw(st.integers(0, len(value)))
    pieces = [*pieces[:at], value[:cut], value[cut:], *pieces[at:]]
    places = data.draw(st.permutations(range(len(pieces))))
    text = [(place * 1000, piece) for place, piece in zip(places, pieces, strict=True)]
    file = bytearray(1000 * (len(pieces) + 1))
    for offset, piece in text:
        file[offset : offset + len(piece)] = piece

    for change in secret_search.edits(text, Sought([value]).spans):
        file[change.offset : change.offset + len(change.data)] = change.data

    whole = b"".join(pieces)
    read = b"".join(bytes(file[offset : offset + len(piece)]) for offset, piece in text)
    assert read == overwritten_bytes(whole, Sought([value]).spans(whole))
