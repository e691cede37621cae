"""`runlore subscriptions` and `runlore subscribe`: events that are handed over until they are acked."""

import fcntl
import json
import os
import shutil
import signal
import struct
import subprocess
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from runlore.journal.disk import REAL
from runlore.journal.writer import Writer
from runlore.registry import open_registry
from tests.cli.command import Runlore
from tests.cli.test_schemas import validator
from tests.doubles.drafts import new_run_id, noted
from tests.runtimes.keeping import until
from tests.watcher.live_runs import Runs


class Consumer:
    """A consumer of `subscribe`, on the other ends of its pipes."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self.process = process

    def next(self) -> Any:  # noqa: ANN401 - JSON is what it is
        """The next object."""
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())

    def say(self, *lines: object) -> None:
        """Send lines."""
        assert self.process.stdin is not None
        for line in lines:
            self.process.stdin.write((line if isinstance(line, str) else json.dumps(line)).encode() + b"\n")
        self.process.stdin.flush()

    def end(self) -> tuple[list[Any], str, int]:
        """Say no more; what it said then, on both outputs, and its exit code."""
        out, err = self.process.communicate(timeout=30)
        return [json.loads(line) for line in out.splitlines()], err.decode(), self.process.returncode


@contextmanager
def consuming(runlore: Runlore, *words: str) -> Iterator[Consumer]:
    """Yield a consumer whose subscription is ready."""
    with runlore.started("subscribe", *words, stdin=subprocess.PIPE) as process:
        consumer = Consumer(process)
        first = consumer.next()
        assert first["type"] == "ready", first
        yield consumer


@pytest.fixture
def mail(runlore: Runlore) -> Runlore:
    """A registry with a run of six events, and a subscription to all of them."""
    runs = Runs(runlore.root)
    runs.end(runs.new())
    runs.close()
    open_registry(runlore.root).subscription("mail").create(begin="start")
    return runlore


def test_what_is_acked_does_not_come_again(mail: Runlore) -> None:
    """An ack is the `ack` of a record, or all of it, and counts for all before it; twice is no matter."""
    with consuming(mail, "mail") as consumer:
        records = [consumer.next() for _ in range(6)]
        validator(mail, "delivery").validate(records[0])
        assert [record["seq"] for record in records] == [1, 2, 3, 4, 5, 6]
        consumer.say({"ack": records[2]["ack"]}, {"ack": records[0]["ack"]}, "", records[3], records[3])
        left, _, code = consumer.end()
    assert (code, [record["type"] for record in left]) == (0, ["end"])
    assert left[0]["reason"] == "closed"
    shown = mail.ok("subscriptions", "show", "mail", "--json").json
    assert (shown["acked"]["seq"], shown["count"], shown["held_by"]) == (4, 4, None)
    assert "in what was there before" in mail.ok("subscriptions", "show", "mail").stdout
    assert "mail (in what was there before)" in mail.ok("info").stdout

    with consuming(mail, "mail", "--no-follow") as consumer:
        fifth, last = consumer.next(), consumer.next()
        assert [fifth["seq"], last["seq"]] == [5, 6]
        assert last["h"] == records[5]["h"]
        assert last["ack"] != records[5]["ack"]
        consumer.say(last)
        assert consumer.next()["reason"] == "caught_up"
        assert consumer.end()[2] == 0
    assert mail.ok("subscriptions", "show", "mail", "--json").json["behind_bytes"] == 0
    assert "nothing new" in mail.ok("subscriptions", "show", "mail").stdout


def test_everything_may_be_sent_back(mail: Runlore) -> None:
    """So a consumer in a shell needs no parser: what it has dealt with it prints."""
    done = mail.shell(
        'mkfifo acks; timeout 20 "$RUNLORE" subscribe mail --no-follow <acks | tee seen acks >&2; wc -l <seen'
    )
    assert done.stdout.strip() == "8", done
    assert mail.ok("subscriptions", "show", "mail", "--json").json["count"] == 6


NO_ACKS = {
    '{"ack":"00000000.1"}': "another reading",
    '{"ack":"MINE.99"}': "not handed out yet",
    '{"ack":"MINE.0"}': "not handed out yet",
    '{"ack":7}': "not {",
    '{"seq":7}': "acks nothing",
    "ok": "not {",
    '["ack"]': "not {",
    '{"ack":"\ud800"}': "not {",
    "x" * 2_000_000: "too long",
}


def test_what_is_no_ack(mail: Runlore) -> None:
    """It ends the consumer with 2, told by its line; the acks before it count, and nothing else."""
    named = open_registry(mail.root).subscription("mail")
    for line, why in NO_ACKS.items():
        named.reset("start")
        count = named.view().count
        with consuming(mail, "mail") as consumer:
            first = consumer.next()
            reading = first["ack"].partition(".")[0]
            assert consumer.process.stdin is not None
            odd = line.replace("MINE", reading).encode("utf-8", "surrogatepass")
            consumer.process.stdin.write(json.dumps({"ack": first["ack"]}).encode() + b"\n" + odd + b"\n")
            left, talk, code = consumer.end()
        assert code == 2, line[:40]
        assert "line 2 of standard input" in talk
        assert why in talk
        assert left[-1]["type"] == "end"
        assert named.view().count == count + 1


def test_standard_input_that_cannot_be_read(mail: Runlore) -> None:
    """Nobody could ack then: that is told, without a traceback."""
    done = mail.shell('"$RUNLORE" subscribe mail 0>/dev/null; echo $?')

    assert done.stdout.splitlines()[-1] == "2"
    assert "standard input cannot be read: Bad file descriptor" in done.stderr


def test_a_window_that_is_full(mail: Runlore) -> None:
    """A consumer that acks nothing is not flooded; an ack lets more out."""
    with consuming(mail, "mail", "--max-unacked", "2", "--no-follow") as consumer:
        _, second = consumer.next(), consumer.next()
        for expected in (3, 5):
            consumer.say(second)
            assert consumer.next()["seq"] == expected
            second = consumer.next()
        consumer.say(second)
        assert consumer.next()["reason"] == "caught_up"
    assert "0" in mail("subscribe", "mail", "--max-unacked", "0", code=2).stderr


@pytest.mark.parametrize("how", ["killed", "interrupted", "reader gone"])
def test_a_consumer_that_dies(mail: Runlore, how: str) -> None:
    """What it had not acked comes again, and the subscription is free at once."""
    with consuming(mail, "mail", "--max-unacked", "3") as consumer:
        first, *_ = [consumer.next() for _ in range(3)]
        if how == "reader gone":
            assert consumer.process.stdout is not None
            consumer.process.stdout.close()
            consumer.say(first)
            assert consumer.process.wait(30) == -signal.SIGPIPE
        else:
            consumer.process.send_signal(signal.SIGKILL if how == "killed" else signal.SIGINT)
            consumer.process.wait(30)
    with consuming(mail, "mail") as consumer:
        assert consumer.next()["seq"] == (2 if how == "reader gone" else 1)


def test_a_consumer_that_never_reads(mail: Runlore) -> None:
    """Its pipe fills and nothing more is prepared for it; runs go on, and later it gets everything."""
    runs = Runs(mail.root)
    one = new_run_id(1)
    runs.writers[one] = Writer(REAL, runs.layout, one, owner=True, feed=runs.feed)
    with consuming(mail, "mail") as consumer:
        for _ in range(60):
            runs.append(one, noted("x" * 3000))
        assert consumer.process.stdout is not None
        pipe = consumer.process.stdout.fileno()
        capacity = fcntl.fcntl(pipe, fcntl.F_GETPIPE_SZ)
        until(lambda: _readable(pipe) >= capacity - 4096, "the pipe to be full")
        seqs = [consumer.next()["seq"] for _ in range(6 + 2 * 60)]  # with a seal behind each note
    runs.close()
    assert seqs == [*range(1, 6 + 2 * 60 + 1)]


def _readable(fd: int) -> int:
    """Return how many bytes lie in a pipe."""
    return int(struct.unpack("i", fcntl.ioctl(fd, termios.FIONREAD, b"0000"))[0])


def test_two_consumers(mail: Runlore) -> None:
    """The second exits with 5 and says who was first; so does who would change it meanwhile."""
    with consuming(mail, "mail") as consumer:
        pid = consumer.process.pid
        for words in (
            ["subscribe", "mail"],
            ["subscriptions", "rm", "mail"],
            ["subscriptions", "reset", "mail"],
        ):
            assert f"in use by runlore, pid {pid} on" in mail(*words, code=5).stderr
        held = mail.ok("subscriptions", "show", "mail", "--json").json["held_by"]
        assert held["pid"] == pid
        assert consumer.next()["seq"] == 1
    assert "nobody consumes it now" in mail.ok("subscriptions", "show", "mail").stdout


def test_events_that_come_while_somebody_waits(runlore: Runlore) -> None:
    """A subscription gives what it was made for, as it happens."""
    runlore.ok("run", "-q", "-d", "true")
    runlore.ok("subscriptions", "create", "bad", "--type", "run.failed", "--tag", "env=prod")
    with consuming(runlore, "bad") as consumer:
        runlore("run", "-q", "-d", "--tag", "env=test", "false")
        runlore("run", "-q", "-d", "--tag", "env=prod", "false")
        record = consumer.next()
        assert record["event"]["type"] == "run.failed"
        assert runlore.ok("show", record["run_id"], "--json").json["tags"] == {"env": "prod"}
        consumer.say(record)
        consumer.end()
    assert runlore.ok("subscriptions", "show", "bad", "--json").json["count"] == 1


def test_making_and_moving(mail: Runlore) -> None:
    """Each answer is an object of its schema; nothing is made twice, and nothing that is not there moves."""
    cursor = mail.ok("events", "nightly", "--json").records[-1]["cursor"]
    made = mail.ok("subscriptions", "create", "late", "--after-cursor", cursor, "--json").json
    validator(mail, made["schema"]).validate(made)
    assert (made["cursor"], made["reached"]) == (cursor, True)
    assert "already" in mail("subscriptions", "create", "late", code=5).stderr
    listed = mail.ok("subscriptions", "ls", "--json").json
    validator(mail, listed["schema"]).validate(listed)
    assert [each["subscription"] for each in listed["items"]] == ["late", "mail"]
    assert mail.ok("subscriptions", "ls", "-q").lines == ["late", "mail"]
    assert "every event" in mail.ok("subscriptions", "ls").stdout

    assert mail.ok("subscribe", "mail", "--no-follow").records[-1]["reason"] == "closed"
    mail.ok("subscriptions", "reset", "mail", "--to", "now")
    assert [each["type"] for each in mail.ok("subscribe", "mail", "--no-follow").records] == ["ready", "end"]
    mail.ok("subscriptions", "reset", "mail")
    with consuming(mail, "mail") as consumer:
        assert consumer.next()["seq"] == 1
    removed = mail.ok("subscriptions", "rm", "mail", "--json").json
    validator(mail, removed["schema"]).validate(removed)
    for words in (["show", "mail"], ["rm", "mail"], ["reset", "mail"]):
        assert "no subscription mail" in mail("subscriptions", *words, code=3).stderr
    assert "no subscription mail" in mail("subscribe", "mail", code=3).stderr
    assert sorted(path.name for path in (mail.root / "positions").iterdir()) == ["late.json", "late.lock"]


REFUSED = [
    ["create", "a/b"],
    ["create", ""],
    ["create", "x", "--type", "run.faild"],
    ["create", "x", "--tag", "="],
    ["create", "x", "--after-cursor", "junk"],
    ["create", "x", "--after-cursor", "f2.junk"],
    ["create", "x", "--from", "then"],
    ["create", "x", "--from", "now", "--after-cursor", "junk"],
    ["create"],
    ["reset", "mail", "--to", "soon"],
    ["frob"],
    [],
]


def test_what_cannot_be_asked(mail: Runlore) -> None:
    """It is refused with 2, and nothing is made or moved, not even a lock."""
    before = mail.ok("subscriptions", "ls", "--json").json
    for words in REFUSED:
        told = mail("subscriptions", *words, code=2)
        assert len(told.stderr.splitlines()) == 1, words
        assert len(told.stderr) < 400, words
    assert mail.ok("subscriptions", "ls", "--json").json == before
    assert {path.name for path in (mail.root / "positions").iterdir()} == {"mail.json", "mail.lock"}


def test_a_registry_that_is_not_there_yet(runlore: Runlore) -> None:
    """One is made for a subscription, as for a run; nothing else makes one."""
    for words in (["subscriptions", "ls"], ["subscriptions", "create", "a/b"], ["subscribe", "mail"]):
        runlore(*words, code=2 if "create" in words else 3)
        assert not (runlore.root / "journals").exists()
    assert runlore.ok("subscriptions", "create", "mail", "-q").lines == ["mail"]
    runlore.ok("run", "-q", "true")
    records = runlore.ok("subscribe", "mail", "--no-follow").records
    assert [record["type"] for record in records] == ["ready", *["record"] * (len(records) - 2), "end"]
    assert len(records) > 5


def test_a_cursor_of_another_registry(mail: Runlore, tmp_path: Path) -> None:
    """It is refused, and names the registry it belongs to."""
    other = str(tmp_path / "other")
    mail.ok("--root", other, "run", "-q", "-d", "true")
    cursor = mail.ok("--root", other, "events", "--json").records[-1]["cursor"]

    assert "another registry" in mail("subscriptions", "reset", "mail", "--to", cursor, code=2).stderr


def test_a_position_that_is_damaged(mail: Runlore) -> None:
    """The doctor names it with what to type, and that gives every event again."""
    mail.ok("subscriptions", "create", "audit", "--type", "run.failed")
    (mail.root / "positions" / "audit.json").write_bytes(b'{"name":')
    assert "reset audit" in mail("subscribe", "audit", code=65).stderr
    found = [each for each in mail("doctor", "--json").json["items"] if each["code"] == "position_broken"]
    assert [each["next"] for each in found] == ["runlore subscriptions reset audit"]
    assert "is no position" in mail.ok("subscriptions", "ls").stdout
    assert "audit (cannot be read" in mail.ok("info").stdout

    done = mail.ok("subscriptions", "reset", "audit")
    assert "now it gives every event" in done.stderr
    with consuming(mail, "audit") as consumer:
        assert consumer.next()["seq"] == 1


def test_info_tells_what_the_feed_keeps(mail: Runlore) -> None:
    """How much there is, and how far behind each subscription is."""
    info = mail.ok("info", "--json").json
    validator(mail, info["schema"]).validate(info)
    assert info["feed"]["segments"] == 1
    assert info["feed"]["kept_for"] == []
    assert [each["subscription"] for each in info["subscriptions"]] == ["mail"]

    shutil.rmtree(mail.root / "feed")
    info = mail.ok("info", "--json").json
    assert info["feed"] is None
    assert info["subscriptions"][0]["reached"] is False
    assert "mail (to be rewound)" in mail.ok("info").stdout


def test_acks_that_are_as_long_as_what_is_acked(mail: Runlore) -> None:
    """Both pipes are full of each other then, and nobody waits for the other."""
    runs = Runs(mail.root)
    one = new_run_id(1)
    runs.writers[one] = Writer(REAL, runs.layout, one, owner=True, feed=runs.feed)
    for number in range(300):
        runs.append(one, noted(f"{number}" * 1000))
    runs.close()
    line = 'mkfifo acks; timeout 30 "$RUNLORE" subscribe mail --no-follow <acks | tee acks | wc -l; rm acks'
    done = mail.shell(line)

    assert done.stdout.strip() == str(2 + 6 + 2 * 300), done  # with a seal behind each note
    assert mail.ok("subscriptions", "show", "mail", "--json").json["count"] == 606


@pytest.mark.needs("root", "unshare")
def test_a_mount_that_is_read_only(mail: Runlore) -> None:
    """Looking works; consuming, making, moving and removing are refused in front of the first record."""
    verbs = '"subscribe mail" "subscriptions create x" "subscriptions reset mail" "subscriptions rm mail"'
    line = (
        'mount --bind "$RUNLORE_ROOT" "$RUNLORE_ROOT" && mount -o remount,ro,bind "$RUNLORE_ROOT" && '
        '"$RUNLORE" subscriptions ls -q && '
        f'for c in {verbs}; do "$RUNLORE" $c </dev/null; echo $?; done'
    )
    done = mail.shell(f"unshare -m bash -c '{line}'")

    assert done.stdout.split() == ["mail", "74", "74", "74", "74"]
    assert done.stderr.count("Read-only file system") == 4


def test_a_registry_that_may_only_be_read(mail: Runlore) -> None:
    """Looking works; whoever would consume or change is told, and nothing is written."""
    mail.root.chmod(0o777)
    before = sorted(os.listdir(mail.root / "positions"))
    assert mail.ok("subscriptions", "ls", "-q").lines == ["mail"]
    for words in (["subscribe", "mail"], ["subscriptions", "create", "x"], ["subscriptions", "rm", "mail"]):
        assert "chmod 700" in mail(*words, code=4).stderr
    assert sorted(os.listdir(mail.root / "positions")) == before


def test_names_are_completed(mail: Runlore) -> None:
    """In the shell, behind each command that takes one."""
    for words in (["subscribe", ""], ["subscriptions", "show", "m"]):
        line = " ".join(["runlore", *words])
        env = {"_RUNLORE_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(len(words))}
        assert "mail" in mail.ok(env=env).stdout
