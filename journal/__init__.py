"""The journal: the append-only truth about one run.

Everything here may import the standard library and msgspec, and nothing else of ours. Other rooms
import from the named modules: events, values and lifecycle for the facts; writer, reader, verify,
repair and feed for the files. Format: docs/reference/journal-format.md
"""
