"""`runlore ps --watch` in a pipe: a list again and again, and only when there is something to tell."""

import json
import shutil
import signal
from collections.abc import Iterator
from subprocess import Popen
from typing import Any

import pytest

from tests.cli.command import Runlore


def records(process: Popen[bytes]) -> Iterator[Any]:
    """Yield the records of a stream as they come."""
    assert process.stdout is not None
    for line in process.stdout:
        yield json.loads(line)


def test_a_stream_begins_and_ends(runlore: Runlore) -> None:
    """`ready` first, then the list whenever it differs, `end` last with the reason; Ctrl-C is 0."""
    runlore.ok("init")
    with runlore.started("ps", "--watch", "--json") as process:
        stream = records(process)
        assert next(stream)["type"] == "ready"
        first = next(stream)
        assert (first["type"], first["schema"], first["items"]) == ("ps", "runlore.ps/1", [])
        run_id = runlore.begin("--name", "job", "sleep", "60")
        statuses = [item["status"] for item in _until(stream, "running")["items"]]
        runlore.ok("stop", "--force", run_id)
        ended = _until(stream, "cancelled")
        process.send_signal(signal.SIGINT)
        last = list(stream)[-1]
        _, errors = process.communicate()

    assert statuses == ["running"]
    assert ended["counts"] == {"cancelled": 1}
    assert (last["type"], last["reason"], process.returncode) == ("end", "interrupted", 0)
    assert errors.decode() == f"no runs in {runlore.root}\nno longer watched; nothing was stopped\n" or (
        errors.decode() == "no longer watched; nothing was stopped\n"
    )


def _until(stream: Iterator[Any], status: str) -> Any:  # noqa: ANN401 - JSON is what it is
    """Return the first list in which a run has this status."""
    return next(record for record in stream if any(item["status"] == status for item in record["items"]))


def test_nothing_is_told_twice(runlore: Runlore) -> None:
    """A run that goes on changes its duration and its output all the time: that is no news."""
    run_id = runlore.begin("sh", "-c", "while :; do echo x; sleep 0.02; done")
    with runlore.started("ps", "--watch", "--json") as process:
        stream = records(process)
        next(stream)
        first = next(stream)
        runlore.until(lambda: _looks(process.pid) > 3)
        runlore.ok("tag", run_id, "a=b")
        second = next(stream)

    assert (first["items"][0]["tags"], second["items"][0]["tags"]) == ({}, {"a": "b"})


def _looks(pid: int) -> int:
    """Return how often the process has waited by now: voluntary context switches."""
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("voluntary"))


def test_a_table_comes_again_when_it_changed(runlore: Runlore) -> None:
    """In a pipe each table is whole, after an empty line."""
    runlore.ok("run", "-q", "--name", "first", "true")
    with runlore.started("ps", "--watch") as process:
        assert process.stdout is not None
        head, row = process.stdout.readline(), process.stdout.readline()
        runlore.ok("run", "-q", "--name", "second", "true")
        assert process.stdout.readline() == b"\n"
        assert process.stdout.readline().split() == head.split()

    assert b"first" in row
    assert b"\x1b" not in head + row


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_another_signal_ends_it_as_it_should(runlore: Runlore, number: signal.Signals) -> None:
    """The stream still says why; the process ends by that signal."""
    runlore.ok("init")
    with runlore.started("ps", "--watch", "--json") as process:
        stream = records(process)
        next(stream)
        next(stream)
        process.send_signal(number)
        last = list(stream)[-1]
        process.wait()

    assert last["reason"] == {signal.SIGTERM: "terminated", signal.SIGHUP: "hung_up"}[number]
    assert process.returncode == -number


def test_whatever_is_derived_may_vanish_and_at_last_the_root(runlore: Runlore) -> None:
    """The journals are enough; without them there is nothing to watch, and the stream says so."""
    runlore.ok("run", "-q", "true")
    with runlore.started("ps", "--watch", "--json") as process:
        stream = records(process)
        next(stream)
        next(stream)
        for name in ("feed", "index"):
            shutil.rmtree(runlore.root / name, ignore_errors=True)
        runlore.ok("run", "-q", "--name", "later", "true")
        names = {item["name"] for item in next(stream)["items"]}
        shutil.rmtree(runlore.root)
        last = list(stream)[-1]
        _, errors = process.communicate()

    assert names == {None, "later"}
    assert (last["reason"], process.returncode) == ("gone", 3)
    assert f"error: the registry at {runlore.root} is gone" in errors.decode()


def test_a_registry_may_come_later(runlore: Runlore) -> None:
    """As `ps` does, watching begins with an empty list where nothing ever ran."""
    with runlore.started("ps", "--watch", "--json") as process:
        stream = records(process)
        next(stream)
        assert next(stream)["items"] == []
        runlore.ok("run", "-q", "true")
        assert _until(stream, "succeeded")["counts"] == {"succeeded": 1}


def test_a_reader_that_leaves_ends_it_though_nothing_happens(runlore: Runlore) -> None:
    """An idle watcher does not stay behind for ever."""
    runlore.ok("run", "-q", "true")
    done = runlore.shell("$RUNLORE ps --watch | head -1; echo ${PIPESTATUS[0]}")

    assert done.stdout.split()[-1] == "141"
    assert done.stderr == ""


def test_a_wrong_word_is_refused_before_anything_is_shown(runlore: Runlore) -> None:
    """As without --watch."""
    done = runlore("ps", "--watch", "--json", "--status", "odd", code=2)

    assert done.stdout == ""


def test_ids_alone_come_again_too(runlore: Runlore) -> None:
    """-q and --fields have no table and no talk."""
    first = runlore.ok("run", "-q", "-d", "true").stdout.strip()
    runlore.ok("wait", first)
    with runlore.started("ps", "--watch", "-q") as process:
        assert process.stdout is not None
        assert process.stdout.readline().decode().strip() == first
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate()

    assert (rest, errors, process.returncode) == (b"", b"", 0)
