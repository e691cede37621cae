"""Submit many commands from any process: keepers are forked from one warm interpreter, a few at a time."""

from collections.abc import Generator, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from runlore.journal.errors import BadInput, RunloreError
from runlore.runtimes.launch import exec_nursery
from runlore.runtimes.launches import Launched, Launches
from runlore.runtimes.spec import RunSpec
from runlore.runtimes.submission import Submission, spec_of

if TYPE_CHECKING:
    from runlore.runtimes.registry import Registry
    from runlore.runtimes.run import Run

_TICK_S: Final = 0.25
_FIELDS: Final = tuple(name for name in Submission.__struct_fields__ if name != "stdin")


class Submitted(Struct, frozen=True, kw_only=True):
    """What became of one submission of many."""

    number: int
    """Which one, counted from 1."""
    run: "Run | None" = None
    """Its run, also if its command did not start; None if no run was made."""
    error: RunloreError | None = None
    """Why there is no run, or why its command did not start: what `submit` would have raised."""
    unmasked: dict[str, str] = {}
    """Names given as secrets whose values are not masked, each with why."""


def submitted(
    registry: "Registry", runs: Iterable[Mapping[str, Any]], *, wait_for_room: bool
) -> Generator[Submitted | None, None, None]:
    """Yield what became of each, in their order; and None several times a second while nothing is known.

    Raises:
        NotPermitted, JournalIO, BadSettings: the registry cannot be written.
    """
    registry.require_writable()
    with exec_nursery() as nursery:
        launches = Launches(registry, nursery, patient=wait_for_room)
        try:
            for number, given in enumerate(runs, 1):
                spec = _spec(registry, given)
                while not launches.takes(spec if isinstance(spec, RunSpec) else None):
                    launches.wait(within_s=_TICK_S)
                    yield from _known(registry, launches)
                if isinstance(spec, RunSpec):
                    launches.ask(number, spec)
                else:
                    launches.refuse(number, spec)
                launches.wait(within_s=0)
                yield from _known(registry, launches)
            while not launches.is_idle:
                launches.wait(within_s=_TICK_S)
                yield from _known(registry, launches)
        finally:
            launches.close()


def _known(registry: "Registry", launches: Launches) -> Generator[Submitted | None, None, None]:
    for launched in launches.answers():
        yield _submitted(registry, launched)
    yield None


def _submitted(registry: "Registry", launched: Launched) -> Submitted:
    from runlore.runtimes.run import Run  # noqa: PLC0415 - runs know the registry, and it knows this

    run = Run(registry, launched.run_id, existing=launched.existing) if launched.run_id else None
    return Submitted(number=launched.number, run=run, error=launched.error, unmasked=launched.unmasked)


def _spec(registry: "Registry", given: Mapping[str, Any]) -> RunSpec | RunloreError:
    """Return what is to be launched, or what is wrong with what was given."""
    for name in given:
        if name not in _FIELDS:
            return BadInput(f"no argument {name!a} of a run of many; there is {', '.join(_FIELDS)}")
    if "argv" not in given:
        return BadInput("argv is missing: the words of the command")
    try:
        return spec_of(Submission(**given), registry.root, registry.by, registry.durability)
    except RunloreError as error:
        return error
