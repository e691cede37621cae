"""`runlore history` of a long run: a row of reports is one line, and is not kept to make it."""

import pytest

from runlore.cli.commands import history
from runlore.projections.timeline import TIMELINE
from runlore.runtimes.registry import Registry
from tests.cli.command import Runlore
from tests.doubles.long_runs import write_journal
from tests.doubles.memory import peak_of
from tests.journal.forge import RUN
from tests.runtimes.kept_runs import registry_at


def test_lines_do_not_depend_on_how_events_are_cut(runlore: Runlore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read in pieces of a few, or at once."""
    layout = registry_at(runlore.root)
    write_journal(layout, RUN, 500, texts=["a", "b"])
    run = Registry(layout).get(RUN)
    whole = TIMELINE.fold((record.event for record in run.events()), TIMELINE.initial())

    for most in (1, 2, 7, 502, 503):
        monkeypatch.setattr(history, "_AT_ONCE", most)
        assert history._told(run) == (whole, None)


def test_memory_does_not_follow_the_number_of_reports(
    runlore: Runlore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four times the reports are the same few lines."""
    layout = registry_at(runlore.root)
    write_journal(layout, RUN, 5_000)
    run = Registry(layout).get(RUN)
    monkeypatch.setattr(history, "_AT_ONCE", 1000)
    short = peak_of(lambda: history._told(run))
    write_journal(layout, RUN, 20_000)
    assert peak_of(lambda: history._told(run)) < 1.2 * short
