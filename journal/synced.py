"""Tell what somebody was promised is durable: a whole record of a synced type. Pure."""

from runlore.journal import chain, codec
from runlore.journal.errors import UndecodableLine
from runlore.journal.events import UNSYNCED, RunSealed


def any_synced(lines: bytes) -> bool:
    """Say whether one of the lines is synced; costs little however many of them have no `h`."""
    at = lines.find(chain.FIELD)
    while at >= 0:
        end = at + chain.TRAILER_LENGTH
        if lines[end : end + 1] == b"\n" and is_synced(lines[lines.rfind(b"\n", 0, at) + 1 : end]):
            return True
        at = lines.find(chain.FIELD, at + 1)
    return False


def is_synced(line: bytes) -> bool:
    """Say whether a line, or what stands behind a run of NULs on it, is a whole record of a synced type."""
    line = line.rpartition(b"\0")[2]
    if len(line) >= codec.MAX_LINE or not line.startswith(b"{") or chain.split_line(line) is None:
        return False
    try:
        event = codec.decode(line)
    except UndecodableLine:
        return False
    return type(event) not in UNSYNCED and type(event) is not RunSealed
