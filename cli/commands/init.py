"""`runlore init`: make a registry for a folder."""

import click

from runlore.cli.options import verb
from runlore.cli.session import Session
from runlore.journal.disk import REAL
from runlore.journal.root import consent_to_network_fs, is_registry, open_for_writing, registry_info
from runlore.projections.about_views import InitView


@verb(
    "init",
    "runlore init",
    "runlore init ~/experiments",
    "runlore init --root /data/runs",
)
@click.argument("folder", metavar="[DIR]", required=False, type=click.Path())
@click.option(
    "--allow-network-fs",
    is_flag=True,
    help="Accept a network file system, where nobody can tell whether runs of other machines live.",
)
def init(session: Session, *, folder: str | None, allow_network_fs: bool) -> None:
    """Make a registry in DIR/.runlore; DIR is the current folder if none is given.

    What is run in that folder, or below it, then uses this registry. With --root or $RUNLORE_ROOT
    and no DIR, exactly that folder becomes the registry. One that exists already is left as it is.
    """
    root = session.root_to_make(folder)
    existing = is_registry(root)
    layout = open_for_writing(REAL, root, create=True, allow_network_fs=allow_network_fs)
    if allow_network_fs:
        consent_to_network_fs(REAL, layout)
    found = registry_info(REAL, layout)
    view = InitView(root=root, registry_id=found.registry_id, created_at=found.created, existing=existing)
    done = "there is a registry already at" if existing else "made a registry at"
    session.output.answer(view, lambda: [f"{done} {session.output.text(root)}"], [root])
