"""What moving a run costs beside copying its files."""

from benchmarks.declare import Case, Table, Unit

_EXPORT, _IMPORT = "runlore export", "runlore import"
_TAR = "tar c, synced"
_CP = "cp -r, synced"

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
)
