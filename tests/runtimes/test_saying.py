"""What a workload may say, before it goes anywhere."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from runlore.journal import events as e
from runlore.journal import exits
from runlore.journal.errors import BadInput
from runlore.journal.redactor import STRUCTURAL
from runlore.journal.values import Actor, Seq
from runlore.runtimes import saying

AT = datetime(2026, 11, 20, 20, 14, tzinfo=UTC)


def test_an_event_gets_its_place_from_whoever_appends_it() -> None:
    """Place, time, author and epoch are filled in; what was said stays."""
    by = Actor(user="ada")

    assert saying.placed(saying.noted("hi"), Seq(7), AT, by=by, epoch=2) == e.RunNoted(
        seq=7, at=AT, by=by, epoch=2, text="hi"
    )


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: saying.progressed(float("nan")),
        lambda: saying.result_set(object()),
        lambda: saying.result_set({"x": float("inf")}),
        lambda: saying.result_set("x" * saying.RESULT_BYTES),
        lambda: saying.preview_changed("open"),
        lambda: saying.checkpointed(" ", "p"),
        lambda: saying.checkpointed("c", ""),
        lambda: saying.checkpointed("c", "p", sha256="abc"),
        lambda: saying.noted(" \n"),
    ],
)
def test_what_cannot_be_said(wrong: Callable[[], Any]) -> None:
    """It is refused before anything is written."""
    with pytest.raises(BadInput):
        wrong()


def test_a_result_of_exactly_the_limit() -> None:
    """64 KiB of JSON are taken, its quotes included."""
    assert saying.result_set("x" * (saying.RESULT_BYTES - 2)).result


@pytest.mark.parametrize(
    ("path", "kept"), [("ckpt/3.pt", "/there/ckpt/3.pt"), ("s3://b/3.pt", "s3://b/3.pt"), ("", "")]
)
def test_where_a_checkpoint_lies(path: str, kept: str) -> None:
    """A relative path would mean something else to whoever resumes; a URL means the same everywhere."""
    assert saying.saved_at(path, lambda path: f"/there/{path}") == kept


def test_secrets_in_what_is_said() -> None:
    """They do not get into a journal, wherever they stand."""
    secret = "ghp_16C7e42F292c6912E7710c838347Ae178B4a"
    said = [
        saying.noted(f"token {secret}"),
        saying.progressed(None, secret, step=secret),
        saying.result_set({"deep": [secret]}),
        saying.preview_changed("available", f"https://ada:{secret}@host/", detail=secret),
        saying.checkpointed("c", f"https://h/?token={secret}"),
    ]

    recorded = [exits.redacted(event, lambda: STRUCTURAL) for event in said]
    assert "16C7e42F" not in repr(recorded)
