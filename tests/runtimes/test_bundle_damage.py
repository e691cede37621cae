"""A bundle that is cut, changed or made by somebody else: it is refused, and nothing of it is here then."""

import gzip
import io
import json
import os
import tarfile
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from runlore.journal.disk import REAL
from runlore.journal.errors import BadInput, DamagedBundle, NewerFormat, RunloreError
from runlore.journal.values import RunId
from runlore.projections import bundle_file
from runlore.runtimes.import_bundle import import_bundle
from tests import proof
from tests.journal.forge import Forge
from tests.runtimes.bundles import TIME, described, leave_outputs, members, new_registry, together
from tests.runtimes.kept_runs import registry_at
from tests.runtimes.removable import files
from tests.runtimes.test_bundles import exported

HOSTILE = (
    "../../etc/passwd",
    "/etc/passwd",
    "//etc/passwd",
    "a/../../b",
    "%2e%2e%2f",
    "%252e%252e%252f",
    "..%5c",
    "..;/",
    "%00",
    "file:///etc/passwd",
    "\\\\host\\share",
    "C:\\x",
    "#/../",
    "?x=../",
    "..",
    ".",
    "outputs/../journals/x",
    "outputs/" + "A" * 64,
    "outputs/" + "0" * 63,
    "outputs/" + "0" * 64 + "/x",
    "outputs/./" + "0" * 62,
    "journals-evil/x.jsonl",
    "journals/x.jsonl",
    "runs/../../evil",
    "runs/20261120-201400-k3f9x2ab/transcript",
    "evidence/" + "0" * 64,
    "blobs/..",
    "config.toml",
    "registry.json",
    "bundle.json",
    "keys/" + "0" * 64,
    "a\nb",
    "\u202egnp.exe",
    "é",
)
"""Corpus P, 77 to 89, and what else a name could try here."""


class Scene:
    """A bundle of one run with two outputs, and a registry that it is to come into."""

    def __init__(self, folder: Path) -> None:
        source = registry_at(folder / "registry")
        self.run_id = leave_outputs(source, {"a": b"a" * 700, "b": b"b"}, promoted=["a"])
        self.bundle = exported(source)
        self.parts = members(self.bundle)
        self.layout = new_registry(folder)
        self.folder = folder
        self._before = self._everything()

    def _everything(self) -> dict[str, bytes]:
        return {path: data for path, data in files(self.layout).items() if not path.endswith(".lock")}

    def refused(self, data: bytes) -> RunloreError:
        """Return how it is refused; nothing is here afterwards that was not before."""
        with pytest.raises((DamagedBundle, BadInput, NewerFormat)) as error:
            import_bundle(REAL, self.layout, io.BytesIO(data).read, "it")
        assert error.value.exit_code in {2, 65}
        assert self._everything() == self._before
        assert os.listdir(self.layout.imports) == [".lock"]
        return error.value

    def take(self, data: bytes) -> None:
        """Import it, to see that only what was changed is wrong with it."""
        import_bundle(REAL, self.layout, io.BytesIO(data).read, "it")


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """See the class."""
    return Scene(tmp_path)


def test_what_was_put_together_by_another_library_comes_in(scene: Scene) -> None:
    """The same bytes, so whatever the other tests change is what is wrong."""
    assert (
        together((name, data) for name, data in scene.parts.items() if name != "SHA256SUMS") == scene.bundle
    )
    scene.take(together(described(scene.parts)))


def test_a_bundle_that_is_cut(scene: Scene, sized: Callable[[int, int], int]) -> None:
    """At every boundary of a block, one byte before and behind it, and anywhere else."""
    size, draw = len(scene.bundle), Random(4)
    cuts = {at + step for at in range(0, size, 512) for step in (-1, 0, 1)} & set(range(size))
    cuts |= {draw.randrange(size) for _ in range(sized(30, 3000))}
    for cut in sorted(cuts):
        scene.refused(scene.bundle[:cut])
    proof.record("bundles that are cut", "a bundle cut anywhere is refused whole", {"cuts": len(cuts)})


def test_a_bundle_of_which_a_bit_is_turned(scene: Scene, sized: Callable[[int, int], int]) -> None:
    """In headers, contents, padding and at the end: any single one is noticed."""
    size, draw = len(scene.bundle), Random(5)
    places = {8 * at + draw.randrange(8) for at in range(0, size, 512)}
    places |= {draw.randrange(8 * size) for _ in range(sized(80, 20_000))}
    for place in sorted(places):
        hurt = bytearray(scene.bundle)
        hurt[place // 8] ^= 1 << place % 8
        scene.refused(bytes(hurt))
    proof.record("bits of a bundle", "a bundle with any bit turned is refused whole", {"bits": len(places)})


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_that_leads_elsewhere(scene: Scene, name: str) -> None:
    """In the description, in the archive, or in both; nothing is written, anywhere."""
    parts = described(scene.parts)
    outputs = [part for part, _ in parts if str(part).startswith("outputs/")]
    renamed = [(name if part == outputs[0] else part, data) for part, data in parts]
    told = json.loads(scene.parts["bundle.json"])
    for each in told["members"]:
        each["path"] = name if each["path"] == outputs[0] else each["path"]
    description = json.dumps(told).encode()
    before = sorted(path for path in scene.folder.rglob("*"))

    scene.refused(together(renamed))
    scene.refused(together([("bundle.json", description), *parts[1:]]))
    scene.refused(together([("bundle.json", description), *renamed[1:]]))
    assert [path for path in sorted(scene.folder.rglob("*")) if "imports" not in path.parts] == before


def odd(**changed: Any) -> Callable[[Scene], bytes]:  # noqa: ANN401 - fields of a header
    """Return what gives an output's member another header."""

    def made(scene: Scene) -> bytes:
        parts = described(scene.parts)
        name, data = parts[-1]
        info = tarfile.TarInfo(str(name))
        for field, value in {"size": len(data), "mode": 0o600, "mtime": TIME, **changed}.items():
            setattr(info, field, value)
        return together([*parts[:-1], (info, data)])

    return made


def rewritten(change: Callable[[dict[str, bytes]], object], **told: object) -> Callable[[Scene], bytes]:
    """Return what changes members, and tells of them as they are then."""

    def made(scene: Scene) -> bytes:
        parts = dict(scene.parts)
        change(parts)
        names = [name for name in parts if "/" in name]
        order = {name: parts[name] for name in ("bundle.json", *bundle_file.in_order(names))}
        return together(described(order, **told))

    return made


def told(change: Callable[[dict[str, Any]], object]) -> Callable[[Scene], bytes]:
    """Return what changes the description alone."""

    def made(scene: Scene) -> bytes:
        description = json.loads(scene.parts["bundle.json"])
        change(description)
        parts = described(scene.parts)
        return together([("bundle.json", json.dumps(description).encode()), *parts[1:]])

    return made


def swapped(scene: Scene) -> bytes:
    """Two members change places, in the archive and in the description."""
    parts = described(scene.parts)
    names = [str(name) for name, _ in parts[1:]]
    names[-2:] = names[:-3:-1]
    order = {name: scene.parts[name] for name in names}
    return together(described({"bundle.json": scene.parts["bundle.json"], **order}))


def twice(scene: Scene) -> bytes:
    """A member comes twice, in the archive and in the description."""
    parts = described(scene.parts)
    description = json.loads(parts[0][1])
    description["members"].append(description["members"][-1])
    return together([("bundle.json", json.dumps(description).encode()), *parts[1:], parts[-1]])


def another_journal(scene: Scene) -> bytes:
    """Its journal is another run's, or does not end, under the same name."""
    forge = Forge(scene.run_id).queued()
    parts = {**scene.parts, f"journals/{scene.run_id}.jsonl": forge.data}
    return together(described(parts))


ODDITIES: dict[str, Callable[[Scene], bytes]] = {
    "a symbolic link": odd(type=tarfile.SYMTYPE, linkname="/etc/passwd", size=0),
    "a hard link": odd(type=tarfile.LNKTYPE, linkname="bundle.json", size=0),
    "a device": odd(type=tarfile.CHRTYPE, size=0),
    "a named pipe": odd(type=tarfile.FIFOTYPE, size=0),
    "a folder": odd(type=tarfile.DIRTYPE, size=0),
    "a sparse file": odd(type=tarfile.GNUTYPE_SPARSE),
    "a global header": odd(type=tarfile.XGLTYPE),
    "an old file": odd(type=tarfile.AREGTYPE),
    "set-uid": odd(mode=0o4755),
    "an owner": odd(uid=1),
    "an owner's name": odd(uname="root"),
    "another time": odd(mtime=0),
    "a member too few": lambda scene: together(described(scene.parts)[:-1]),
    "a member too many": lambda scene: together([*described(scene.parts), ("x", b"")]),
    "an output that no journal names": rewritten(lambda parts: parts.update({_named(b"new"): b"new"})),
    "an output that is missing": rewritten(lambda parts: parts.pop(_named(b"b"))),
    "a transcript that is missing": rewritten(lambda parts: parts.pop(_of(parts, "/transcript"))),
    "a transcript that is cut": rewritten(lambda parts: parts.update({_of(parts, "/transcript"): b"he"})),
    "a manifest that is missing": rewritten(lambda parts: parts.pop(_of(parts, "manifest.json"))),
    "a manifest of its own": rewritten(lambda parts: parts.update({_of(parts, "manifest.json"): b"{}"})),
    "an output under another digest": rewritten(lambda parts: parts.update({_named(b"b"): b"c"})),
    "a journal that is cut": rewritten(
        lambda parts: parts.update({_of(parts, ".jsonl"): parts[_of(parts, ".jsonl")][:-1]})
    ),
    "a journal that is no journal": rewritten(lambda parts: parts.update({_of(parts, ".jsonl"): b"{}\n"})),
    "a journal of a run that goes on": another_journal,
    "members in another order": swapped,
    "a member twice": twice,
    "another list of digests": lambda scene: together(described(scene.parts), sums=b"x"),
    "something behind its end": lambda scene: scene.bundle + b"x",
    "more zeros behind its end": lambda scene: scene.bundle + bytes(512),
    "another head": told(lambda it: it["runs"][0].update(journal_head="0" * 64)),
    "another count": told(lambda it: it["runs"][0].update(records=3)),
    "other outputs": told(lambda it: it["runs"][0].update(outputs=7)),
    "said to be removed": told(lambda it: it["runs"][0].update(removed=True)),
    "a run of another name": told(lambda it: it["runs"][0].update(run_id="../../x")),
    "no runs": told(lambda it: it.update(runs=[])),
    "a run twice": told(lambda it: it.update(runs=it["runs"] * 2)),
    "a negative size": told(lambda it: it["members"][0].update(bytes=-1)),
    "a huge size": told(lambda it: it["members"][0].update(bytes=2**60)),
    "more than may come in": told(lambda it: it["members"][0].update(bytes=2**45)),
    "a larger size": told(lambda it: it["members"][-1].update(bytes=2**20)),
    "a later release": told(lambda it: it.update(schema="runlore.bundle/2")),
    "another schema": told(lambda it: it.update(schema="runlore.run/1")),
    "no description": lambda scene: together([("bundle.json", b"[]"), *described(scene.parts)[1:]]),
    "deep nesting": lambda scene: together(
        [("bundle.json", b'{"schema":' + b"[" * 100_000), *described(scene.parts)[1:]]
    ),
    "no tar": lambda _: b"x" * 2000,
    "nothing": lambda _: b"",
    "only zeros": lambda _: bytes(10_240),
    "another tar": lambda _: together([("README", b"hello")]),
    "gzip": lambda scene: gzip.compress(scene.bundle),
    "zstd": lambda _: b"\x28\xb5\x2f\xfd" + bytes(600),
}


def _named(data: bytes) -> str:
    from hashlib import sha256

    return bundle_file.output_path(sha256(data).hexdigest())


def _of(parts: dict[str, bytes], end: str) -> str:
    return next(name for name in parts if name.endswith(end))


@pytest.mark.parametrize("oddity", ODDITIES)
def test_whatever_export_does_not_write(scene: Scene, oddity: str) -> None:
    """However well it is summed up, it is refused, and it is said what it is."""
    error = scene.refused(ODDITIES[oddity](scene))

    assert str(error).startswith("it")


def test_compressed_bundles_are_told_how_to_be_taken_out_of_it(scene: Scene) -> None:
    """The command that does it stands in the message."""
    assert "`gunzip -c FILE | runlore import -`" in str(scene.refused(gzip.compress(scene.bundle)))


def test_a_run_under_the_name_of_another(tmp_path: Path) -> None:
    """A journal is bound to its run by its chain, so it cannot pass for one that is wanted elsewhere."""
    scene = Scene(tmp_path)
    other = RunId("20261120-201400-k3f9x2ab")
    parts = {name.replace(scene.run_id, other): data for name, data in scene.parts.items()}
    description = scene.parts["bundle.json"].replace(scene.run_id.encode(), other.encode())
    scene.refused(together([("bundle.json", description), *described(parts)[1:]]))


def test_a_stream_that_gives_one_byte_at_a_time(scene: Scene) -> None:
    """A pipe gives what it has."""
    whole = io.BytesIO(scene.bundle)
    items = import_bundle(REAL, scene.layout, lambda count: whole.read(min(count, 700)), "it")
    assert [item.run_id for item in items] == [scene.run_id]
