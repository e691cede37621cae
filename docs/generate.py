"""Write the parts of the documentation that are facts of the code, in place, between their markers.

`python docs/generate.py` writes; `--check` only compares, and exits 1 if a page is not in step. A part
stands between `<!-- generated: NAME -->` and `<!-- /generated -->`; PARTS says who writes it.
"""

import ast
import inspect
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Final, get_args

import click
import msgspec
from msgspec import inspect as shapes

from runlore.cli import app
from runlore.journal import chain, codec, errors, events, lifecycle, settings, settings_file, values
from runlore.projections import findings, run_fields
from runlore.projections.index import where

HERE: Final = Path(__file__).parent
_PART: Final = re.compile(
    r"(?<=^<!-- generated: )(\S+)( -->\n).*?(?=^<!-- /generated -->$)", re.DOTALL | re.MULTILINE
)

_INTEGERS: Final[dict[tuple[float | None, float | None], str]] = {
    (0, values.MAX_INT): "count",
    (1, values.MAX_INT): "position",
    (1, 65535): "version",
    (0, 255): "exit code",
    (1, 128): "signal",
}
_NUMBERS: Final[dict[tuple[float | None, float | None], str]] = {
    (None, None): "number",
    (0, 1e12): "seconds",
    (0, 1): "fraction",
}
_PLAIN: Final = {shapes.BoolType: "boolean", shapes.DateTimeType: "time", shapes.CustomType: "JSON"}


def type_name(kind: shapes.Type) -> str:
    """Return the page's word for a type; unbounded integers and unheard-of types have none.

    Raises:
        KeyError: the type has no word. Give it bounds, or explain a new word on the page first.
    """
    match kind:
        case shapes.IntType():
            return _INTEGERS[kind.ge, kind.le]
        case shapes.FloatType():
            return _NUMBERS[kind.ge, kind.le]
        case shapes.StrType():
            return "digest" if kind.pattern else "string"
        case shapes.LiteralType():
            return "one of " + ", ".join(f"`{value}`" for value in kind.values)
        case shapes.VarTupleType():
            return f"list of {type_name(kind.item_type)}"
        case shapes.DictType(key_type=shapes.StrType()):
            return f"map of {type_name(kind.value_type)}"
        case shapes.StructType():
            return kind.cls.__name__
        case shapes.UnionType():
            inner = [type_name(one) for one in kind.types if not isinstance(one, shapes.NoneType)]
            return f"{' or '.join(inner)} or null"
        case _:
            return _PLAIN[type(kind)]


def absent(field: shapes.Field) -> str:
    """Return what a missing field means, as JSON; or that it may not be missing."""
    if field.required:
        return "required"
    default = field.default
    if default is msgspec.NODEFAULT:
        default = field.default_factory()
    return f"`{msgspec.json.encode(default).decode()}`"


def meanings(module: ModuleType) -> dict[str, dict[str, str]]:
    """Return, per class, what the docstring under each of its fields says."""
    found: dict[str, dict[str, str]] = {}
    for node in ast.parse(inspect.getsource(module)).body:
        if isinstance(node, ast.ClassDef):
            found[node.name] = {
                field.target.id: below.value.value
                for field, below in zip(node.body, node.body[1:], strict=False)
                if isinstance(field, ast.AnnAssign)
                and isinstance(field.target, ast.Name)
                and isinstance(below, ast.Expr)
                and isinstance(below.value, ast.Constant)
                and isinstance(below.value.value, str)
            }
    return found


_MEANINGS: Final = meanings(values) | meanings(events)
_COMMON: Final = tuple(events.Event.__struct_fields__)


def fields_table(kind: type[msgspec.Struct], leave_out: Iterable[str] = ()) -> str:
    """Return a Markdown table of the fields of one struct."""
    shape = shapes.type_info(kind)
    fields = shape.fields if isinstance(shape, shapes.StructType) else ()
    said: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        said |= _MEANINGS.get(base.__name__, {})
    rows = [
        f"| `{field.encode_name}` | {type_name(field.type)} | {absent(field)} | {said.get(field.name, '')} |"
        for field in fields
        if field.name not in leave_out
    ]
    if not rows:
        return "It has no fields of its own."
    return "\n".join(["| field | type | if absent | meaning |", "| --- | --- | --- | --- |", *rows])


def event_sections() -> str:
    """Return a section for each event type: what it says, and its own fields."""
    return "\n\n".join(
        f"### `{tag}`\n\n{_prose(kind)}\n\n{fields_table(kind, _COMMON)}" for tag, kind in events.TAGS.items()
    )


def value_sections() -> str:
    """Return a section for each struct that events carry."""
    kinds = [
        kind
        for kind in vars(values).values()
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and kind is not msgspec.Struct
    ]
    return "\n\n".join(f"### `{kind.__name__}`\n\n{_prose(kind)}\n\n{fields_table(kind)}" for kind in kinds)


def _prose(kind: type) -> str:
    return " ".join((inspect.getdoc(kind) or "").split()).replace(". ", ".\n")


def transitions() -> str:
    """Return the lifecycle as a diagram and a table."""
    arrows = [
        f"    {before} --> {after}"
        for before, nexts in lifecycle.LEGAL.items()
        for after in _in_order(nexts) or ["[*]"]
    ]
    rows = [
        f"| {before} | {', '.join(_in_order(nexts)) or 'nothing, ever'} |"
        for before, nexts in lifecycle.LEGAL.items()
    ]
    diagram = ["```mermaid", "stateDiagram-v2", "    [*] --> queued", *arrows, "```"]
    return "\n".join([*diagram, "", "| from | to |", "| --- | --- |", *rows])


def _in_order(statuses: Iterable[str]) -> list[str]:
    return [status for status in lifecycle.LEGAL if status in set(statuses)]


def status_events() -> str:
    """Return which event brings which status, and the reason codes that may stand beside a final one."""
    rows = [
        f"| `{_tag(kind)}` | {status} | {_codes(lifecycle.REASONS.get(status, ()))} |"
        for kind, status in lifecycle.STATUS_OF.items()
    ]
    return "\n".join(["| event | status from then on | reason codes |", "| --- | --- | --- |", *rows])


def _codes(codes: Iterable[str]) -> str:
    return ", ".join(f"`{code}`" for code in sorted(codes))


def after_end() -> str:
    """Return the event types that may follow a final event."""
    return "\n".join(f"- `{tag}`" for tag, kind in events.TAGS.items() if kind in lifecycle.AFTER_END)


def _tag(kind: type) -> str:
    return next(tag for tag, known in events.TAGS.items() if known is kind)


def limits() -> str:
    """Return the limits that the code has, in figures."""
    return "\n".join(
        [
            "| limit | value |",
            "| --- | --- |",
            f"| format | {events.FORMAT} |",
            f"| longest line, its newline included | {codec.MAX_LINE:,} bytes |",
            f"| trailer of a line, its newline included | {chain.TRAILER_LENGTH + 1} bytes |",
            f"| objects and arrays within each other, the event included | {codec.MAX_DEPTH} |",
            f"| largest integer in a field of ours | {values.MAX_INT:,} |",
            "| longest event type | 64 characters |",
        ]
    )


def example() -> str:
    """Return a whole small journal, for those who write another reader."""
    run_id = values.RunId("20261120-201400-k3f9x2ab")
    at = datetime(2026, 11, 20, 20, 14, tzinfo=UTC)
    recipe = values.Recipe(argv=("echo", "hi"), cwd="/home/ada")
    history: list[events.Event] = [
        events.RunQueued(seq=1, at=at, format=events.FORMAT, run_id=run_id, recipe=recipe),
        events.RunNoted(seq=2, at=at.replace(microsecond=500), text='a "note", with ☕'),
    ]
    digest, lines = chain.seed(run_id), []
    for event in history:
        line, digest = chain.close_line(digest, codec.encode(event))
        lines.append(line)
    return f"```jsonl\n{b''.join(lines).decode()}```"


def commands() -> str:
    """Return the help of every command, by what it is for."""
    sections: list[str] = []
    with app.app.make_context("runlore", [], resilient_parsing=True, terminal_width=app.HELP_WIDTH) as group:
        for title, names in app.SECTIONS.items():
            sections.append(f"## {title}")
            for name in names:
                command = app.app.get_command(group, name)
                assert command is not None  # noqa: S101 - its name is in the table
                sections += _help_of(command, click.Context(command, group, name), "###")
    return "\n\n".join(sections)


def _help_of(command: click.Command, context: click.Context, heading: str) -> Iterator[str]:
    """Yield the help of a command, and of those that stand behind it."""
    name = context.command_path.partition(" ")[2]
    yield f"{heading} {name}\n\n```text\n{command.get_help(context)}\n```"
    for each in command.commands.values() if isinstance(command, click.Group) else ():
        yield from _help_of(each, click.Context(each, context, each.name), heading + "#")


def errors_by_exit_code() -> str:
    """Return a table of the exit codes that errors carry, with what they mean."""
    found: dict[int, list[str]] = {}
    for kind in vars(errors).values():
        if isinstance(kind, type) and issubclass(kind, errors.RunloreError):
            meaning = (inspect.getdoc(kind) or "").split("\n")[0]
            found.setdefault(kind.exit_code, []).append(f"`{kind.__name__}`: {meaning}")
    rows = [f"| {code} | {'<br>'.join(meanings)} |" for code, meanings in sorted(found.items())]
    return "\n".join(["| exit code | errors |", "| --- | --- |", *rows])


def findings_by_code() -> str:
    """Return a table of what the doctor can find."""
    rows = [f"| `{code}` | {kind.severity} | {kind.meaning} |" for code, kind in findings.KINDS.items()]
    return "\n".join(["| code | weight | meaning |", "| --- | --- | --- |", *rows])


def settings_by_section() -> str:
    """Return a table of the settings there are."""
    rows = [
        f"| `[{section}]` | `{key}` | {known.shape} | {known.what} |"
        for section, keys in settings.SECTIONS.items()
        for key, known in keys.items()
    ]
    later = ", ".join(f"`[{section}]`" for section in sorted(settings.LATER))
    table = "\n".join(["| section | key | value | what it says |", "| --- | --- | --- | --- |", *rows])
    limit = f"The file has at most {settings_file.MOST:,} bytes."
    return f"{table}\n\nSections of a later version: {later}.\n{limit}"


_COMPARED_WITH: Final[dict[run_fields.Kind, str]] = {
    "text": "a text",
    "choice": "",
    "flag": "`true` or `false`",
    "whole": "a whole number",
    "number": "a number",
    "size": "a size, such as `10M`",
    "duration": "a duration, such as `1h30m`",
    "time": "a time",
    "age": "a duration, such as `2d`",
    "any": "a text, a number, `true` or `false`",
}


def filter_fields() -> str:
    """Return a table of the fields that a filter can ask for."""
    shorter = {path: short for short, path in run_fields.SHORT.items()}
    rows: list[str] = []
    for field in run_fields.fields().values():
        name = f"`{field.path}{'.NAME' if field.opens else ''}`"
        name += f", `{field.path}`" if field.opens and field.bare else ""
        name += f", `{shorter[field.path]}`" if field.path in shorter else ""
        known = [
            f"`{each}`" for each in get_args(run_fields.Operator) if each in run_fields.OPERATORS[field.kind]
        ]
        known += ["`in`"] if "`=`" in known else []
        values = _COMPARED_WITH[field.kind] or ", ".join(f"`{value}`" for value in field.choices)
        quick = "yes" if field.path in {*where.COLUMNS, "tags", "age"} else ""
        rows.append(f"| {name} | {' '.join(known)} | {values} | {quick} |")
    return "\n".join(["| field | compared by | with | in the index |", "| --- | --- | --- | --- |", *rows])


PARTS: Final[dict[str, Callable[[], str]]] = {
    "commands": commands,
    "errors": errors_by_exit_code,
    "filter-fields": filter_fields,
    "findings": findings_by_code,
    "settings": settings_by_section,
    "events": event_sections,
    "values": value_sections,
    "common-fields": lambda: fields_table(events.Event),
    "lifecycle": transitions,
    "status-events": status_events,
    "after-end": after_end,
    "limits": limits,
    "example-journal": example,
}


def brought_up_to_date(page: str) -> str:
    """Return a page's text with every generated part as the code says it today."""
    return _PART.sub(lambda found: f"{found[1]}{found[2]}\n{PARTS[found[1]]()}\n\n", page)


def pages() -> Iterator[Path]:
    """Yield every page that may have generated parts."""
    yield HERE.parent / "README.md"
    yield from sorted(HERE.rglob("*.md"))


def main(arguments: list[str]) -> int:
    """Write the pages, or with `--check` say which are not in step; return the exit code."""
    stale = []
    for page in pages():
        before = page.read_text("utf-8") if page.exists() else ""
        after = brought_up_to_date(before)
        if after != before:
            stale.append(page)
            if "--check" not in arguments:
                page.write_text(after, "utf-8")
    for page in stale:
        print(page.relative_to(HERE.parent))
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
