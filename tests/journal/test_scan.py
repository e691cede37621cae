"""The scan: whole records in order, then what stands where they stop."""

import msgspec
import pytest

from runlore.journal import chain, codec
from runlore.journal import events as e
from runlore.journal.scan import Scanner, Tail, Verdict, next_record, redacted_seqs
from runlore.journal.values import Owner
from tests.journal.forge import AT, AT_TEXT, OTHER_RUN, RUN, Forge, many


def _scanned(data: bytes, *, check_chain: bool = True, redacted: frozenset[int] = frozenset()) -> Scanner:
    scanner = Scanner(Tail.empty(RUN), check_chain=check_chain, redacted=redacted)
    scanner.advance(data)
    return scanner


def _ended() -> Forge:
    """Return a sealed journal of five records."""
    forge = many(2).add(e.RunBooting, runtime="background", owner=OWNER)
    return forge.add(e.RunFailed, exit_code=1).seal()


OWNER = msgspec.convert({"host": "h", "identity": {"boot_id": "b", "pid_ns": 1, "pid": 2}}, Owner)


def test_records_say_where_they_lie() -> None:
    """Seq, offset, length and head of a record are those of its line."""
    forge = _ended()
    records = Scanner(Tail.empty(RUN)).feed(forge.data)

    offset = 0
    for record, line in zip(records, forge.lines, strict=True):
        assert (record.run_id, record.offset, record.length) == (RUN, offset, len(line))
        assert record.head.encode() == line[-67:-3]
        assert forge.data[record.offset :][: record.length] == line
        offset += len(line)
    assert [record.seq for record in records] == [1, 2, 3, 4, 5]


def test_the_tail_holds_all_that_the_next_append_needs() -> None:
    """Position, chain, size, status, and whether the run has ended and is sealed."""
    forge = _ended()
    tail = _scanned(forge.data).tail

    assert (tail.seq, tail.size, tail.offset, tail.base) == (5, len(forge.data), len(forge.data), 0)
    assert (tail.digest, tail.head) == (forge.digest, forge.head)
    assert (tail.format, tail.status, tail.ended, tail.sealed) == (1, "failed", True, True)


def test_the_tail_of_nothing_is_the_beginning() -> None:
    """An empty file is clean and has no record; its chain starts at the run id."""
    scanner = _scanned(b"")

    assert scanner.verdict() == Verdict("clean")
    assert scanner.tail == Tail.empty(RUN)
    assert scanner.tail.digest == chain.seed(RUN)


def test_the_first_record_tells_the_mode_and_the_boot() -> None:
    """Whoever judges damage later finds in the tail what it depends on."""
    tail = _scanned(Forge().queued(durability="process", boot_id="b1").data).tail

    assert (tail.durability, tail.boot_id, tail.status, tail.ended) == ("process", "b1", "queued", False)


def test_a_final_event_without_its_seal_has_ended_the_run() -> None:
    """Ended and sealed are two facts: the next appender brings the seal."""
    tail = _scanned(many(2).add(e.RunCancelled).data).tail

    assert (tail.status, tail.ended, tail.sealed) == ("cancelled", True, False)


def test_a_label_behind_a_seal_leaves_the_journal_unsealed_until_it_is_sealed_again() -> None:
    """Sealed means that the last record is a seal."""
    forge = _ended().add(e.RunNoted, text="late")

    assert not _scanned(forge.data).tail.sealed
    assert _scanned(forge.seal().data).tail.sealed


def test_a_scan_goes_on_from_the_tail_of_an_earlier_one() -> None:
    """What was read once need not be read again."""
    forge = _ended()
    cut = len(b"".join(forge.lines[:2]))
    first = _scanned(forge.data[:cut])
    second = Scanner(first.tail)

    assert second.feed(forge.data[cut:])[0].offset == cut
    assert second.tail == _scanned(forge.data).tail


def test_after_damage_nothing_is_a_record_any_more() -> None:
    """However good the lines behind the damage look, they are not read."""
    forge = many(4)
    scanner = Scanner(Tail.empty(RUN))
    hurt = forge.lines[0] + b"{}\n" + b"".join(forge.lines[1:])

    assert len(scanner.feed(hurt)) == 1
    assert scanner.feed(many(4).data) == []
    assert scanner.advance(many(4).data) == []
    assert scanner.tail.seq == 1


DAMAGE = [
    pytest.param(many(2).lines[0] + many(3).lines[2], "seq", id="a seq is missing"),
    pytest.param(many(2).lines[0] * 2, "seq", id="a line twice"),
    pytest.param(many(2).data + many(2).lines[0], "seq", id="a second beginning"),
    pytest.param(many(2).lines[1], "seq", id="no beginning"),
    pytest.param(Forge().text('"text":""').data, "seq", id="a first record that is no beginning"),
    pytest.param(Forge().seal(count=0).data, "seq", id="a seal as first record"),
    pytest.param(many(2).data.replace(b"note 1", b"note 2"), "chain", id="a changed text"),
    pytest.param(many(2).data[:-5] + b"0" + many(2).data[-4:], "chain", id="a changed h"),
    pytest.param(many(1).data + many(2).lines[1][:-73] + b"}\n", "chain", id="no h"),
    pytest.param(many(1).data + many(2).lines[1][:-1] + b"\r\n", "chain", id="a carriage return"),
    pytest.param(Forge(OTHER_RUN).queued().data, "chain", id="another run's journal"),
    pytest.param(Forge().queued(run_id=OTHER_RUN).data, "run_id", id="another run in ours"),
    pytest.param(many(2).seal(count=1).data, "seal", id="a seal with another count"),
    pytest.param(many(2).seal(bytes=1).data, "seal", id="a seal with another size"),
    pytest.param(many(2).seal(head="0" * 64).data, "seal", id="a seal with another head"),
    pytest.param(many(1).data + b"\n", "undecodable", id="a blank line"),
    pytest.param(many(1).data + b" " + many(2).lines[1], "undecodable", id="white space in front"),
    pytest.param(many(2).data + b"{", "unterminated", id="no newline"),
]


@pytest.mark.parametrize(("data", "kind"), DAMAGE)
def test_each_kind_of_damage_has_its_name_and_place(data: bytes, kind: str) -> None:
    """The damage begins at the first byte of the line that does not continue the journal."""
    scanner = _scanned(data)
    damage = scanner.verdict().damage

    assert damage is not None
    assert damage.kind == kind
    assert damage.offset == scanner.tail.size
    assert damage.seq == scanner.tail.seq + 1
    assert damage.detail
    assert scanner.verdict().length == len(data) - damage.offset


def test_two_objects_on_one_line_are_no_record_even_where_the_lines_add_up() -> None:
    """A blank line makes up for the number of events, not for the line that holds two."""
    forge = many(1).raw(many(2).lines[1][:-73] + b"}" + many(3).lines[2][:-73])
    damage = _scanned(forge.data + b"\n").damage

    assert damage is not None
    assert (damage.kind, damage.offset) == ("undecodable", len(forge.lines[0]))


def test_an_object_on_two_lines_is_no_record_even_where_the_lines_add_up() -> None:
    """Every line is an object of its own, with an `h` of its own, or it is damage."""
    inner = b'{"type":"run.noted","seq":2,"at":"%b","text":"","x":{"a":1' % AT_TEXT.encode()
    forge = many(1).raw(inner)
    second = b'}{"type":"run.noted","seq":3,"at":"%b","text":""' % AT_TEXT.encode()
    damage = _scanned(forge.raw(second).data).damage

    assert damage is not None
    assert (damage.kind, damage.offset) == ("undecodable", len(forge.lines[0]))


@pytest.mark.parametrize("piece", [1 << 20, 4096])
def test_a_line_of_256_kib_is_read_and_one_byte_more_is_damage(piece: int) -> None:
    """The limit is the same whether the line comes at once or in pieces, and whatever is on it."""
    room = codec.MAX_LINE - len(many(1).add(e.RunNoted, text="").lines[1])
    for longer, kind in ((0, None), (1, "too_long"), (4096, "too_long")):
        forge = many(1).text('"text":"%s"' % ("x" * (room + longer)))
        data = forge.data + many(1).data
        scanner = Scanner(Tail.empty(RUN))
        for at in range(0, len(data), piece):
            scanner.advance(data[at : at + piece])
        damage = scanner.damage
        if kind is None:
            assert scanner.tail.seq == 2
        else:
            assert damage is not None
            assert (damage.kind, damage.offset) == ("too_long", len(forge.lines[0]))


def test_a_line_that_never_ends_is_damage_before_it_fills_the_memory() -> None:
    """After 256 KiB without a newline there is nothing to wait for."""
    scanner = _scanned(many(1).data)
    kinds = []
    for _ in range(64):
        scanner.advance(b"x" * 4096)
        damage = scanner.verdict().damage
        kinds.append(damage.kind if damage else "")
    assert kinds == ["unterminated"] * 63 + ["too_long"]
    assert scanner.verdict().length == 256 * 1024


def test_without_looking_at_the_chain_changed_text_goes_unseen_but_a_missing_h_does_not() -> None:
    """The fast scan is for listings; it still stops at whatever is not a record by its form."""
    assert _scanned(many(2).data.replace(b"note 1", b"note 2"), check_chain=False).damage is None
    damage = _scanned(many(1).data + many(2).lines[1][:-73] + b"}\n", check_chain=False).damage
    assert damage is not None
    assert damage.kind == "chain"
    assert _scanned(_ended().data, check_chain=False).tail == _scanned(_ended().data).tail


# -- crash tail or corruption ------------------------------------------------------------------------


def _verdict_behind(*behind: bytes) -> str:
    """Return the verdict about a journal with a hurt line and these bytes behind it."""
    return _scanned(many(2).data + b'{"type":"run.no\0\0\0\n' + b"".join(behind)).verdict().state


NOTE = many(3).lines[2]
PROGRESS = many(2).add(e.RunProgressed, fraction=0.5).lines[2]
SEAL = many(2).seal().lines[2]
UNKNOWN = many(2).raw(b'{"type":"run.invented","seq":3,"at":"%b"' % AT_TEXT.encode()).lines[2]


def test_a_synced_record_behind_damage_proves_corruption() -> None:
    """Somebody was told that it is durable, so no crash explains what stands in front of it."""
    assert _verdict_behind(NOTE) == "corrupt"
    assert _verdict_behind(PROGRESS, SEAL, b"\n", NOTE) == "corrupt"
    assert _verdict_behind(UNKNOWN) == "corrupt"


def test_nothing_but_loose_ends_behind_damage_is_a_crash_tail() -> None:
    """Progress nobody was promised, a seal, torn lines and NULs: one crash explains them all."""
    assert _verdict_behind() == "crash_tail"
    assert _verdict_behind(PROGRESS, PROGRESS, SEAL) == "crash_tail"
    assert _verdict_behind(NOTE[:-1]) == "crash_tail"
    assert _verdict_behind(NOTE[100:]) == "crash_tail"
    assert _verdict_behind(b"\0" * 8192) == "crash_tail"
    assert _verdict_behind(NOTE[:-73] + b"}\n") == "crash_tail"


def test_a_record_glued_behind_nuls_counts() -> None:
    """A lost page reads as NULs; the whole record on the same line was somebody's promise."""
    assert _verdict_behind(b"\0" * 100 + NOTE) == "corrupt"
    assert _verdict_behind(b"half a line\0" + NOTE) == "corrupt"
    assert _verdict_behind(b"half a line" + NOTE) == "crash_tail"


def test_the_damaged_line_itself_counts_if_it_is_a_record_of_another_history() -> None:
    """A foreign, repeated or altered record is whole: it was not cut by a crash."""
    assert _scanned(many(2).data + many(2).lines[1]).verdict().state == "corrupt"
    assert _scanned(many(2).data.replace(b"note 1", b"note 2")).verdict().state == "corrupt"


def test_a_final_event_that_lost_its_middle_is_a_crash_tail_although_its_seal_survived() -> None:
    """Event and seal are one write, so the seal behind the hole proves nothing."""
    forge = _ended()
    final = forge.lines[3]
    hurt = b"".join(forge.lines[:3]) + final[:20] + bytes(30) + final[50:] + forge.lines[4]

    assert _scanned(hurt).verdict().state == "crash_tail"
    assert _scanned(hurt + NOTE).verdict().state == "corrupt"


def test_a_synced_record_far_behind_the_damage_is_found() -> None:
    """Megabytes of nothing do not hide it, in whatever pieces they come."""
    scanner = _scanned(many(2).data + bytes(100))
    for _ in range(40):
        scanner.advance(bytes(65536))
    assert scanner.verdict().state == "crash_tail"
    scanner.advance(NOTE[:50])
    scanner.advance(NOTE[50:])
    assert scanner.verdict().state == "corrupt"


# -- continuation ------------------------------------------------------------------------------------


def test_a_continuation_is_scanned_from_the_place_it_states() -> None:
    """Offsets and seals are logical: they count the packed part."""
    packed = _ended()
    forge = Forge().continued(after=packed).add(e.RunNoted, text="late").seal()
    scanner = Scanner(Tail.empty(RUN))
    records = scanner.feed(forge.data)

    assert [record.seq for record in records] == [6, 7, 8]
    assert records[0].offset == len(packed.data)
    assert scanner.verdict().state == "clean"
    assert (scanner.tail.base, scanner.tail.size) == (len(packed.data), len(forge.data))
    assert scanner.tail.sealed


def test_a_continuation_fits_behind_the_part_it_continues() -> None:
    """Given the packed part's end, the continuation must begin exactly there."""
    packed = _ended()
    tail = _scanned(packed.data).tail
    behind = msgspec.structs.replace(tail, base=tail.offset, size=0)
    right = Forge().continued(after=packed)

    assert Scanner(behind).feed(right.data)[0].seq == 6
    for wrong in ({"head": "0" * 64}, {"offset": 1}):
        scanner = Scanner(behind)
        assert scanner.feed(Forge().continued(after=packed, **wrong).data) == []
        assert scanner.damage is not None
        assert scanner.damage.kind == "seq"


@pytest.mark.parametrize(
    ("forge", "kind"),
    [
        (Forge().continued(after=_ended(), head="0" * 64), "chain"),
        (Forge().continued(after=_ended(), run_id=OTHER_RUN), "run_id"),
        (Forge().continued(after=Forge()), "seq"),
        (many(2).continued(after=many(2), offset=1), "seq"),
        (many(2).continued(after=many(2), head="0" * 64), "seq"),
    ],
)
def test_a_continuation_of_something_else_is_damage(forge: Forge, kind: str) -> None:
    """Its `h` does not come out, it names another run, or there is nothing it could continue."""
    scanner = _scanned(forge.data)

    assert scanner.damage is not None
    assert scanner.damage.kind == kind
    assert scanner.tail.base == 0
    assert scanner.damage.offset == scanner.tail.size


# -- redaction ---------------------------------------------------------------------------------------


def _redacted() -> Forge:
    """Return a journal whose second record had its text overwritten afterwards, as the format permits."""
    forge = many(4).add(e.TextRedacted, seqs=(2,), what="a token").add(e.RunSucceeded).seal()
    forge.lines[1] = forge.lines[1].replace(b"note 1", b"******")
    return forge


def test_an_overwritten_line_that_is_named_later_is_a_record() -> None:
    """Its `h` still links the lines around it, so the chain and the seal hold."""
    forge = _redacted()
    events = _scanned(forge.data, check_chain=False)
    seqs = redacted_seqs(Scanner(Tail.empty(RUN), check_chain=False).advance(forge.data))

    assert seqs == {2}
    assert events.verdict().state == "clean"
    assert _scanned(forge.data, redacted=seqs).tail.seq == 7
    assert _scanned(forge.data, redacted=seqs).tail.head == forge.head


def test_an_overwritten_line_that_nobody_names_is_corruption() -> None:
    """Without the record of the redaction, it is just a changed line."""
    assert _scanned(_redacted().data).verdict().state == "corrupt"
    assert _scanned(_redacted().data, redacted=frozenset({3})).tail.seq == 1


def test_a_redacted_line_needs_the_h_it_had() -> None:
    """Only the text may differ: with another `h` the next line does not follow."""
    forge = _redacted()
    forge.lines[1] = forge.lines[1][:-67] + b"0" * 64 + forge.lines[1][-3:]

    scanner = _scanned(forge.data, redacted=frozenset({2}))

    assert scanner.tail.seq == 2
    assert scanner.damage is not None
    assert scanner.damage.kind == "chain"


def test_a_redaction_names_only_lines_before_it() -> None:
    """An event cannot excuse itself, nor what comes later."""
    event = e.TextRedacted(seq=5, at=AT, seqs=(2, 5, 6), what="")

    assert redacted_seqs([event]) == {2}


def test_a_line_that_only_follows_needs_no_scanner() -> None:
    """Notes do, the first record and what changes the status do not, nor half a line or two."""
    forge = _ended()
    tails = [_scanned(b"".join(forge.lines[:seq])).tail for seq in range(len(forge.lines))]
    answers = [next_record(tail, line) for tail, line in zip(tails, forge.lines, strict=True)]

    assert [answer is not None for answer in answers] == [False, True, False, False, False]
    assert answers[1] is not None
    assert answers[1][1] == tails[2]
    assert next_record(tails[1], forge.lines[1][:-1]) is None
    assert next_record(tails[1], forge.lines[1] + forge.lines[2]) is None
    assert next_record(tails[2], forge.lines[1]) is None
