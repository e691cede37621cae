"""`runlore submit`: start many runs, one a line of a file or a stream."""

import os

import click

from runlore.cli import feeding
from runlore.cli.feeding import Feeding
from runlore.cli.heard import Heard
from runlore.cli.options import verb
from runlore.cli.session import Session
from runlore.cli.spec_lines import SpecLines
from runlore.cli.submitting import Answers
from runlore.journal.settings_file import read_settings
from runlore.projections import labels
from runlore.runtimes.launches import Launches


@verb(
    "submit",
    "runlore submit --from runs.ndjson",
    "runlore submit --from runs.ndjson --dry-run",
    "make-specs | runlore submit --from - --key-prefix sweep-7 --json",
    "runlore submit --from runs.ndjson --wait-for-room >ids",
)
@click.option(
    "--from",
    "path",
    metavar="FILE|-",
    required=True,
    type=click.Path(allow_dash=True),
    help="Runs, one JSON object a line; - is standard input.",
)
@click.option("--key-prefix", metavar="P", help="Lines without a key get P:LINE, so that none starts twice.")
@click.option("--fail-fast", is_flag=True, help="Try no more lines once something is wrong with one.")
@click.option("--wait-for-room", is_flag=True, help="Where no more runs may be kept, wait until one ends.")
@click.option("--dry-run", is_flag=True, help="Look at every line; start nothing.")
def submit(
    session: Session,
    *,
    path: str,
    key_prefix: str | None,
    fail_fast: bool,
    wait_for_room: bool,
    dry_run: bool,
) -> None:
    """Start a run for each line, and print their ids in the order of the lines.

    A line is a JSON object such as {"argv": ["make", "test"], "name": "nightly", "timeout": "2h"}.
    Its fields are those of registry.submit() in Python, and say what the options of `run -d` say;
    `runlore schema submit_line` lists them. Only the names of secrets can be given, never values.

    A file is looked at whole first: if a line of it is wrong, nothing is started. A stream is taken line
    by line, and each id is printed once its command runs. A line that is refused spares the others; a
    registry that takes no run at all (no room, a full disk) ends it.

    What has a key is started once, however often this is repeated, and wherever it was interrupted:
    the same command again starts what is missing.
    """
    prefix = labels.key(key_prefix) if key_prefix is not None else None
    fd = feeding.opened(path)
    if os.isatty(fd):
        session.output.say("reading runs from the terminal, one JSON object a line; Ctrl-D ends them")
    lines, total = SpecLines(session.found.path, prefix), None
    if dry_run or feeding.is_file(fd):
        lines = feeding.examined(session, fd, lines, dry_run=dry_run)
        total = lines.count
    if dry_run:
        return
    session.see_to_registry()
    read_settings(session.found.path)  # or each line would be refused for them
    answers = Answers(session, fail_fast=fail_fast, total=total)
    with Heard() as heard, session.nursery() as nursery:
        launches = Launches(session.registry, nursery, patient=wait_for_room)
        feed = Feeding(session, fd, SpecLines(session.found.path, prefix), launches, answers)
        feed.warn_of_keyless(lines.keyless, total=total)
        answers.begin()
        feed.run(heard)
    session.registry.reconcile_in_passing()
    answers.end()
