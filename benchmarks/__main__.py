"""`python -m benchmarks [NAMES] [--quick|--full] [--json FILE]`: measure, print, write the page."""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Final

from benchmarks import build, measuring, model, page
from benchmarks.corpora import CorpusFailed
from benchmarks.model import TableResult
from benchmarks.tables import TABLES
from benchmarks.workshop import Workshop

REPOSITORY: Final = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
RESULTS: Final = f"{REPOSITORY}/benchmarks/results/latest.json"
PAGE: Final = f"{REPOSITORY}/docs/benchmarks.md"


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0 once everything of ours was measured, whether goals were met or not; else 1."""
    options = _parse(arguments)
    known = _known(options.json)
    if options.page:
        _publish(known)
        return 0
    try:
        installed = build.installed(REPOSITORY)
        workshop = Workshop(REPOSITORY, os.path.abspath(options.scratch), options.size, installed)
        chosen = [TABLES[name] for name in options.names or TABLES]
        workshop.equip(chosen)
    except (build.BuildFailed, CorpusFailed) as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 1
    broken = 0
    for table in chosen:
        print(f"{table.name} ({options.size})", file=sys.stderr)
        result = measuring.measure(table, workshop, _say)
        known[table.name] = result
        print(page.section(result), flush=True)
        broken += sum(absence.role != "peer" for absence in result.absent)
        ordered = {name: known[name] for name in TABLES if name in known}
        _write(options.json, model.encode(ordered))
        if os.path.abspath(options.json) == RESULTS:
            _publish(ordered)
    print(page.goals([known[table.name] for table in chosen]))
    if broken:
        print(f"benchmarks: {broken} of our own cases could not be measured", file=sys.stderr)
    return 1 if broken else 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure runlore against references and other tools, and write docs/benchmarks.md.",
        epilog="Tables: " + ", ".join(TABLES),
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="tables to measure; all of them without one")
    size = parser.add_mutually_exclusive_group()
    size.add_argument(
        "--quick", dest="size", action="store_const", const="quick", help="for a look (default)"
    )
    size.add_argument(
        "--full",
        dest="size",
        action="store_const",
        const="full",
        help="for the record: hours, on a quiet machine",
    )
    parser.add_argument(
        "--json",
        metavar="FILE",
        default=RESULTS,
        help="result file to update; the page follows latest.json only",
    )
    parser.add_argument(
        "--page", action="store_true", help="write the page from latest.json, measure nothing"
    )
    parser.add_argument(
        "--scratch",
        metavar="DIR",
        default=f"{REPOSITORY}/benchmarks/.scratch",
        help="folder on the disk to measure (journals, corpora)",
    )
    parser.set_defaults(size="quick")
    options = parser.parse_args(arguments)
    unknown = [name for name in options.names if name not in TABLES]
    if unknown:
        parser.error(f"no table {', '.join(unknown)}; there are {', '.join(TABLES)}")
    return options


def _known(path: str) -> dict[str, TableResult]:
    """Return the results already in the file: tables not measured now stay as they are."""
    try:
        with open(path, encoding="utf-8") as file:
            return model.decode(file.read())
    except FileNotFoundError:
        return {}


def _say(text: str) -> None:
    """Talk to a person: progress overwrites itself on a terminal, and is kept out of files."""
    if not text.endswith("\r"):
        sys.stderr.write(f"{text}\n")
    elif sys.stderr.isatty():
        sys.stderr.write(text)


def _publish(tables: Mapping[str, TableResult]) -> None:
    """Write the page and its plots."""
    _write(PAGE, page.render(tables))
    for name, drawing in page.plots(tables).items():
        _write(f"{os.path.dirname(PAGE)}/{name}", drawing)


def _write(path: str, text: str) -> None:
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    with open(f"{path}.part", "w", encoding="utf-8") as file:
        file.write(text)
    os.rename(f"{path}.part", path)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("benchmarks: stopped; tables measured so far are kept")
