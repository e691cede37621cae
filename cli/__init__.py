"""The terminal door: one command, one file; parse, call, render.

May import everything. main looks at argv and imports as little as the command needs; app is the group
of commands; session is what every command is given; output, table, cells and phrases are how results
reach people and programs; errors is the one place that turns a failure into a line and an exit code.
"""
