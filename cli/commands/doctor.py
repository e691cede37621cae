"""`runlore doctor`: look for everything that is wrong, and say what to type."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from runlore.cli.errors import Failed
from runlore.cli.options import verb
from runlore.cli.session import Session
from runlore.projections.counts import counted
from runlore.projections.integrity_views import DoctorView

if TYPE_CHECKING:
    from runlore.cli.outcomes import Tint
    from runlore.projections.findings import Finding, Severity

_TINTS: Final[dict["Severity", "Tint"]] = {"error": "red", "warning": "yellow", "info": "dim"}


@verb("doctor", "runlore doctor", "runlore doctor --json", "runlore doctor --fields code,run_id,next")
def doctor(session: Session) -> None:
    """Look for everything that is wrong with the registry, its runs and this machine; change nothing.

    Each finding says what it rests on, what it means, and what to type next. Of each journal only the
    end is looked at; `runlore verify` reads them whole.

    Exits with 1 if there is an error or a warning, with 0 if there is nothing or only information.
    """
    from runlore.runtimes.doctor import examine  # noqa: PLC0415 - after the options were understood

    root = session.found.path
    items = examine(root)
    view = DoctorView(root=root, items=items, counts=counted(item.severity for item in items))
    session.output.answer(view, lambda: _lines(session, items), _ids(items))
    if not items:
        session.output.say(f"nothing is wrong with {root}")
    if any(item.severity != "info" for item in items):
        raise Failed(1)


def _lines(session: Session, items: "Sequence[Finding]") -> Iterator[str]:
    output = session.output
    for item in items:
        about = f" run {item.run_id}" if item.run_id else ""
        mark = output.tint(_TINTS[item.severity])(f"{item.severity:<8}")
        yield f"{mark} {item.code}{about}: {output.text(item.meaning)}"
        yield f"{'':8} {output.text(item.detail)}"
        yield f"{'':8} next: {output.text(item.next)}"


def _ids(items: "Sequence[Finding]") -> list[str]:
    return list(dict.fromkeys(item.run_id for item in items if item.run_id))
