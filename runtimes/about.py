"""What a registry is, where it lies and whether it can be written; looks, and writes nothing."""

import os
import sys

from runlore._version import __version__
from runlore.journal import machine
from runlore.journal.disk import REAL
from runlore.journal.errors import RunloreError
from runlore.journal.layout import Layout
from runlore.journal.packs import pack_names
from runlore.journal.root import FoundRoot, RegistryFile, is_registry, open_for_writing, registry_info
from runlore.projections.about_views import InfoView
from runlore.projections.subscription_views import SubscriptionView
from runlore.runtimes.lookup import Lookup
from runlore.runtimes.packing import could_be_packed
from runlore.runtimes.subscription_views import feed_view, subscription_views


def info_view(found: FoundRoot) -> InfoView:
    """Return all there is to say about the registry at a root, whatever state it is in."""
    layout = Layout(found.path)
    file, damage = _registry_file(layout)
    refusal = _refusal(found.path)
    counts = _counts(layout)
    could = could_be_packed(REAL, layout)
    file_system = machine.file_system(_nearest(found.path))
    return InfoView(
        version=__version__,
        root=found.path,
        source=found.source,
        exists=file is not None,
        writable=not refusal,
        registry_id=file.registry_id if file else None,
        format=file.format if file else None,
        created_at=file.created if file else None,
        runs=sum(counts.values()),
        counts=counts,
        packs=_packs(layout),
        packable=could.runs if could else 0,
        durability="power",
        file_system=file_system,
        network=machine.is_network(file_system),
        python=".".join(map(str, sys.version_info[:3])),
        kernel=os.uname().release,
        host=machine.host(),
        detail=damage or refusal,
        feed=feed_view(REAL, layout),
        subscriptions=_subscriptions(layout),
    )


def _registry_file(layout: Layout) -> tuple[RegistryFile | None, str]:
    try:
        return registry_info(REAL, layout), ""
    except (RunloreError, OSError) as error:
        return None, str(error)


def _refusal(path: str) -> str:
    """Return why runs cannot be recorded there; empty if they can."""
    if not is_registry(path):  # whether one can be made shows when it is
        return (
            "" if os.access(_nearest(path), os.W_OK) else f"{_nearest(path)} cannot be written by this user"
        )
    try:
        open_for_writing(REAL, path, create=False)
    except RunloreError as error:
        return str(error)
    return "" if os.access(path, os.W_OK) else f"{path} cannot be written by this user"


def _counts(layout: Layout) -> dict[str, int]:
    try:
        return Lookup(layout).page().counts
    except RunloreError:
        return {}


def _subscriptions(layout: Layout) -> list[SubscriptionView]:
    try:
        return subscription_views(REAL, layout)
    except RunloreError:
        return []


def _packs(layout: Layout) -> int:
    try:
        return len(pack_names(REAL, layout))
    except OSError:
        return 0


def _nearest(path: str) -> str:
    """Return the nearest folder upwards that exists."""
    while not os.path.isdir(path) and path != "/":
        path = os.path.dirname(path)
    return path
