"""Projections: what the journals mean. Events in, views out.

Everything here may import the standard library, msgspec and the journal room. All of it is pure but
for `registry`, which reads. Other rooms import from the named modules: fold, status and timeline for
folding; health for judging a run by what was observed of its owner; encoding, schema and whatever is
called a view or a record for what is shown; selectors, filters, labels, durations and printable for
what people type and read.
"""
