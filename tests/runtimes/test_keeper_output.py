"""What a command prints is kept to the byte, however it prints it and whatever it does to its streams."""

import hashlib
import os
from pathlib import Path

import pytest

from runlore.journal import events
from runlore.journal.disk import REAL
from runlore.journal.values import RunId
from runlore.runtimes.identity import look
from runlore.runtimes.transcript_reader import TranscriptReader
from tests.runtimes.keeping import Keeping, python, until

BOTH = """
import os
for place in range(5000):
    os.write(1, b"out %d\\n" % place)
    os.write(2, b"err %d\\n" % place)
"""
MUCH = """
import os
block = bytes(range(256)) * 4096
for _ in range(200):
    os.write(1, block)
"""


def test_two_streams(keeping: Keeping) -> None:
    """Each stream comes back exactly, also when they alternate."""
    kept = keeping.run(*python(BOTH))

    assert kept.output("stdout") == b"".join(b"out %d\n" % place for place in range(5000))
    assert kept.output("stderr") == b"".join(b"err %d\n" % place for place in range(5000))


def test_two_hundred_megabytes(keeping: Keeping) -> None:
    """All of it is kept."""
    kept = keeping.run(*python(MUCH))
    collecting = kept.event(events.RunCollecting)
    with kept.path("transcript").open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").digest()

    assert collecting.transcript_bytes == 200 << 20
    assert collecting.dropped_bytes == 0
    assert digest == hashlib.sha256(bytes(range(256)) * 4096 * 200).digest()


def test_two_hundred_megabytes_with_a_limit(keeping: Keeping) -> None:
    """Beginning and end are kept, the disk of what is between them is given back, the command goes on."""
    kept = keeping.run(*python(MUCH), output_limit=3 << 20)
    collecting = kept.event(events.RunCollecting)
    pattern = bytes(range(256)) * 4096

    assert (collecting.transcript_bytes, collecting.dropped_bytes) == (3 << 20, 197 << 20)
    assert kept.output() == (pattern * 3)[: 3 << 20]
    assert kept.path("transcript").stat().st_blocks * 512 < 5 << 20
    assert kept.end().status == "succeeded"


def test_a_limit_outlives_a_keeper(keeping: Keeping) -> None:
    """The next one knows what is to be kept, and what was given up before it."""
    line = "seq 300000; read line < fifo; seq 300000; echo end"
    os.mkfifo(keeping.folder / "fifo")
    kept = keeping.submit("sh", "-c", line, output_limit=1000)
    until(lambda: b"300000\n" in kept.output())
    kept.kill(kept.keeper())
    until(lambda: len([event for event in kept.events() if isinstance(event, events.OwnerAdopted)]) == 1)
    (keeping.folder / "fifo").write_text("go on\n")
    until(lambda: "RunSealed" in kept.tags(), "the seal")
    output, collecting = kept.output(), kept.event(events.RunCollecting)

    assert (len(output), output[:4], output[-11:]) == (1000, b"1\n2\n", b"300000\nend\n")
    assert collecting.transcript_bytes + collecting.dropped_bytes == 2 * 1_988_895 + 4


@pytest.mark.timeout(600)
def test_memory_while_a_gigabyte_flows(keeping: Keeping) -> None:
    """Keeper and wrapper stay below 64 MiB each, however much goes through them."""
    kept = keeping.submit("sh", "-c", "yes 0123456789abcdef | head -c 1000000000")
    kept.started()
    ours = (kept.keeper(), kept.wrapper())
    most = 0
    while not kept.link.closed:
        kept.link.wait_news(1.0)
        most = max(most, *(_peak_kib(who.pid) for who in ours))
    kept.end()

    assert kept.event(events.RunCollecting).transcript_bytes == 1_000_000_000
    assert 0 < most <= 64 << 10


def test_a_command_that_closes_its_streams(keeping: Keeping) -> None:
    """It goes on without them; the run ends with it, and not before."""
    code = (
        "import os, sys; print('before', flush=True); os.close(1); os.close(2); sys.stdin.read(); os._exit(7)"
    )
    kept = keeping.run(*python(code))

    assert kept.end().exit_code == 7
    assert kept.output() == b"before\n"


def test_a_command_that_daemonizes(keeping: Keeping) -> None:
    """The run ends with the command; the daemon is named on record, left alone, and not waited for."""
    code = (
        "import os, signal, time\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    if os.fork() == 0:\n"
        "        print('daemon', os.getpid(), flush=True)\n"
        "        time.sleep(600)\n"
        "    os._exit(0)\n"
        "os.wait(); print('parent', flush=True)"
    )
    kept = keeping.submit(*python(code))
    ended = kept.end()
    survivors = kept.event(events.RunCollecting).survivors
    (daemon,) = kept.tree()

    assert (ended.status, ended.exit_code) == ("succeeded", 0)
    assert [each.pid for each in survivors] == [daemon.identity.pid]
    assert survivors[0].command.startswith("python")
    assert look(daemon.identity) == "alive"
    assert f"daemon {daemon.identity.pid}\n".encode() in kept.output()


def test_output_of_what_outlives_the_command(keeping: Keeping) -> None:
    """What a child still prints right after the command's end is kept."""
    code = (
        "import os, time\n"
        "r, w = os.pipe()\n"
        "if os.fork() == 0:\n"
        "    os.close(w); os.read(r, 1)\n"  # returns when the parent has ended
        "    print('late', flush=True); os._exit(0)\n"
        "os._exit(0)"
    )
    assert keeping.run(*python(code)).output() == b"late\n"


def test_output_without_newlines(keeping: Keeping) -> None:
    """Bytes count, not lines."""
    assert keeping.run("printf", "a\\rb\\rc").output() == b"a\rb\rc"


def test_no_output_at_all(keeping: Keeping) -> None:
    """The transcript exists and is empty."""
    kept = keeping.run("true")

    assert kept.output() == b""
    assert kept.event(events.RunCollecting).transcript_bytes == 0


def test_a_follower_is_nudged(keeping: Keeping) -> None:
    """Each time something was kept the caller hears of it, and in the end how the run ended."""
    os.mkfifo(keeping.folder / "fifo")
    kept = keeping.submit("sh", "-c", "echo first; read line < fifo; echo second")
    until(lambda: kept.link.wait_news(1) and kept.link.nudged)
    seen = until(kept.output)
    kept.link.nudged = False
    with (keeping.folder / "fifo").open("w") as fifo:
        fifo.write("go on\n")
    ended = kept.end()

    assert seen == b"first\n"
    assert kept.link.nudged
    assert (ended.status, kept.output()) == ("succeeded", b"first\nsecond\n")


def test_a_caller_that_does_not_listen(keeping: Keeping) -> None:
    """A full pipe of nudges holds up nobody, and the end is still told."""
    kept = keeping.submit(*python("import os\nfor _ in range(20000): os.write(1, b'x')"))
    until(lambda: "RunSealed" in kept.tags(), "the seal, with nobody listening")

    assert kept.end().status == "succeeded"
    assert kept.output() == b"x" * 20000


@pytest.mark.needs("root")
def test_a_disk_that_is_full(keeping: Keeping, small_disk: Path) -> None:
    """The command is not held up; what was dropped is counted on record and told in the transcript."""
    on_small_disk = Keeping(small_disk / "registry")
    code = "import os\nfor _ in range(64): os.write(1, b'x' * 65536)\nopen('done', 'w').close()"
    kept = on_small_disk.run(*python(code), cwd=str(keeping.folder))
    collecting = kept.event(events.RunCollecting)

    assert kept.end().status == "succeeded"
    assert (keeping.folder / "done").exists()
    assert collecting.dropped_bytes > 0
    assert collecting.transcript_bytes + collecting.dropped_bytes == 64 * 65536
    assert kept.output() == b"x" * collecting.transcript_bytes


def test_a_transcript_that_may_not_grow(keeping: Keeping) -> None:
    """A file size limit does to the transcript what a full disk does."""
    told = keeping.as_caller(
        "import resource, signal\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "kept = keeping.run('sh', '-c', 'head -c 300000 /dev/zero')\n"
        "print(kept.run_id, kept.end().status)"
    )
    run_id, status = told.decode().split()
    with TranscriptReader(REAL, keeping.layout, RunId(run_id)) as reader:
        chunks = list(reader.read_available())

    assert status == "succeeded"
    assert sum(len(chunk.data) for chunk in chunks) == 100_000
    assert sum(chunk.lost for chunk in chunks) == 200_000


def _peak_kib(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    fields = dict(line.split(":", 1) for line in status.splitlines())
    return int(fields.get("VmHWM", "0 kB").split()[0])
