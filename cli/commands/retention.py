"""`runlore retention`: tell what keeps a run, or which rule takes it."""

from collections.abc import Iterator

from runlore.cli import phrases
from runlore.cli.arguments import RUN_ID
from runlore.cli.options import verb
from runlore.cli.session import Session
from runlore.projections import durations, sizes
from runlore.projections.retention import HARD
from runlore.projections.retention_views import RetainedView, RetentionRulesView, VetoView, rules_view


@verb("retention", "runlore retention k3f9x2ab", "runlore retention latest --json")
@RUN_ID
def retention(session: Session, *, run_id: str) -> None:
    """Tell what keeps a run, or which rule takes it: every rule, and everything that stands against it.

    Changes nothing.
    """
    registry = session.registry
    found = registry.retaining.one(session.one(run_id), session.now)
    facts = found.facts
    view = RetainedView(
        run_id=found.run_id,
        eligible=not found.keep,
        code=found.code,
        reason=found.reason,
        at=found.at,
        files=facts.folder.files if facts.folder else 0,
        bytes=facts.bytes,
        vetoes=[VetoView(code=each.code, text=each.text, hard=each.code in HARD) for each in found.vetoes],
        rules=rules_view(registry.retaining.policy()),
    )
    session.output.answer(view, lambda: _lines(session, view), [view.run_id])


def _lines(session: Session, view: RetainedView) -> Iterator[str]:
    text = session.output.text
    yield f"run    {view.run_id}: {phrases.counted(view.files, 'file')}, {phrases.size(view.bytes)}"
    yield f"{'may go' if view.eligible else 'stays '} {text(view.reason)}"
    for each in view.vetoes:
        also = "" if each.hard else " (`runlore rm` removes it all the same)"
        yield f"veto   {each.code}: {text(each.text)}{also}"
    if view.at is not None:
        yield f"age    its rule takes it from {phrases.absolute(view.at)} on"
    for line in _rules(view.rules):
        yield f"rule   {text(line)}"


def _rules(rules: RetentionRulesView) -> Iterator[str]:
    if rules.keep_s is not None:
        yield f"keep = {durations.spelled(rules.keep_s)}"
    for what, table in (("status", rules.status), ("tags", rules.tags)):
        for name, age in table.items():
            yield f"{what}.{name} = {'forever' if age is None else durations.spelled(age)}"
    if rules.keep_last is not None:
        yield f"keep_last = {rules.keep_last}"
    if rules.max_bytes is not None:
        yield f"max_bytes = {sizes.spelled(rules.max_bytes)}"
    yield f"floor = {durations.spelled(rules.floor_s)}"
