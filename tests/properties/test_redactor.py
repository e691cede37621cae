"""The redactor against tangles of secrets, marks and markers, cut anywhere, in both engines."""

from typing import Final

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from runlore.journal.redactor import Policy, Redactor
from tests.journal.secret_forms import VALUES, encoded
from tests.properties.histories import free_json

NAMES: Final = ("word", "quotes", "mark", "bracket", "url")
FORMS: Final = [form for name in NAMES for _encoder, form in encoded(name)]
MARKERS: Final = [
    b"token=", b"TOKEN: ", b"next_token=", b"my_x=", b"--token x9", b"Authorization: ", b"Bearer abcdef12",
    b"?sig=", b"&auth=", b";pwd=", b"https://u:", b"@h", b"://", b"git+http", b"-H", b"cookie",
    b'"password": 123456', b"-----BEGIN RSA PRIVATE KEY-----", b"-----END RSA PRIVATE KEY-----", b"-----",
    b"BEGIN", b" PRIVATE KEY", b"MIIEabc=", b"Proc-Type: 4,ENCRYPTED\n", b"eyJabcdef.",
    b"AKIA0123456789ABCDEF", b"[REDACTED]", b"[", b"]", b"REDACTED",
    b"\n", b"\r\n", b"\r", b" ", b"..", b".", b"-", b"_", b"=", b":",
    b'"', b"'", b"\\", b"10", b"a", b"pass", b"\xc3", b"\xa9", b"\xc2\xa0", b"\x1c", b"self.x", b"4",
    b"\x1b[31m", b"\x1b[0m", b"\x1b[", b"\x1b", b"1;3", b"m", "\U000f0000".encode(), b" --token",
    b"\x1b[0m\x1b[1;39m:",
]  # fmt: skip
pieces = st.sampled_from(FORMS) | st.sampled_from(MARKERS) | st.binary(max_size=3)
tangles = st.lists(
    pieces | st.tuples(st.sampled_from(FORMS), st.integers(1, 60)).map(lambda cut: cut[0][: cut[1]]),
    max_size=8,
).map(b"".join)
POLICY: Final = Policy(allow=("x_*",), deny=("my_*",))
REDACTORS: Final = [
    (
        Redactor([VALUES[name] for name in names], policy),
        Redactor([VALUES[name] for name in names], policy, plain=True),
    )
    for names in (NAMES, ())
    for policy in (POLICY, Policy())
]


@given(tangles, st.lists(st.integers(0, 600), max_size=4).map(sorted), st.sampled_from(REDACTORS))
def test_cutting_a_stream_changes_nothing_in_it(
    data: bytes, cuts: list[int], redactors: tuple[Redactor, Redactor]
) -> None:
    """Pieces give what the whole gives, in both engines; a second pass changes nothing more."""
    fast, plain = redactors
    whole, used = fast.stream(data, True)

    clean, held, done = b"", b"", 0
    for end in [*cuts, len(data)]:
        held += data[done:end]
        part, taken = fast.stream(held, False)
        assert plain.stream(held, False) == (part, taken)
        clean, held, done = clean + part, held[taken:], max(done, end)
    assert clean + fast.stream(held, True)[0] == whole
    assert used == len(data)
    assert plain.stream(data, True) == (whole, used)
    assert fast.stream(whole, True)[0] == whole
    assert plain.spans(data) == fast.spans(data)


@given(tangles.map(lambda data: data.decode("utf-8", "surrogateescape")), st.sampled_from(REDACTORS))
def test_a_text_redacted_twice_is_redacted_once(text: str, redactors: tuple[Redactor, Redactor]) -> None:
    """Both engines agree, and the next door changes nothing more."""
    once = redactors[0].text(text)

    assert redactors[1].text(text) == once
    assert redactors[0].text(once) == once


@given(
    free_json
    | st.dictionaries(
        st.text(max_size=3), st.sampled_from([v.decode() for v in map(VALUES.__getitem__, NAMES)])
    )
)
def test_a_document_stays_a_document(document: object) -> None:
    """JSON stays JSON of the same shape, whatever is masked in it."""
    redactor = REDACTORS[0][0]
    once = redactor.metadata(document)

    assert msgspec.json.decode(msgspec.json.encode(once)) == once
    assert redactor.metadata(once) == once
    if isinstance(document, dict | list):
        assert isinstance(once, type(document))
        assert len(once) == len(document)
