"""`logs -f` of one run to its true end: limits, cuts, lines without an end, lines that are written over."""

import os
import re
from collections.abc import Callable

from tests.cli.command import Runlore
from tests.cli.test_one_follower import read_until, told

SECRET = "correct-horse-battery-staple"
LIMIT = 4096


def ends_with(data: bytes) -> Callable[[bytes], bool]:
    """What is shown ends with this."""
    return lambda shown: shown.endswith(data)


def missing_of(said: str) -> int:
    """How many bytes a follower said were missing."""
    counts = re.findall(r"([\d,]+) bytes of stdout are missing here", said)
    return sum(int(count.replace(",", "")) for count in counts)


def test_a_limit_gives_up_nothing_that_was_seen_before(runlore: Runlore) -> None:
    """Whoever follows from the start sees every byte; who comes later is told how many are missing."""
    pieces = [b"%04d " % number * 200 + b"\n" for number in range(40)]
    with told(runlore.home) as (words, tell, finish):
        run_id = runlore.begin("--output-limit", str(LIMIT), *words)
        with runlore.started("logs", "-f", "--raw", run_id) as followed:
            assert followed.stdout is not None
            for piece in pieces:
                tell(piece)
                assert read_until(followed.stdout.fileno(), ends_with(piece)) == piece
            with runlore.started("logs", "-f", "--raw", run_id) as late:
                finish()
                seen, said = late.communicate()
            rest, errors = followed.communicate()
    kept = runlore.ok("logs", "-f", "--raw", run_id)

    assert (rest, errors, followed.returncode) == (b"", b"", 0)
    assert len(seen) + missing_of(said.decode()) == sum(map(len, pieces))
    assert len(kept.stdout) + missing_of(kept.stderr) == sum(map(len, pieces))
    assert len(kept.stdout) <= LIMIT


def test_a_transcript_that_somebody_emptied(runlore: Runlore) -> None:
    """Both followers of a run go on with what comes, show nothing twice, and end with the run."""
    with (
        told(runlore.home) as (words, tell, finish),
        runlore.started("run", "-q", *words) as shown,
    ):
        assert shown.stdout is not None
        tell(b"before\n")
        read_until(shown.stdout.fileno(), ends_with(b"before\n"))
        (run_id,) = runlore.ok("ls", "-q").lines
        with runlore.started("logs", "-f", "--raw", run_id) as followed:
            assert followed.stdout is not None
            read_until(followed.stdout.fileno(), ends_with(b"before\n"))
            for name in ("transcript", "transcript.index"):
                os.truncate(runlore.root / "runs" / run_id / name, 0)
            tell(b"after\n")
            finish()
            outputs = [process.communicate()[0] for process in (followed, shown)]
            codes = [process.returncode for process in (followed, shown)]

    assert (outputs, codes) == ([b"after\n", b"after\n"], [0, 0])


def test_a_line_of_megabytes_without_an_end(runlore: Runlore) -> None:
    """It is seen as it comes, in pieces, and is one line in the end."""
    piece = b"x" * (1 << 16)
    with told(runlore.home) as (words, tell, finish):
        run_id = runlore.begin(*words)
        with runlore.started("logs", "-f", run_id) as followed:
            assert followed.stdout is not None
            shown = 0
            for _ in range(48):
                tell(piece)
                missing = len(piece)
                while missing:
                    missing -= len(read_until(followed.stdout.fileno(), bool))
                    assert missing >= 0
                shown += len(piece)
            finish()
            assert followed.communicate()[0] == b"\n"

    assert runlore.ok("logs", run_id).lines == ["x" * shown]


def test_a_progress_bar_in_a_pipe(runlore: Runlore) -> None:
    """Each version comes while it is the last, with what could drive a terminal made visible."""
    with told(runlore.home) as (words, tell, finish):
        run_id = runlore.begin(*words)
        with runlore.started("logs", "-f", run_id) as followed:
            assert followed.stdout is not None
            for version in (b"10%", b"20%", b"30%"):
                tell(b"\r" + version)
                assert read_until(followed.stdout.fileno(), ends_with(version)) == rb"\r" + version
            tell(b"\n")
            finish()
            assert followed.communicate()[0] == b"\n"


def test_a_whole_secret_holds_back_nothing(runlore: Runlore) -> None:
    """Its mask is shown, and all around it, while the command is silent."""
    runlore.env["MINE"] = SECRET
    with told(runlore.home) as (words, tell, finish):
        run_id = runlore.begin("--secret", "MINE", *words)
        with runlore.started("logs", "-f", "--raw", run_id) as followed:
            assert followed.stdout is not None
            stream = followed.stdout.fileno()
            tell(f"login {SECRET} and then\n".encode())
            shown = read_until(stream, ends_with(b" and then\n"))
            assert shown.startswith(b"login ")
            assert SECRET.encode() not in shown
            tell(SECRET[:9].encode())
            tell(b" is none.\n")
            assert read_until(stream, ends_with(b" is none.\n")) == SECRET[:9].encode() + b" is none.\n"
            tell(SECRET[:9].encode())
            finish()
            assert followed.communicate()[0] == SECRET[:9].encode()
