"""Errors as values: each is one thing with fields, and can leave its process."""

import copy
import pickle

import pytest

from runlore.journal import errors
from runlore.journal.errors import RunloreError
from runlore.journal.values import Offset, RunId, Seq

RUN = RunId("20261120-201400-k3f9x2ab")
WITH_FIELDS = [
    errors.Removed(RUN, "is in the trash", can_return=True),
    errors.Ambiguous("two runs", (RUN, RUN)),
    errors.StaleSeq(RUN, Seq(3), Seq(4)),
    errors.IllegalTransition(RUN, "queued", "succeeded"),
    errors.AlreadyEnded(RUN, "run.progressed"),
    errors.DidNotStart(RUN, "spawn_failed", "no such file", 127),
    errors.CorruptJournal("/journal", RUN, Offset(7), "a hole"),
    errors.DamagedArtifact("out/a", "its bytes are not those on record"),
    errors.DamagedBundle("runs.tar", "outputs/00", "it is cut"),
    errors.WrongDigest("out/a"),
    errors.BrokenPosition("/root/positions/mail.json", "mail", "no end"),
    errors.BadExpression("name = x y", 10, 1, "no end"),
    errors.BadSettings("/root/config.toml", [(3, "no key")]),
]
KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, RunloreError)]
ERRORS = [*WITH_FIELDS, *(kind("said") for kind in KINDS if kind not in set(map(type, WITH_FIELDS)))]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_an_error_reaches_another_process_whole(error: RunloreError) -> None:
    """One that a worker of a process pool raises is raised again as it was, with its fields and notes."""
    error.add_note("while deploying")
    for came in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(came) is type(error)
        assert (str(came), came.args, vars(came)) == (str(error), error.args, vars(error))
        assert came.exit_code == error.exit_code


def test_every_error_is_tried() -> None:
    """A new kind with fields of its own has to be listed here."""
    assert {type(error) for error in ERRORS} == set(KINDS)
