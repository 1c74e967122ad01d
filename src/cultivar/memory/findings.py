"""Reads what tools print: each complaint as its kind and its message.

A reader is a pattern for one line. The first one that takes a line has it; what no reader takes is
noise: code, carets, banners, summaries.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TypeAlias

from cultivar.memory.neutral import MOST_LINE, neutral
from cultivar.record import Record, replace

ERROR, WARNING, HINT = 3, 2, 1
"""How much a complaint weighs when the kind of the whole output is chosen."""


class Finding(Record):
    """One complaint of one tool."""

    tool: str
    kind: str
    """A rule's code, an exception's type; where the tool has no such thing, its severity."""
    message: str
    weight: int = ERROR


Reader: TypeAlias = Callable[[re.Match[str]], Finding]
"""Makes a finding of a line that its pattern took."""

_EXCEPTION = (
    r"(?P<kind>(?:[A-Za-z_]\w*\.)*[A-Z]\w*"
    r"(?:Error|Exception|Warning|Failure|Exit|Interrupt|Iteration|Group|Found|Expired))"
    r"(?::\s?(?P<message>.*))?$"
)


def findings_of(text: str) -> list[Finding]:
    """All that the tools in `text` complain of, in its order."""
    found: list[Finding] = []
    python = "pytest" if _PYTEST.search(text) else "python"
    broken, shown = False, False
    for full in text.split("\n"):
        line = full[:MOST_LINE].rstrip()
        source, shown = shown, bool(_SHOWS_SOURCE.match(line))
        if source:
            continue
        if broken and (rest := _REST.match(line)):
            found[-1] = _completed(found[-1], rest)
        finding = _read(line)
        if finding is not None:
            found.append(_placed(finding, python))
        broken = finding is not None and finding.tool == "compiler"
    return _without_echoes(found)


def _read(line: str) -> Finding | None:
    for pattern, reader in _READERS:
        if match := pattern.match(line):
            return reader(match)
    return None


def _placed(finding: Finding, python: str) -> Finding:
    return replace(finding, tool=python) if finding.tool == "python" else finding


def _completed(finding: Finding, rest: re.Match[str]) -> Finding:
    """The finding with the rest of its message, where mypy broke it, and the code at its end."""
    weight = HINT if rest["kind"] in _CONSEQUENCES else finding.weight
    message = f"{finding.message} {rest['message'] or ''}".strip()
    return Finding(tool="mypy", kind=rest["kind"], message=message, weight=weight)


def _without_echoes(found: list[Finding]) -> list[Finding]:
    """`found` without what only repeats: a summary's lines, which are cut short, and bare kinds."""
    full = [finding for finding in found if finding.tool != "summary"]
    full = full or [replace(finding, tool="pytest") for finding in found]
    told = {finding.kind for finding in full if finding.message}
    return [finding for finding in full if finding.message or finding.kind not in told]


def _fixed(tool: str, kind: str, weight: int = ERROR) -> Reader:
    return lambda match: Finding(tool=tool, kind=kind, message=match["message"], weight=weight)


def _coded(tool: str, weight: int = ERROR) -> Reader:
    def read(match: re.Match[str]) -> Finding:
        kind = match["kind"].rsplit(".", 1)[-1]
        return Finding(tool=tool, kind=kind, message=match["message"] or "", weight=weight)

    return read


def _located(match: re.Match[str]) -> Finding:
    """`file:line: error: message [code]`: mypy's where there is a code, else some compiler's."""
    weight = {"error": ERROR, "warning": WARNING}.get(match["severity"], HINT)
    kind, tool = match["kind"], "mypy" if match["kind"] else "compiler"
    weight = HINT if kind in _CONSEQUENCES else weight
    return Finding(
        tool=tool, kind=kind or match["severity"], message=match["message"], weight=weight
    )


def _asserted(match: re.Match[str]) -> Finding:
    return Finding(tool="python", kind="AssertionError", message=match["message"])


def _elixir(match: re.Match[str]) -> Finding:
    weight = ERROR if match["kind"] == "error" else WARNING
    return Finding(tool="elixir", kind=match["kind"], message=match["message"], weight=weight)


_PYTEST = re.compile(
    r"^(?:E {2,}\S|FAILED |ERROR |={3,} .*={3,}$|\d+ (?:failed|error)|_{3,} .* _{3,}$)",
    re.MULTILINE,
)
_SHOWS_SOURCE = re.compile(r'^E?\s+File ".*", line \d+')
"""The line after it is code, whatever it looks like."""
_REST = re.compile(r"^(?P<message>.{0,300}?)(?:^|\s+)\[(?P<kind>[a-z]+(?:-[a-z]+)*)\]$")
_CONSEQUENCES = frozenset({"no-any-return", "unused-ignore", "has-type"})
"""Codes of mypy that come along with another error, which is the cause."""

_READERS: tuple[tuple[re.Pattern[str], Reader], ...] = tuple(
    (re.compile(pattern), reader)
    for pattern, reader in (
        # tsc, plain and pretty
        (r"^.{1,200}? ?-? error (?P<kind>TS\d{3,6}): (?P<message>.+)$", _coded("tsc")),
        (r"^error (?P<kind>TS\d{3,6}): (?P<message>.+)$", _coded("tsc")),
        # of ruff: full, concise and pylint, grouped, for GitHub
        (r"^(?P<kind>[A-Z]{1,7}\d{3,4}) (?:\[[*-]\] )?(?P<message>\S.*)$", _coded("ruff")),
        (r"^(?P<kind>invalid-syntax):? (?P<message>\S.*)$", _coded("ruff")),
        (
            r"^(?:::(?:error|warning) .{1,250}?::)?\S{1,250}?:\d+(?::\d+)?:? \[?"
            r"(?P<kind>[A-Z]{1,7}\d{3,4}|invalid-syntax)\]?:? (?:\[[*-]\] )?(?P<message>[^%]+)",
            _coded("ruff"),
        ),
        (
            r"^\s+\d+:\d+\s+(?P<kind>[A-Z]{1,7}\d{3,4}|invalid-syntax):? "
            r"(?:\[[*-]\] )?(?P<message>\S.*)$",
            _coded("ruff"),
        ),
        (r"^(?P<message>Would reformat): ", _fixed("ruff", "unformatted")),
        # Elixir: `** (KeyError) lib/a.ex:3: …`, warnings, ExUnit
        (
            r"^\s*\*\* \((?P<kind>[\w.]+)\)\s*(?:\S{1,200}?:\d+(?::\d+)?: )?(?P<message>.*)$",
            _coded("elixir"),
        ),
        (r"^\s*(?P<message>Assertion with .{1,40} failed.*)$", _fixed("elixir", "AssertionError")),
        (r"^\s*(?P<kind>warning|error): (?P<message>(?!aborting|could not compile)\S.*)$", _elixir),
        (r"^(?P<kind>error\[E\d+\]): (?P<message>.*)$", _coded("rustc")),
        # mypy, and compilers that speak like it
        (
            r"^\S.{0,200}?:\d+(?::\d+)?: (?P<severity>error|warning): "
            r"(?P<message>.+?)(?:  \[(?P<kind>[a-z]+(?:-[a-z]+)*)\])?$",
            _located,
        ),
        # pytest and Python
        (r"^E\s+(?P<message>fixture '.*' not found)$", _fixed("pytest", "FixtureNotFound")),
        (r"^(?P<message>async def functions are not .*)$", _fixed("pytest", "AsyncNotSupported")),
        (r"^(?:E\s+|\S{1,200}:\d+: )?Failed: (?P<message>.+)$", _fixed("python", "Failed")),
        (rf"^(?:E\s+|\S{{1,200}}:\d+: )?{_EXCEPTION}", _coded("python")),
        (r"^(?:E\s+|\S{1,200}:\d+: )(?P<message>assert .*)$", _asserted),
        (rf"^(?:FAILED|ERROR) \S{{1,250}} - {_EXCEPTION}", _coded("summary")),
        (r"^FAILED \S{1,250} - (?P<message>assert .*)$", _fixed("summary", "AssertionError")),
        (r"^FAILED \S{1,250} - Failed: (?P<message>.*)$", _fixed("summary", "Failed")),
        # shells and loaders
        (r"^.{0,200}?: (?P<message>(?:command )?not found)$", _fixed("shell", "not-found")),
        (r"^.{0,200}?: (?P<message>No such file or directory)$", _fixed("shell", "no-such-file")),
        (r"^.{0,200}?: (?P<message>No module named \S+)$", _fixed("python", "ModuleNotFoundError")),
    )
)


def shapes_of(finding: Finding) -> Iterator[str]:
    """What kinds of things the complaint is about: `variable`, `==`, `left-list`."""
    words = _PLACEHOLDER.sub("", neutral(finding.message)).lower()
    yield from dict.fromkeys(_THING.findall(words))
    if finding.kind == "AssertionError" and (compared := _COMPARED.search(finding.message)):
        yield compared["how"]
        yield f"left-{_shape(compared['left'])}"
        yield f"right-{_shape(compared['right'])}"


def family_of(kind: str) -> str:
    """What the kind belongs to: a linter's rules, a compiler's stage, a parent of exceptions."""
    if code := _CODE.fullmatch(kind):
        return code[1]
    return next((name for name, kinds in _FAMILIES.items() if kind in kinds), "")


_CODE = re.compile(r"(TS\d|[A-Z]+)\d{3,5}")
_FAMILIES = {
    "syntax": {"SyntaxError", "IndentationError", "TabError", "TokenMissingError"},
    "import": {"ImportError", "ModuleNotFoundError", "import-not-found", "import-untyped"},
    "lookup": {"KeyError", "IndexError", "LookupError"},
    "name": {"NameError", "UnboundLocalError"},
    "value": {"ValueError", "UnicodeDecodeError", "UnicodeEncodeError", "JSONDecodeError"},
    "arithmetic": {"ZeroDivisionError", "OverflowError", "FloatingPointError"},
    "file": {"FileNotFoundError", "IsADirectoryError", "NotADirectoryError", "PermissionError"},
}
_PLACEHOLDER = re.compile(r"<[a-z]+>")
_THING = re.compile(
    r"\b(function|variable|struct|module|callback|fixture|attribute|property|parameter|argument|key"
    r"|import|name|type|behaviour|alias|token|terminator|method|field|index|operand|subscript"
    r"|iterable|syntax|comparison|annotation|return|assignment|decorator|coroutine|override"
    r"|supertype|default|literal|indentation|recursion|positional|keyword|none|nonetype|undefined"
    r"|unused|missing|unknown|duplicate)\b"
)
_COMPARED = re.compile(
    r"assert (?P<left>.{1,150}?) (?P<how>==|!=|<=|>=|<|>|not in|in|is not|is) (?P<right>.{1,150})"
)
_SHAPES = (
    (re.compile(r"-?\d"), "number"),
    (re.compile(r"[bru]?['\"]"), "text"),
    (re.compile(r"\["), "list"),
    (re.compile(r"\{[^,]{0,60}:|\{\}|\{\.\.\."), "dict"),
    (re.compile(r"\{"), "set"),
    (re.compile(r"\("), "tuple"),
    (re.compile(r"(?:None|True|False)\b"), "constant"),
    (re.compile(r"[\w.]+\("), "call"),
)


def _shape(side: str) -> str:
    return next((name for pattern, name in _SHAPES if pattern.match(side)), "name")
