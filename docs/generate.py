"""Writes the parts of the documentation that the product can say of itself.

With `--check` it only says which are stale. In a page, what stands between
`<!-- generated: NAME -->` and `<!-- end -->` is produced.
"""

from __future__ import annotations

import ast
import inspect
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, cast, get_args

from msgspec import NODEFAULT, Meta
from msgspec.structs import FieldInfo

import cultivar
from cultivar import errors, settings, trusting
from cultivar.evals import planning
from cultivar.ledger import improvement_tables
from cultivar.record import Record, fields

COMMANDS = (
    *("init", "doctor", "templates", "generate", "resume"),
    *("upgrade", "check", "undo", "blame", "adopt", "sync", "versions", "tools"),
    *("history", "show", "why", "stats", "export", "simulate", "learn", "hub", "bridge", "up"),
    *("eval", "improve", "experiments", "approve", "reject", "rollback"),
)
MARKED = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def commands() -> Iterator[str]:
    """The help of every command, as it is printed."""
    for name in ("", *COMMANDS):
        words = ["cultivar", *name.split(), "--help"]
        yield f"## `{' '.join(words[:-1])}`\n\n```text\n{_printed(words)}\n```\n"


def _printed(words: list[str]) -> str:
    program = Path(sys.executable).parent / words[0]
    quiet = {**os.environ, "COLUMNS": "88", "TERM": "dumb", "NO_COLOR": "1"}
    done = subprocess.run(
        [program, *words[1:]], env=quiet, check=True, capture_output=True, text=True
    )
    return "\n".join(line.rstrip() for line in done.stdout.strip().splitlines())


def all_settings() -> Iterator[str]:
    """Every setting, with type, default, variable and meaning."""
    yield "| setting | type | default | variable | meaning |\n|---|---|---|---|---|"
    yield from _section(settings.Settings, "")
    for field in fields(settings.Settings):
        if _is_section(field.type):
            yield f"\n### `{field.name}`\n\n{_first_sentence(field.type)}\n"
            yield "| setting | type | default | variable | meaning |\n|---|---|---|---|---|"
            yield from _section(field.type, f"{field.name}.")


def _is_section(kind: Any) -> bool:
    return inspect.isclass(kind) and issubclass(kind, Record)


def _section(kind: type[Record], prefix: str) -> Iterator[str]:
    said = _fields(kind)
    for field in fields(kind):
        if _is_section(field.type):
            continue
        name = field.name
        key = f"{prefix}{name}"
        variable = f"CULTIVAR_{key.replace('.', '__').upper()}"
        meaning = said[name].meaning + (
            " *Only yours to set.*"
            if key in trusting.PROTECTED
            else " *Only yours to raise.*"
            if key in trusting.LOWERED
            else ""
        )
        cells = (f"`{key}`", _type(said[name].type, field), _default(field), f"`{variable}`")
        yield f"| {' | '.join((*cells, meaning.strip()))} |"


def _type(written: str, field: FieldInfo) -> str:
    if written == "SandboxChoice":
        return "`auto`, `bubblewrap`, `container` or `process`"
    words = re.sub(r"Annotated\[(\w+), .*?\)\]", r"\1", written)
    words = words.replace(" | ", " or ").replace("None", "none").replace("tuple[", "list of ")
    words = words.replace(", ...]", "").replace("Secret", "secret").replace("Path", "path")
    return ", ".join([words, *_bounds(field.type)])


def _bounds(kind: Any) -> Iterator[str]:
    signs = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
    for each in get_args(kind):
        if isinstance(each, Meta):
            bounds = {name: getattr(each, name) for name in signs}
            yield from (f"{signs[name]} {it}" for name, it in bounds.items() if it is not None)
        else:
            yield from _bounds(each)


def _default(field: FieldInfo) -> str:
    if field.default_factory is not NODEFAULT:
        return "see below"
    value: object = field.default
    if value is None:
        return "none"
    return "empty" if value == () else f"`{value}`"


def api() -> Iterator[str]:
    """Every name that `cultivar` offers, with its signature and what it says of itself."""
    for name in cultivar.__all__:
        yield from _name(name, getattr(cultivar, name))


def _name(name: str, value: Any) -> Iterator[str]:
    yield f"## `{name}`\n"
    if inspect.ismodule(value):  # it has the name of what it holds
        value = getattr(value, name)
    node = _node(value)
    if isinstance(node, ast.FunctionDef):
        yield f"```py\n{_signature(node)}\n```\n"
    yield _prose(inspect.getdoc(value) or "")
    if isinstance(node, ast.ClassDef):
        yield from _class(name, node, cast("type[Any]", value))


def _class(name: str, node: ast.ClassDef, kind: type[Any]) -> Iterator[str]:
    fields = {} if name == "Settings" else _fields(kind)
    for field, said in fields.items():
        default = f" = `{said.default}`" if said.default else ""
        meaning = f": {said.meaning}" if said.meaning else ""
        yield f"- `{field}`: `{said.type}`{default}{meaning}"
    yield ""
    for method in node.body:
        if isinstance(method, ast.FunctionDef) and not method.name.startswith("_"):
            yield f"### `{name}.{method.name}`\n"
            yield f"```py\n{_signature(method)}\n```\n"
            yield _prose(inspect.cleandoc(ast.get_docstring(method) or ""))


def _signature(node: ast.FunctionDef) -> str:
    if any(
        isinstance(each, ast.Name) and each.id.endswith("property") for each in node.decorator_list
    ):
        return f"{node.name}: {ast.unparse(node.returns) if node.returns else 'Any'}"
    given = re.sub(r"^self(, |$)", "", ast.unparse(node.args))
    given = re.sub(r"(?<=[\w\]])=(?=\S)", " = ", given)
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    line = f"{node.name}({given}){returns}"
    if len(line) <= 90:
        return line
    return (
        f"{node.name}(\n    " + re.sub(r", (?=[*\w]+(:|,|$))", ",\n    ", given) + f",\n){returns}"
    )


def _prose(docstring: str) -> str:
    """A Google docstring as Markdown: its sections become lists."""
    lines: list[str] = []
    inside = False
    for line in docstring.splitlines():
        heading = re.fullmatch(r"(Args|Raises|Returns|Attributes):", line)
        if heading:
            inside = True
            lines += [f"**{heading[1]}**", ""]
        elif inside and line.startswith("    ") and not line.startswith("     "):
            entry = re.sub(r"^(\*{0,2}\w+): ", r"`\1`: ", line.strip())
            lines.append(f"- {entry}")
        elif inside and line.startswith("     "):
            lines[-1] += f" {line.strip()}"
        else:
            inside = inside and not line.strip()
            lines.append(line)
    return "\n".join(lines) + "\n"


def all_errors() -> Iterator[str]:
    """The tree of errors, and each with its exit code."""
    drawing = re.search(r"```text\n.*?```", errors.__doc__ or "", re.DOTALL)
    yield f"{drawing[0] if drawing else ''}\n"
    yield "| error | exit code | what it means | it carries |\n|---|---|---|---|"
    for kind in _tree(errors.CultivarError):
        carried = re.findall(r"^    (\w+): ", inspect.getdoc(kind) or "", re.MULTILINE)
        own = ", ".join(f"`{name}`" for name in dict.fromkeys(carried))
        yield f"| `{kind.__name__}` | {kind.exit_code} | {_first_sentence(kind)} | {own} |"


def _tree(kind: type[errors.CultivarError]) -> Iterator[type[errors.CultivarError]]:
    yield kind
    for below in kind.__subclasses__():
        if below.__module__ == errors.__name__:
            yield from _tree(below)


def all_tables() -> Iterator[str]:
    """The tables of the ledger with their columns."""
    yield "| table | columns |\n|---|---|"
    for name, table in sorted(improvement_tables.metadata.tables.items()):
        yield f"| `{name}` | {', '.join(f'`{column.name}`' for column in table.columns)} |"


class _Field:
    """A field of a class, as its source says it."""

    def __init__(self, node: ast.AnnAssign, meaning: str) -> None:
        self.type = ast.unparse(node.annotation).strip("'\"")
        self.default = ast.unparse(node.value) if node.value else ""
        self.meaning = " ".join(meaning.split())


def _fields(kind: type[Any]) -> dict[str, _Field]:
    node = _node(kind)
    body = node.body if isinstance(node, ast.ClassDef) else []
    found: dict[str, _Field] = {}
    for at, each in enumerate(body):
        if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name):
            after = body[at + 1] if at + 1 < len(body) else None
            meaning = _text(after) if isinstance(after, ast.Expr) else ""
            found[each.target.id] = _Field(each, meaning)
    return found


def _text(node: ast.Expr) -> str:
    value = node.value
    return value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else ""


def _node(value: Any) -> ast.stmt:
    home = import_module(value.__module__)
    for node in ast.parse(inspect.getsource(home)).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == value.__name__:
            return node
    raise LookupError(value)


def _first_sentence(kind: type[Any]) -> str:
    return " ".join((inspect.getdoc(kind) or "").split("\n\n")[0].split())


def _results(name: str) -> dict[str, Any]:
    """What a benchmark measured last."""
    path = Path(__file__).parents[1] / "evals" / "benchmarks" / "results" / f"{name}.json"
    return cast("dict[str, Any]", json.loads(path.read_text(encoding="utf-8")))


def measured_sizes() -> Iterator[str]:
    """What one generation takes up, by where it is kept."""
    found = _results("capacity")
    yield "| one generation, or one instance | bytes |\n|---|---|"
    yield f"| message, as it travels | {found['message']:,} |"
    yield f"| in the bus's stream | {found['stream']:,} |"
    yield f"| in the ledger of its own instance, with files and checks | {found['ledger']:,} |"
    for name, kept in found["hub"].items():
        yield f"| row of the hub, with its indexes, {name} | {kept['100']['row']:,} |"
        for instances, each in kept.items():
            yield (
                f"| counts of a template for each of {int(instances):,} instances, {name} "
                f"| {each['counts'] // int(instances):,} |"
            )
    rates = _results("ingest")
    for name in ("postgresql", "sqlite"):
        yield f"| *messages a second that one hub counts, {name}* | *{rates[name]['ingest']:,}* |"


def capacity() -> Iterator[str]:
    """What a thousand instances and a billion generations need."""
    kept, rates = _results("capacity"), _results("ingest")
    postgresql = kept["hub"]["postgresql"]["1000"]
    sizes = planning.Measured(
        stream=kept["stream"],
        row=postgresql["row"],
        counts=postgresql["counts"] / 1000,
        ledger=kept["ledger"],
        ingest=rates["postgresql"]["ingest"],
    )
    loads = [planning.Load(instances=1000, generations=10**9, kept_days=days) for days in (365, 90)]
    year, quarter = (planning.needs_of(load, sizes) for load in loads)
    yield "| what | how much |\n|---|---|"
    yield f"| messages | {year.mean:.0f} a second in the mean, {year.peak:.0f} at the peak |"
    yield f"| one hub, at the peak | {year.hub_share:.1%} of what it can |"
    yield f"| after a day without any hub, one has caught up in | {_minutes(year.catch_up)} |"
    yield f"| streams, 30 days, on each server of the bus | {_gigabytes(year.stream)} |"
    yield f"| one partition of the hub's rows: a month | {_gigabytes(year.month)} |"
    yield f"| all rows, kept for a year, in 13 partitions | {_gigabytes(year.rows)} |"
    yield f"| all rows, kept for 90 days, in 4 partitions | {_gigabytes(quarter.rows)} |"
    yield f"| counts of one template that all use | {_gigabytes(year.counts)} |"
    yield f"| the ledger of each instance, a million generations | {_gigabytes(year.ledger)} |"


def faults() -> Iterator[str]:
    """What came of each fault that was injected."""
    yield "| what is injected | used in the end | in the record | what Cultivar said |"
    yield "|---|---|---|---|"
    for each in _results("faults")["faults"].values():
        ends = _ENDINGS[each["ends"]] if each["met"] else "**not as it must**"
        record = ", ".join(each["record"]) or "nothing"
        yield f"| {_quoted(each['what'])} | {ends} | {record} | {_quoted(each['said'])} |"


_ENDINGS = {"old": "the old version", "new": "a proven new version", "edit": "the person's edit"}


def _quoted(said: str) -> str:
    """A sentence in a cell of a table, cut where it goes on for long."""
    words = " ".join(said.split()).replace("|", "\\|")
    return words if len(words) <= 200 else f"{words[:199]}…"


def _gigabytes(size: float) -> str:
    return f"{size / 1e9:,.1f} GB"


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:,.0f} minutes"


PARTS: dict[str, Callable[[], Iterator[str]]] = {
    "commands": commands,
    "settings": all_settings,
    "api": api,
    "errors": all_errors,
    "tables": all_tables,
    "sizes": measured_sizes,
    "capacity": capacity,
    "faults": faults,
}


def produced(page: str) -> str:
    """`page` with its generated parts as they should be."""
    return MARKED.sub(lambda m: m[1] + "\n".join(PARTS[m[2]]()).rstrip() + "\n" + m[3], page)


def main(arguments: list[str]) -> int:
    """Write or check the pages below a folder; returns the exit code."""
    check = "--check" in arguments
    named = [Path(each) for each in arguments if each != "--check"]
    stale: list[Path] = []
    for path in sorted((named or [Path(__file__).parent])[0].rglob("*.md")):
        text = path.read_text(encoding="utf-8")
        if (now := produced(text)) != text:
            stale.append(path)
            if not check:
                path.write_text(now, encoding="utf-8")
    for path in stale:
        print(f"{path} {'is stale: run `python docs/generate.py`' if check else 'was written'}")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
