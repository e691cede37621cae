"""`runlore run`: run a command and keep everything about it.

What is needed only once the keeper has its spec is loaded after that: the command starts meanwhile.
"""

from typing import IO, TYPE_CHECKING

import click

from runlore.cli.errors import Failed
from runlore.cli.options import verb
from runlore.cli.session import Session
from runlore.cli.standard import OutputFailed
from runlore.cli.submission import Typed, spec_lines, spec_view, understood
from runlore.runtimes.messages import Accepted, NotReady, NotStarted
from runlore.runtimes.spec import RunSpec

if TYPE_CHECKING:
    from click import Context, Parameter
    from click.shell_completion import CompletionItem


def _files(_ctx: "Context", _parameter: "Parameter", word: str) -> "list[CompletionItem]":
    """Return what makes the shell complete file names: the rest is somebody else's command line."""
    from click.shell_completion import CompletionItem  # noqa: PLC0415 - only for completion

    return [CompletionItem(word, type="file")]


@verb(
    "run",
    "runlore run make test",
    "runlore run -d --name nightly --timeout 2h python train.py",
    "runlore run -d --await-ready 30s ./server.sh",
    "runlore run --tag env=prod --key deploy-417 -- ./deploy.sh -v",
    "runlore run --artifact 'out/**' --artifact '!out/tmp' --require out/model.bin python train.py",
    "runlore run --secret DB_LOGIN --secret-file CERT=cert.pem ./migrate.sh",
    settings={"allow_interspersed_args": False},
)
@click.argument("argv", metavar="CMD...", nargs=-1, type=click.UNPROCESSED, shell_complete=_files)
@click.option("-d", "--detach", is_flag=True, help="Print the run's id once the command runs, and leave.")
@click.option("-i", "--interactive", is_flag=True, help="Pass standard input on; otherwise it is /dev/null.")
@click.option("--name", metavar="NAME", help="A name; several runs may share it.")
@click.option("--tag", "tags", metavar="K=V", multiple=True, help="A label to filter by; may be repeated.")
@click.option("--metadata", metavar="JSON", help="A JSON object to keep with the run.")
@click.option(
    "--key", metavar="KEY", help="Run this once: the same key and command give the first run again."
)
@click.option("--env", "env", metavar="K=V", multiple=True, help="Set a variable; it goes on record.")
@click.option(
    "--env-file", metavar="FILE", multiple=True, type=click.File("rb"), help="Variables, one a line."
)
@click.option(
    "--secret", "secrets", metavar="NAME", multiple=True, help="A variable you exported: its value is masked."
)
@click.option(
    "--secret-file", "secret_files", metavar="NAME=PATH", multiple=True, help="The same, out of a file."
)
@click.option("--cwd", metavar="DIR", type=click.Path(), help="Where the command starts; otherwise here.")
@click.option("--timeout", metavar="TIME", help="Stop it after so long: 90, 5m, 1h30m.")
@click.option(
    "--await-ready", metavar="[TIME]", help="Booting until it says it is ready, for 60s or TIME at most."
)
@click.option("--idle-timeout", metavar="TIME", help="Stop it when it has printed nothing for so long.")
@click.option("--output-limit", metavar="SIZE", help="Keep only so much output, beginning and end: 10M.")
@click.option("--pin", is_flag=True, help="Keep the run until `runlore unpin`: no rule removes it.")
@click.option(
    "--artifact",
    "artifacts",
    metavar="GLOB",
    multiple=True,
    help="Collect such files below the folder afterwards; '!GLOB' takes some away.",
)
@click.option("--report", "reports", metavar="GLOB", multiple=True, help="The same, and they are reports.")
@click.option(
    "--require",
    "required",
    metavar="GLOB",
    multiple=True,
    help="The same; without such a file it has failed.",
)
@click.option("--dry-run", is_flag=True, help="Show what would be run; create nothing.")
def run(
    session: Session,
    *,
    argv: tuple[str, ...],
    detach: bool,
    dry_run: bool,
    interactive: bool,
    env_file: tuple[IO[bytes], ...],
    **labels: object,
) -> None:
    """Run CMD and keep everything about it: output, times, exit code.

    Options end at the first word of CMD. Its output is shown as it comes, and its exit code becomes
    ours: 128+n if signal n ended it, 124 after --timeout or --idle-timeout, 125 for a failure of runlore
    itself, 126 and 127 if it cannot be executed or is not there. Ctrl-C asks it to stop, a second one
    kills it; closing the terminal stops nothing.

    With --await-ready the run is booting until something inside it says `runlore emit ready`; one that
    is not ready in time is stopped, and has failed. -d returns once it is ready, or 1 if it never is.

    Whatever the end, what --artifact, --report and --require name, and all that CMD puts into the folder
    $RUNLORE_OUTPUTS, is collected: see `runlore artifacts`. A run whose outputs could not be stored, or
    that lacks what is required, has failed, and exits with 125 if CMD itself left with 0.

    What you have exported is passed on and never recorded. The values of --secret and --secret-file,
    and of variables whose names look secret, are masked wherever they would be recorded, output included.
    """
    session.foreground = not detach
    files = tuple((file.name, file.read()) for file in env_file)
    typed = Typed(argv=argv, stdin=interactive, env_files=files, **labels)  # type: ignore[arg-type]
    spec = understood(session, typed)
    if dry_run:
        view = spec_view(spec, detached=detach)
        session.output.answer(view, lambda: spec_lines(view))
    elif detach:
        _start(session, spec)
    else:
        _follow(session, spec)


def _start(session: Session, spec: RunSpec) -> None:
    """Answer with the run's id once its command runs, or say why it does not."""
    with session.keeper() as link:
        accepted = link.submit(spec)
        from runlore.cli.following import Following  # noqa: PLC0415 - see the module
        from runlore.runtimes.starting import wait_started  # noqa: PLC0415 - see the module

        with Following(session, f"run {accepted.run_id} goes on; see `runlore show {accepted.run_id}`"):
            started = None if accepted.existing else wait_started(link, session.registry, accepted.run_id)
    _tell_existing(session, accepted, spec)
    from runlore.projections.submit_views import SubmitView  # noqa: PLC0415 - see the module

    view = session.registry.view(accepted.run_id)
    answer = SubmitView(
        run_id=view.run_id,
        short_id=view.short_id,
        name=view.name,
        status=view.status or "queued",
        existing=accepted.existing,
    )
    try:
        session.output.answer(answer, lambda: [accepted.run_id], [accepted.run_id])
    except OutputFailed:  # whoever asked must still learn what to stop, and to look at
        session.output.warn(f"run {accepted.run_id} was submitted all the same")
        raise
    if isinstance(started, NotStarted):
        session.output.warn(f"error: {started.text}; see `runlore show {view.short_id}`")
        raise Failed(started.exit_code)
    if isinstance(started, NotReady):
        session.output.warn(f"error: {started.text}; see `runlore show {view.short_id}`")
        raise Failed(1)
    session.registry.reconcile_in_passing()


def _follow(session: Session, spec: RunSpec) -> None:
    """Show the run's output until it ends, and leave with its exit code."""
    from runlore.cli.heard import Heard  # noqa: PLC0415 - only in the foreground

    with Heard() as heard, session.keeper() as link:
        accepted = link.submit(spec)
        from runlore.cli.foreground import Foreground  # noqa: PLC0415 - see the module

        if not _tell_existing(session, accepted, spec):
            session.output.say(f"run {accepted.run_id}")
        foreground = Foreground(session, accepted.run_id, link, heard)
        view = foreground.follow()
        if session.output.is_for_programs:
            session.output.answer(view, list)
        session.registry.reconcile_in_passing()
        foreground.conclude(view)


def _tell_existing(session: Session, accepted: Accepted, spec: RunSpec) -> bool:
    """Say that the key names a run that was there before, if it does; and which secrets are not masked."""
    for name, why in accepted.unmasked.items():
        session.output.warn(f"warning: the value of {name} is not masked: {why}")
    if accepted.existing:
        session.output.say(
            f"run {accepted.run_id} was submitted before with key {spec.key}; nothing was started"
        )
    return accepted.existing
