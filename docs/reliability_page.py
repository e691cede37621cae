"""Write docs/reliability.md from the report that the proofs themselves append to.

`python docs/reliability_page.py REPORT…` takes over what finished test runs of this tree reported, with
the facts of this machine, and renders the page; without REPORT it renders what was taken over last, and
`--check` only compares. Of a proof that ran at both sizes the full one counts. The numbers on the page are
typed by nobody.
"""

import json
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

HERE: Final = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from benchmarks import machine, page  # noqa: E402 - the root is importable only from here on
from benchmarks.model import Facts  # noqa: E402

PAGE: Final = HERE / "reliability.md"
RESULTS: Final = HERE / "reliability.json"
_HEAD: Final = """\
# What was proved, and how often

Written by a test run: `python3 tasks.py proof` at the size of every commit, `python3 tasks.py soak` at full
size.
No number here was typed, and a line appears only if every one of its cases held.
The full size takes longer than one run of the tests may, so its parts may be of the commits named with them.
The promises are explained in [durability](explanation/durability.md).

"""


def taken_over(reports: Sequence[Path]) -> dict[str, Any]:
    """Return the reports of test runs with the facts of the machine they ran on."""
    lines = [line for report in reports for line in report.read_text(encoding="utf-8").splitlines()]
    entries = [json.loads(line) for line in lines]
    if not entries:
        sys.exit(f"{reports[0]}: no proof reported anything; was RUNLORE_PROOF_REPORT set?")
    with tempfile.TemporaryDirectory() as scratch:
        python = ".".join(str(part) for part in sys.version_info[:3])
        facts = machine.facts(machine.tree(str(HERE.parent)), scratch, python, 0.0)
    return {"facts": asdict(facts), "entries": _together(entries)}


def _together(entries: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Add up the parts of a proof that ran side by side, and put all in an order of their own."""
    whole: dict[tuple[str, str], dict[str, Any]] = {}
    for entry in entries:
        name = entry["name"].partition(", part ")[0]
        merged = whole.setdefault((name, entry["size"]), {**entry, "name": name, "counts": {}})
        for what, count in entry["counts"].items():
            merged["counts"][what] = merged["counts"].get(what, 0) + count
    return [
        whole[name, size] for name, size in sorted(whole) if size == "full" or (name, "full") not in whole
    ]


def render(results: Mapping[str, Any]) -> str:
    """Return the page."""
    facts = Facts(**results["facts"])
    tree = "with uncommitted changes" if facts.dirty else "clean tree"
    where = (
        f"Commit {facts.commit}, {tree}; {facts.date}; Linux {facts.kernel}, {facts.file_system}; "
        f"Python {facts.python}; {facts.cores} x {facts.cpu}.\n\n"
    )
    columns = ["proof", "promise", "size", "counts", "at commit"]
    return _HEAD + where + page.grid(columns, _rows(results["entries"], facts.commit))


def _rows(entries: Iterable[Mapping[str, Any]], commit: str) -> Iterable[Sequence[str]]:
    for entry in entries:
        counts = ", ".join(f"{value:,} {name.replace('_', ' ')}" for name, value in entry["counts"].items())
        yield entry["name"], entry["promised"], entry["size"], counts, entry.get("commit", commit)


def main(arguments: Sequence[str]) -> int:
    """Render the page, from a new report if one is named."""
    reports = [Path(word) for word in arguments if word != "--check"]
    if reports:
        RESULTS.write_text(json.dumps(taken_over(reports), indent=1, ensure_ascii=False) + "\n")
    wanted = render(json.loads(RESULTS.read_text(encoding="utf-8")))
    if "--check" in arguments:
        return 0 if PAGE.read_text(encoding="utf-8") == wanted else 1
    PAGE.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
