"""Whether a page shows what really came: the same lines, but for what differs from run to run.

Run ids, times, digests, pids, hosts and durations may differ. Run ids may not differ arbitrarily: the
id a page calls by one name is one run throughout the page. A line `...` stands for any lines, `...`
within a line for any text. Blanks between columns are not compared. What a page shows is all of
stdout; lines of stderr may be shown among it or left out.
"""

import re
from functools import lru_cache
from typing import Final

RUN_ID: Final = re.compile(r"\b\d{8}-\d{6}-[0-9a-hjkmnp-tv-z]{8}\b")
_SHORT_ID: Final = re.compile(r"\b(?=[a-z]*\d)[0-9a-hjkmnp-tv-z]{8}\b")
_VARIABLE: Final = (
    (re.compile(r"\bkeeper \d+ on \S+"), "keeper <pid> on <host>"),
    (re.compile(r"\b[0-9a-f]{64}\b"), "<digest>"),
    (re.compile(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?"), "<time>"),
    (re.compile(r"\b\d\d:\d\d:\d\d(\.\d+)?\b"), "<time>"),
    (re.compile(r"\b(just now|\d+(\.\d+)?\s?(ms|s|m|min|h|d) ago)"), "<ago>"),
    (  # no word of eight letters: that is a short id, which may consist of digits and an s
        re.compile(r"(?<![\w.])(?!\w{8}\b)\+?\d+(\.\d+)?(ms|s|m|h|d)\b( ?\d+(\.\d+)?(ms|s|m|h)\b)*"),
        "<span>",
    ),
    (re.compile(r'("?(?:wrapper_)?pid"?:?) \d+'), r"\1 <pid>"),
    (re.compile(r"\s+"), " "),
)


class Names:
    """Which run of this session each id on the page stands for."""

    def __init__(self) -> None:
        self._real: dict[str, str] = {}

    def meet(self, shown: str, real: str) -> bool:
        """Note that the page calls this run so; say whether that agrees with what was noted before."""
        known = self._real.setdefault(shown, real)
        self._real.setdefault(shown[-8:], real[-8:])
        return known == real

    def in_command(self, command: str) -> str:
        """Return a command of the page with the ids of this session in place of the page's."""
        for shown, real in sorted(self._real.items(), key=lambda pair: -len(pair[0])):
            command = re.sub(rf"\b{re.escape(shown)}\b", real, command)
        return command

    def agree(self, shown: str, real: str) -> bool:
        """Say whether a line shown on the page may stand for a line that came, and note its ids."""
        if _pattern(self._named(shown)).fullmatch(_generic(RUN_ID.sub("<run id>", real)).strip()) is None:
            return False
        ids, met = RUN_ID.findall(shown), RUN_ID.findall(real)
        return len(ids) != len(met) or all(map(self.meet, ids, met))

    def _named(self, shown: str) -> str:
        def real_of(match: re.Match[str]) -> str:
            return self._real.get(match[0], "<short id>")

        return _SHORT_ID.sub(real_of, RUN_ID.sub("<run id>", shown))


def _generic(text: str) -> str:
    """Return text with everything that differs from run to run replaced by its kind."""
    for pattern, kind in _VARIABLE:
        text = pattern.sub(kind, text)
    return text


@lru_cache(maxsize=256)
def _pattern(shown: str) -> re.Pattern[str]:
    text = ".*".join(map(re.escape, _generic(shown).strip().split("...")))
    return re.compile(text.replace(re.escape("<short id>"), "[0-9a-hjkmnp-tv-z]{8}"), re.DOTALL)


def is_shown(shown: tuple[str, ...], stdout: str, stderr: str, names: Names) -> bool:
    """Say whether the lines on the page are what came."""
    out, err = stdout.splitlines(), stderr.splitlines()

    def matches(at: int, o: int, e: int) -> bool:
        if at == len(shown):
            return o == len(out)
        if shown[at].strip() == "...":
            return any(matches(at + 1, after, e) for after in range(o, len(out) + 1))
        if o < len(out) and names.agree(shown[at], out[o]) and matches(at + 1, o + 1, e):
            return True
        return any(names.agree(shown[at], err[k]) and matches(at + 1, o, k + 1) for k in range(e, len(err)))

    return matches(0, 0, 0)
