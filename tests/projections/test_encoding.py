"""How answers are encoded: always as JSON, whatever is in them."""

import msgspec

from runlore.projections.about_views import InitView
from runlore.projections.encoding import encode_view
from tests.journal.forge import AT


def test_a_path_that_is_no_text_does_not_stop_an_answer() -> None:
    """Odd bytes in a path come out as visible escapes, and the rest of the answer is unharmed."""
    made = InitView(root="/odd/\udcff", registry_id="r", created_at=AT, existing=False)

    shown = msgspec.json.decode(encode_view(made))

    assert shown["root"] == "/odd/\\udcff"
    assert shown["created_at"] == "2026-11-20T20:14:00Z"
