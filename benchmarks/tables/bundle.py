"""What moving a run costs beside copying its files."""

from benchmarks.declare import Case, Goal, Table, Unit

_EXPORT, _IMPORT = "runlore export", "runlore import"
_TAR = "tar c, synced"
_CP = "cp -r, synced"
_SMALL, _LARGE = 128_000_000, 10_000_000_000


def _weighed(what: str, size: int) -> str:
    return f"{what}, {size // 1_000_000:,} MB"


TABLES = (
    Table(
        name="bundle",
        title="Move a run to another registry",
        about=(
            "One run with 4 GiB of random bytes in 16 outputs (quick: 128 MiB). An export compares every "
            "byte with the digest on record and syncs the file; an import checks and syncs everything before "
            "it counts. `sha256sum` reads and hashes the same bytes once and writes nothing."
        ),
        unit=Unit(label="s per GB", scale=1e9),
        base=_TAR,
        rounds={"quick": 2, "full": 3},
        cases=(
            Case(name=_EXPORT, code="bundle:export", role="ours"),
            Case(name=_IMPORT, code="bundle:into", role="ours"),
            Case(
                name=_TAR,
                code="bundle:shell",
                role="reference",
                arguments={"script": "tar cf OUT DIR 2>/dev/null && sync OUT"},
            ),
            Case(
                name=_CP,
                code="bundle:shell",
                role="reference",
                arguments={"script": "cp -r DIR OUT && sync -f OUT"},
            ),
            Case(
                name="sha256sum",
                code="bundle:shell",
                role="reference",
                arguments={"script": "find DIR -type f -exec sha256sum {} + > OUT"},
            ),
        ),
        goals=(),
    ),
    Table(
        name="bundle-memory",
        title="Memory while a run is moved",
        about=(
            "One run with random bytes in 16 outputs: the peak of resident memory of a whole command, the "
            "interpreter included, and how long it took. Full size alone: 10 GB of them."
        ),
        unit=Unit(label="MiB"),
        base=_weighed(_EXPORT, _SMALL),
        rounds={"quick": 2, "full": 2},
        cases=tuple(
            Case(
                name=_weighed(what, size),
                code=code,
                role="ours",
                arguments={"bytes": size},
                sizes=("quick", "full") if size == _SMALL else ("full",),
            )
            for what, code in ((_EXPORT, "bundle:export_peak"), (_IMPORT, "bundle:import_peak"))
            for size in (_SMALL, _LARGE)
        ),
        goals=tuple(
            Goal(text=f"{what} of 10 GB", case=_weighed(what, _LARGE), at_most=64, unit="MiB")
            for what in (_EXPORT, _IMPORT)
        ),
    ),
)
