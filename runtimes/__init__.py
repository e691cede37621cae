"""Processes: the keeper that owns a run, the wrapper around its command, and what watches over both.

May import projections, journal, the standard library and msgspec. The tree is keeper → wrapper → command:
launch starts a keeper, keeper and keeper_loop keep the run, wrapper and spawn start the command, capture
and transcript store its output, stop and stopping end it. Only signals.py signals a process.
"""
