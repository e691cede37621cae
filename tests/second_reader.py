"""Another reader of journals and packs, written from docs/reference/journal-format.md alone."""

import json
import math
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "journal-format.md"
MAX_LINE, MAX, OPENING = 262_144, 2**53 - 1, ("run.queued", "journal.continued")
TRAILER = re.compile(rb',"h":"([0-9a-f]{64})"}\Z')
PART = rb'(?m)^(?=\{"type":"(?:run\.queued|journal\.continued)")'
TYPE = re.compile(r"(?=.{,64}\Z)[a-z0-9_]+(\.[a-z0-9_]+)+")
HOUR = r"([01]\d|2[0-3])"
TIME = re.compile(rf"(\d{{4}}-\d\d-\d\d)[Tt ]({HOUR}:\d\d:\d\d)(\.\d+)?([Zz]|[+-]{HOUR}:?[0-5]\d)", re.ASCII)


class Reading(NamedTuple):
    records: list[tuple[int, int, str, dict[str, Any]]]  # offset, length, h, members
    verdict: str  # clean, crash_tail or corrupt
    damage: str  # its kind, or empty
    offset: int  # logical: of the first byte behind the whole records
    sealed: bool
    redacted: set[int]  # seqs of lines that keep an `h` they need not match


class Pairs(list[tuple[str, Any]]): ...  # a JSON object with every member it has, repeated ones too


def _between(low: float, high: float, *kinds: type) -> Callable[[Any], bool]:
    return lambda value: type(value) in kinds and math.isfinite(value) and low <= float(value) <= high


def _is_time(value: Any) -> bool:  # noqa: ANN401
    parts = TIME.fullmatch(value)
    fraction = timedelta(microseconds=round(float((parts and parts[4]) or 0) * 1e6))
    return parts is not None and bool(datetime.fromisoformat(f"{parts[1]}T{parts[2]}") + fraction)


DECODER = json.JSONDecoder(  # NaN and Infinity are no int
    object_pairs_hook=Pairs, parse_int=lambda d: int(d) if len(d) <= 4300 else math.inf, parse_constant=int
)
PLAIN: dict[str, Callable[[Any], object]] = {
    "string": lambda value: type(value) is str,
    "boolean": lambda value: type(value) is bool,
    "digest": lambda value: re.fullmatch("[0-9a-f]{64}", value),
    "time": _is_time,
    "exit code": _between(0, 255, int),
}
INTS = {"count": (0, MAX), "position": (1, MAX), "version": (1, 65535), "signal": (1, 128)}
FLOATS = {"number": (-math.inf, math.inf), "seconds": (0, 1e12), "fraction": (0, 1)}
PLAIN |= {name: _between(*ends, int) for name, ends in INTS.items()}
PLAIN |= {name: _between(*ends, int, float) for name, ends in FLOATS.items()}
SPECS: dict[str, list[tuple[str, str, bool]]] = {}  # heading -> fields: name, type, required
heading = ""
for text in PAGE.read_text("utf-8").splitlines():
    if title := re.match(r"##+ `?(.+?)`?$", text):
        heading = title[1]
    elif row := re.match(r"\| `(\w+)` \| (.+?) \| (.+?) \| .*\|$", text):
        SPECS.setdefault(heading, []).append((row[1], row[2], row[3] == "required"))


def _fits(value: Any, kind: str) -> bool:  # noqa: ANN401
    """Say whether a value is of a type of section 3.2; an exception that `_event` catches also means no."""
    if kind in PLAIN:
        return bool(PLAIN[kind](value))
    if kind.endswith(" or null"):
        return value is None or _fits(value, kind.removesuffix(" or null"))
    items = [item for _, item in value] if type(value) is Pairs else value if type(value) is list else []
    shape, _, inner = kind.partition(" of ")
    if shape in ("list", "map"):
        return type(value) is (list if shape == "list" else Pairs) and all(_fits(it, inner) for it in items)
    if kind == "JSON":
        return value not in (math.inf, -math.inf) and all(_fits(item, kind) for item in items)
    return f"`{value}`" in inner.split(", ") if shape == "one" else type(value) is Pairs and _has(value, kind)


def _has(pairs: Pairs, name: str) -> bool:
    kinds = {field: kind for field, kind, _ in SPECS.get(name, [])}
    required = {field for field, _, wanted in SPECS.get(name, []) if wanted}
    return required <= dict(pairs).keys() and all(_fits(v, kinds[k]) for k, v in pairs if k in kinds)


def _event(line: bytes) -> dict[str, Any] | None:
    """Return the members of the event on a line, or None if it is not one."""
    try:  # a lone surrogate cannot be encoded
        pairs = DECODER.decode(line.decode())
        json.dumps(pairs, ensure_ascii=False).encode()
        types = [value for name, value in pairs if name == "type"] if line[:1] == b"{" else []
        is_named = types and types == types[:1] * len(types) and TYPE.fullmatch(types[0])
        return dict(pairs) if is_named and _has(pairs, "5. Events") and _has(pairs, types[0]) else None
    except (ValueError, TypeError, OverflowError, RecursionError):
        return None


def read(data: bytes, run_id: str, *, chained: bool = True) -> Reading:
    """Return the records of a journal file and what stands behind them."""
    first = [each for *_, each in read(data, run_id, chained=False).records] if chained else []
    redacted = {seq for e in first if e["type"] == "text.redacted" for seq in e["seqs"] if seq < e["seq"]}
    seq, base, last, at, damage, sealed = 0, 0, sha256(run_id.encode()).hexdigest(), 0, "", False
    records: list[tuple[int, int, str, dict[str, Any]]] = []
    while at < len(data):
        end = data.find(b"\n", at)
        line = data[at : end if end >= 0 else len(data)]
        found = _event(line) if end >= 0 and len(line) < MAX_LINE else None
        if found is None:
            damage = "too_long" if len(line) >= MAX_LINE else "undecodable" if end >= 0 else "unterminated"
            break
        kind, before, trailer = found["type"], (base, last), TRAILER.search(line)
        if (continues := kind == OPENING[1] and found["seq"] > 1) and not records:
            seq, base, last = found["seq"] - 1, found["offset"], found["head"]
        fits = continues and (found["offset"], found["head"]) == (base + at, last)
        opens, seals, stated = kind in OPENING, kind == "run.sealed", trailer[1].decode() if trailer else ""
        covers = stated == sha256(bytes.fromhex(last) + line[:-72]).hexdigest() or found["seq"] in redacted
        wrong = (
            ("seq", found["seq"] != seq + 1),
            ("chain", not stated or (chained and not covers)),
            ("run_id", opens and found["run_id"] != run_id),
            ("seq", not fits and (kind == OPENING[1] or opens is bool(records))),
            ("seal", seals and (found["count"], found["bytes"]) != (seq, base + at)),
            ("seal", seals and chained and found["head"] != last),
        )
        if damage := next((name for name, holds in wrong if holds), ""):
            base, last = before
            break
        records.append((base + at, end + 1 - at, stated, found))
        seq, last, at, sealed = found["seq"], stated, end + 1, seals
    proven = damage and any(map(_proves, data[at:].split(b"\n")[:-1]))
    verdict = "corrupt" if proven else "crash_tail" if damage else "clean"
    return Reading(records, verdict, damage, base + at, sealed, redacted)


def history(run_id: str, packs: list[bytes], journal: bytes = b"") -> bytes:
    """Return all bytes of a run: its parts of packs, in the order of their numbers, then its journal."""
    whole = b""
    for piece in (part for each in [*packs, journal] for part in re.split(PART, each)):
        first = _event(piece.partition(b"\n")[0]) or {}
        if first.get("run_id") == run_id and first["type"] in OPENING:
            whole = whole[: first["offset"] if first["type"] == OPENING[1] else 0] + piece
    return whole


def _proves(line: bytes) -> bool:
    """Say whether somebody was told that what stands on a line behind damage is durable."""
    line = line.rpartition(b"\0")[2]
    found = _event(line) if len(line) < MAX_LINE and TRAILER.search(line) else None
    return found is not None and found["type"] not in ("run.progressed", "run.sealed")
