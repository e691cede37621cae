"""What is compared, and the goals of the design: one module per question, all in TABLES."""

from benchmarks.declare import Table
from benchmarks.tables import (
    adoption,
    append,
    bundle,
    capture,
    catch_up,
    fold,
    growth,
    launch,
    memory,
    outputs,
    prune,
    rebuild,
    redact,
    start,
    tail,
    verify,
)

TABLES: dict[str, Table] = {
    table.name: table
    for module in (
        append,
        verify,
        fold,
        rebuild,
        start,
        growth,
        launch,
        adoption,
        memory,
        prune,
        outputs,
        bundle,
        capture,
        redact,
        tail,
        catch_up,
    )
    for table in module.TABLES
}

__all__ = ["TABLES"]
