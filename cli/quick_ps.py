"""`runlore ps` from the index alone: no library is loaded, and no journal opened.

It answers only where the index is right for certain: nothing was announced or placed since it was brought
up to date, but by runs that go on, and the journals of the runs that are shown are those it knows. Runs
that go on are looked at by `quick_live`.
In any doubt it says nothing, and the whole command answers, with the same words.
"""

from __future__ import annotations

import _sqlite3
import os
import sys
import time

from runlore.cli import cells, looks, outcomes, spans
from runlore.cli.run_columns import in_use
from runlore.cli.table import Cell, render
from runlore.projections.index.version import CURRENT, DATABASE, RECENT, USER_VERSION
from runlore.projections.printable import printable

TYPE_CHECKING = False  # type checkers take it for True; importing it from typing costs 3 ms
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Final

    from runlore.cli.quick_live import Live

_HEADER: Final = 512
_PLACE: Final = "SELECT boot, feed, segment, offset, before, journals_ns, packs_ns FROM place"
_PENDING: Final = "SELECT count(*) FROM runs WHERE settled = 0"
_TOTAL: Final = "SELECT coalesce(sum(runs), 0) FROM counts"
_ROWS: Final = (
    "SELECT run_id, inode, size, mtime_ns, short_id, name, status, exit_code, signal, reason,"
    " coalesce(started_us, created_us), took_s, tags, command, created_us"
    " FROM runs WHERE settled = 1 ORDER BY created_us DESC, run_id DESC LIMIT ?"
)
_LIVE: Final = "SELECT {columns} FROM live WHERE run_id IN (SELECT run_id FROM runs WHERE settled = 0)"
_DOUBTS: Final = (_sqlite3.Error, OSError, ValueError, TypeError, LookupError, AttributeError, ImportError)
_NO_FOLDER: Final = 1
"""What the index has for the time of a folder that is not there; a test compares."""
_NEWS: Final = 64 << 10
"""Bytes of the feed that are read at most: beyond, a listing writes down how far it has read."""


class _Doubt(ValueError):
    """The index may not be what the journals say, or this is no place for short cuts."""


def answered(environ: Mapping[str, str]) -> bool:
    """Answer `ps` and return True; or return False, with nothing said."""
    try:
        for fd in range(3):
            os.fstat(fd)
        if (sys.stdout.encoding or "").lower() != "utf-8" or (sys.stderr.encoding or "").lower() != "utf-8":
            return False
        root = _root(environ, os.getcwd())
        found = os.lstat(root)
        if found.st_uid != os.geteuid() or found.st_mode & 0o022:
            return False
        rows, live, total = _read(root)
    except _DOUBTS:
        return False
    _leave_interrupts_to_the_kernel()
    lines = "".join(f"{line}\n" for line in _lines(rows, live, environ))
    _write(lines.encode("utf-8", "backslashreplace"), 1)
    if total > len(rows) + len(live):
        _write(
            f"{len(rows) + len(live):,} of {spans.counted(total, 'run')}; more: `runlore ls`\n".encode(), 2
        )
    return True


def _root(environ: Mapping[str, str], cwd: str) -> str:
    """Return the root that `find_root` would choose; a test compares."""
    if chosen := environ.get("RUNLORE_ROOT"):
        return os.path.normpath(os.path.join(cwd, chosen))
    folder = cwd
    while True:
        if os.path.isfile(f"{folder.rstrip('/')}/.runlore/registry.json"):
            return f"{folder.rstrip('/')}/.runlore"
        if folder == "/":
            break
        folder = str(os.path.dirname(folder))
    data = environ.get("XDG_DATA_HOME", "")
    if not data.startswith("/"):
        home = environ.get("HOME", "")
        if not home.startswith("/"):
            raise _Doubt
        data = f"{home.rstrip('/')}/.local/share"
    return f"{data.rstrip('/')}/runlore"


def _leave_interrupts_to_the_kernel() -> None:
    """Do what `standard` does, without the module that names the signals."""
    signals: Any = __import__("_signal")
    if signals.getsignal(signals.SIGINT) is signals.default_int_handler:
        signals.signal(signals.SIGINT, signals.SIG_DFL)


def _read(root: str) -> tuple[list[Any], list[Live], int]:
    """Return the rows to show, the runs that go on, and how many there are in all.

    Raises:
        _DOUBTS: it cannot be told from here.
    """
    with open(f"{root}/index/{CURRENT}", "rb") as file:
        name = file.read(64).strip().decode()
    if not name.isalnum() or any(sign in root for sign in "?#%"):
        raise _Doubt
    connection = _sqlite3.connect(
        f"file:{root}/index/{name}/{DATABASE}?mode=rw", timeout=0.1, isolation_level=None, uri=True
    )
    try:
        connection.execute("BEGIN")
        place = connection.execute(_PLACE).fetchone()
        if connection.execute("PRAGMA user_version").fetchone() != (USER_VERSION,) or not place:
            raise _Doubt
        announced = _announced(root, place)
        (pending,) = connection.execute(_PENDING).fetchone()
        known = _known_live(connection) if pending else []
        if len(known) != pending or announced - {row[0].encode() for row in known}:
            raise _Doubt
        rows = connection.execute(_ROWS, (RECENT,)).fetchall()
        total = int(connection.execute(_TOTAL).fetchone()[0])
    finally:
        connection.close()
    live = _looked_at(root, known, place[0]) if known else []
    if not (rows or live) or any(not _is_as_known(root, *row[:4]) or row[-2] is None for row in rows):
        raise _Doubt
    return rows, live, total + len(live)


def _known_live(connection: Any) -> list[Any]:  # noqa: ANN401 - its module is untyped
    from runlore.cli.quick_live import COLUMNS  # noqa: PLC0415 - only where runs go on

    rows: list[Any] = connection.execute(_LIVE.format(columns=COLUMNS)).fetchall()
    return rows


def _looked_at(root: str, known: list[Any], boot: str) -> list[Live]:
    from runlore.cli.quick_live import Live  # noqa: PLC0415 - only where runs go on

    return [Live(root, row, boot) for row in known]


def _announced(root: str, place: tuple[str, str, int, int, str, int, int]) -> set[bytes]:
    """Return the runs that were announced since the index was brought up to date, if nothing was placed.

    Raises:
        _Doubt: something was, or may have been.
    """
    boot, feed, segment, offset, before, changed, packed = place
    with open("/proc/sys/kernel/random/boot_id", "rb") as file:
        here = file.read().strip().decode()
    newest = max(os.listdir(f"{root}/feed"), default="")
    if not feed or here != boot or newest != f"{segment:08d}.feed":
        raise _Doubt
    if not changed or os.stat(f"{root}/journals").st_mtime_ns != changed:
        raise _Doubt
    if (os.stat(f"{root}/packs").st_mtime_ns if os.path.exists(f"{root}/packs") else _NO_FOLDER) != packed:
        raise _Doubt
    fd = os.open(f"{root}/feed/{newest}", os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        header = os.pread(fd, _HEADER, 0).partition(b"\n")[0].decode()
        start = max(0, offset - _HEADER)
        tail = os.pread(fd, _HEADER + _NEWS, start)
    finally:
        os.close(fd)
    tail, news = tail[: offset - start], tail[offset - start :]
    whole = tail.endswith(b"\n") and len(tail) == offset - start and len(news) < _NEWS - _HEADER
    if (
        not whole
        or (news and not news.endswith(b"\n"))
        or f'"feed":"{feed}"' not in header
        or f'"boot":"{here}"' not in header
    ):
        raise _Doubt
    if _digest(tail[:-1].rpartition(b"\n")[2])[: len(before)] != before or not before:
        raise _Doubt
    return {line.partition(b" ")[0] for line in news.splitlines()}


def _digest(line: bytes) -> str:
    """Return SHA-256 from the interpreter's own module, by its name since Python 3.12 or before."""
    try:
        hashes: Any = __import__("_sha2")
    except ImportError:
        hashes = __import__("_sha256")  # hashlib would load OpenSSL
    return str(hashes.sha256(line).hexdigest())


def _is_as_known(root: str, run_id: str, inode: int, size: int, mtime_ns: int) -> bool:
    found = os.lstat(f"{root}/journals/{run_id}.jsonl")  # of a packed run there is none: doubt
    return (found.st_ino - inode) % (1 << 64) == 0 and (found.st_size, found.st_mtime_ns) == (size, mtime_ns)


def _lines(rows: list[Any], live: list[Live], environ: Mapping[str, str]) -> list[str]:
    """Return the table, as `run_list` draws it."""
    colorful, now_us = looks.has_colors(environ, "auto"), time.time_ns() // 1000
    placed = [(row[-1], row[0], _row(row, now_us, colorful=colorful)) for row in rows]
    placed += [(run.created_us, run.run_id, _live_row(run, now_us, colorful=colorful)) for run in live]
    table = [cells_of for _, _, cells_of in sorted(placed, key=lambda each: each[:2], reverse=True)]
    columns, shown = in_use(table)
    return render(
        columns,
        shown,
        limit=looks.width(environ),
        ellipsis=cells.ELLIPSIS,
        header=(lambda text: looks.tinted(text, "bold")) if colorful else None,
    )


def _row(row: Any, now_us: int, *, colorful: bool) -> list[Cell]:  # noqa: ANN401 - as SQLite has it
    short_id, name, status, exit_code, signal, reason, began_us, took_s, tags, command, _ = row[4:]
    color = outcomes.TINTS[status]
    return [
        Cell(short_id),
        Cell(printable(name or "")),
        Cell(
            outcomes.ended(status, exit_code, signal, reason),
            (lambda text: looks.tinted(text, color)) if colorful else None,
        ),
        Cell(""),
        Cell(spans.ago((now_us - began_us) / 1e6)),
        Cell(spans.took(took_s)),
        Cell(printable(tags)),
        Cell(printable(command)),
    ]


def _live_row(run: Live, now_us: int, *, colorful: bool) -> list[Cell]:
    from runlore.cli.progress_bar import told  # noqa: PLC0415 - only where runs go on

    color, began_us = outcomes.TINTS.get(run.status), run.started_us
    fraction, step, message = run.progress
    return [
        Cell(run.short_id),
        Cell(printable(run.name or "")),
        Cell(
            outcomes.word(run.status),
            (lambda text: looks.tinted(text, color)) if colorful and color else None,
        ),
        Cell(told(fraction, step, message, drawn=True)),
        Cell(spans.ago((now_us - (run.created_us if began_us is None else began_us)) / 1e6)),
        Cell("" if began_us is None else spans.took(max(0.0, (now_us - began_us) / 1e6))),
        Cell(printable(run.tags)),
        Cell(printable(run.command)),
    ]


def _write(data: bytes, fd: int) -> None:
    """Write all of it, or end as every command does that cannot."""
    view = memoryview(data)
    try:
        while view:
            view = view[os.write(fd, view) :]
    except OSError as error:
        if fd == 2:  # noqa: PLR2004 - standard error; that talk is lost is no error
            return
        from runlore.cli import errors, standard  # noqa: PLC0415 - only when it fails

        if isinstance(error, BlockingIOError):
            try:
                standard.write(bytes(view))
                return
            except standard.OutputFailed as failure:
                os._exit(errors.end(failure))
        standard.discard(fd)
        os._exit(errors.end(standard.OutputFailed(error, fd)))
