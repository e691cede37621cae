"""`runlore config`: check the settings."""

from collections.abc import Iterator
from typing import Final

import click

from runlore.cli.errors import USAGE, Failed
from runlore.cli.options import verb
from runlore.cli.session import Session
from runlore.journal.settings import Limits
from runlore.journal.settings_file import examine_settings, path_of
from runlore.projections import collection_limits
from runlore.projections.config_views import (
    CollectionLimitsView,
    ConfigView,
    LimitsView,
    RedactionView,
    SettingsProblemView,
)
from runlore.projections.retention_policy import understood
from runlore.projections.retention_views import rules_view
from runlore.projections.sizes import spelled
from runlore.runtimes.room import cap_of

_FROM: Final = {"config": "as set", "memory": "from the memory there is"}


@verb("config", "runlore config check", "runlore config check --json")
@click.argument("what", metavar="check", type=click.Choice(["check"]))
def config(session: Session, *, what: str) -> None:  # noqa: ARG001 - there is one thing to do so far
    """Check config.toml in the registry, and show the settings in effect; change nothing.

    Every problem is told with its line. Whoever records anything refuses to with a file that has an unknown
    section or key, because a setting that was passed over could cost a secret; reading goes on. A duration
    or size in it that is none stops what removes runs, and in [artifacts] what starts them.

    Exits with 2 if anything is wrong with the file, with 0 if not, or if there is none.
    """
    view = _view(session.found.path)
    session.output.answer(view, lambda: _lines(session, view))
    if view.items:
        raise Failed(USAGE)


def _view(root: str) -> ConfigView:
    found = examine_settings(root)
    policy = found.redaction if found else None
    cap = cap_of(found.limits if found else Limits())
    retention, wrong = understood(found.retention if found else ())
    collected, unclear = collection_limits.understood(found.artifacts if found else ())
    problems = sorted((*(found.problems if found else ()), *wrong, *unclear), key=lambda each: each.line)
    return ConfigView(
        path=path_of(root),
        exists=found is not None,
        items=[SettingsProblemView(line=each.line or None, text=each.text) for each in problems],
        retention=rules_view(retention),
        redaction=RedactionView(
            allow=list(policy.allow if policy else ()),
            deny=list(policy.deny if policy else ()),
            patterns=list(policy.patterns if policy else ()),
        ),
        limits=LimitsView(keepers=cap.keepers, keepers_from="config" if cap.by_settings else "memory"),
        artifacts=CollectionLimitsView(max_files=collected.max_files, max_bytes=collected.max_bytes),
    )


def _lines(session: Session, view: ConfigView) -> Iterator[str]:
    shown = session.output.text
    for problem in view.items:
        place = f":{problem.line}" if problem.line else ""
        yield f"{shown(view.path)}{place}: {shown(problem.text)}"
    if view.items:
        return
    if view.exists:
        yield f"{shown(view.path)}: nothing is wrong with it"
    else:
        yield f"{shown(view.path)}: there is none, so everything is as it comes"
    for key in view.redaction.__struct_fields__:
        for item in getattr(view.redaction, key):
            yield f"redaction.{key:<8}  {shown(item)}"
    limits = view.limits
    yield f"{'limits.keepers':<18}  {limits.keepers:,}, {_FROM[limits.keepers_from]}"
    if view.artifacts is not None:
        yield f"{'artifacts.max_files':<19} {view.artifacts.max_files:,}"
        yield f"{'artifacts.max_bytes':<19} {spelled(view.artifacts.max_bytes)}"
    found = examine_settings(session.found.path)
    for said in found.retention if found else ():
        yield f"{shown(said.key)}  {shown(str(said.value))}"
